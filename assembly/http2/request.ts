// The field section of a request (RFC 9113 8.3.1) into a canonical HTTP/1.1 head. Pseudo-header fields come first:
// their lines lie at the beginning of the text until the first other field, when the request line and host take their
// place. An extended CONNECT (RFC 8441) becomes the GET of an upgrade.
import {
  KIND_AUTHORITY, KIND_HOST, KIND_METHOD, KIND_PATH, KIND_PROTOCOL, KIND_SCHEME, KIND_STATUS, KIND_UNKNOWN_PSEUDO,
} from '../generated/hpack';
import {
  H2_HEAD_FLAG_CONNECT, H2_HEAD_FLAG_EXTENDED_CONNECT, H2_HEAD_FLAG_HTTPS, H2_HEAD_PROTOCOL_AT,
  H2_HEAD_PROTOCOL_BYTES, H2_HEAD_RANDOM, H2_HEAD_STATUS, H2_REFUSAL_BAD_AUTHORITY, H2_REFUSAL_BAD_METHOD,
  H2_REFUSAL_BAD_PATH, H2_REFUSAL_BAD_PROTOCOL, H2_REFUSAL_BAD_SCHEME, H2_REFUSAL_HOST_DIFFERS,
  H2_REFUSAL_HOST_REPEATED, H2_REFUSAL_PSEUDO_AFTER_FIELD, H2_REFUSAL_PSEUDO_MISSING, H2_REFUSAL_PSEUDO_REPEATED,
  H2_REFUSAL_PSEUDO_UNKNOWN, TEXT_BASE64, TEXT_CONNECT, TEXT_EMPTY_LINE, TEXT_EMPTY_LINE_BYTES, TEXT_GET,
  TEXT_HOST_NAME, TEXT_HOST_NAME_BYTES, TEXT_HTTP, TEXT_HTTPS, TEXT_OPTIONS, TEXT_REQUEST_LINE_END,
  TEXT_REQUEST_LINE_END_BYTES, TEXT_UPGRADE_LINE, TEXT_UPGRADE_LINE_BYTES, TEXT_UPGRADE_NAME,
  TEXT_UPGRADE_NAME_BYTES, TEXT_WEB_SOCKET, TEXT_WEB_SOCKET_BYTES, TEXT_WEB_SOCKET_KEY, TEXT_WEB_SOCKET_KEY_BYTES,
  TEXT_WEB_SOCKET_KEY_LINE, TEXT_WEB_SOCKET_KEY_LINE_BYTES, TOKEN_LOWER,
} from '../generated/layouts';
import { nextRandom } from '../http1/encode';
import { validHost } from '../http1/head';
import { equalBytes, equalIgnoreCase, targetEnd } from '../lib/bytes';
import { put } from '../lib/copy';
import { nameBytes, valueBytes } from './fields';
import {
  advance, begin, close, cursor, hasRoom, isPseudo, keep, kindOfField, lineBytes, open, refusal, refuse, setCursor,
  setFlag, settle, stop, valueAt, write,
} from './section';

const OPTION_EXTENDED_CONNECT: u32 = 1;
const KEY_CHARACTERS: u32 = 24;
/** What the request line and host add to their values, and the slack of copies. */
const LINE_ROOM: u32 = 64;
const COPY_SLACK: u32 = 15;

let seen: u32 = 0;                // bits of KIND_*
let begun: bool = false;          // the request line stands
let options: u32 = 0;
let webSocket: bool = false;
let keySeen: bool = false;
let methodAt: usize = 0;
let methodBytes: u32 = 0;
let schemeAt: usize = 0;
let schemeBytes: u32 = 0;
let authorityAt: usize = 0;
let authorityBytes: u32 = 0;
let pathAt: usize = 0;
let pathBytes: u32 = 0;
let protocolAt: usize = 0;
let protocolBytes: u32 = 0;

export function h2DecodeRequest(table: usize, at: usize, end: usize, text: usize, textMax: u32, head: usize,
    listBytesMax: u32, countMax: u32, how: u32): i32 {
  seen = 0;
  begun = false;
  options = how;
  webSocket = false;
  keySeen = false;
  protocolBytes = 0;
  store<u32>(head, 0, H2_HEAD_STATUS);
  store<u32>(head, 0, H2_HEAD_PROTOCOL_AT);
  store<u32>(head, 0, H2_HEAD_PROTOCOL_BYTES);
  if (open(table, at, end, text, textMax, listBytesMax, countMax)) {
    while (advance()) {
      const kind = kindOfField();
      if (isPseudo(kind)) pseudo(kind);
      else field(kind);
    }
    finish(head);
  }
  return close(head);
}

function pseudo(kind: u32): void {
  if (begun) { refuse(H2_REFUSAL_PSEUDO_AFTER_FIELD); return; }
  if (seen & (1 << kind)) { refuse(H2_REFUSAL_PSEUDO_REPEATED); return; }
  if (kind == KIND_STATUS || kind == KIND_UNKNOWN_PSEUDO) { refuse(H2_REFUSAL_PSEUDO_UNKNOWN); return; }
  seen |= 1 << kind;
  const value = valueAt();
  if (kind == KIND_METHOD) { methodAt = value; methodBytes = valueBytes; }
  else if (kind == KIND_SCHEME) { schemeAt = value; schemeBytes = valueBytes; }
  else if (kind == KIND_AUTHORITY) { authorityAt = value; authorityBytes = valueBytes; }
  else if (kind == KIND_PATH) { pathAt = value; pathBytes = valueBytes; }
  else { protocolAt = value; protocolBytes = valueBytes; }
  setCursor(cursor + lineBytes());
}

function field(kind: u32): void {
  if (!begun) {
    beginText(lineBytes());
    if (refusal != 0) return;
  }
  if (kind == KIND_HOST) { host(); return; }
  if (webSocket && nameBytes == TEXT_WEB_SOCKET_KEY_BYTES && equalBytes(cursor, TEXT_WEB_SOCKET_KEY, nameBytes))
    keySeen = true;
  keep(kind);
}

/** Host may stand for :authority, or say the same (RFC 9113 8.3.1). */
function host(): void {
  const value = valueAt(), n = valueBytes;
  if (seen & (1 << KIND_HOST)) { refuse(H2_REFUSAL_HOST_REPEATED); return; }
  seen |= 1 << KIND_HOST;
  if (seen & (1 << KIND_AUTHORITY)) {
    if (n != authorityBytes || !equalIgnoreCase(value, authorityAt, n)) refuse(H2_REFUSAL_HOST_DIFFERS);
    return;
  }
  if (n == 0 || !validHost(value, n)) { refuse(H2_REFUSAL_BAD_AUTHORITY); return; }
  setCursor(cursor + lineBytes());
}

/** H2_REFUSAL_* of the pseudo-header fields together; 0 when they make a request. */
function faultOfPseudo(): u32 {
  const needed: u32 = (1 << KIND_METHOD) | (1 << KIND_SCHEME) | (1 << KIND_PATH);
  if (!(seen & (1 << KIND_METHOD))) return H2_REFUSAL_PSEUDO_MISSING;
  if (seen & (1 << KIND_AUTHORITY) && (authorityBytes == 0 || !validHost(authorityAt, authorityBytes)))
    return H2_REFUSAL_BAD_AUTHORITY;
  const connect = methodBytes == 7 && equalBytes(methodAt, TEXT_CONNECT, 7);
  if (seen & (1 << KIND_PROTOCOL)) {
    if (!connect || !(options & OPTION_EXTENDED_CONNECT)) return H2_REFUSAL_PSEUDO_UNKNOWN;
    if (!isToken(protocolAt, protocolBytes)) return H2_REFUSAL_BAD_PROTOCOL;
    if (!(seen & (1 << KIND_AUTHORITY))) return H2_REFUSAL_PSEUDO_MISSING;
    webSocket = protocolBytes == TEXT_WEB_SOCKET_BYTES && equalIgnoreCase(protocolAt, TEXT_WEB_SOCKET, protocolBytes);
    setFlag(H2_HEAD_FLAG_EXTENDED_CONNECT);
  } else if (connect) {                       // 8.5: a method and an authority, nothing else
    if (seen & ((1 << KIND_SCHEME) | (1 << KIND_PATH))) return H2_REFUSAL_PSEUDO_UNKNOWN;
    setFlag(H2_HEAD_FLAG_CONNECT);
    return seen & (1 << KIND_AUTHORITY) ? 0 : H2_REFUSAL_PSEUDO_MISSING;
  }
  if ((seen & needed) != needed) return H2_REFUSAL_PSEUDO_MISSING;
  if (!isToken(methodAt, methodBytes)) return H2_REFUSAL_BAD_METHOD;
  return faultOfTarget();
}

function faultOfTarget(): u32 {
  if (schemeBytes == 5 && equalIgnoreCase(schemeAt, TEXT_HTTPS, 5)) setFlag(H2_HEAD_FLAG_HTTPS);
  else if (schemeBytes != 4 || !equalIgnoreCase(schemeAt, TEXT_HTTP, 4)) return H2_REFUSAL_BAD_SCHEME;
  if (pathBytes == 0 || targetEnd(pathAt, pathAt + pathBytes) != pathAt + pathBytes) return H2_REFUSAL_BAD_PATH;
  if (load<u8>(pathAt) == 47) return 0;
  const asterisk = pathBytes == 1 && load<u8>(pathAt) == 42 && methodBytes == 7;
  return asterisk && equalBytes(methodAt, TEXT_OPTIONS, 7) ? 0 : H2_REFUSAL_BAD_PATH;
}

/** One token (RFC 9110 5.6.2)? */
export function isToken(p: usize, n: u32): bool {
  for (let i: u32 = 0; i < n; i++) if (load<u8>(TOKEN_LOWER + load<u8>(p + i)) == 0) return false;
  return n != 0;
}

/**
 * Puts the request line and host in the place of the pseudo-header lines. They are written at the end of the room
 * first, for they take from what they replace. The line at the cursor, `bytes` long, then follows them.
 */
function beginText(bytes: u32): void {
  begun = true;
  const fault = faultOfPseudo();
  if (fault != 0) { refuse(fault); return; }
  const connect = seen & (1 << KIND_SCHEME) ? false : true;
  const extended = (seen & (1 << KIND_PROTOCOL)) != 0;
  const most = methodBytes + pathBytes + 2 * authorityBytes + protocolBytes + LINE_ROOM;
  if (!hasRoom(bytes + most + authorityBytes + LINE_ROOM)) return;
  const line = stop - most;
  let p = extended ? put(line, TEXT_GET, 3) : put(line, methodAt, methodBytes);
  store<u8>(p++, 32);
  p = connect ? put(p, authorityAt, authorityBytes) : put(p, pathAt, pathBytes);
  p = put(p, TEXT_REQUEST_LINE_END, TEXT_REQUEST_LINE_END_BYTES);
  let hostAt: usize = 0;
  if (seen & (1 << KIND_AUTHORITY)) {
    hostAt = p + TEXT_HOST_NAME_BYTES;
    p = put(put(p, TEXT_HOST_NAME, TEXT_HOST_NAME_BYTES), authorityAt, authorityBytes);
    store<u16>(p, 0x0a0d);
    p += 2;
  }
  if (extended) {
    p = put(put(p, TEXT_UPGRADE_LINE, TEXT_UPGRADE_LINE_BYTES), TEXT_UPGRADE_NAME, TEXT_UPGRADE_NAME_BYTES);
    const name = p;
    p = put(p, protocolAt, protocolBytes);
    store<u16>(p, 0x0a0d);
    p += 2;
    protocolAt = begin + (name - line);
  }
  const taken = <u32>(p - line);
  if (begin + taken + COPY_SLACK <= cursor) {
    put(begin, line, taken);
    put(begin + taken, cursor, bytes);
  } else {
    memory.copy(begin + taken, cursor, bytes);
    memory.copy(begin, line, taken);
  }
  authorityAt = begin + (hostAt - line);
  setCursor(begin + taken);
}

/** What the message lacks still: the request line of one without fields, the key of a WebSocket, the empty line. */
function finish(head: usize): void {
  if (refusal != 0) return;
  if (!begun) beginText(0);
  if (refusal != 0) return;
  if (!(seen & ((1 << KIND_AUTHORITY) | (1 << KIND_HOST)))) { refuse(H2_REFUSAL_PSEUDO_MISSING); return; }
  settle();
  if (seen & (1 << KIND_PROTOCOL)) {
    store<u32>(head, <u32>protocolAt, H2_HEAD_PROTOCOL_AT);
    store<u32>(head, protocolBytes, H2_HEAD_PROTOCOL_BYTES);
    if (webSocket && !keySeen && load<u32>(head, H2_HEAD_RANDOM) != 0) writeKey(load<u32>(head, H2_HEAD_RANDOM));
  }
  if (hasRoom(TEXT_EMPTY_LINE_BYTES)) write(TEXT_EMPTY_LINE, TEXT_EMPTY_LINE_BYTES);
}

/** Sixteen random bytes in base64 (RFC 6455 4.1) and a line end: an upstream of HTTP/1.1 asks for a key. */
function writeKey(random: usize): void {
  if (!hasRoom(TEXT_WEB_SOCKET_KEY_LINE_BYTES + KEY_CHARACTERS + TEXT_EMPTY_LINE_BYTES)) return;
  write(TEXT_WEB_SOCKET_KEY_LINE, TEXT_WEB_SOCKET_KEY_LINE_BYTES);
  let word: u32 = 0, p = cursor;
  for (let i: u32 = 0; i < KEY_CHARACTERS - 2; i++) {
    if (i % 5 == 0) word = nextRandom(random);
    const six = i == KEY_CHARACTERS - 3 ? word & 0x30 : word & 63;      // 128 bits end in the middle of a character
    store<u8>(p++, load<u8>(TEXT_BASE64 + six));
    word >>= 6;
  }
  store<u32>(p, 0x0a0d3d3d);
  setCursor(p + 4);
}
