// grpc-timeout (gRPC over HTTP/2, "Timeout"): at most eight digits and a unit. Where a route asks for it the header is
// the timeout of the request or of its stream, and the upstream is told what is meant to be left of it, as Envoy's
// router does. Istio has every route ask.
import { Head, Header, HeaderLine, RequestEdits } from '../../core/generated/layouts.js';
import type { GrpcTimeouts } from '../../config/types.js';
import type { Engine } from '../engine.js';
import { knownLine } from './known-line.js';
import type { Stream } from './stream.js';

const DIGITS_MAX = 8;
const VALUE_MAX = 99_999_999;
const ID = Header['grpc-timeout'];
const DROP_WORD = ID < 32 ? RequestEdits.dropLow : RequestEdits.dropHigh;
const DROP_BIT = 1 << (ID & 31);
const NAME = Uint8Array.from('grpc-timeout: ', (letter) => letter.charCodeAt(0));
const EXPECTED = Uint8Array.from('x-envoy-expected-rq-timeout-ms: ', (letter) => letter.charCodeAt(0));
const UNITS = 'mSMH';

/** The grpc-timeout of the decoded request in milliseconds, rounded up; -1: there is none that can be read. */
export function readGrpcTimeout(engine: Engine): number {
  const { i32, u8, requestRecord } = engine;
  const line = knownLine(engine, requestRecord, ID);
  if (line === 0) return -1;
  const end = (requestRecord >> 2) + Head.headers + i32[(requestRecord >> 2) + Head.headerCount] * 4;
  for (let other = line + 4; other < end; other += 4)
    if (((i32[other + HeaderLine.nameBytes_meta] >> 16) & 255) === ID) return -1;     // two values are none
  const at = i32[line + HeaderLine.valueAt], digits = i32[line + HeaderLine.valueBytes] - 1;
  if (digits < 1 || digits > DIGITS_MAX) return -1;
  let value = 0;
  for (let i = 0; i < digits; i++) {
    const digit = u8[at + i] - 48;
    if (digit < 0 || digit > 9) return -1;
    value = value * 10 + digit;
  }
  switch (u8[at + digits]) {
    case 72: return value * 3_600_000;             // H
    case 77: return value * 60_000;                // M
    case 83: return value * 1000;                  // S
    case 109: return value;                        // m
    case 117: return Math.ceil(value / 1000);      // u
    case 110: return Math.ceil(value / 1_000_000); // n
    default: return -1;
  }
}

/** Has the header of the request in hand bound its time, as the route says. */
export function applyGrpcTimeout(engine: Engine, stream: Stream, timeouts: GrpcTimeouts): void {
  if (timeouts.saysDuration) {
    if (timeouts.durationMaxMs !== null) stream.durationMs = durationOf(readGrpcTimeout(engine), timeouts);
  } else if (stream.grpc) {
    stream.timeoutMs = timeoutOf(Math.max(0, readGrpcTimeout(engine)), timeouts);
    stream.limitAttempts(stream.route!.retry?.policy.perTryTimeoutMs ?? 0);
  }
}

/** A time of 0 is endless here. */
function timeoutOf(saidMs: number, { maxMs, offsetMs }: GrpcTimeouts): number {
  const ms = offsetMs < saidMs ? saidMs - offsetMs : saidMs;
  return maxMs !== 0 && (ms === 0 || ms > maxMs!) ? maxMs! : ms;
}

/** A time of 0 is over at once here. */
function durationOf(saidMs: number, { durationMaxMs, durationOffsetMs }: GrpcTimeouts): number {
  if (saidMs < 0) return -1;
  const ms = durationMaxMs !== 0 && saidMs > durationMaxMs! ? durationMaxMs! : saidMs;
  return Math.max(0, ms - durationOffsetMs);
}

/** What a gRPC upstream is told; -1: what the client said. */
export function toldMs(stream: Stream, expectedMs: number): number {
  const timeouts = stream.route!.grpcTimeouts;
  if (timeouts === null || !stream.grpc) return -1;
  if (!timeouts.saysDuration) return expectedMs > 0 ? expectedMs : -1;
  if (stream.durationMs >= 0) return stream.durationMs;
  const ms = stream.route!.forward!.maxStreamDurationMs ?? stream.hcm!.config.maxStreamDurationMs;
  return ms > 0 ? ms : -1;
}

/**
 * Has the edits say x-envoy-expected-rq-timeout-ms of this request, in place of the route's constant line, and
 * grpc-timeout in place of the client's. True: that is dropped until `keepGrpcTimeout` is called.
 */
export function addTimeouts(engine: Engine, stream: Stream): boolean {
  const { i32, lineScratch } = engine;
  const edits = engine.requestEdits >> 2;
  const expectedMs = stream.perTryMs > 0 && !stream.hedgesOnTimeout ? stream.perTryMs : stream.timeoutMs;
  const grpcMs = toldMs(stream, expectedMs);
  let p = lineScratch;
  if (expectedMs > 0 && !stream.hcm!.suppressEnvoyHeaders) p = writeLine(engine, p, EXPECTED, expectedMs, 0);
  if (grpcMs >= 0) p = writeLine(engine, p, NAME, valueOf(grpcMs), UNITS.charCodeAt(unitOf(grpcMs)));
  i32[edits + RequestEdits.addedAt] = lineScratch;
  i32[edits + RequestEdits.addedBytes] = p - lineScratch;
  if (grpcMs >= 0) i32[edits + DROP_WORD] |= DROP_BIT;
  return grpcMs >= 0;
}

/** The head has been encoded: requests to come keep their grpc-timeout. */
export function keepGrpcTimeout({ i32, requestEdits }: Engine): void {
  i32[(requestEdits >> 2) + DROP_WORD] &= ~DROP_BIT;
}

/** The header's value. */
export const grpcTimeoutText = (ms: number): string => `${valueOf(ms)}${UNITS[unitOf(ms)]}`;

/** Milliseconds while they are at most eight digits, else seconds, minutes, hours. */
function unitOf(ms: number): number {
  if (ms <= VALUE_MAX) return 0;
  if (ms / 1000 <= VALUE_MAX + 1) return 1;
  return ms / 60_000 <= VALUE_MAX + 1 ? 2 : 3;
}

function valueOf(ms: number): number {
  const unit = unitOf(ms);
  return Math.min(VALUE_MAX, Math.floor(unit === 0 ? ms : ms / (1000 * 60 ** (unit - 1))));
}

function writeLine({ u8 }: Engine, at: number, name: Uint8Array, value: number, unit: number): number {
  let p = at;
  for (let i = 0; i < name.length; i++) u8[p++] = name[i];
  let power = 1;
  while (power * 10 <= value) power *= 10;
  for (; power >= 1; power /= 10) u8[p++] = 48 + Math.floor(value / power) % 10;
  if (unit !== 0) u8[p++] = unit;
  u8[p++] = 13;
  u8[p++] = 10;
  return p;
}
