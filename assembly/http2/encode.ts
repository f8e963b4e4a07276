// Canonical heads and trailers into HEADERS and CONTINUATION frames (RFC 9113 6.2, 6.10, 8.2.2, 8.3).
import {
  NAME_HASH_SEED, STATIC_CONNECTION, STATIC_HOST, STATIC_PSEUDO_METHOD, STATIC_PSEUDO_PATH, STATIC_PSEUDO_SCHEME,
  STATIC_PSEUDO_STATUS, STATIC_TE, STATIC_TRANSFER_ENCODING,
} from '../generated/hpack';
import {
  H2_TYPE_CONTINUATION, H2_TYPE_HEADERS, NAME_CONNECTION, NAME_HOST, NAME_TE, NAME_TE_BYTES, NAME_UPGRADE,
  NAME_UPGRADE_BYTES, TEXT_AUTHORITY, TEXT_AUTHORITY_BYTES, TEXT_CONNECT, TEXT_CONNECT_BYTES, TEXT_METHOD,
  TEXT_METHOD_BYTES, TEXT_PATH, TEXT_PATH_BYTES, TEXT_PROTOCOL, TEXT_PROTOCOL_BYTES, TEXT_STATUS, TEXT_STATUS_BYTES,
  TEXT_TRAILERS, TEXT_TRAILERS_BYTES,
} from '../generated/layouts';
import { equalBytes, fieldValueEnd, findByte, listHas, lowerOf, targetEnd } from '../lib/bytes';
import { staticName, writeField, writeHashed, writeIndexed, writeNeverIndexed, writeSizeUpdates } from './encoder';
import { hashText } from './hash';
import {
  LINE_BYTES, LINE_NAME_AT, LINE_NAME_BYTES, LINE_VALUE_AT, LINE_VALUE_BYTES, keepLines, nameAt, nameBytes, nextLine,
  valueAt, valueBytes,
} from './lines';
import { isToken } from './request';

const FRAME_HEADER_BYTES: u32 = 9;
const FLAG_END_STREAM: u32 = 1;
const FLAG_END_HEADERS: u32 = 4;
const OPTION_HTTPS: u32 = 2;
/** ` HTTP/1.x` and CR LF. */
const VERSION_BYTES: u32 = 11;

// What a request line says.
let methodBytes: u32 = 0;
let authorityAt: usize = 0;
let authorityBytes: u32 = 0;
let pathAt: usize = 0;
let pathBytes: u32 = 0;
let upgradeAt: usize = 0;
let upgradeBytes: u32 = 0;

/** Lengths of strings take up to four bytes; a line of text has four of its own, and more where it is long. */
export function h2BlockBytesMax(textBytes: u32, maxFrame: u32): u32 {
  const block = textBytes + (textBytes >> 5) + 128;
  return block + FRAME_HEADER_BYTES * (2 + block / max(maxFrame, 1)) + 16;
}

export function h2EncodeRequest(table: usize, at: usize, end: usize, record: usize, countMax: u32, dst: usize,
    streamId: u32, flags: u32, maxFrame: u32): usize {
  const lines = requestLine(at, end);
  if (lines == 0) return 0;
  const count = keepLines(lines, end, record, countMax);
  if (count < 0) return 0;
  const connect = methodBytes == TEXT_CONNECT_BYTES && equalBytes(at, TEXT_CONNECT, TEXT_CONNECT_BYTES);
  lookThrough(record, count);
  if (connect) { authorityAt = pathAt; authorityBytes = pathBytes; }
  if (authorityBytes == 0) return 0;
  let p = writeSizeUpdates(table, dst + FRAME_HEADER_BYTES);
  if (upgradeBytes != 0 && !connect) {
    p = writeField(table, p, TEXT_METHOD, TEXT_METHOD_BYTES, TEXT_CONNECT, TEXT_CONNECT_BYTES);
    p = writeField(table, p, TEXT_PROTOCOL, TEXT_PROTOCOL_BYTES, upgradeAt, upgradeBytes);
  } else {
    p = writeMethod(table, p, at);
  }
  if (!connect) p = writeIndexed(p, flags & OPTION_HTTPS ? STATIC_PSEUDO_SCHEME + 1 : STATIC_PSEUDO_SCHEME);
  p = writeField(table, p, TEXT_AUTHORITY, TEXT_AUTHORITY_BYTES, authorityAt, authorityBytes);
  if (!connect) {
    if (pathBytes == 0) p = writeIndexed(p, STATIC_PSEUDO_PATH);
    else p = writeField(table, p, TEXT_PATH, TEXT_PATH_BYTES, pathAt, pathBytes);
  }
  p = writeLines(table, p, record, count, STATIC_HOST);
  return frames(dst, p, streamId, flags & FLAG_END_STREAM, maxFrame);
}

/** Reads `METHOD target HTTP/1.x`; returns the position after the line, or 0. */
function requestLine(at: usize, end: usize): usize {
  const method = findByte(at, end, 32);
  methodBytes = <u32>(method - at);
  const target = method + 1;
  if (methodBytes == 0 || target >= end) return 0;
  const stop = targetEnd(target, end);
  if (stop == target || stop + VERSION_BYTES > end || load<u8>(stop) != 32 || load<u16>(stop + 9) != 0x0a0d) return 0;
  pathAt = target;
  pathBytes = <u32>(stop - target);
  authorityAt = 0;
  authorityBytes = 0;
  const first = load<u8>(target);
  if (first != 47 && first != 42) splitTarget();
  return stop + VERSION_BYTES;
}

/** A target with a scheme is an authority and a path (RFC 9112 3.2.2); any other is left as it is. */
function splitTarget(): void {
  const end = pathAt + pathBytes;
  if (pathBytes < 8 || (load<u32>(pathAt) | 0x20202020) != 0x70747468) return;
  let host = pathAt + 4;
  if (lowerOf(load<u8>(host)) == 115) host++;
  if (host + 3 > end || load<u8>(host) != 58 || load<u16>(host + 1) != 0x2f2f) return;
  host += 3;
  let stop = host;
  while (stop < end && load<u8>(stop) != 47 && load<u8>(stop) != 63) stop++;
  authorityAt = host;
  authorityBytes = <u32>(stop - host);
  pathAt = stop;
  pathBytes = <u32>(end - stop);
}

/** Looks for host and upgrade among the lines. */
function lookThrough(line: usize, count: u32): void {
  let asked = false;
  upgradeBytes = 0;
  for (const last = line + <usize>count * LINE_BYTES; line < last; line += LINE_BYTES) {
    const n = load<u32>(line, LINE_NAME_BYTES);
    if (n != 4 && n != 7 && n != 10) continue;
    const name = load<u32>(line, LINE_NAME_AT), value = load<u32>(line, LINE_VALUE_AT);
    const v = load<u32>(line, LINE_VALUE_BYTES);
    if (n == 4) {
      if (authorityAt != 0 || !equalBytes(name, NAME_HOST, 4)) continue;
      authorityAt = value;
      authorityBytes = v;
    } else if (n == 7) {
      if (!equalBytes(name, NAME_UPGRADE, 7)) continue;
      upgradeAt = value;
      upgradeBytes = v;
    } else if (equalBytes(name, NAME_CONNECTION, 10)) {
      asked = asked || listHas(value, v, NAME_UPGRADE, NAME_UPGRADE_BYTES);
    }
  }
  // :protocol is one token, and an extended CONNECT has a path (RFC 8441 4): any other upgrade ends here.
  if (!asked || !isToken(upgradeAt, upgradeBytes) || load<u8>(pathAt) == 42) upgradeBytes = 0;
}

function writeMethod(table: usize, p: usize, method: usize): usize {
  if (methodBytes == 3 && (load<u32>(method) & 0xffffff) == 0x544547) return writeIndexed(p, STATIC_PSEUDO_METHOD);
  if (methodBytes == 4 && load<u32>(method) == 0x54534f50) return writeIndexed(p, STATIC_PSEUDO_METHOD + 1);
  return writeField(table, p, TEXT_METHOD, TEXT_METHOD_BYTES, method, methodBytes);
}

export function h2EncodeResponse(table: usize, at: usize, end: usize, record: usize, countMax: u32, dst: usize,
    streamId: u32, flags: u32, maxFrame: u32): usize {
  // `HTTP/1.1 200` and a reason
  if (at + 15 > end || load<u32>(at) != 0x50545448 || load<u8>(at + 8) != 32) return 0;
  const d0 = <u32>load<u8>(at + 9) - 48, d1 = <u32>load<u8>(at + 10) - 48, d2 = <u32>load<u8>(at + 11) - 48;
  if (d0 - 1 > 8 || d1 > 9 || d2 > 9) return 0;
  const reasonEnd = fieldValueEnd(at + 12, end);
  if (reasonEnd + 2 > end || load<u16>(reasonEnd) != 0x0a0d) return 0;
  const count = keepLines(reasonEnd + 2, end, record, countMax);
  if (count < 0) return 0;
  let p = writeSizeUpdates(table, dst + FRAME_HEADER_BYTES);
  p = writeStatus(table, p, d0 * 100 + d1 * 10 + d2, at + 9);
  p = writeLines(table, p, record, count, 0);
  return frames(dst, p, streamId, flags & FLAG_END_STREAM, maxFrame);
}

function writeStatus(table: usize, p: usize, status: u32, digits: usize): usize {
  switch (status) {
    case 101:                                          // agreed to an upgrade (RFC 8441 5)
    case 200: return writeIndexed(p, STATIC_PSEUDO_STATUS);
    case 204: return writeIndexed(p, STATIC_PSEUDO_STATUS + 1);
    case 206: return writeIndexed(p, STATIC_PSEUDO_STATUS + 2);
    case 304: return writeIndexed(p, STATIC_PSEUDO_STATUS + 3);
    case 400: return writeIndexed(p, STATIC_PSEUDO_STATUS + 4);
    case 404: return writeIndexed(p, STATIC_PSEUDO_STATUS + 5);
    case 500: return writeIndexed(p, STATIC_PSEUDO_STATUS + 6);
  }
  return writeField(table, p, TEXT_STATUS, TEXT_STATUS_BYTES, digits, 3);
}

/** Writes the lines but for those of the connection and the one named `dropped` in the static table. */
function writeLines(table: usize, p: usize, line: usize, count: u32, dropped: u32): usize {
  for (const last = line + <usize>count * LINE_BYTES; line < last; line += LINE_BYTES) {
    p = writeLine(table, p, load<u32>(line, LINE_NAME_AT), load<u32>(line, LINE_NAME_BYTES),
      load<u32>(line, LINE_VALUE_AT), load<u32>(line, LINE_VALUE_BYTES), dropped);
  }
  return p;
}

// @ts-ignore: decorator
@inline
function writeLine(table: usize, p: usize, name: usize, n: u32, value: usize, v: u32, dropped: u32): usize {
  const hash = hashText(name, n, NAME_HASH_SEED), fixed = staticName(name, n, hash);
  if (fixed != 0 && (fixed >= STATIC_CONNECTION || fixed == STATIC_TRANSFER_ENCODING || fixed == dropped)) {
    if (fixed != STATIC_TE || !listHas(value, v, TEXT_TRAILERS, TEXT_TRAILERS_BYTES)) return p;
    return writeHashed(table, p, NAME_TE, NAME_TE_BYTES, TEXT_TRAILERS, TEXT_TRAILERS_BYTES, hash, 0);
  }
  // Two spaces behind the colon, see fields.ts; an empty value hides nothing.
  if (load<u16>(value - 3) == 0x203a && v != 0) return writeNeverIndexed(p, fixed, name, n, value, v);
  return writeHashed(table, p, name, n, value, v, hash, fixed);
}

export function h2EncodeTrailers(table: usize, at: usize, end: usize, dst: usize, streamId: u32,
    maxFrame: u32): usize {
  for (let line = at; line < end;) {         // what is refused must not have changed the table
    line = nextLine(line, end);
    if (line == 0) return 0;
  }
  let p = writeSizeUpdates(table, dst + FRAME_HEADER_BYTES);
  while (at < end) {
    at = nextLine(at, end);
    p = writeLine(table, p, nameAt, nameBytes, valueAt, valueBytes, STATIC_HOST);
  }
  return frames(dst, p, streamId, FLAG_END_STREAM, maxFrame);
}
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
