// Response trailers for access logs: kept as a head of their own behind a made-up status line, so that whatever reads
// heads reads them. Only of connection managers whose logs ask for trailers, or for the status of gRPC, which is one.
import { limits } from '../../core/limits.js';
import { DECODE_LOWER_CASE } from '../codecs.js';
import type { Engine } from '../engine.js';
import type { BufferClass } from '../memory/buffers.js';
import type { Stream } from './stream.js';

const STATUS_LINE = 'HTTP/1.1 200 OK\r\n';

/** Keeps the lines at [at, at + bytes). Without a free buffer they are not logged. */
export function keepTrailers(engine: Engine, stream: Stream, at: number, bytes: number): void {
  const { pool } = engine;
  const size = pool.classFor(STATUS_LINE.length + bytes + 32);
  const buffer = size < 0 || stream.trailersBuffer >= 0 ? -1 : pool.acquire(size as BufferClass);
  if (buffer < 0) return;
  const start = pool.offsetOf(buffer);
  engine.writeText(start, STATUS_LINE);
  engine.codecs.copyExact(start + STATUS_LINE.length, at, bytes);
  engine.writeText(start + STATUS_LINE.length + bytes, '\r\n');
  stream.trailersBuffer = buffer;
  stream.trailersBytes = bytes;
}

/** The record of what was kept; 0: there were none. */
export function trailersRecord({ codecs, pool, trailersRecord: record }: Engine, stream: Stream): number {
  if (stream.trailersBuffer < 0) return 0;
  const at = pool.offsetOf(stream.trailersBuffer);
  const used = codecs.h1DecodeResponse(at, at + STATUS_LINE.length + stream.trailersBytes + 2, record,
    DECODE_LOWER_CASE, limits.bufferLargeBytes, limits.headersCountMax);
  return used > 0 ? record : 0;
}
