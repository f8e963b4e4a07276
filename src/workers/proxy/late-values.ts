// Values in an encoded request that are known late: the Host line when the endpoint is (auto_host_rewrite), the
// number of the attempt. The head is copied into another buffer around the new value.
import { Head, Header } from '../../core/generated/layouts.js';
import type { BufferClass } from '../memory/buffers.js';
import type { Engine } from '../engine.js';
import { grpcTimeoutText } from './grpc-timeout.js';
import { sentHead } from './request-id.js';
import type { Stream } from './stream.js';

/** False when no buffer is free; the request is as it was. */
export function replaceHost(engine: Engine, stream: Stream, name: string): boolean {
  const record = sentHead(engine, stream);
  if (record === 0 || stream.headBuffer < 0) return true;
  const words = record >> 2;
  return replaceSpan(engine, stream, engine.i32[words + Head.hostAt], engine.i32[words + Head.hostBytes], name);
}

/** As replaceHost, for x-envoy-attempt-count. */
export const replaceAttempts = (engine: Engine, stream: Stream, attempts: number): boolean =>
  replaceValue(engine, stream, ATTEMPTS_NAME_BYTES, Header['x-envoy-attempt-count'], attempts);
const ATTEMPTS_NAME_BYTES = 'x-envoy-attempt-count'.length;

/** As replaceHost, for x-envoy-expected-rq-timeout-ms. */
export const replaceExpected = (engine: Engine, stream: Stream, expectedMs: number): boolean =>
  replaceValue(engine, stream, EXPECTED_NAME_BYTES, Header['x-envoy-expected-rq-timeout-ms'], expectedMs);
const EXPECTED_NAME_BYTES = 'x-envoy-expected-rq-timeout-ms'.length;

/** As replaceHost, for grpc-timeout. */
export const replaceGrpcTimeout = (engine: Engine, stream: Stream, ms: number): boolean =>
  replaceValue(engine, stream, 'grpc-timeout'.length, Header['grpc-timeout'], grpcTimeoutText(ms));

/** Says in the last line of the head whether this retry follows a timeout. False: no buffer is free. */
export function markTimeoutRetry(engine: Engine, stream: Stream): boolean {
  const record = sentHead(engine, stream);
  if (record === 0 || stream.headBuffer < 0) return true;
  const before = stream.retryMark;
  stream.retryMark = stream.timedOut ? AFTER_TIMEOUT : AFTER_FAILURE;
  const end = stream.headAt + engine.i32[(record >> 2) + Head.bytes] - 2;
  return replaceSpan(engine, stream, end - before.length, before.length, stream.retryMark);
}
const AFTER_TIMEOUT = 'x-envoy-is-timeout-retry: true\r\n';
const AFTER_FAILURE = 'x-envoy-is-timeout-retry: false\r\n';

function replaceValue(engine: Engine, stream: Stream, nameBytes: number, known: number,
    value: number | string): boolean {
  const record = sentHead(engine, stream);
  if (record === 0 || stream.headBuffer < 0) return true;
  const { valueScratch, i32, codecs } = engine;
  if (codecs.headerValue(record, 0, nameBytes, known, valueScratch) === 0) return true;
  return replaceSpan(engine, stream, i32[valueScratch >> 2], i32[(valueScratch >> 2) + 1], String(value));
}

function replaceSpan(engine: Engine, stream: Stream, at: number, bytes: number, text: string): boolean {
  const { pool, codecs } = engine;
  const size = pool.classFor(stream.headBytes - bytes + text.length + 32);
  const out = size < 0 ? -1 : pool.acquire(size as BufferClass);
  if (out < 0) return false;
  const start = pool.offsetOf(out);
  const before = at - stream.headAt;
  codecs.copyExact(start, stream.headAt, before);
  engine.writeText(start + before, text);
  codecs.copyExact(start + before + text.length, at + bytes, stream.headBytes - before - bytes);
  pool.release(stream.headBuffer);
  stream.headBuffer = out;
  stream.headAt = start;
  stream.headBytes += text.length - bytes;
  stream.forwardedHeadBytes += text.length - bytes;
  return true;
}
