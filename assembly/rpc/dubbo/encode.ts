// Canonical text to Dubbo 2 frames, and the frames that are our own: errors, heartbeats, read-only events. A body goes
// on as it came; when its attachments are lines, its last `cut` bytes stay behind and new ones follow it.
import {
  RPC_FRAME_BODY_BYTES, RPC_FRAME_CODE, RPC_FRAME_CRC, RPC_FRAME_CUT, RPC_FRAME_FLAGS, RPC_FRAME_FLAG_LOCAL,
  RPC_FRAME_KIND, RPC_FRAME_ORIGIN, RPC_FRAME_STATUS, RPC_FRAME_TAIL_AT, RPC_FRAME_TAIL_BYTES, RPC_KIND_ONEWAY,
  RPC_KIND_REQUEST, RPC_KIND_RESPONSE, RPC_REFUSAL_BAD_LENGTH, RPC_REFUSAL_HEAD_TOO_LARGE,
  RPC_REFUSAL_NOT_OF_PROTOCOL, TEXT_RPC_FRAME_NAME, TEXT_RPC_FRAME_NAME_BYTES, TEXT_RPC_LENGTH_NAME,
  TEXT_RPC_LENGTH_NAME_BYTES,
} from '../../generated/layouts';
import { firstLine, isName, nameAt, nameBytes, nextLine, readHex, readNumber, valueAt, valueBytes } from '../text';
import {
  EVENT, FACTS_BYTES, FACTS_CUT, FACTS_SHAPE, FACTS_STATUS, FASTJSON, HEADER_BYTES, HESSIAN, httpStatusOf, REQUEST,
  SERIALIZATION, SHAPE_ABSENT, SHAPE_UNREAD, STATUS_OK, statusOfHttp, TWO_WAY, word, writeHeader,
} from './frame';
import { writeHessianString } from './hessian';
import { JSONB_BYTE, writeJsonbString } from './jsonb';
import { writePairs } from './pairs';

const NULL_RESULT: u32 = 2;
/** Of the message of an error of ours, which is what its status line says, as far as there is room. */
const MESSAGE_BYTES_MAX: u32 = 512;
/** Lengths in front of a message: an item's and a string's. */
const LENGTHS_BYTES: u32 = 10;
const ROOM_LEAST: u32 = HEADER_BYTES + LENGTHS_BYTES + 16;

// What the lines say.
let flags: u32 = 0;
let status: u32 = 0;
let shape: u32 = 0;
let cut: u32 = 0;
let bodyBytes: i32 = 0;

function refuse(frame: usize, why: u32): usize {
  store<u32>(frame, why, RPC_FRAME_CODE);
  return 0;
}

/** False: no frame of this protocol lies behind the text. `room`: FACTS_BYTES that may be written over. */
function readLines(p: usize, end: usize, room: usize): bool {
  let found = false;
  bodyBytes = -1;
  for (p = nextLine(p, end); p != 0; p = nextLine(p, end)) {
    if (!found && isName(nameAt, nameBytes, TEXT_RPC_FRAME_NAME, TEXT_RPC_FRAME_NAME_BYTES)) {
      if (valueBytes != FACTS_BYTES * 2 || readHex(valueAt, valueBytes, room) < 0) return false;
      flags = load<u8>(room);
      status = load<u8>(room + FACTS_STATUS);
      shape = load<u8>(room + FACTS_SHAPE);
      cut = word(room + FACTS_CUT);
      found = true;
    } else if (isName(nameAt, nameBytes, TEXT_RPC_LENGTH_NAME, TEXT_RPC_LENGTH_NAME_BYTES))
      bodyBytes = readNumber(valueAt, valueBytes);
  }
  return found && !(flags & EVENT) && shape <= SHAPE_ABSENT && (bodyBytes < 0 || cut <= <u32>bodyBytes);
}

/** Header and, behind it, the end of the body. */
function finish(lines: usize, textEnd: usize, frame: usize, dst: usize, dstMax: u32): usize {
  const tail = dst + HEADER_BYTES;
  let tailBytes: u32 = 0;
  if (shape == SHAPE_UNREAD) cut = 0;
  else {
    const end = writePairs(lines, textEnd, tail, dst + dstMax, flags & SERIALIZATION, shape);
    if (end == 0) return refuse(frame, RPC_REFUSAL_HEAD_TOO_LARGE);
    tailBytes = <u32>(end - tail);
  }
  const whole = <u64>bodyBytes - cut + tailBytes;
  if (whole > 0x7fffffff - HEADER_BYTES) return refuse(frame, RPC_REFUSAL_BAD_LENGTH);
  store<u32>(frame, bodyBytes, RPC_FRAME_BODY_BYTES);
  store<u32>(frame, cut, RPC_FRAME_CUT);
  store<u32>(frame, <u32>tail, RPC_FRAME_TAIL_AT);
  store<u32>(frame, tailBytes, RPC_FRAME_TAIL_BYTES);
  store<u32>(frame, 0, RPC_FRAME_FLAGS);
  store<u32>(frame, 0, RPC_FRAME_CRC);
  return writeHeader(frame, dst, flags, status, <u32>whole);
}

export function dubboEncodeRequest(text: usize, textEnd: usize, frame: usize, dst: usize, dstMax: u32): usize {
  if (dstMax < ROOM_LEAST) return refuse(frame, RPC_REFUSAL_HEAD_TOO_LARGE);
  const lines = firstLine(text, textEnd);
  if (lines == 0 || !readLines(lines, textEnd, dst) || !(flags & REQUEST))
    return refuse(frame, RPC_REFUSAL_NOT_OF_PROTOCOL);
  if (bodyBytes < 0) return refuse(frame, RPC_REFUSAL_BAD_LENGTH);
  store<u32>(frame, flags & TWO_WAY ? RPC_KIND_REQUEST : RPC_KIND_ONEWAY, RPC_FRAME_KIND);
  return finish(lines, textEnd, frame, dst, dstMax);
}

export function dubboEncodeResponse(text: usize, textEnd: usize, frame: usize, dst: usize, dstMax: u32): usize {
  if (dstMax < ROOM_LEAST) return refuse(frame, RPC_REFUSAL_HEAD_TOO_LARGE);
  store<u32>(frame, RPC_KIND_RESPONSE, RPC_FRAME_KIND);
  const lines = firstLine(text, textEnd);
  if (lines == 0 || lines < text + STATUS_AT + 5) return refuse(frame, RPC_REFUSAL_NOT_OF_PROTOCOL);
  const http = readNumber(text + STATUS_AT, 3);
  const passed = readLines(lines, textEnd, dst) && !(flags & REQUEST) && bodyBytes >= 0
    && http == <i32>httpStatusOf(status);
  return passed ? finish(lines, textEnd, frame, dst, dstMax) : local(text, lines, http, frame, dst, dstMax);
}

/** Of the status in `HTTP/1.1 200 OK`. */
const STATUS_AT: usize = 9;

/** Serialization of what is ours: hessian2 where the peer's cannot be written. */
function serializationOf(origin: u32): u32 { return (origin & SERIALIZATION) == FASTJSON ? FASTJSON : HESSIAN; }

/**
 * A reply of ours. An error has one string, its status and reason; a success, as a direct response may be, is null: the
 * text of such a response is no value of the method's type.
 */
function local(text: usize, lines: usize, http: i32, frame: usize, dst: usize, dstMax: u32): usize {
  const wanted = load<i32>(frame, RPC_FRAME_STATUS);
  const given: u32 = wanted >= 0 && wanted < 256 ? wanted : statusOfHttp(http);
  const serialization = serializationOf(load<u32>(frame, RPC_FRAME_ORIGIN));
  let p = dst + HEADER_BYTES;
  const json = serialization == FASTJSON;
  const body = p;
  if (json) p += 4;
  if (given == STATUS_OK) {
    if (json) store<u8>(p++, <u8>JSONB_BYTE);
    store<u8>(p++, <u8>(json ? NULL_RESULT : 0x90 + NULL_RESULT));
  } else {
    const from = text + STATUS_AT;
    const room = min(MESSAGE_BYTES_MAX, dstMax - HEADER_BYTES - LENGTHS_BYTES);
    const bytes = min(<u32>(lines - 2 - from), room);
    p = json ? writeJsonbString(p, dst + dstMax, from, bytes) : writeHessianString(p, dst + dstMax, from, bytes);
    if (p == 0) return refuse(frame, RPC_REFUSAL_NOT_OF_PROTOCOL);
  }
  if (json) store<u32>(body, bswap<u32>(<u32>(p - body - 4)));
  store<u32>(frame, given, RPC_FRAME_STATUS);
  store<u32>(frame, 0, RPC_FRAME_BODY_BYTES);
  store<u32>(frame, 0, RPC_FRAME_CUT);
  store<u32>(frame, 0, RPC_FRAME_TAIL_BYTES);
  store<u32>(frame, 0, RPC_FRAME_CRC);
  store<u32>(frame, RPC_FRAME_FLAG_LOCAL, RPC_FRAME_FLAGS);
  writeHeader(frame, dst, serialization, given, <u32>(p - body));
  return p;
}

// Events.

/** An event whose body is null, or a letter. */
function event(frame: usize, dst: usize, what: u32, given: u32, letter: u32): usize {
  const serialization = serializationOf(load<u32>(frame, RPC_FRAME_ORIGIN));
  const json = serialization == FASTJSON;
  const body = dst + HEADER_BYTES;
  let p = json ? body + 4 : body;
  if (letter == 0) store<u8>(p++, <u8>(json ? 0xaf : 0x4e));
  else {
    store<u8>(p, <u8>(json ? 0x4a : 1));
    store<u8>(p + 1, <u8>letter);
    p += 2;
  }
  if (json) store<u32>(body, bswap<u32>(<u32>(p - body - 4)));
  writeHeader(frame, dst, what | EVENT | serialization, given, <u32>(p - body));
  return p;
}

export function dubboEncodeHeartbeat(frame: usize, dst: usize): usize {
  return event(frame, dst, REQUEST | TWO_WAY, 0, 0);
}

/** 0: the peer wants no answer. */
export function dubboEncodeHeartbeatReply(frame: usize, dst: usize): usize {
  return load<u32>(frame, RPC_FRAME_ORIGIN) & TWO_WAY ? event(frame, dst, 0, STATUS_OK, 0) : 0;
}

/** Read-only: the consumer chooses this connection no more, and what is in progress goes on. */
export function dubboEncodeGoAway(frame: usize, dst: usize): usize { return event(frame, dst, REQUEST, 0, 82); }
