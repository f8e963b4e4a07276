// What clients that internal_address_config trusts ask for in x-envoy headers: retries, timeouts, hedging. Of all
// others
// these headers are dropped unread.
import { Header, RequestEdits, RequestEditsFlag } from '../../core/generated/layouts.js';
import { limits } from '../../core/limits.js';
import type { Engine } from '../engine.js';
import { recordHeader } from '../routing/regex.js';
import { grpcRetryOnOf, httpRetryOnOf } from '../routing/retry-conditions.js';
import { forwardedAddress } from './remote-address.js';
import type { Stream } from './stream.js';

/** What the router takes out of an internal request: it is read here, or written anew. */
const CONSUMED = ['x-envoy-retry-on', 'x-envoy-retry-grpc-on', 'x-envoy-max-retries', 'x-envoy-retriable-status-codes',
  'x-envoy-retriable-header-names', 'x-envoy-hedge-on-per-try-timeout', 'x-envoy-upstream-rq-timeout-ms',
  'x-envoy-upstream-rq-per-try-timeout-ms', 'x-envoy-upstream-rq-timeout-alt-response',
  'x-envoy-upstream-alt-stat-name', 'x-envoy-expected-rq-timeout-ms'] as const;
const consumed = CONSUMED.reduce((mask, name) => mask | (1n << BigInt(Header[name])), 0n);
const CONSUMED_LOW = Number(BigInt.asIntN(32, consumed)), CONSUMED_HIGH = Number(BigInt.asIntN(32, consumed >> 32n));
const NUMBER = /^ *\d{1,15} *$/;
const ALTERNATIVE_STATUS = 204;
/** What an internal request is not: from the edge. */
const EDGE_FLAGS = RequestEditsFlag.external | RequestEditsFlag.externalAddress | RequestEditsFlag.overwriteRequestId;

/** Notes whether the decoded request is internal. */
export function admitInternal(engine: Engine, stream: Stream): void {
  stream.internal = comesFromInside(engine, stream);
  markInternal(engine, stream.internal);
}

/** What the edits of an internal request, and of one that is not, say of its x-envoy headers. */
export function markInternal(engine: Engine, internal: boolean): void {
  const { i32 } = engine;
  const edits = engine.requestEdits >> 2;
  i32[edits + RequestEdits.dropLow] = internal ? CONSUMED_LOW : 0;
  i32[edits + RequestEdits.dropHigh] = internal ? CONSUMED_HIGH : 0;
  if (internal)
    i32[edits + RequestEdits.flags] = (i32[edits + RequestEdits.flags] & ~EDGE_FLAGS) | RequestEditsFlag.setInternal;
}

/** Envoy: by the peer where its address counts and nobody forwarded; else by the only address of x-forwarded-for. */
function comesFromInside(engine: Engine, stream: Stream): boolean {
  const { internalAddresses, config } = stream.hcm!;
  const forwarded = recordHeader(engine, engine.requestRecord, 'x-forwarded-for');
  const { remote } = stream.downstream!.addresses;
  if (config.useRemoteAddress) {
    if (forwarded !== null) return false;
    return remote?.kind === 'ip' ? internalAddresses!.has(remote.host) : config.internalAddresses!.unixSockets;
  }
  if (forwarded === null || forwarded.includes(',')) return false;
  return internalAddresses!.has(forwardedAddress(engine, stream, engine.requestRecord));
}

/** What the request's head adds to what its route says; before retriable_request_headers are asked. */
export function readRetryHeaders(engine: Engine, stream: Stream): void {
  const value = (name: string): string | null => recordHeader(engine, engine.requestRecord, name);
  stream.retryOn |= httpRetryOnOf(value('x-envoy-retry-on') ?? '')
    | grpcRetryOnOf(value('x-envoy-retry-grpc-on') ?? '');
  if (stream.route!.retry === null) stream.retriesLeft = 1;
  const most = numberOf(value('x-envoy-max-retries'));
  if (stream.retryOn !== 0 && most !== null) stream.retriesLeft = most;
  const codes = value('x-envoy-retriable-status-codes');
  if (codes !== null)
    stream.retriableCodes = codes.split(',', limits.headersCountMax).flatMap((code) => numberOf(code) ?? []);
  const names = value('x-envoy-retriable-header-names');
  if (names !== null)
    stream.retriableNames = names.split(',', limits.headersCountMax).map((name) => name.trim().toLowerCase());
  const hedge = value('x-envoy-hedge-on-per-try-timeout');
  if (hedge === 'true' || hedge === 'false') stream.hedgesOnTimeout = hedge === 'true';
  stream.timeoutMs = numberOf(value('x-envoy-upstream-rq-timeout-ms')) ?? stream.timeoutMs;
  stream.limitAttempts(numberOf(value('x-envoy-upstream-rq-per-try-timeout-ms'))
    ?? stream.route!.retry?.policy.perTryTimeoutMs ?? 0);
  if (value('x-envoy-upstream-rq-timeout-alt-response') !== null) stream.timeoutStatus = ALTERNATIVE_STATUS;
}

function numberOf(text: string | null): number | null {
  return text !== null && NUMBER.test(text) ? Number(text) : null;
}
