// Canonical heads and trailers into HEADERS and CONTINUATION frames (RFC 9113 6.2, 6.10, 8.2.2, 8.3). The head is
// decoded by the HTTP/1 decoder first, so that what is written came from a head that it takes.
import {
  H2_TYPE_CONTINUATION, H2_TYPE_HEADERS, HEADER_CONNECTION, HEADER_HOST, HEADER_HTTP2_SETTINGS, HEADER_KEEP_ALIVE,
  HEADER_PROXY_CONNECTION, HEADER_TE, HEADER_TRANSFER_ENCODING, HEADER_UPGRADE, HEAD_FLAGS, HEAD_FLAG_TE_TRAILERS,
  HEAD_FLAG_UPGRADE, HEAD_HEADERS, HEAD_HEADER_COUNT, HEAD_HOST_AT, HEAD_HOST_BYTES, HEAD_KNOWN, HEAD_METHOD,
  HEAD_METHOD_AT, HEAD_METHOD_BYTES, HEAD_PATH_AT, HEAD_PATH_BYTES, HEAD_STATUS, METHOD_CONNECT, METHOD_GET,
  METHOD_POST, NAME_TE, NAME_TE_BYTES, TEXT_AUTHORITY, TEXT_AUTHORITY_BYTES, TEXT_CONNECT, TEXT_CONNECT_BYTES,
  TEXT_METHOD, TEXT_METHOD_BYTES, TEXT_PATH, TEXT_PATH_BYTES, TEXT_PROTOCOL, TEXT_PROTOCOL_BYTES, TEXT_STATUS,
  TEXT_STATUS_BYTES, TEXT_TRAILERS, TEXT_TRAILERS_BYTES, TOKEN_LOWER,
} from '../generated/layouts';
import { OPTION_ANY_TARGET, OPTION_LOWER_CASE, knownHeader } from '../http1/head';
import { h1DecodeRequest } from '../http1/request';
import { h1DecodeResponse } from '../http1/response';
import { fieldValueEnd, writeDecimal } from '../lib/bytes';
import { writeField, writeIndexed, writeSizeUpdates } from './encoder';

const FRAME_HEADER_BYTES: u32 = 9;
const FLAG_END_STREAM: u32 = 1;
const FLAG_END_HEADERS: u32 = 4;
const OPTION_HTTPS: u32 = 2;
/** Static entries. */
const STATIC_GET: u32 = 2;
const STATIC_POST: u32 = 3;
const STATIC_ROOT: u32 = 4;
const STATIC_SCHEME_HTTP: u32 = 6;
const STATIC_SCHEME_HTTPS: u32 = 7;

// @ts-ignore: decorator
@inline
function bit(id: u32): u64 { return <u64>1 << <u64>id; }
/** What HTTP/2 says in another way, or not at all. */
const CONNECTION_FIELDS: u64 = bit(HEADER_CONNECTION) | bit(HEADER_KEEP_ALIVE) | bit(HEADER_PROXY_CONNECTION)
  | bit(HEADER_TRANSFER_ENCODING) | bit(HEADER_UPGRADE) | bit(HEADER_HTTP2_SETTINGS) | bit(HEADER_TE);

/** Lengths of strings take up to four bytes; a line of text has four of its own, and more where it is long. */
export function h2BlockBytesMax(textBytes: u32, maxFrame: u32): u32 {
  const block = textBytes + (textBytes >> 5) + 128;
  return block + FRAME_HEADER_BYTES * (2 + block / max(maxFrame, 1)) + 16;
}

export function h2EncodeRequest(table: usize, at: usize, end: usize, record: usize, countMax: u32, dst: usize,
    streamId: u32, flags: u32, maxFrame: u32): usize {
  const bytes = h1DecodeRequest(at, end, record, OPTION_LOWER_CASE | OPTION_ANY_TARGET, 0x7fffffff, countMax);
  if (bytes <= 0) return 0;
  let p = writeSizeUpdates(table, dst + FRAME_HEADER_BYTES);
  const method = load<u32>(record, HEAD_METHOD), connect = method == METHOD_CONNECT;
  const upgrade = !connect && load<u32>(record, HEAD_FLAGS) & HEAD_FLAG_UPGRADE ? upgradeLine(record) : 0;
  if (upgrade != 0) {
    p = writeField(table, p, TEXT_METHOD, TEXT_METHOD_BYTES, TEXT_CONNECT, TEXT_CONNECT_BYTES);
    p = writeField(table, p, TEXT_PROTOCOL, TEXT_PROTOCOL_BYTES, load<u32>(upgrade, 8), load<u32>(upgrade, 12));
  } else if (method == METHOD_GET || method == METHOD_POST) {
    p = writeIndexed(p, method == METHOD_GET ? STATIC_GET : STATIC_POST);
  } else {
    p = writeField(table, p, TEXT_METHOD, TEXT_METHOD_BYTES, load<u32>(record, HEAD_METHOD_AT),
      load<u32>(record, HEAD_METHOD_BYTES));
  }
  if (!connect) p = writeIndexed(p, flags & OPTION_HTTPS ? STATIC_SCHEME_HTTPS : STATIC_SCHEME_HTTP);
  p = writeField(table, p, TEXT_AUTHORITY, TEXT_AUTHORITY_BYTES, load<u32>(record, HEAD_HOST_AT),
    load<u32>(record, HEAD_HOST_BYTES));
  if (!connect) {
    const pathBytes = load<u32>(record, HEAD_PATH_BYTES);
    if (pathBytes == 0) p = writeIndexed(p, STATIC_ROOT);
    else p = writeField(table, p, TEXT_PATH, TEXT_PATH_BYTES, load<u32>(record, HEAD_PATH_AT), pathBytes);
  }
  p = writeLines(table, p, record, CONNECTION_FIELDS | bit(HEADER_HOST));
  if (load<u32>(record, HEAD_FLAGS) & HEAD_FLAG_TE_TRAILERS)
    p = writeField(table, p, NAME_TE, NAME_TE_BYTES, TEXT_TRAILERS, TEXT_TRAILERS_BYTES);
  return frames(dst, p, streamId, flags & FLAG_END_STREAM, maxFrame);
}

/** The line of the upgrade header; 0 = none. */
function upgradeLine(record: usize): usize {
  const index: usize = load<u16>(record + HEAD_KNOWN + (<usize>HEADER_UPGRADE << 1));
  return index == 0 ? 0 : record + HEAD_HEADERS + ((index - 1) << 4);
}

export function h2EncodeResponse(table: usize, at: usize, end: usize, record: usize, countMax: u32, dst: usize,
    streamId: u32, flags: u32, maxFrame: u32): usize {
  const bytes = h1DecodeResponse(at, end, record, OPTION_LOWER_CASE, 0x7fffffff, countMax);
  if (bytes <= 0) return 0;
  let p = writeSizeUpdates(table, dst + FRAME_HEADER_BYTES);
  const status = load<u32>(record, HEAD_STATUS);
  p = writeStatus(table, p, status == 101 ? 200 : status, record);
  p = writeLines(table, p, record, CONNECTION_FIELDS);
  return frames(dst, p, streamId, flags & FLAG_END_STREAM, maxFrame);
}

function writeStatus(table: usize, p: usize, status: u32, record: usize): usize {
  switch (status) {
    case 200: return writeIndexed(p, 8);
    case 204: return writeIndexed(p, 9);
    case 206: return writeIndexed(p, 10);
    case 304: return writeIndexed(p, 11);
    case 400: return writeIndexed(p, 12);
    case 404: return writeIndexed(p, 13);
    case 500: return writeIndexed(p, 14);
  }
  writeDecimal(record + HEAD_KNOWN, status);          // the lines need it no more
  return writeField(table, p, TEXT_STATUS, TEXT_STATUS_BYTES, record + HEAD_KNOWN, 3);
}

/** The lines of the record, but for those whose id is in `dropped`. */
function writeLines(table: usize, p: usize, record: usize, dropped: u64): usize {
  const count = load<u32>(record, HEAD_HEADER_COUNT);
  let line = record + HEAD_HEADERS;
  for (const last = line + (<usize>count << 4); line < last; line += 16) {
    const meta = load<u32>(line, 4), id = meta >> 16 & 255;
    if (id < 64 && dropped >> <u64>id & 1) continue;
    p = writeField(table, p, load<u32>(line), meta & 0xffff, load<u32>(line, 8), load<u32>(line, 12));
  }
  return p;
}

export function h2EncodeTrailers(table: usize, at: usize, end: usize, dst: usize, streamId: u32,
    maxFrame: u32): usize {
  let p = writeSizeUpdates(table, dst + FRAME_HEADER_BYTES);
  while (at < end) {
    const name = at;
    let c: u32 = 0;
    while (at < end && (c = load<u8>(TOKEN_LOWER + load<u8>(at))) != 0) store<u8>(at++, <u8>c);
    const n = <u32>(at - name);
    if (n == 0 || n > 0xffff || at + 2 > end || load<u16>(at) != 0x203a) return 0;
    let value = at + 2;
    at = fieldValueEnd(value, end);
    if (at + 2 > end || load<u16>(at) != 0x0a0d) return 0;
    let stop = at;
    while (value < stop && isSpace(value)) value++;
    while (value < stop && isSpace(stop - 1)) stop--;
    const v = <u32>(stop - value);
    at += 2;
    const id = knownHeader(name, n);
    if (id == 0 || id > 63 || !(CONNECTION_FIELDS >> <u64>id & 1)) p = writeField(table, p, name, n, value, v);
  }
  return frames(dst, p, streamId, FLAG_END_STREAM, maxFrame);
}

// @ts-ignore: decorator
@inline
function isSpace(p: usize): bool { return load<u8>(p) == 32 || load<u8>(p) == 9; }

/**
 * Makes frames of the block that lies at dst + 9 and ends at `end`; pieces behind the first are moved to make room for
 * their headers. Returns the position after the last.
 */
function frames(dst: usize, end: usize, streamId: u32, flags: u32, maxFrame: u32): usize {
  const block = dst + FRAME_HEADER_BYTES, bytes = <u32>(end - block);
  if (bytes <= maxFrame) {
    frameHeader(dst, bytes, H2_TYPE_HEADERS, flags | FLAG_END_HEADERS, streamId);
    return end;
  }
  const more = (bytes - 1) / maxFrame;
  for (let piece = more; piece > 0; piece--) {
    const from = block + piece * maxFrame, to = from + piece * FRAME_HEADER_BYTES;
    const length = piece == more ? bytes - more * maxFrame : maxFrame;
    memory.copy(to, from, length);
    frameHeader(to - FRAME_HEADER_BYTES, length, H2_TYPE_CONTINUATION, piece == more ? FLAG_END_HEADERS : 0, streamId);
  }
  frameHeader(dst, maxFrame, H2_TYPE_HEADERS, flags, streamId);
  return end + more * FRAME_HEADER_BYTES;
}

function frameHeader(at: usize, length: u32, type: u32, flags: u32, streamId: u32): void {
  store<u32>(at, bswap<u32>((length << 8) | type));
  store<u8>(at + 4, <u8>flags);
  store<u32>(at + 5, bswap<u32>(streamId));
}
