// Judges texts that a codec of somebody else wrote: exactly the canonical text of workers/codecs-rpc.ts, so that no
// line of it means more to HTTP than the codecs here let a frame say.
import {
  RPC_KIND_RESPONSE, TEXT_RPC_CLASS_NAME, TEXT_RPC_CLASS_NAME_BYTES, TEXT_RPC_FRAME_NAME, TEXT_RPC_FRAME_NAME_BYTES,
  TEXT_RPC_GROUP_NAME, TEXT_RPC_GROUP_NAME_BYTES, TEXT_RPC_HOST_LINE, TEXT_RPC_LENGTH_NAME, TEXT_RPC_LENGTH_NAME_BYTES,
  TEXT_RPC_METHOD_NAME, TEXT_RPC_METHOD_NAME_BYTES, TEXT_RPC_PAIR_NAME, TEXT_RPC_PAIR_NAME_BYTES,
  TEXT_RPC_REQUEST_BEGIN, TEXT_RPC_REQUEST_BEGIN_BYTES, TEXT_RPC_SERVICE_NAME, TEXT_RPC_SERVICE_NAME_BYTES,
  TEXT_RPC_VERSION_NAME, TEXT_RPC_VERSION_NAME_BYTES, TEXT_STATUS_LINE_BEGIN, TEXT_STATUS_LINE_BEGIN_BYTES,
} from '../generated/layouts';
import { findByte } from '../lib/bytes';
import {
  firstLine, isLineValue, isName, isOurs, isPairName, isWord, nameAt, nameBytes, nextLine, readNumber, valueAt,
  valueBytes,
} from './text';

const SPACE: u8 = 32, STAR: u8 = 42, DASH: u8 = 45, SLASH: u8 = 47, EQUALS: u8 = 61;
const WORD_BYTES_MAX: usize = 255;
const HOST_NAME: usize = TEXT_RPC_HOST_LINE + 11;         // behind ` HTTP/1.1` and the line's end
const VERSION_BYTES: usize = 9;
const HOST = 1, LENGTH = 2, FRAME = 4, SERVICE = 8, METHOD = 16, VERSION = 32, GROUP = 64, CLASS = 128;
/** Of a line that may stand there more than once, and of one that may not stand there. */
const ANY = 0, NONE = -1;

export function rpcIsCanonical(text: usize, end: usize, kind: u32, bodyBytes: u32): bool {
  let p = firstLine(text, end);
  const response = kind == RPC_KIND_RESPONSE;
  if (p == 0 || !(response ? isStatusLine(text, p - 2) : isRequestLine(text, p - 2))) return false;
  let seen = 0;
  while (true) {
    const next = nextLine(p, end);
    if (next == 0) break;
    const line = lineOf(bodyBytes);
    if (line < 0 || (seen & line) != 0) return false;
    seen |= line;
    p = next;
  }
  const wanted = response ? LENGTH : LENGTH | HOST;
  return p + 2 == end && load<u16>(p) == 0x0a0d && (seen & (LENGTH | HOST)) == wanted;
}

function equal(p: usize, text: usize, bytes: usize): bool { return memory.compare(p, text, bytes) == 0; }

/** A name as it stands in paths and hosts, or "-". */
function isTarget(p: usize, end: usize): bool { return end > p && end - p <= WORD_BYTES_MAX && isWord(p, end); }

function isRequestLine(text: usize, end: usize): bool {
  const service = text + TEXT_RPC_REQUEST_BEGIN_BYTES;
  if (end <= service || !equal(text, TEXT_RPC_REQUEST_BEGIN, TEXT_RPC_REQUEST_BEGIN_BYTES)) return false;
  const slash = findByte(service, end, SLASH), space = findByte(service, end, SPACE);
  return slash < space && isTarget(service, slash) && isTarget(slash + 1, space) && space + VERSION_BYTES == end
    && equal(space, TEXT_RPC_HOST_LINE, VERSION_BYTES);
}

function isStatusLine(text: usize, end: usize): bool {
  const code = text + TEXT_STATUS_LINE_BEGIN_BYTES;
  if (end < code + 4 || !equal(text, TEXT_STATUS_LINE_BEGIN, TEXT_STATUS_LINE_BEGIN_BYTES)) return false;
  const status = readNumber(code, 3);
  return status >= 200 && status <= 599 && load<u8>(code + 3) == SPACE;
}

/** What the line that was found is, ANY or NONE. */
function lineOf(bodyBytes: u32): i32 {
  if (!isLineValue(valueAt, valueBytes)) return NONE;
  if (!isOurs(nameAt, nameBytes)) return isPairName(nameAt, nameBytes) ? ANY : NONE;
  if (named(HOST_NAME, 4)) return isTarget(valueAt, valueAt + valueBytes) ? HOST : NONE;
  if (named(TEXT_RPC_LENGTH_NAME, TEXT_RPC_LENGTH_NAME_BYTES))
    return readNumber(valueAt, valueBytes) == <i32>bodyBytes ? LENGTH : NONE;
  if (named(TEXT_RPC_FRAME_NAME, TEXT_RPC_FRAME_NAME_BYTES)) return isHex(valueAt, valueBytes) ? FRAME : NONE;
  if (named(TEXT_RPC_PAIR_NAME, TEXT_RPC_PAIR_NAME_BYTES)) return isPair(valueAt, valueAt + valueBytes) ? ANY : NONE;
  if (named(TEXT_RPC_SERVICE_NAME, TEXT_RPC_SERVICE_NAME_BYTES)) return SERVICE;
  if (named(TEXT_RPC_METHOD_NAME, TEXT_RPC_METHOD_NAME_BYTES)) return METHOD;
  if (named(TEXT_RPC_VERSION_NAME, TEXT_RPC_VERSION_NAME_BYTES)) return VERSION;
  if (named(TEXT_RPC_GROUP_NAME, TEXT_RPC_GROUP_NAME_BYTES)) return GROUP;
  if (named(TEXT_RPC_CLASS_NAME, TEXT_RPC_CLASS_NAME_BYTES)) return CLASS;
  return NONE;
}
function named(wanted: usize, wantedBytes: u32): bool { return isName(nameAt, nameBytes, wanted, wantedBytes); }

function isHex(p: usize, bytes: u32): bool {
  if (bytes & 1) return false;
  for (const end = p + bytes; p < end; p++) {
    const c: u32 = load<u8>(p);
    if (c - 48 > 9 && (c | 32) - 97 > 5) return false;
  }
  return true;
}

/** `<hex>=<hex>`, where "-" is null, and "*" begins what is no text. */
function isPair(p: usize, end: usize): bool {
  const middle = findByte(p, end, EQUALS);
  return middle < end && isHalf(p, middle) && isHalf(middle + 1, end);
}
function isHalf(p: usize, end: usize): bool {
  if (end - p == 1 && load<u8>(p) == DASH) return true;
  if (p < end && load<u8>(p) == STAR) p++;
  return isHex(p, <u32>(end - p));
}
