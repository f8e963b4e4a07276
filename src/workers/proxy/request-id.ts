// The request id of a stream, for responses that must carry it (always_set_request_id_in_response): read from the head
// as it was sent upstream.
import { Head, Header, RequestEditsFlag } from '../../core/generated/layouts.js';
import { limits } from '../../core/limits.js';
import { DECODE_ANY_TARGET } from '../codecs.js';
import type { Engine } from '../engine.js';
import type { Stream } from './stream.js';

const NAME_BYTES = 'x-request-id'.length;

/** Writes (offset, bytes) of the id at Int32 index `word`. False when there is none. */
export function findRequestId(engine: Engine, stream: Stream, word: number): boolean {
  const record = sentHead(engine, stream);
  return record !== 0 && engine.codecs.headerValue(record, 0, NAME_BYTES, Header['x-request-id'], word << 2) === 1;
}

const OURS = RequestEditsFlag.generateRequestId | RequestEditsFlag.overwriteRequestId;

/**
 * Gives the decoded head its request id before it is encoded, because something is made of it. Returns the flags of
 * the edits without those that ask for one.
 */
export function placeRequestId(engine: Engine, flags: number): number {
  const { u16, codecs, requestRecord } = engine;
  const has = u16[(requestRecord >> 1) + Head.known * 2 + Header['x-request-id']] !== 0;
  if ((flags & (has ? RequestEditsFlag.overwriteRequestId : OURS)) === 0) return flags;
  // Behind what values are written into; a log line comes later.
  const at = engine.text + engine.textBytes - limits.logLineBytesMax;
  codecs.h1PlaceRequestId(requestRecord, at, engine.randomState, limits.headersCountMax);
  return flags & ~OURS;
}

/** The header line for an answer of ours, or ''. */
export function requestIdLine(engine: Engine, stream: Stream): string {
  if (!stream.hcm!.config.alwaysSetRequestIdInResponse) return '';
  if (stream.headBuffer < 0 && engine.recordOwner === stream.id) placeRequestId(engine, stream.hcm!.requestFlags);
  const word = engine.text >> 2;
  if (!findRequestId(engine, stream, word)) return '';
  return `x-request-id: ${engine.readText(engine.i32[word], engine.i32[word + 1])}\r\n`;
}

/**
 * The head of this stream's request: decoded from what was sent, or the record in hand if it is still this stream's.
 * 0 = gone.
 */
export function sentHead(engine: Engine, stream: Stream): number {
  if (stream.headBuffer < 0 && stream.rewrittenBuffer >= 0 && engine.recordOwner !== stream.id) {
    const found = engine.codecs.h1DecodeRequest(stream.rewrittenAt, stream.rewrittenAt + stream.rewrittenBytes,
      engine.scratchRecord, DECODE_ANY_TARGET, limits.bufferLargeBytes, limits.headersCountMax);
    return found > 0 ? engine.scratchRecord : 0;
  }
  if (stream.headBuffer < 0) return engine.recordOwner === stream.id ? engine.requestRecord : 0;
  const used = engine.codecs.h1DecodeRequest(stream.headAt, stream.headAt + stream.headBytes, engine.scratchRecord,
    DECODE_ANY_TARGET, limits.bufferLargeBytes, limits.headersCountMax);
  return used > 0 ? engine.scratchRecord : 0;
}
