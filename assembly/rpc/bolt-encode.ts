// Canonical text to frames of Bolt (bolt-decode.ts), and the frames that are our own: errors, heartbeats, go-away.
import {
  RPC_FRAME_BODY_BYTES, RPC_FRAME_CODE, RPC_FRAME_CRC, RPC_FRAME_CUT, RPC_FRAME_FLAGS, RPC_FRAME_FLAG_CRC,
  RPC_FRAME_FLAG_LOCAL, RPC_FRAME_ID_LOW, RPC_FRAME_KIND, RPC_FRAME_ORIGIN, RPC_FRAME_STATUS, RPC_FRAME_TAIL_BYTES,
  RPC_KIND_ONEWAY, RPC_KIND_REQUEST, RPC_KIND_RESPONSE, RPC_REFUSAL_BAD_LENGTH, RPC_REFUSAL_HEAD_TOO_LARGE,
  RPC_REFUSAL_NOT_OF_PROTOCOL, TEXT_RPC_CLASS_NAME, TEXT_RPC_CLASS_NAME_BYTES, TEXT_RPC_FRAME_NAME,
  TEXT_RPC_FRAME_NAME_BYTES, TEXT_RPC_LENGTH_NAME, TEXT_RPC_LENGTH_NAME_BYTES, TEXT_RPC_PAIR_NAME,
  TEXT_RPC_PAIR_NAME_BYTES,
} from '../generated/layouts';
import { put } from '../lib/copy';
import { BOLT_HEADER_BYTES_MAX } from './bolt-decode';
import { boltStatusOfHttp, isBoltStatus } from './bolt-status';
import { rpcCrc } from './crc';
import {
  firstLine, isName, isOurs, nameAt, nameBytes, nextLine, readHex, readNumber, valueAt, valueBytes,
} from './text';

const DASH: u32 = 45;
/** Bytes of the longest fixed header. */
const FIXED_MAX: u32 = 24;

function refuse(frame: usize, why: u32): usize {
  store<u32>(frame, why, RPC_FRAME_CODE);
  return 0;
}
function put16(p: usize, value: u32): void { store<u16>(p, bswap<u16>(<u16>value)); }
function put32(p: usize, value: u32): void { store<u32>(p, bswap<u32>(value)); }

// What lies in front of the pairs is found first. It is near the beginning of a text, where its decoder has put it.
let frameAt: usize = 0;
let frameBytes: u32 = 0;
let classAt: usize = 0;
let classBytes: u32 = 0;
/** Of the last content-length that was seen; ABSENT: there was none, below: it is no number. */
let contentBytes: i32 = 0;
const ABSENT: i32 = -1, BAD: i32 = -2;

function findFront(p: usize, end: usize): void {
  frameBytes = 0;
  classBytes = 0;
  for (p = nextLine(p, end); p != 0 && (frameBytes == 0 || classBytes == 0); p = nextLine(p, end)) {
    if (frameBytes == 0 && isName(nameAt, nameBytes, TEXT_RPC_FRAME_NAME, TEXT_RPC_FRAME_NAME_BYTES)) {
      frameAt = valueAt;
      frameBytes = valueBytes;
    } else if (classBytes == 0 && isName(nameAt, nameBytes, TEXT_RPC_CLASS_NAME, TEXT_RPC_CLASS_NAME_BYTES)) {
      classAt = valueAt;
      classBytes = valueBytes;
    }
  }
}

export function boltEncodeRequest(text: usize, textEnd: usize, frame: usize, dst: usize, dstMax: u32): usize {
  const lines = firstLine(text, textEnd);
  if (lines == 0) return refuse(frame, RPC_REFUSAL_NOT_OF_PROTOCOL);
  findFront(lines, textEnd);
  const fixed = readFixed(dst, dstMax);
  if (fixed == 0 || load<u8>(dst + load<u8>(dst)) == 0) return refuse(frame, RPC_REFUSAL_NOT_OF_PROTOCOL);
  const oneway = load<u8>(dst + load<u8>(dst)) == 2;
  store<u32>(frame, oneway ? RPC_KIND_ONEWAY : RPC_KIND_REQUEST, RPC_FRAME_KIND);
  const end = finish(lines, textEnd, frame, dst, dstMax, fixed);
  return end != 0 && contentBytes == ABSENT ? refuse(frame, RPC_REFUSAL_BAD_LENGTH) : end;
}

export function boltEncodeResponse(text: usize, textEnd: usize, frame: usize, dst: usize, dstMax: u32): usize {
  store<u32>(frame, RPC_KIND_RESPONSE, RPC_FRAME_KIND);
  const lines = firstLine(text, textEnd);
  if (lines == 0) return refuse(frame, RPC_REFUSAL_NOT_OF_PROTOCOL);
  findFront(lines, textEnd);
  const fixed = readFixed(dst, dstMax);
  if (fixed == 0 || load<u8>(dst + load<u8>(dst)) != 0) return failure(text, frame, dst, dstMax);
  const end = finish(lines, textEnd, frame, dst, dstMax, fixed);
  return end != 0 && contentBytes == ABSENT ? failure(text, frame, dst, dstMax) : end;
}

/** The fixed header from hex to dst; returns its length, or 0: it is none. */
function readFixed(dst: usize, dstMax: u32): u32 {
  if (frameBytes < 40 || frameBytes > FIXED_MAX * 2 || dstMax < FIXED_MAX) return 0;
  const bytes: u32 = readHex(frameAt, frameBytes, dst);
  const proto: u32 = load<u8>(dst);
  if (<i32>bytes < 0 || proto - 1 > 1) return 0;
  const type: u32 = load<u8>(dst + proto);
  return type <= 2 && bytes == (type == 0 ? 20 : 22) + 2 * (proto - 1) ? bytes : 0;
}

/** Class, pairs, lengths, id: the fixed header is at dst. Without a content-length what it writes is of no use. */
function finish(lines: usize, textEnd: usize, frame: usize, dst: usize, dstMax: u32, fixed: u32): usize {
  const end = dst + dstMax;
  let p = dst + fixed;
  if (classBytes > BOLT_HEADER_BYTES_MAX || p + classBytes > end) return refuse(frame, RPC_REFUSAL_HEAD_TOO_LARGE);
  put(p, classAt, classBytes);
  p += classBytes;
  const pairs = p;
  contentBytes = ABSENT;
  for (let line = nextLine(lines, textEnd); line != 0; line = nextLine(line, textEnd)) {
    p = writePair(p, end);
    if (p == 0 || p - pairs > BOLT_HEADER_BYTES_MAX) return refuse(frame, RPC_REFUSAL_HEAD_TOO_LARGE);
  }
  if (contentBytes == BAD) return refuse(frame, RPC_REFUSAL_NOT_OF_PROTOCOL);
  const wide: u32 = load<u8>(dst) - 1;
  let crc = false;
  if (wide) {
    crc = load<u8>(dst + 1) == 2 && (load<u8>(dst + 11) & 1) != 0;
    // The bit says nothing with version 1, and sofa-bolt-node then waits for a CRC that does not come.
    if (!crc) store<u8>(dst + 11, load<u8>(dst + 11) & 0xfe);
  }
  put32(dst + 5 + wide, load<u32>(frame, RPC_FRAME_ID_LOW));
  put16(dst + fixed - 8, classBytes);
  put16(dst + fixed - 6, <u32>(p - pairs));
  put32(dst + fixed - 4, contentBytes);
  store<u32>(frame, contentBytes, RPC_FRAME_BODY_BYTES);
  store<u32>(frame, crc ? RPC_FRAME_FLAG_CRC : 0, RPC_FRAME_FLAGS);
  store<u32>(frame, crc ? rpcCrc(0, dst, <u32>(p - dst)) : 0, RPC_FRAME_CRC);
  store<u32>(frame, 0, RPC_FRAME_CUT);
  store<u32>(frame, 0, RPC_FRAME_TAIL_BYTES);
  return p;
}

/**
 * The line in hand as a pair, if it is one; the content's length is noted. Returns the position behind the pair, or 0:
 * there is no room.
 */
function writePair(p: usize, end: usize): usize {
  const isPair = isName(nameAt, nameBytes, TEXT_RPC_PAIR_NAME, TEXT_RPC_PAIR_NAME_BYTES);
  if (!isPair && isOurs(nameAt, nameBytes)) {
    if (contentBytes == BAD || !isName(nameAt, nameBytes, TEXT_RPC_LENGTH_NAME, TEXT_RPC_LENGTH_NAME_BYTES)) return p;
    contentBytes = readNumber(valueAt, valueBytes);
    if (contentBytes < 0) contentBytes = BAD;
    return p;
  }
  if (p + nameBytes + valueBytes + 8 > end) return 0;
  if (isPair) return writeHexPair(p);
  put32(p, nameBytes);
  put(p + 4, nameAt, nameBytes);
  p += 4 + nameBytes;
  put32(p, valueBytes);
  put(p + 4, valueAt, valueBytes);
  return p + 4 + valueBytes;
}

/** `<hex>=<hex>`, "-" for null; one that is neither is left out. */
function writeHexPair(p: usize): usize {
  let equals: u32 = 0;
  while (equals < valueBytes && load<u8>(valueAt + equals) != 61) equals++;
  if (equals == valueBytes) return p;
  const value = writeHalf(p, valueAt, equals);
  if (value == 0) return p;
  const after = writeHalf(value, valueAt + equals + 1, valueBytes - equals - 1);
  return after == 0 ? p : after;
}
function writeHalf(p: usize, hex: usize, n: u32): usize {
  if (n == 1 && load<u8>(hex) == DASH) { store<u32>(p, 0xffffffff); return p + 4; }
  const bytes = readHex(hex, n, p + 4);
  if (bytes < 0) return 0;
  put32(p, bytes);
  return p + 4 + bytes;
}

// Our own frames. `origin`: proto, protocol version, codec of the request.

/** An answer of ours: nothing but its status, which both Java's and Node's clients take. */
function failure(text: usize, frame: usize, dst: usize, dstMax: u32): usize {
  if (dstMax < FIXED_MAX) return refuse(frame, RPC_REFUSAL_HEAD_TOO_LARGE);
  const wanted: u32 = load<u32>(frame, RPC_FRAME_STATUS);
  const d0 = <u32>load<u8>(text + 9) - 48, d1 = <u32>load<u8>(text + 10) - 48, d2 = <u32>load<u8>(text + 11) - 48;
  const status = isBoltStatus(wanted) ? wanted : boltStatusOfHttp(d0 * 100 + d1 * 10 + d2);
  store<u32>(frame, 0, RPC_FRAME_BODY_BYTES);
  store<u32>(frame, RPC_FRAME_FLAG_LOCAL, RPC_FRAME_FLAGS);
  store<u32>(frame, 0, RPC_FRAME_CUT);
  store<u32>(frame, 0, RPC_FRAME_TAIL_BYTES);
  return bare(frame, dst, 0, 2, status, 2);
}

/** A frame without class, header and content; `word` in `wordBytes` bytes is its status or timeout. */
function bare(frame: usize, dst: usize, type: u32, command: u32, word: u32, wordBytes: u32): usize {
  const origin: u32 = load<u32>(frame, RPC_FRAME_ORIGIN);
  const proto = (origin & 255) == 2 ? 2 : 1, codec = origin >> 16 & 255;
  memory.fill(dst, 0, FIXED_MAX);
  store<u8>(dst, <u8>proto);
  if (proto == 2) store<u8>(dst + 1, <u8>max(1, origin >> 8 & 255));
  store<u8>(dst + proto, <u8>type);
  put16(dst + proto + 1, command);
  store<u8>(dst + proto + 3, 1);
  put32(dst + proto + 4, load<u32>(frame, RPC_FRAME_ID_LOW));
  store<u8>(dst + proto + 8, <u8>(codec == 0 ? 1 : codec));
  const p = dst + proto + 9 + (proto - 1);
  if (wordBytes == 2) put16(p, word); else put32(p, word);
  return p + wordBytes + 8;
}

export function boltEncodeHeartbeat(frame: usize, dst: usize): usize { return bare(frame, dst, 1, 0, 0xffffffff, 4); }
export function boltEncodeHeartbeatReply(frame: usize, dst: usize): usize { return bare(frame, dst, 0, 0, 0, 2); }
/** As MOSN says it. */
export function boltEncodeGoAway(frame: usize, dst: usize): usize { return bare(frame, dst, 1, 100, 0, 4); }
