// A codec for Weft that imports nothing of it (docs/protocols.md). Parcel is a protocol that nobody speaks. Its frames,
// little-endian:
//
//   frame.4 | kind.1 | status.1 | service.2 | method.2 | tenant.2 | id.4 | service | method | tenant | body
//
// Kinds: 1 call, 2 call without an answer, 3 answer, 4 ping, 5 pong, 6 no more calls. Only calls have names.
// asc parcel.ts -o parcel.wasm --runtime stub -O3

const HEADER_BYTES: u32 = 16;
// The record's words (byte offsets), its kinds, reasons and flags, as docs/protocols.md has them.
const CODE = 0, KIND = 4, HEAD_BYTES = 8, BODY_BYTES = 12, ID = 16, STATUS = 32, FLAGS = 36, TEXT_BYTES = 40,
  NEEDED = 44;
const REQUEST: u32 = 1, ONEWAY: u32 = 2, RESPONSE: u32 = 3, HEARTBEAT: u32 = 4, HEARTBEAT_REPLY: u32 = 5,
  GO_AWAY: u32 = 6;
const BAD_TYPE = 3, BAD_LENGTH = 5, BAD_PAIRS = 6, HEAD_TOO_LARGE = 8, FRAME_TOO_LARGE = 9, NOT_OF_PROTOCOL = 11;
const DELIMITED = 4, LOCAL = 8;

export const weft_rpc_abi_1: i32 = 1;
export function room(bytes: u32): usize { return heap.alloc(bytes); }

function refuse(record: usize, why: u32, flags: u32): i32 {
  store<u32>(record, why, CODE);
  store<u32>(record, flags, FLAGS);
  return 0;
}

function kindOf(kind: u32): u32 {
  return kind == 1 ? REQUEST : kind == 2 ? ONEWAY : kind == 3 ? RESPONSE : kind == 4 ? HEARTBEAT
    : kind == 5 ? HEARTBEAT_REPLY : kind == 6 ? GO_AWAY : 0;
}

export function decode(at: usize, end: usize, record: usize, text: usize, textMax: u32, frameBytesMax: u32,
    options: u32): i32 {
  const n = <u32>(end - at);
  if (n < HEADER_BYTES) {
    store<u32>(record, HEADER_BYTES, NEEDED);
    return -1;
  }
  const bytes = load<u32>(at), kind = kindOf(load<u8>(at, 4));
  const service: u32 = load<u16>(at, 6), method: u32 = load<u16>(at, 8), tenant: u32 = load<u16>(at, 10);
  const head = HEADER_BYTES + service + method + tenant;
  if (kind == 0) return refuse(record, BAD_TYPE, 0);
  if (bytes < head || bytes > 0x7fffffff || (kind > RESPONSE && bytes != HEADER_BYTES))
    return refuse(record, BAD_LENGTH, 0);
  store<u32>(record, kind, KIND);
  store<u32>(record, head, HEAD_BYTES);
  store<u32>(record, bytes - head, BODY_BYTES);
  store<u32>(record, load<u32>(at, 12), ID);
  store<u32>(record, load<u8>(at, 5), STATUS);
  if (bytes > frameBytesMax) return refuse(record, FRAME_TOO_LARGE, DELIMITED);
  if (kind > RESPONSE) return HEADER_BYTES;
  if (head * 3 + 200 > textMax) return refuse(record, HEAD_TOO_LARGE, DELIMITED);   // names come up to three times
  if (n < head) {
    store<u32>(record, head, NEEDED);
    return -1;
  }
  const names = at + HEADER_BYTES;
  if (!isWord(names, service) || !isWord(names + service, method) || !isWord(names + service + method, tenant))
    return refuse(record, BAD_PAIRS, DELIMITED);
  out = text;
  if (kind == RESPONSE) {
    write("HTTP/1.1 ");
    writeNumber(httpOf(load<u8>(at, 5)));
    write(" ");
  } else {
    write("POST /");
    writeName(names, service);
    write("/");
    writeName(names + service, method);
    write(" HTTP/1.1\r\nhost: ");
    writeName(names, service);
    writeLine("\r\nx-service: ", names, service);
    writeLine("\r\nx-method: ", names + service, method);
    writeLine("\r\ntenant: ", names + service + method, tenant);
  }
  write("\r\nweft-frame: ");                       // kind and status, as two digits each
  writeHex(load<u8>(at, 4));
  writeHex(load<u8>(at, 5));
  write("\r\ncontent-length: ");
  writeNumber(bytes - head);
  write("\r\n\r\n");
  store<u32>(record, <u32>(out - text), TEXT_BYTES);
  return head;
}

// Writing text. There is room: decode has looked.

let out: usize = 0;

function write(s: string): void { for (let i = 0; i < s.length; i++) store<u8>(out++, <u8>s.charCodeAt(i)); }
function writeBytes(at: usize, n: u32): void {
  memory.copy(out, at, n);
  out += n;
}
function writeName(at: usize, n: u32): void { if (n == 0) write("-"); else writeBytes(at, n); }
function writeLine(begin: string, at: usize, n: u32): void {
  if (n == 0) return;
  write(begin);
  writeBytes(at, n);
}
function writeNumber(value: u32): void {
  if (value > 9) writeNumber(value / 10);
  store<u8>(out++, <u8>(48 + value % 10));
}
function writeHex(byte: u32): void {
  for (let shift = 4; shift >= 0; shift -= 4) {
    const digit = byte >> shift & 15;
    store<u8>(out++, <u8>(digit < 10 ? 48 + digit : 87 + digit));
  }
}

/** What may stand in a path, a host and a line: at most 255 letters, digits, "$", "-", "." and "_". */
function isWord(at: usize, n: u32): bool {
  for (let i: u32 = 0; i < n; i++) {
    const c: u32 = load<u8>(at + i);
    if (!((c | 32) - 97 < 26 || c - 48 < 10 || c == 36 || c == 45 || c == 46 || c == 95)) return false;
  }
  return n <= 255;
}

// Statuses: 0 good, 1 failed, 2 unknown, 3 busy, 4 late.

function httpOf(status: u32): u32 {
  return status == 0 ? 200 : status == 2 ? 404 : status == 3 ? 503 : status == 4 ? 504 : 500;
}
export function statusOf(flags: u32, http: u32): i32 {
  return http < 400 ? 0 : http == 404 ? 2 : http == 503 || http == 429 ? 3 : http == 504 ? 4 : 1;
}

// Reading text.

let nameAt: usize = 0, nameBytes: u32 = 0, valueAt: usize = 0, valueBytes: u32 = 0;
let service: usize = 0, serviceBytes: u32 = 0, method: usize = 0, methodBytes: u32 = 0;
let tenant: usize = 0, tenantBytes: u32 = 0, bodyBytes: u32 = 0, kindByte: u32 = 0, statusByte: u32 = 0;

/** The line at p. Returns where the next one begins; 0: it was the empty line. */
function nextLine(p: usize, end: usize): usize {
  let stop = p;
  while (stop < end && load<u8>(stop) != 13) stop++;
  let colon = p;
  while (colon < stop && load<u8>(colon) != 58) colon++;
  if (colon == p || colon == stop) return 0;
  nameAt = p;
  nameBytes = <u32>(colon - p);
  valueAt = colon + 1;
  while (valueAt < stop && load<u8>(valueAt) == 32) valueAt++;
  valueBytes = <u32>(stop - valueAt);
  return stop + 2;
}

function isNamed(name: string): bool {
  if (<u32>name.length != nameBytes) return false;
  for (let i = 0; i < name.length; i++) if ((load<u8>(nameAt + i) | 32) != name.charCodeAt(i)) return false;
  return true;
}

function readLines(text: usize, end: usize): void {
  serviceBytes = methodBytes = tenantBytes = bodyBytes = kindByte = statusByte = 0;
  while (text < end && load<u8>(text) != 10) text++;
  for (let p = nextLine(text + 1, end); p != 0; p = nextLine(p, end)) {
    if (isNamed("x-service")) { service = valueAt; serviceBytes = valueBytes; }
    else if (isNamed("x-method")) { method = valueAt; methodBytes = valueBytes; }
    else if (isNamed("tenant")) { tenant = valueAt; tenantBytes = valueBytes; }
    else if (isNamed("content-length")) bodyBytes = readNumber(valueAt, valueBytes);
    else if (isNamed("weft-frame") && valueBytes == 4) {
      kindByte = readHex(valueAt);
      statusByte = readHex(valueAt + 2);
    }
  }
}
function readNumber(at: usize, n: u32): u32 {
  let value: u32 = 0;
  for (let i: u32 = 0; i < n; i++) value = value * 10 + load<u8>(at + i) - 48;
  return value;
}
function readHex(at: usize): u32 { return digitOf(load<u8>(at)) << 4 | digitOf(load<u8>(at, 1)); }
function digitOf(c: u32): u32 { return c < 58 ? c - 48 : (c | 32) - 87; }

// Frames out: the id is that of the record.

function writeHeader(record: usize, dst: usize, kind: u32, status: u32, head: u32, body: u32): usize {
  store<u32>(dst, head + body);
  store<u32>(dst, kind | status << 8, 4);
  store<u32>(dst, 0, 8);
  store<u32>(dst, load<u32>(record, ID), 12);
  store<u32>(record, body, BODY_BYTES);
  return dst + HEADER_BYTES;
}

export function encodeRequest(text: usize, textEnd: usize, record: usize, dst: usize, dstMax: u32): usize {
  readLines(text, textEnd);
  if (kindByte != 1 && kindByte != 2) return refuse(record, NOT_OF_PROTOCOL, 0);
  const head = HEADER_BYTES + serviceBytes + methodBytes + tenantBytes;
  if (head > dstMax) return refuse(record, HEAD_TOO_LARGE, 0);
  store<u32>(record, kindByte, KIND);
  out = writeHeader(record, dst, kindByte, statusByte, head, bodyBytes);
  store<u16>(dst, <u16>serviceBytes, 6);
  store<u16>(dst, <u16>methodBytes, 8);
  store<u16>(dst, <u16>tenantBytes, 10);
  writeBytes(service, serviceBytes);
  writeBytes(method, methodBytes);
  writeBytes(tenant, tenantBytes);
  return out;
}

export function encodeResponse(text: usize, textEnd: usize, record: usize, dst: usize, dstMax: u32): usize {
  readLines(text, textEnd);
  const http = readNumber(text + 9, 3), wanted = load<i32>(record, STATUS);
  store<u32>(record, RESPONSE, KIND);
  if (kindByte == 3 && httpOf(statusByte) == http)
    return writeHeader(record, dst, 3, statusByte, HEADER_BYTES, bodyBytes);
  store<u32>(record, LOCAL, FLAGS);                // a reply of Weft's: no body
  return writeHeader(record, dst, 3, wanted >= 0 ? wanted : statusOf(0, http), HEADER_BYTES, 0);
}

export function encodeHeartbeat(record: usize, dst: usize): usize {
  return writeHeader(record, dst, 4, 0, HEADER_BYTES, 0);
}
export function encodeHeartbeatReply(record: usize, dst: usize): usize {
  return writeHeader(record, dst, 5, 0, HEADER_BYTES, 0);
}
export function encodeGoAway(record: usize, dst: usize): usize {
  return writeHeader(record, dst, 6, 0, HEADER_BYTES, 0);
}
