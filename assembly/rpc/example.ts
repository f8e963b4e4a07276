// A protocol for those who want to see what a protocol is; nobody speaks it but tests. Big-endian:
//
//   'WXP1' | kind | status | id.4 | service.2 | method.2 | body.4 | service | method | body
//
// Kinds: 0 response, 1 request, 2 one-way request, 3 heartbeat, 4 its answer, 5 no more requests. Responses have
// neither service nor method. There are no pairs: a line that would have to be one is left out.
import {
  RPC_FRAME_BODY_BYTES, RPC_FRAME_CODE, RPC_FRAME_CUT, RPC_FRAME_FLAGS, RPC_FRAME_FLAG_DELIMITED, RPC_FRAME_FLAG_LOCAL,
  RPC_FRAME_HEAD_BYTES, RPC_FRAME_ID_LOW, RPC_FRAME_KIND, RPC_FRAME_NEEDED, RPC_FRAME_RECORD_BYTES, RPC_FRAME_STATUS,
  RPC_FRAME_TAIL_BYTES, RPC_FRAME_TEXT_BYTES, RPC_KIND_GO_AWAY, RPC_KIND_HEARTBEAT, RPC_KIND_HEARTBEAT_REPLY,
  RPC_KIND_ONEWAY, RPC_KIND_REQUEST, RPC_KIND_RESPONSE, RPC_REFUSAL_BAD_LENGTH, RPC_REFUSAL_BAD_MAGIC,
  RPC_REFUSAL_BAD_TYPE,
  RPC_REFUSAL_FRAME_TOO_LARGE, RPC_REFUSAL_HEAD_TOO_LARGE, RPC_REFUSAL_NOT_OF_PROTOCOL, TEXT_RPC_FRAME_LINE,
  TEXT_RPC_FRAME_LINE_BYTES, TEXT_RPC_FRAME_NAME, TEXT_RPC_FRAME_NAME_BYTES, TEXT_RPC_HOST_LINE,
  TEXT_RPC_HOST_LINE_BYTES, TEXT_RPC_LENGTH_NAME, TEXT_RPC_LENGTH_NAME_BYTES, TEXT_RPC_METHOD_LINE,
  TEXT_RPC_METHOD_LINE_BYTES, TEXT_RPC_METHOD_NAME, TEXT_RPC_METHOD_NAME_BYTES, TEXT_RPC_REQUEST_BEGIN,
  TEXT_RPC_REQUEST_BEGIN_BYTES, TEXT_RPC_SERVICE_LINE, TEXT_RPC_SERVICE_LINE_BYTES, TEXT_RPC_SERVICE_NAME,
  TEXT_RPC_SERVICE_NAME_BYTES, TEXT_STATUS_LINE_BEGIN, TEXT_STATUS_LINE_BEGIN_BYTES,
} from '../generated/layouts';
import {
  beginText, cursor, endText, firstLine, full, isName, nameAt, nameBytes, nextLine, readHex, readNumber, valueAt,
  valueBytes, write, writeHexDigits, writeLine, writeNumber, writeWord,
} from './text';

const MAGIC: u32 = 0x31505857;                      // of a 32-bit load
const HEADER_BYTES: u32 = 18;
const KIND_AT: usize = 4, STATUS_AT: usize = 5, ID_AT: usize = 6, SERVICE_AT: usize = 10, METHOD_AT: usize = 12,
  BODY_AT: usize = 14;
/** As HTTP says a status, by number. */
const STATUSES: usize = memory.data<u16>([200, 400, 404, 500, 503, 504]);
const STATUS_COUNT: u32 = 6;
const STATUS_FAILED: u32 = 3;

// @ts-ignore: decorator
@inline
function be16(p: usize): u32 { return bswap<u16>(load<u16>(p)); }
// @ts-ignore: decorator
@inline
function be32(p: usize): u32 { return bswap<u32>(load<u32>(p)); }

function refuse(frame: usize, why: u32, flags: u32): i32 {
  store<u32>(frame, why, RPC_FRAME_CODE);
  store<u32>(frame, flags, RPC_FRAME_FLAGS);
  return 0;
}
function more(frame: usize, needed: u32): i32 {
  store<u32>(frame, needed, RPC_FRAME_NEEDED);
  return -1;
}

export function exampleDecode(at: usize, end: usize, frame: usize, text: usize, textMax: u32, frameBytesMax: u32,
    _options: u32): i32 {
  memory.fill(frame, 0, RPC_FRAME_RECORD_BYTES);
  const n = <u32>(end - at);
  for (let i: u32 = 0; i < 4 && i < n; i++)
    if (load<u8>(at + i) != (MAGIC >> (i * 8) & 255)) return refuse(frame, RPC_REFUSAL_BAD_MAGIC, 0);
  if (n < HEADER_BYTES) return more(frame, HEADER_BYTES);
  const kind = kindOf(load<u8>(at + KIND_AT));
  if (kind == 0) return refuse(frame, RPC_REFUSAL_BAD_TYPE, 0);
  const serviceBytes = be16(at + SERVICE_AT), methodBytes = be16(at + METHOD_AT), bodyBytes = be32(at + BODY_AT);
  const head = HEADER_BYTES + serviceBytes + methodBytes;
  const named = kind == RPC_KIND_REQUEST || kind == RPC_KIND_ONEWAY, bodied = named || kind == RPC_KIND_RESPONSE;
  if (bodyBytes > 0x7fffffff - head || (!named && head != HEADER_BYTES) || (!bodied && bodyBytes != 0))
    return refuse(frame, RPC_REFUSAL_BAD_LENGTH, 0);
  store<u32>(frame, kind, RPC_FRAME_KIND);
  store<u32>(frame, be32(at + ID_AT), RPC_FRAME_ID_LOW);
  store<u32>(frame, load<u8>(at + STATUS_AT), RPC_FRAME_STATUS);
  store<u32>(frame, head, RPC_FRAME_HEAD_BYTES);
  store<u32>(frame, bodyBytes, RPC_FRAME_BODY_BYTES);
  if (head + bodyBytes > frameBytesMax) return refuse(frame, RPC_REFUSAL_FRAME_TOO_LARGE, RPC_FRAME_FLAG_DELIMITED);
  if (!bodied) return HEADER_BYTES;
  if (head > textMax) return refuse(frame, RPC_REFUSAL_HEAD_TOO_LARGE, RPC_FRAME_FLAG_DELIMITED);
  if (n < head) return more(frame, head);
  beginText(text, textMax, end);
  if (named) writeTarget(at + HEADER_BYTES, serviceBytes, methodBytes); else writeStatus(load<u8>(at + STATUS_AT));
  write(TEXT_RPC_FRAME_LINE, TEXT_RPC_FRAME_LINE_BYTES);
  writeHexDigits(<u32>load<u8>(at + KIND_AT) << 8 | load<u8>(at + STATUS_AT), 4);
  endText(bodyBytes);
  if (full) return refuse(frame, RPC_REFUSAL_HEAD_TOO_LARGE, RPC_FRAME_FLAG_DELIMITED);
  store<u32>(frame, <u32>(cursor - text), RPC_FRAME_TEXT_BYTES);
  return head;
}

/** 0: there is no such kind. */
function kindOf(byte: u32): u32 {
  switch (byte) {
    case 0: return RPC_KIND_RESPONSE;
    case 1: return RPC_KIND_REQUEST;
    case 2: return RPC_KIND_ONEWAY;
    case 3: return RPC_KIND_HEARTBEAT;
    case 4: return RPC_KIND_HEARTBEAT_REPLY;
    case 5: return RPC_KIND_GO_AWAY;
  }
  return 0;
}

function writeTarget(service: usize, serviceBytes: u32, methodBytes: u32): void {
  const method = service + serviceBytes;
  write(TEXT_RPC_REQUEST_BEGIN, TEXT_RPC_REQUEST_BEGIN_BYTES);
  writeWord(service, serviceBytes);
  write(TEXT_RPC_REQUEST_BEGIN + TEXT_RPC_REQUEST_BEGIN_BYTES - 1, 1);
  writeWord(method, methodBytes);
  write(TEXT_RPC_HOST_LINE, TEXT_RPC_HOST_LINE_BYTES);
  writeWord(service, serviceBytes);
  writeLine(TEXT_RPC_SERVICE_LINE, TEXT_RPC_SERVICE_LINE_BYTES, service, serviceBytes);
  writeLine(TEXT_RPC_METHOD_LINE, TEXT_RPC_METHOD_LINE_BYTES, method, methodBytes);
}

function httpOf(status: u32): u32 {
  return load<u16>(STATUSES + (status < STATUS_COUNT ? status : STATUS_FAILED) * 2);
}

function writeStatus(status: u32): void {
  write(TEXT_STATUS_LINE_BEGIN, TEXT_STATUS_LINE_BEGIN_BYTES);
  writeNumber(httpOf(status));
  write(TEXT_RPC_HOST_LINE, 1);                     // the space before an empty reason
}

// What the lines say.
let kindByte: i32 = 0;
let statusByte: u32 = 0;
let bodyBytes: i32 = 0;
let service: usize = 0;
let serviceBytes: u32 = 0;
let method: usize = 0;
let methodBytes: u32 = 0;

/** `room`: two bytes that may be written over. */
function readLines(p: usize, end: usize, room: usize): void {
  kindByte = -1;
  bodyBytes = -1;
  serviceBytes = 0;
  methodBytes = 0;
  for (p = nextLine(p, end); p != 0; p = nextLine(p, end)) {
    if (isName(nameAt, nameBytes, TEXT_RPC_FRAME_NAME, TEXT_RPC_FRAME_NAME_BYTES)) {
      if (valueBytes != 4 || readHex(valueAt, 4, room) < 0) continue;
      kindByte = load<u8>(room);
      statusByte = load<u8>(room + 1);
    } else if (isName(nameAt, nameBytes, TEXT_RPC_LENGTH_NAME, TEXT_RPC_LENGTH_NAME_BYTES))
      bodyBytes = readNumber(valueAt, valueBytes);
    else if (isName(nameAt, nameBytes, TEXT_RPC_SERVICE_NAME, TEXT_RPC_SERVICE_NAME_BYTES)) {
      service = valueAt;
      serviceBytes = valueBytes;
    } else if (isName(nameAt, nameBytes, TEXT_RPC_METHOD_NAME, TEXT_RPC_METHOD_NAME_BYTES)) {
      method = valueAt;
      methodBytes = valueBytes;
    }
  }
}

function refuseText(frame: usize, why: u32): usize {
  store<u32>(frame, why, RPC_FRAME_CODE);
  return 0;
}

export function exampleEncodeRequest(text: usize, textEnd: usize, frame: usize, dst: usize, dstMax: u32): usize {
  if (dstMax < HEADER_BYTES) return refuseText(frame, RPC_REFUSAL_HEAD_TOO_LARGE);
  const lines = firstLine(text, textEnd);
  if (lines == 0) return refuseText(frame, RPC_REFUSAL_NOT_OF_PROTOCOL);
  readLines(lines, textEnd, dst);
  if (kindByte != 1 && kindByte != 2) return refuseText(frame, RPC_REFUSAL_NOT_OF_PROTOCOL);
  if (bodyBytes < 0) return refuseText(frame, RPC_REFUSAL_BAD_LENGTH);
  if (serviceBytes > 0xffff || methodBytes > 0xffff || HEADER_BYTES + serviceBytes + methodBytes > dstMax)
    return refuseText(frame, RPC_REFUSAL_HEAD_TOO_LARGE);
  store<u32>(frame, kindByte == 2 ? RPC_KIND_ONEWAY : RPC_KIND_REQUEST, RPC_FRAME_KIND);
  note(frame, bodyBytes, 0);
  writeHeader(frame, dst, kindByte, statusByte, serviceBytes, methodBytes, bodyBytes);
  memory.copy(dst + HEADER_BYTES, service, serviceBytes);
  memory.copy(dst + HEADER_BYTES + serviceBytes, method, methodBytes);
  return dst + HEADER_BYTES + serviceBytes + methodBytes;
}

export function exampleEncodeResponse(text: usize, textEnd: usize, frame: usize, dst: usize, dstMax: u32): usize {
  if (dstMax < HEADER_BYTES) return refuseText(frame, RPC_REFUSAL_HEAD_TOO_LARGE);
  const lines = firstLine(text, textEnd);
  if (lines < text + 14) return refuseText(frame, RPC_REFUSAL_NOT_OF_PROTOCOL);
  readLines(lines, textEnd, dst);
  store<u32>(frame, RPC_KIND_RESPONSE, RPC_FRAME_KIND);
  const http = readNumber(text + 9, 3);
  if (kindByte == 0 && bodyBytes >= 0 && <i32>httpOf(statusByte) == http) {
    note(frame, bodyBytes, 0);
    return writeHeader(frame, dst, 0, statusByte, 0, 0, bodyBytes);
  }
  const wanted = load<i32>(frame, RPC_FRAME_STATUS);
  note(frame, 0, RPC_FRAME_FLAG_LOCAL);
  return writeHeader(frame, dst, 0, wanted >= 0 && wanted < <i32>STATUS_COUNT ? wanted : statusOf(http), 0, 0, 0);
}

function statusOf(http: i32): u32 {
  for (let status: u32 = 0; status < STATUS_COUNT; status++) if (<i32>httpOf(status) == http) return status;
  return http < 400 ? 0 : STATUS_FAILED;
}

function note(frame: usize, body: u32, flags: u32): void {
  store<u32>(frame, body, RPC_FRAME_BODY_BYTES);
  store<u32>(frame, flags, RPC_FRAME_FLAGS);
  store<u32>(frame, 0, RPC_FRAME_CUT);
  store<u32>(frame, 0, RPC_FRAME_TAIL_BYTES);
}

/** The header, with the id that is in the record. */
function writeHeader(frame: usize, dst: usize, kind: u32, status: u32, service: u32, method: u32, body: u32): usize {
  store<u32>(dst, MAGIC);
  store<u8>(dst + KIND_AT, <u8>kind);
  store<u8>(dst + STATUS_AT, <u8>status);
  store<u32>(dst + ID_AT, bswap<u32>(load<u32>(frame, RPC_FRAME_ID_LOW)));
  store<u16>(dst + SERVICE_AT, bswap<u16>(<u16>service));
  store<u16>(dst + METHOD_AT, bswap<u16>(<u16>method));
  store<u32>(dst + BODY_AT, bswap<u32>(body));
  return dst + HEADER_BYTES;
}

export function exampleEncodeHeartbeat(frame: usize, dst: usize): usize {
  return writeHeader(frame, dst, 3, 0, 0, 0, 0);
}
export function exampleEncodeHeartbeatReply(frame: usize, dst: usize): usize {
  return writeHeader(frame, dst, 4, 0, 0, 0, 0);
}
export function exampleEncodeGoAway(frame: usize, dst: usize): usize { return writeHeader(frame, dst, 5, 0, 0, 0, 0); }
