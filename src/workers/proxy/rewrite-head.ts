// A request head written out and decoded again: as the connection manager and filters have changed it so far. That is
// how a filter changes a head for those that follow, and how a head outlives the bytes it came in while a filter waits.
import { Head, HeadFlag, RequestEdits, RequestEditsFlag } from '../../core/generated/layouts.js';
import { limits } from '../../core/limits.js';
import type { BufferClass } from '../memory/buffers.js';
import type { Engine } from '../engine.js';
import type { CompiledMutations } from '../routing/mutations.js';
import type { KeptText } from '../memory/kept-texts.js';
import { isOpenEnded } from './body.js';
import { FIXED_ADDED_BYTES, applyMutations, setAddresses } from './edits.js';
import type { Stream } from './stream.js';

/** What is left to do when the head is encoded for the upstream. */
const LATER = RequestEditsFlag.teTrailers | RequestEditsFlag.expectContinue | RequestEditsFlag.absoluteUrl
  | RequestEditsFlag.schemeHttps;

/**
 * Writes the head in hand, with these changes, and decodes it into engine.requestRecord. `framed`: a chunked body is
 * still said to be one. `host`: in place of its own. False: no buffer is free.
 */
export function rewriteHead(engine: Engine, stream: Stream, mutations: CompiledMutations | null,
    framed = true, host: KeptText | null = null): boolean {
  const { i32, pool, codecs } = engine;
  const words = engine.requestRecord >> 2, edits = engine.requestEdits >> 2;
  const { via } = stream.hcm!;
  const first = stream.rewrittenBuffer < 0;
  let flags = i32[edits + RequestEdits.flags];
  const later = flags & LATER;
  flags &= ~RequestEditsFlag.absoluteUrl;
  if (stream.protocol !== null) flags |= RequestEditsFlag.asSpelled;
  // The codec states an empty body where nothing is said of one: the length comes later.
  if (!framed) i32[words + Head.flags] |= HeadFlag.hasContentLength;
  else if (isOpenEnded(stream.request.kind)) flags |= RequestEditsFlag.chunked;
  if (stream.isUpgrade && !stream.isConnect) flags |= RequestEditsFlag.upgrade;
  i32[edits + RequestEdits.hostAt] = host === null ? 0 : host.at;
  i32[edits + RequestEdits.hostBytes] = host === null ? 0 : host.bytes;
  i32[edits + RequestEdits.prefixBytes] = i32[edits + RequestEdits.addedBytes] = 0;
  i32[edits + RequestEdits.viaAt] = first && via !== null ? via.at : 0;
  i32[edits + RequestEdits.viaBytes] = first && via !== null ? via.bytes : 0;
  i32[edits + RequestEdits.random] = engine.randomState;
  if ((flags & (RequestEditsFlag.appendXff | RequestEditsFlag.appendPort | RequestEditsFlag.externalAddress)) !== 0)
    setAddresses(engine, stream, edits);
  i32[edits + RequestEdits.flags] = flags;
  const more = applyMutations(engine, stream, mutations, engine.requestRecord, edits + RequestEdits.mutationsAt);
  const size = pool.classFor(i32[words + Head.bytes] + FIXED_ADDED_BYTES + i32[words + Head.headerCount]
    + i32[words + Head.hostBytes] + (host === null ? 0 : host.bytes) + (via === null ? 0 : via.bytes) + more);
  const out = size < 0 ? -1 : pool.acquire(size as BufferClass);
  if (out < 0) return false;
  const start = pool.offsetOf(out);
  const bytes = codecs.h1EncodeRequest(engine.requestRecord, engine.requestEdits, start) - start;
  if (!first) pool.release(stream.rewrittenBuffer);
  stream.rewrittenBuffer = out;
  stream.rewrittenAt = start;
  stream.rewrittenBytes = bytes;
  stream.rewrittenFlags = later;
  return recallHead(engine, stream);
}

/** The head as it was rewritten. */
export const rewrittenText = (engine: Engine, stream: Stream): string =>
  engine.readText(stream.rewrittenAt, stream.rewrittenBytes);

/** Puts another head, with "te: trailers" or not, in the place of the rewritten one. False: there is no room for it. */
export function replaceHead(engine: Engine, stream: Stream, text: string, teTrailers: boolean): boolean {
  const { pool } = engine;
  const size = pool.classFor(text.length + FIXED_ADDED_BYTES);
  const out = size < 0 ? -1 : pool.acquire(size as BufferClass);
  if (out < 0) return false;
  pool.release(stream.rewrittenBuffer);
  stream.rewrittenBuffer = out;
  stream.rewrittenAt = pool.offsetOf(out);
  stream.rewrittenBytes = engine.writeText(stream.rewrittenAt, text);
  if (teTrailers) stream.rewrittenFlags |= RequestEditsFlag.teTrailers;
  return recallHead(engine, stream);
}

/** Adds the length of a body that was collected to a head that says nothing of it. */
export function addLength(engine: Engine, stream: Stream, bytes: number): void {
  // Inside FIXED_ADDED_BYTES, which a rewritten head does not use up.
  const end = stream.rewrittenAt + stream.rewrittenBytes - 2;
  stream.rewrittenBytes += engine.writeText(end, `content-length: ${bytes}\r\n\r\n`) - 2;
}

/** Decodes the head that was written into engine.requestRecord. False: it has become longer than a head may be. */
export function recallHead(engine: Engine, stream: Stream): boolean {
  const { i32, codecs, requestRecord } = engine;
  const edits = engine.requestEdits >> 2;
  i32[edits + RequestEdits.flags] = stream.rewrittenFlags;
  i32[edits + RequestEdits.pathBytes] = i32[edits + RequestEdits.pathAt] = i32[edits + RequestEdits.hostBytes] = 0;
  engine.recordOwner = stream.id;
  return codecs.h1DecodeRequest(stream.rewrittenAt, stream.rewrittenAt + stream.rewrittenBytes, requestRecord, 0,
    limits.bufferLargeBytes, limits.headersCountMax) > 0;
}
