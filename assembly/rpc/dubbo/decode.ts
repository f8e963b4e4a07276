// A Dubbo 2 frame to canonical text. Service, version and method stand at the beginning of a request's body, whose
// rest streams behind. Group, timeout and the other attachments stand at its end: where they are wanted, the frame has
// to be there whole, and then they are lines (pairs.ts).
import {
  RPC_FRAME_FLAGS, RPC_FRAME_FLAG_APPLICATION_ERROR, RPC_FRAME_HEAD_BYTES, RPC_FRAME_KIND, RPC_FRAME_TEXT_BYTES,
  RPC_FRAME_TIMEOUT_MS, RPC_FRAME_BODY_BYTES,
  RPC_KIND_GO_AWAY, RPC_KIND_GO_ON, RPC_KIND_HEARTBEAT, RPC_KIND_HEARTBEAT_REPLY, RPC_KIND_NONE, RPC_KIND_ONEWAY,
  RPC_KIND_REQUEST, RPC_KIND_RESPONSE, RPC_REFUSAL_BAD_BODY, RPC_REFUSAL_BAD_LENGTH, RPC_REFUSAL_BAD_MAGIC,
  RPC_REFUSAL_BAD_PAIRS, RPC_REFUSAL_FRAME_TOO_LARGE, RPC_REFUSAL_HEAD_TOO_LARGE,
  TEXT_RPC_FRAME_LINE, TEXT_RPC_FRAME_LINE_BYTES, TEXT_RPC_GROUP_LINE, TEXT_RPC_GROUP_LINE_BYTES, TEXT_RPC_HOST_LINE,
  TEXT_RPC_HOST_LINE_BYTES, TEXT_RPC_METHOD_LINE, TEXT_RPC_METHOD_LINE_BYTES, TEXT_RPC_REQUEST_BEGIN,
  TEXT_RPC_REQUEST_BEGIN_BYTES, TEXT_RPC_SERVICE_LINE, TEXT_RPC_SERVICE_LINE_BYTES, TEXT_RPC_VERSION_LINE,
  TEXT_RPC_VERSION_LINE_BYTES, TEXT_STATUS_LINE_BEGIN, TEXT_STATUS_LINE_BEGIN_BYTES,
} from '../../generated/layouts';
import {
  beginText, cursor, endText, full, take, write, writeHexDigits, writeLine, writeNumber, writeWord,
} from '../text';
import {
  awaitBytes, clearFrame, EVENT, FASTJSON, HEADER_BYTES, HESSIAN,
  httpStatusOf, MAGIC, noteHeader, refuseAll, refuseOne, REQUEST, SERIALIZATION, SHAPE_UNREAD, STATUS_OK, TWO_WAY, word,
} from './frame';
import { FAULT_LARGE, FAULT_SHORT, hessianBegin, hessianSkip, SCRATCH_BYTES_MIN } from './hessian';
import { JSONB_BYTE } from './jsonb';
import { cutBytes, groupAt, groupBytes, readPairs, shape, timeoutMs } from './pairs';
import {
  argumentCount, argumentsAt, item, itemEnd, methodAt, methodBytes, prefixFault, readPrefix, serviceAt, serviceBytes,
  versionAt, versionBytes,
} from './prefix';

const OPTION_ALL_PAIRS: u32 = 1;
/** As Java has it; larger ones are no events. */
const EVENT_BYTES_MAX: u32 = 15;

export function dubboDecode(at: usize, end: usize, frame: usize, text: usize, textMax: u32, frameBytesMax: u32,
    options: u32): i32 {
  clearFrame(frame);
  const n = <u32>(end - at);
  if (n == 0) return awaitBytes(frame, HEADER_BYTES);
  if (load<u8>(at) != (MAGIC & 255) || (n > 1 && load<u8>(at + 1) != MAGIC >> 8))
    return refuseAll(frame, RPC_REFUSAL_BAD_MAGIC);
  if (n < HEADER_BYTES) return awaitBytes(frame, HEADER_BYTES);
  const flags: u32 = load<u8>(at + 2), length = word(at + 12);
  if (length > 0x7fffffff - HEADER_BYTES) return refuseAll(frame, RPC_REFUSAL_BAD_LENGTH);
  noteHeader(frame, at, !(flags & REQUEST) ? RPC_KIND_RESPONSE : flags & TWO_WAY ? RPC_KIND_REQUEST : RPC_KIND_ONEWAY);
  const whole = HEADER_BYTES + length;
  if (flags & EVENT) return event(at, n, frame, flags, length);
  if (whole > frameBytesMax) return refuseOne(frame, RPC_REFUSAL_FRAME_TOO_LARGE);
  if (options & OPTION_ALL_PAIRS && n < whole) return awaitBytes(frame, whole);
  const stop = at + min(n, whole);
  const scratch = (text + textMax - scratchBytesOf(textMax)) & ~3;
  if (textMax < SCRATCH_BYTES_MIN * 2) return refuseOne(frame, RPC_REFUSAL_HEAD_TOO_LARGE);
  hessianBegin(scratch, text + textMax);
  beginText(text, <u32>(scratch - text), end);
  const pairs = (options & OPTION_ALL_PAIRS) != 0;
  const result = flags & REQUEST ? request(at, stop, n >= whole, frame, pairs) : response(at, stop, frame, pairs);
  if (result != OK) return result == MORE ? -1 : refuseOne(frame, result);
  endText(length);
  if (full) return refuseOne(frame, RPC_REFUSAL_HEAD_TOO_LARGE);
  store<u32>(frame, <u32>(cursor - text), RPC_FRAME_TEXT_BYTES);
  return HEADER_BYTES;
}

/** Results of request and response besides refusals. */
const OK: u32 = 0;
const MORE: u32 = 0xffffffff;

/** The end of the text's room is where definitions and chunked strings are kept. */
function scratchBytesOf(textMax: u32): u32 { return max(SCRATCH_BYTES_MIN, textMax >> 2); }

// @ts-ignore: decorator
@inline
function isReadable(serialization: u32): bool { return serialization == HESSIAN || serialization == FASTJSON; }

function more(frame: usize, needed: u32): u32 {
  awaitBytes(frame, needed);
  return MORE;
}

// Requests.

function request(at: usize, stop: usize, whole: bool, frame: usize, pairs: bool): u32 {
  const serialization: u32 = load<u8>(at + 2) & SERIALIZATION;
  const readable = isReadable(serialization);
  let next: usize = 0;
  if (readable) {
    next = readPrefix(at + HEADER_BYTES, stop, serialization, pairs);
    if (next == 0) {
      if (prefixFault == FAULT_LARGE) return RPC_REFUSAL_HEAD_TOO_LARGE;
      if (prefixFault != FAULT_SHORT || whole) return RPC_REFUSAL_BAD_BODY;
      const there = <u32>(stop - at);
      return there > PREFIX_BYTES_MAX ? RPC_REFUSAL_HEAD_TOO_LARGE : more(frame, there + 1);
    }
  }
  write(TEXT_RPC_REQUEST_BEGIN, TEXT_RPC_REQUEST_BEGIN_BYTES);
  writeWord(serviceAt, readable ? serviceBytes : 0);
  if (take(1)) store<u8>(cursor - 1, 47);
  writeWord(methodAt, readable ? methodBytes : 0);
  write(TEXT_RPC_HOST_LINE, TEXT_RPC_HOST_LINE_BYTES);
  writeWord(serviceAt, readable ? serviceBytes : 0);
  if (!readable) {
    writeFacts(at, SHAPE_UNREAD, 0);
    return OK;
  }
  writeLine(TEXT_RPC_SERVICE_LINE, TEXT_RPC_SERVICE_LINE_BYTES, serviceAt, serviceBytes);
  writeLine(TEXT_RPC_METHOD_LINE, TEXT_RPC_METHOD_LINE_BYTES, methodAt, methodBytes);
  writeLine(TEXT_RPC_VERSION_LINE, TEXT_RPC_VERSION_LINE_BYTES, versionAt, versionBytes);
  if (!pairs) {
    writeFacts(at, SHAPE_UNREAD, 0);
    return OK;
  }
  const map = skipValues(argumentsAt, stop, serialization, argumentCount);
  if (map == 0) return RPC_REFUSAL_BAD_BODY;
  if (!readPairs(map, stop, serialization)) return full ? RPC_REFUSAL_HEAD_TOO_LARGE : RPC_REFUSAL_BAD_PAIRS;
  writeLine(TEXT_RPC_GROUP_LINE, TEXT_RPC_GROUP_LINE_BYTES, groupAt, groupBytes);
  writeFacts(at, shape, cutBytes);
  store<u32>(frame, timeoutMs, RPC_FRAME_TIMEOUT_MS);
  return OK;
}

/** A prefix that is not complete within so many bytes is refused. */
const PREFIX_BYTES_MAX: u32 = 8192;

/** Position behind `count` values, or 0: they are not there. */
function skipValues(p: usize, end: usize, serialization: u32, count: u32): usize {
  for (; count != 0 && p != 0; count--) {
    if (serialization == FASTJSON) p = item(p, end) == 0 ? 0 : itemEnd;
    else p = hessianSkip(p, end);
  }
  return p;
}

/** The line `weft-frame`. */
function writeFacts(at: usize, how: u32, cut: u32): void {
  write(TEXT_RPC_FRAME_LINE, TEXT_RPC_FRAME_LINE_BYTES);
  writeHexDigits(<u32>load<u8>(at + 2) << 16 | <u32>load<u8>(at + 3) << 8 | how, 6);
  writeHexDigits(cut, 8);
}

// Responses.

/**
 * A response that is OK begins with what it is: 0 an exception, 1 a value, 2 null, and 3, 4, 5 the same with
 * attachments behind it.
 */
function response(at: usize, stop: usize, frame: usize, pairs: bool): u32 {
  const status: u32 = load<u8>(at + 3), serialization: u32 = load<u8>(at + 2) & SERIALIZATION;
  const body = at + HEADER_BYTES, length = word(at + 12);
  let kind: i32 = -1, value: usize = 0;
  if (status == STATUS_OK && length != 0 && isReadable(serialization)) {
    const there = <u32>(stop - body), needed = kindBytes(body, there, serialization);
    if (there < needed) return length < needed ? RPC_REFUSAL_BAD_BODY : more(frame, HEADER_BYTES + needed);
    value = body + needed;
    kind = <i32>load<u8>(value - 1) - (serialization == FASTJSON ? 0 : 0x90);
    if (needed == 0 || kind < 0 || kind > 5) return RPC_REFUSAL_BAD_BODY;
    if (kind == 0 || kind == 3) store<u32>(frame, RPC_FRAME_FLAG_APPLICATION_ERROR, RPC_FRAME_FLAGS);
  }
  write(TEXT_STATUS_LINE_BEGIN, TEXT_STATUS_LINE_BEGIN_BYTES);
  writeNumber(httpStatusOf(status));
  write(TEXT_RPC_HOST_LINE, 1);                           // the space before an empty reason
  if (!pairs || kind < 3) {
    writeFacts(at, SHAPE_UNREAD, 0);
    return OK;
  }
  const map = skipValues(value, stop, serialization, kind == 5 ? 0 : 1);
  if (map == 0) return RPC_REFUSAL_BAD_BODY;
  if (!readPairs(map, stop, serialization)) return full ? RPC_REFUSAL_HEAD_TOO_LARGE : RPC_REFUSAL_BAD_PAIRS;
  writeFacts(at, shape, cutBytes);
  return OK;
}

/** Bytes of what a response is, as far as can be told; 0: it is none. For fastjson2 an int or, from Java, a byte. */
function kindBytes(body: usize, there: u32, serialization: u32): u32 {
  if (serialization != FASTJSON) return 1;
  if (there < 5) return 5;
  const bytes = word(body);
  return bytes == 1 ? 5 : bytes == 2 && load<u8>(body + 4) == JSONB_BYTE ? 6 : 0;
}

// Events.

/** Heartbeats and the like are taken whole. */
function event(at: usize, n: u32, frame: usize, flags: u32, length: u32): i32 {
  const whole = HEADER_BYTES + length;
  if (length > EVENT_BYTES_MAX) return refuseAll(frame, RPC_REFUSAL_BAD_LENGTH);
  if (n < whole) return awaitBytes(frame, whole);
  const kind = kindOfEvent(at + HEADER_BYTES, flags, length);
  store<u32>(frame, kind, RPC_FRAME_KIND);
  store<u32>(frame, whole, RPC_FRAME_HEAD_BYTES);
  store<u32>(frame, 0, RPC_FRAME_BODY_BYTES);
  return whole;
}

/** Null is a heartbeat, "R" says that the sender wants no more requests, "W" that it does again. */
function kindOfEvent(p: usize, flags: u32, length: u32): u32 {
  if (!(flags & REQUEST)) return RPC_KIND_HEARTBEAT_REPLY;
  if ((flags & SERIALIZATION) == FASTJSON && length >= 4) { p += 4; length -= 4; }
  if (length >= 2 && (load<u8>(p) == 1 || load<u8>(p) == 0x4a)) {              // one character
    if (load<u8>(p + 1) == 82) return RPC_KIND_GO_AWAY;
    if (load<u8>(p + 1) == 87) return RPC_KIND_GO_ON;
    return RPC_KIND_NONE;
  }
  return RPC_KIND_HEARTBEAT;
}
