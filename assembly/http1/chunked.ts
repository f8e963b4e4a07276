// Chunked bodies (RFC 9112 7.1), incrementally: reads [at, end), writes at `dst`, its place is in a Chunked record.
//
//   size → [extension] → LF → data → CR LF → size ... → 0 CR LF → trailers → done
//
// Output by mode: RECHUNK writes canonical chunks (size in minimal hex, no extensions), STRIP the bare data, SCAN
// nothing; SCAN also tells whether the input is canonical as it stands and ends between bytes that may be forwarded
// untouched. A size line is written only when it is complete. Output never exceeds input by more than 128 bytes: a size
// line of 16 that began earlier, a space for each of 100 trailers. The trailers are decoded whole: until they are
// complete nothing of them is consumed.
import {
  CHUNKED_CODE, CHUNKED_CONSUMED, CHUNKED_DATA_BYTES, CHUNKED_LINE_BYTES, CHUNKED_PRODUCED, CHUNKED_REMAINING_LOW,
  CHUNKED_STATE, HEADER_CONTENT_LENGTH, HEADER_HOST, HEADER_TRAILER, HEADER_TRANSFER_ENCODING, HEADER_CONNECTION,
  HEADER_TE, HEADER_UPGRADE, HEADER_EXPECT, HEAD_CODE, HEAD_FLAGS, REJECT_BAD_CHUNK_END, REJECT_BAD_CHUNK_EXTENSION,
  REJECT_BAD_CHUNK_SIZE, REJECT_BAD_TRAILER, REJECT_CHUNK_LINE_TOO_LONG, REJECT_HEAD_TOO_LARGE,
  REJECT_TRAILERS_TOO_LARGE,
} from '../generated/layouts';
import { writeHex } from '../lib/bytes';
import { put } from '../lib/copy';
import { OPTION_LOWER_CASE, decodeHeaders } from './head';
import { copyLines, writeEnd } from './encode';

const MODE_RECHUNK: u32 = 0;
const MODE_STRIP: u32 = 1;
const MODE_SCAN: u32 = 2;
const MODE_TRAILERS: u32 = 4;      // or-ed: trailers are forwarded

const STATE_SIZE: u32 = 0;
const STATE_SIZE_MORE: u32 = 1;
const STATE_EXTENSION: u32 = 2;
const STATE_SIZE_LF: u32 = 3;
const STATE_DATA: u32 = 4;
const STATE_DATA_CR: u32 = 5;
const STATE_DATA_LF: u32 = 6;
const STATE_TRAILERS: u32 = 7;
const STATE_DONE: u32 = 8;

const TRAILERS_DROPPED: u64 = (<u64>1 << <u64>HEADER_CONTENT_LENGTH) | (<u64>1 << <u64>HEADER_HOST)
  | (<u64>1 << <u64>HEADER_TRAILER)
  | (<u64>1 << <u64>HEADER_TRANSFER_ENCODING) | (<u64>1 << <u64>HEADER_CONNECTION) | (<u64>1 << <u64>HEADER_TE)
  | (<u64>1 << <u64>HEADER_UPGRADE) | (<u64>1 << <u64>HEADER_EXPECT);

export function h1ChunkedReset(state: usize): void { memory.fill(state, 0, 40); }

// @ts-ignore: decorator
@inline
function stop(state: usize, at: usize, p: usize, dst: usize, q: usize, result: i32): i32 {
  store<u32>(state + CHUNKED_CONSUMED, <u32>(p - at));
  store<u32>(state + CHUNKED_PRODUCED, <u32>(q - dst));
  return result;
}
function fail(state: usize, at: usize, p: usize, dst: usize, q: usize, code: u32): i32 {
  store<u32>(state + CHUNKED_CODE, code);
  return stop(state, at, p, dst, q, 0);
}

/**
 * Returns 1 = body complete, -1 = more input needed, 0 = rejected (Chunked.code), 2 = SCAN only: input is not
 * canonical, run it again with another mode from the saved record. Chunked.consumed, .produced and .dataBytes (bytes of
 * data in this call) are set.
 */
export function h1ChunkedStep(state: usize, at: usize, end: usize, dst: usize, mode: u32, lineMax: u32,
    trailersMax: u32, scratch: usize): i32 {
  let p = at, q = dst;
  let phase = load<u32>(state + CHUNKED_STATE);
  let remaining = load<u64>(state + CHUNKED_REMAINING_LOW);
  let lineBytes = load<u32>(state + CHUNKED_LINE_BYTES);
  let data: u32 = 0;
  const output = mode & 3;
  const scan = output == MODE_SCAN;
  if (scan && phase != STATE_SIZE && phase != STATE_DATA && phase != STATE_DATA_CR) return 2;
  while (p < end || phase == STATE_TRAILERS) {
    if (phase == STATE_DATA) {
      const room = <u64>(end - p);
      const n = <u32>min<u64>(room, remaining);
      if (!scan) q = put(q, p, n);
      p += n; data += n; remaining -= n;
      if (remaining != 0) break;
      phase = STATE_DATA_CR;
      continue;
    }
    if (phase == STATE_TRAILERS) {
      const r = trailers(state, p, end, output == MODE_RECHUNK, mode, q, trailersMax, scratch);
      store<u32>(state + CHUNKED_DATA_BYTES, data);
      store<u32>(state + CHUNKED_STATE, r > 0 ? STATE_DONE : STATE_TRAILERS);
      if (r <= 0) return stop(state, at, p, dst, q, r);
      q += load<u32>(state + CHUNKED_PRODUCED);
      return stop(state, at, p + r, dst, q, 1);
    }
    const c: u32 = load<u8>(p);
    if (phase == STATE_SIZE || phase == STATE_SIZE_MORE) {
      const low = c | 32;
      const digit: u32 = c - 48 < 10 ? c - 48 : low - 97 < 6 ? low - 87 : 16;
      if (digit < 16) {
        if (phase == STATE_SIZE) { remaining = 0; lineBytes = 0; }
        else if (scan && remaining == 0) return 2;                        // a leading zero
        if (remaining >> 49 != 0) return fail(state, at, p, dst, q, REJECT_BAD_CHUNK_SIZE);   // 2^53 at most
        remaining = (remaining << 4) | digit;
        phase = STATE_SIZE_MORE;
      } else if (phase == STATE_SIZE) return fail(state, at, p, dst, q, REJECT_BAD_CHUNK_SIZE);
      else if (c == 13) phase = STATE_SIZE_LF;
      else if (c == 59) { if (scan) return 2; phase = STATE_EXTENSION; }
      else return fail(state, at, p, dst, q, REJECT_BAD_CHUNK_SIZE);
      if (++lineBytes > lineMax) return fail(state, at, p, dst, q, REJECT_CHUNK_LINE_TOO_LONG);
      p++;
    } else if (phase == STATE_EXTENSION) {
      if (c == 13) phase = STATE_SIZE_LF;
      else if ((c < 32 && c != 9) || c == 127) return fail(state, at, p, dst, q, REJECT_BAD_CHUNK_EXTENSION);
      if (++lineBytes > lineMax) return fail(state, at, p, dst, q, REJECT_CHUNK_LINE_TOO_LONG);
      p++;
    } else if (phase == STATE_SIZE_LF) {
      if (c != 10) return fail(state, at, p, dst, q, REJECT_BAD_CHUNK_SIZE);
      p++;
      if (remaining == 0) {
        if (scan) return 2;                                               // trailers need the writing pass
        if (output == MODE_RECHUNK) { store<u8>(q, 48); q = writeEnd(q + 1); }
        phase = STATE_TRAILERS;
        continue;
      }
      if (output == MODE_RECHUNK) q = writeEnd(writeHex(q, remaining));
      phase = STATE_DATA;
    } else if (phase == STATE_DATA_CR) {
      if (c != 13) return fail(state, at, p, dst, q, REJECT_BAD_CHUNK_END);
      p++;
      phase = STATE_DATA_LF;
    } else {
      if (c != 10) return fail(state, at, p, dst, q, REJECT_BAD_CHUNK_END);
      p++;
      if (output == MODE_RECHUNK) q = writeEnd(q);
      phase = STATE_SIZE;
    }
  }
  // A CR LF after data is forwarded whole by RECHUNK when its LF is seen, so SCAN may not stop between them either.
  if (scan && phase != STATE_DATA && phase != STATE_SIZE && phase != STATE_DATA_CR) return 2;
  store<u32>(state + CHUNKED_STATE, phase);
  store<u64>(state + CHUNKED_REMAINING_LOW, remaining);
  store<u32>(state + CHUNKED_LINE_BYTES, lineBytes);
  store<u32>(state + CHUNKED_DATA_BYTES, data);
  return stop(state, at, p, dst, q, -1);
}

/** Decodes the trailers; writes them (or just the empty line). Returns bytes consumed; -1 incomplete; 0 rejected. */
function trailers(state: usize, p: usize, end: usize, rechunk: bool, mode: u32, q: usize, bytesMax: u32,
    scratch: usize): i32 {
  store<u32>(scratch + HEAD_FLAGS, 0);
  const used = decodeHeaders(p, p, end, scratch, OPTION_LOWER_CASE, bytesMax, 100);
  if (used == 0) {
    const code = load<u32>(scratch + HEAD_CODE);
    store<u32>(state + CHUNKED_CODE, code == REJECT_HEAD_TOO_LARGE ? REJECT_TRAILERS_TOO_LARGE : REJECT_BAD_TRAILER);
    return 0;
  }
  if (used < 0) return -1;
  let r = q;
  if (rechunk) {
    if (mode & MODE_TRAILERS) r = copyLines(scratch, r, TRAILERS_DROPPED, false, false, false);
    r = writeEnd(r);
  }
  store<u32>(state + CHUNKED_PRODUCED, <u32>(r - q));
  return used;
}

/** Writes the trailers that the last step decoded into `scratch` as lines at `dst`; returns the position after them. */
export function h1CopyTrailers(scratch: usize, dst: usize): usize {
  return copyLines(scratch, dst, TRAILERS_DROPPED, false, false, false);
}

/** Frames `n` bytes at `at` as one chunk at `dst`; returns the position after it. n > 0. */
export function h1WriteChunk(dst: usize, at: usize, n: u32): usize {
  let p = writeEnd(writeHex(dst, n));
  memory.copy(p, at, n);
  return writeEnd(p + n);
}
