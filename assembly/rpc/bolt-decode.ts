// Frames of Bolt v1 and v2 (SOFARPC) to canonical text. Big-endian; v2 puts its protocol version behind the first byte
// and a switch behind the codec:
//
//   v1 request 22, response 20: proto type cmd.2 ver2 id.4 codec (timeout.4 | status.2) class.2 header.2 content.4
//   v2 request 24, response 22: proto ver1 type cmd.2 ver2 id.4 codec switch  (likewise)
//
// then class, header map (name and value, each behind four bytes of length) and content; v2 with ver1 = 2 and bit 0 of
// the switch ends with a CRC-32 over all of it.
import {
  RPC_FRAME_CODE, RPC_FRAME_CRC, RPC_FRAME_BODY_BYTES, RPC_FRAME_FLAGS, RPC_FRAME_FLAG_APPLICATION_ERROR,
  RPC_FRAME_FLAG_CRC, RPC_FRAME_FLAG_DELIMITED, RPC_FRAME_HEAD_BYTES, RPC_FRAME_ID_LOW, RPC_FRAME_KIND,
  RPC_FRAME_NEEDED, RPC_FRAME_ORIGIN, RPC_FRAME_RECORD_BYTES, RPC_FRAME_STATUS, RPC_FRAME_TEXT_BYTES,
  RPC_FRAME_TIMEOUT_MS, RPC_KIND_GO_AWAY, RPC_KIND_HEARTBEAT, RPC_KIND_HEARTBEAT_REPLY, RPC_KIND_ONEWAY,
  RPC_KIND_REQUEST, RPC_KIND_RESPONSE, RPC_REFUSAL_BAD_CHECKSUM, RPC_REFUSAL_BAD_COMMAND, RPC_REFUSAL_BAD_LENGTH,
  RPC_REFUSAL_BAD_MAGIC, RPC_REFUSAL_BAD_PAIRS, RPC_REFUSAL_BAD_TYPE, RPC_REFUSAL_BAD_VERSION,
  RPC_REFUSAL_FRAME_TOO_LARGE, RPC_REFUSAL_HEAD_TOO_LARGE, TEXT_BOLT_FAILED, TEXT_BOLT_FAILED_BYTES, TEXT_BOLT_METHOD,
  TEXT_BOLT_METHOD_BYTES, TEXT_BOLT_SERVICE, TEXT_BOLT_SERVICE_BYTES, TEXT_BOLT_TARGET, TEXT_BOLT_TARGET_BYTES,
  TEXT_RPC_CLASS_LINE, TEXT_RPC_CLASS_LINE_BYTES, TEXT_RPC_FRAME_LINE, TEXT_RPC_FRAME_LINE_BYTES,
  TEXT_RPC_GROUP_LINE, TEXT_RPC_GROUP_LINE_BYTES, TEXT_RPC_HOST_LINE, TEXT_RPC_HOST_LINE_BYTES, TEXT_RPC_METHOD_LINE,
  TEXT_RPC_METHOD_LINE_BYTES, TEXT_RPC_REQUEST_BEGIN, TEXT_RPC_REQUEST_BEGIN_BYTES, TEXT_RPC_SERVICE_LINE,
  TEXT_RPC_SERVICE_LINE_BYTES, TEXT_RPC_VERSION_LINE, TEXT_RPC_VERSION_LINE_BYTES, TEXT_STATUS_LINE_BEGIN,
  TEXT_STATUS_LINE_BEGIN_BYTES, TEXT_TRUE_TEXT, TEXT_TRUE_TEXT_BYTES,
} from '../generated/layouts';
import { equalBytes } from '../lib/bytes';
import { httpStatusOfBolt } from './bolt-status';
import { rpcCrc } from './crc';
import { findMethod, isMethod, methodAt, methodBytes, noMethod } from './hessian-draft';
import {
  beginText, cursor, endText, full, isLineValue, write, writeHex, writeLine, writeNumber, writePair, writeWord,
} from './text';

export const BOLT_HEADER_BYTES_MAX: u32 = 32767;
const CONTROL_BYTES_MAX: u64 = 1024;
/** So much of a content is looked at for the method's name. */
const CONTENT_LOOK_BYTES: u32 = 1024;
const HESSIAN: u32 = 1;

// @ts-ignore: decorator
@inline
export function be16(p: usize): u32 { return bswap<u16>(load<u16>(p)); }
// @ts-ignore: decorator
@inline
export function be32(p: usize): u32 { return bswap<u32>(load<u32>(p)); }

function refuse(frame: usize, why: u32): i32 {
  store<u32>(frame, why, RPC_FRAME_CODE);
  return 0;
}
function more(frame: usize, needed: u32): i32 {
  store<u32>(frame, needed, RPC_FRAME_NEEDED);
  return -1;
}

export function boltDecode(at: usize, end: usize, frame: usize, text: usize, textMax: u32, frameBytesMax: u32,
    _options: u32): i32 {
  memory.fill(frame, 0, RPC_FRAME_RECORD_BYTES);
  const n = <u32>(end - at);
  if (n == 0) return more(frame, 1);
  const proto: u32 = load<u8>(at);
  if (proto != 1 && proto != 2) return refuse(frame, RPC_REFUSAL_BAD_MAGIC);
  const wide = proto - 1;                                // 1: v2
  if (n < 3) return more(frame, 3);
  const type: u32 = load<u8>(at + 1 + wide);
  if (type > 2) return refuse(frame, RPC_REFUSAL_BAD_TYPE);
  const version: u32 = wide ? load<u8>(at + 1) : 0;
  if (wide && version - 1 > 1) return refuse(frame, RPC_REFUSAL_BAD_VERSION);
  const fixed: u32 = (type == 0 ? 20 : 22) + 2 * wide;
  if (n < fixed) return more(frame, fixed);
  const lengths = at + fixed - 8;
  const classBytes = be16(lengths), headerBytes = be16(lengths + 2), contentBytes = be32(lengths + 4);
  if (classBytes > BOLT_HEADER_BYTES_MAX || headerBytes > BOLT_HEADER_BYTES_MAX || contentBytes > 0x7fffffff)
    return refuse(frame, RPC_REFUSAL_BAD_LENGTH);
  const codec: u32 = load<u8>(at + 9 + wide);
  const crc = wide != 0 && version == 2 && (load<u8>(at + 11) & 1) != 0;
  store<u32>(frame, be32(at + 5 + wide), RPC_FRAME_ID_LOW);
  store<u32>(frame, proto | version << 8 | codec << 16, RPC_FRAME_ORIGIN);
  store<u32>(frame, crc ? RPC_FRAME_FLAG_CRC : 0, RPC_FRAME_FLAGS);
  const head = fixed + classBytes + headerBytes;
  const total = <u64>head + contentBytes + (crc ? 4 : 0);
  const kind = kindOf(type, be16(at + 2 + wide));
  if (kind == 0) return refuse(frame, RPC_REFUSAL_BAD_COMMAND);
  store<u32>(frame, kind, RPC_FRAME_KIND);
  if (kind > RPC_KIND_RESPONSE) return control(at, n, frame, total, crc);
  if (total > frameBytesMax) return refuse(frame, RPC_REFUSAL_FRAME_TOO_LARGE);
  const look = kind != RPC_KIND_RESPONSE && codec == HESSIAN ? min(contentBytes, CONTENT_LOOK_BYTES) : 0;
  if (n < head) return more(frame, head);
  store<u32>(frame, head, RPC_FRAME_HEAD_BYTES);
  store<u32>(frame, contentBytes, RPC_FRAME_BODY_BYTES);
  const pairs = at + fixed + classBytes;
  if (kind != RPC_KIND_RESPONSE) findNames(pairs, pairs + headerBytes);
  const looks = look != 0 && methodBytes == 0;
  if (looks && n < head + look) return more(frame, head + look);
  if (looks) findMethod(at + head, at + head + look);
  beginText(text, textMax, end);
  const sound = kind == RPC_KIND_RESPONSE ? response(at, fixed, classBytes, headerBytes, frame)
    : request(at, fixed, classBytes, headerBytes, frame);
  if (!sound || full) {
    store<u32>(frame, load<u32>(frame, RPC_FRAME_FLAGS) | RPC_FRAME_FLAG_DELIMITED, RPC_FRAME_FLAGS);
    store<u32>(frame, contentBytes + (crc ? 4 : 0), RPC_FRAME_BODY_BYTES);
    return refuse(frame, full ? RPC_REFUSAL_HEAD_TOO_LARGE : RPC_REFUSAL_BAD_PAIRS);
  }
  endText(contentBytes);
  if (full) return refuse(frame, RPC_REFUSAL_HEAD_TOO_LARGE);
  store<u32>(frame, <u32>(cursor - text), RPC_FRAME_TEXT_BYTES);
  if (crc) store<u32>(frame, rpcCrc(0, at, head), RPC_FRAME_CRC);
  return head;
}

function kindOf(type: u32, command: u32): u32 {
  if (command == 0) return type == 1 ? RPC_KIND_HEARTBEAT : type == 0 ? RPC_KIND_HEARTBEAT_REPLY : 0;
  if (command == 1) return type == 1 ? RPC_KIND_REQUEST : type == 2 ? RPC_KIND_ONEWAY : 0;
  if (command == 2) return type == 0 ? RPC_KIND_RESPONSE : 0;
  return command == 100 && type == 1 ? RPC_KIND_GO_AWAY : 0;
}

/** Heartbeats and the like are taken whole. */
function control(at: usize, n: u32, frame: usize, total: u64, crc: bool): i32 {
  if (total > CONTROL_BYTES_MAX) return refuse(frame, RPC_REFUSAL_BAD_LENGTH);
  const bytes = <u32>total;
  if (n < bytes) return more(frame, bytes);
  if (crc && rpcCrc(0, at, bytes - 4) != be32(at + bytes - 4)) return refuse(frame, RPC_REFUSAL_BAD_CHECKSUM);
  store<u32>(frame, bytes, RPC_FRAME_HEAD_BYTES);
  return bytes;
}

// The header map.

// What the map says of the call: whole service and method, and whether the map is sound.
let serviceAt: usize = 0;
let serviceBytes: u32 = 0;
let isSound: bool = false;
let pairName: usize = 0;
let pairNameBytes: i32 = 0;
let pairValue: usize = 0;
let pairValueBytes: i32 = 0;

/** Reads the pair at p; returns the position behind it, or 0: it is cut short. */
function nextPair(p: usize, end: usize): usize {
  if (p + 4 > end) return 0;
  pairNameBytes = <i32>be32(p);
  pairName = p + 4;
  const name: u32 = pairNameBytes == -1 ? 0 : pairNameBytes;
  if (<u64>name + 4 > <u64>(end - pairName)) return 0;
  p = pairName + name;
  pairValueBytes = <i32>be32(p);
  pairValue = p + 4;
  const value: u32 = pairValueBytes == -1 ? 0 : pairValueBytes;
  if (<u64>value > <u64>(end - pairValue)) return 0;
  return pairValue + value;
}

// @ts-ignore: decorator
@inline
function isNamed(wanted: usize, wantedBytes: u32): bool {
  return pairNameBytes == <i32>wantedBytes && pairValueBytes > 0 && equalBytes(pairName, wanted, wantedBytes);
}

function findNames(p: usize, end: usize): void {
  serviceBytes = 0;
  noMethod();
  while (p < end) {
    p = nextPair(p, end);
    if (p == 0) break;
    if (isNamed(TEXT_BOLT_SERVICE, TEXT_BOLT_SERVICE_BYTES)
        || (serviceBytes == 0 && isNamed(TEXT_BOLT_TARGET, TEXT_BOLT_TARGET_BYTES))) {
      serviceAt = pairValue;
      serviceBytes = pairValueBytes;
    } else if (isNamed(TEXT_BOLT_METHOD, TEXT_BOLT_METHOD_BYTES)) isMethod(pairValue, pairValueBytes);
  }
  isSound = p != 0;
}

/** All pairs as lines. False: the map is malformed. */
function writePairs(p: usize, end: usize): bool {
  while (p < end) {
    p = nextPair(p, end);
    if (p == 0) return false;
    writePair(pairName, pairNameBytes, pairValue, pairValueBytes);
  }
  return true;
}

// Texts.

/** Interface, version and unique id of `interface:version[:unique id]`. */
function request(at: usize, fixed: u32, classBytes: u32, headerBytes: u32, frame: usize): bool {
  const pairs = at + fixed + classBytes, end = pairs + headerBytes;
  if (!isSound) return false;
  let first: u32 = 0, second: u32 = 0;
  while (first < serviceBytes && load<u8>(serviceAt + first) != 58) first++;
  second = min(first + 1, serviceBytes);
  while (second < serviceBytes && load<u8>(serviceAt + second) != 58) second++;
  write(TEXT_RPC_REQUEST_BEGIN, TEXT_RPC_REQUEST_BEGIN_BYTES);
  writeWord(serviceAt, first);
  write(TEXT_RPC_REQUEST_BEGIN + 5, 1);
  writeWord(methodAt, methodBytes);
  write(TEXT_RPC_HOST_LINE, TEXT_RPC_HOST_LINE_BYTES);
  writeWord(serviceAt, first);
  writeLine(TEXT_RPC_SERVICE_LINE, TEXT_RPC_SERVICE_LINE_BYTES, serviceAt, first);
  writeLine(TEXT_RPC_METHOD_LINE, TEXT_RPC_METHOD_LINE_BYTES, methodAt, methodBytes);
  if (first + 1 < second)
    writeLine(TEXT_RPC_VERSION_LINE, TEXT_RPC_VERSION_LINE_BYTES, serviceAt + first + 1, second - first - 1);
  if (second + 1 < serviceBytes)
    writeLine(TEXT_RPC_GROUP_LINE, TEXT_RPC_GROUP_LINE_BYTES, serviceAt + second + 1, serviceBytes - second - 1);
  store<u32>(frame, be32(at + fixed - 12), RPC_FRAME_TIMEOUT_MS);
  return rest(at, fixed, classBytes, pairs, end);
}

function response(at: usize, fixed: u32, classBytes: u32, headerBytes: u32, frame: usize): bool {
  const pairs = at + fixed + classBytes, end = pairs + headerBytes;
  const status = be16(at + fixed - 10);
  store<u32>(frame, status, RPC_FRAME_STATUS);
  for (let p = pairs; p < end;) {
    p = nextPair(p, end);
    if (p == 0) return false;
    if (isNamed(TEXT_BOLT_FAILED, TEXT_BOLT_FAILED_BYTES) && pairValueBytes == TEXT_TRUE_TEXT_BYTES
        && equalBytes(pairValue, TEXT_TRUE_TEXT, TEXT_TRUE_TEXT_BYTES))
      store<u32>(frame, load<u32>(frame, RPC_FRAME_FLAGS) | RPC_FRAME_FLAG_APPLICATION_ERROR, RPC_FRAME_FLAGS);
  }
  write(TEXT_STATUS_LINE_BEGIN, TEXT_STATUS_LINE_BEGIN_BYTES);
  writeNumber(httpStatusOfBolt(status));
  write(TEXT_RPC_HOST_LINE, 1);
  return rest(at, fixed, classBytes, pairs, end);
}

/** What requests and responses have: class, fixed header, pairs. */
function rest(at: usize, fixed: u32, classBytes: u32, pairs: usize, end: usize): bool {
  if (!isLineValue(at + fixed, classBytes)) return false;
  writeLine(TEXT_RPC_CLASS_LINE, TEXT_RPC_CLASS_LINE_BYTES, at + fixed, classBytes);
  write(TEXT_RPC_FRAME_LINE, TEXT_RPC_FRAME_LINE_BYTES);
  writeHex(at, fixed);
  return writePairs(pairs, end);
}
