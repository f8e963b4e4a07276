// The Host line of an encoded request, replaced when its endpoint is known (auto_host_rewrite): the head is copied into
// another buffer around the new name. Done again for another endpoint.
import { Head } from '../../core/generated/layouts.js';
import type { BufferClass } from '../memory/buffers.js';
import type { Engine } from '../engine.js';
import { sentHead } from './request-id.js';
import type { Stream } from './stream.js';

/** False when no buffer is free; the request is as it was. */
export function replaceHost(engine: Engine, stream: Stream, name: string): boolean {
  const { pool, codecs, i32 } = engine;
  const record = sentHead(engine, stream);
  if (record === 0 || stream.headBuffer < 0) return true;
  const at = i32[(record >> 2) + Head.hostAt], bytes = i32[(record >> 2) + Head.hostBytes];
  const size = pool.classFor(stream.headBytes - bytes + name.length + 32);
  const out = size < 0 ? -1 : pool.acquire(size as BufferClass);
  if (out < 0) return false;
  const start = pool.offsetOf(out);
  const before = at - stream.headAt;
  codecs.copyExact(start, stream.headAt, before);
  engine.writeText(start + before, name);
  codecs.copyExact(start + before + name.length, at + bytes, stream.headBytes - before - bytes);
  pool.release(stream.headBuffer);
  stream.headBuffer = out;
  stream.headAt = start;
  stream.headBytes += name.length - bytes;
  return true;
}
