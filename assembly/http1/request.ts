// HTTP/1 request head (RFC 9112 3). Reads [at, end), writes one Head record at `out`. With OPTION_LOWER_CASE header
// names are lowered where they lie. Result: > 0 bytes of the head; -1 incomplete; 0 rejected, with code and offset in
// the record.
import {
  HEAD_FLAGS, HEAD_HEAD_AT, HEAD_HOST_AT, HEAD_HOST_BYTES, HEAD_METHOD, HEAD_METHOD_AT, HEAD_METHOD_BYTES, HEAD_PATH_AT,
  HEAD_PATH_BYTES, HEAD_PATH_ONLY_BYTES, HEAD_TARGET_AT, HEAD_TARGET_BYTES, HEAD_CONTENT_LENGTH_LOW, HEAD_STATUS,
  HEAD_FLAG_ABSOLUTE_FORM, HEAD_FLAG_ASTERISK_FORM, HEAD_FLAG_AUTHORITY_FORM, HEAD_FLAG_FRAGMENT, HEAD_FLAG_HOST_HEADER,
  HEAD_FLAG_HTTPS_SCHEME, HEAD_FLAG_PATH_HAS_DOTS, HEAD_FLAG_PATH_HAS_DOUBLE_SLASH, HEAD_FLAG_PATH_HAS_ESCAPED_SLASH,
  HEAD_FLAG_PATH_HAS_PERCENT, HEAD_FLAG_VERSION10, METHOD_CONNECT, METHOD_DELETE, METHOD_GET, METHOD_HEAD,
  METHOD_OPTIONS, METHOD_OTHER, METHOD_PATCH, METHOD_POST, METHOD_PUT, METHOD_TRACE, REJECT_BAD_HOST,
  REJECT_BAD_LINE_ENDING, REJECT_BAD_METHOD, REJECT_BAD_TARGET, REJECT_BAD_VERSION, REJECT_MISSING_HOST,
  REJECT_UNSUPPORTED_VERSION, REJECT_HEAD_TOO_LARGE, TOKEN_LOWER, TEXT_VERSION_PREFIX,
} from '../generated/layouts';
import { findByte, lowerOf, targetEnd } from '../lib/bytes';
import { OPTION_ANY_TARGET, decodeHeaders, incomplete, reject, validHost } from './head';

const METHOD_BYTES_MAX: u32 = 32;
const EMPTY_LINES_MAX: u32 = 4;

/** Method id from its bytes; names are compared as words, so the common ones cost one comparison. */
function methodOf(p: usize, n: u32): u32 {
  if (n == 3) {
    const word = <u32>load<u16>(p) | (<u32>load<u8>(p + 2) << 16);
    if (word == 0x544547) return METHOD_GET;
    if (word == 0x545550) return METHOD_PUT;
  } else if (n == 4) {
    const word = load<u32>(p);
    if (word == 0x54534f50) return METHOD_POST;
    if (word == 0x44414548) return METHOD_HEAD;
  } else if (n == 5) {
    const word = load<u32>(p);
    if (word == 0x43544150 && load<u8>(p + 4) == 72) return METHOD_PATCH;
    if (word == 0x43415254 && load<u8>(p + 4) == 69) return METHOD_TRACE;
  } else if (n == 6) {
    if (load<u32>(p) == 0x454c4544 && load<u16>(p + 4) == 0x4554) return METHOD_DELETE;
  } else if (n == 7) {
    const word = load<u32>(p), rest = <u32>load<u16>(p + 4) | (<u32>load<u8>(p + 6) << 16);
    if (word == 0x4e4e4f43 && rest == 0x544345) return METHOD_CONNECT;
    if (word == 0x4954504f && rest == 0x534e4f) return METHOD_OPTIONS;
  }
  return METHOD_OTHER;
}

export function h1DecodeRequest(at: usize, end: usize, out: usize, options: u32, bytesMax: u32, countMax: u32): i32 {
  let p = at;
  let emptyLines: u32 = 0;
  while (p + 2 <= end && load<u16>(p) == 0x0a0d) {   // RFC 9112 2.2: empty lines before a request line are skipped
    if (++emptyLines > EMPTY_LINES_MAX) return reject(out, REJECT_BAD_METHOD, at, p);
    p += 2;
  }
  const start = p;
  store<u32>(out + HEAD_FLAGS, 0);
  store<u64>(out + HEAD_CONTENT_LENGTH_LOW, 0);
  store<u32>(out + HEAD_STATUS, 0);
  while (p < end && load<u8>(TOKEN_LOWER + load<u8>(p)) != 0) p++;
  const methodBytes = <u32>(p - start);
  if (methodBytes > METHOD_BYTES_MAX) return reject(out, REJECT_BAD_METHOD, at, p);
  if (p == end) return -1;
  if (load<u8>(p) != 32 || methodBytes == 0) {
    if (methodBytes == 0 && load<u8>(p) == 13 && p + 1 == end) return -1;
    return reject(out, REJECT_BAD_METHOD, at, p);
  }
  const method = methodOf(start, methodBytes);
  store<u32>(out + HEAD_HEAD_AT, <u32>start);
  store<u32>(out + HEAD_METHOD, method);
  store<u32>(out + HEAD_METHOD_AT, <u32>start);
  store<u32>(out + HEAD_METHOD_BYTES, methodBytes);
  const target = ++p;
  p = targetEnd(p, end);
  if (p == end) return incomplete(out, at, p, end, bytesMax);
  const targetBytes = <u32>(p - target);
  if (load<u8>(p) != 32 || targetBytes == 0) return reject(out, REJECT_BAD_TARGET, at, p);
  if (<u32>(p - at) > bytesMax) return reject(out, REJECT_HEAD_TOO_LARGE, at, p);
  store<u32>(out + HEAD_TARGET_AT, <u32>target);
  store<u32>(out + HEAD_TARGET_BYTES, targetBytes);
  const version = p + 1;
  const code = versionCode(out, version, end);
  if (code != 0) return code < 0 ? -1 : reject(out, <u32>code, at, version);
  let formCode = targetForm(out, method, target, targetBytes);
  // A head of our own, whose path a rewrite made of something else.
  if (formCode != 0 && (options & OPTION_ANY_TARGET)) { setPath(out, target, targetBytes); formCode = 0; }
  if (formCode != 0) return reject(out, formCode, at, target);
  const authorityAt = load<u32>(out + HEAD_HOST_AT), authorityBytes = load<u32>(out + HEAD_HOST_BYTES);
  const result = decodeHeaders(at, version + 10, end, out, options, bytesMax, countMax);
  if (result <= 0) return result;
  const flags = load<u32>(out + HEAD_FLAGS);
  if (!(flags & HEAD_FLAG_HOST_HEADER) && !(flags & HEAD_FLAG_VERSION10))
    return reject(out, REJECT_MISSING_HOST, at, start);
  // RFC 9112 3.2.2: the target's authority replaces Host
  if (flags & (HEAD_FLAG_ABSOLUTE_FORM | HEAD_FLAG_AUTHORITY_FORM)) {
    store<u32>(out + HEAD_HOST_AT, authorityAt);
    store<u32>(out + HEAD_HOST_BYTES, authorityBytes);
  }
  return result;
}

/** Checks "HTTP/1.x CRLF" at p. Returns 0, -1 incomplete, or a rejection. */
function versionCode(out: usize, p: usize, end: usize): i32 {
  const have = <u32>(end - p);
  if (have >= 8) {
    const word = load<u64>(p);
    if (word == 0x302e312f50545448) store<u32>(out + HEAD_FLAGS, HEAD_FLAG_VERSION10);
    else if (word != 0x312e312f50545448) {
      const digit = <u32>load<u8>(p + 5) - 48, minor = <u32>load<u8>(p + 7) - 48;
      const named = load<u32>(p) == 0x50545448 && load<u8>(p + 4) == 47 && load<u8>(p + 6) == 46;
      return named && digit <= 9 && minor <= 9 ? <i32>REJECT_UNSUPPORTED_VERSION : <i32>REJECT_BAD_VERSION;
    }
    if (have < 10) return have == 9 && load<u8>(p + 8) != 13 ? <i32>REJECT_BAD_LINE_ENDING : -1;
    return load<u16>(p + 8) == 0x0a0d ? 0 : <i32>REJECT_BAD_LINE_ENDING;
  }
  for (let i: u32 = 0; i < have && i < 5; i++)
    if (load<u8>(p + i) != load<u8>(TEXT_VERSION_PREFIX + i)) return <i32>REJECT_BAD_VERSION;
  return -1;
}

/** Splits the target into authority and path (RFC 9112 3.2). Returns a rejection or 0. */
function targetForm(out: usize, method: u32, target: usize, n: u32): u32 {
  store<u32>(out + HEAD_HOST_AT, 0);
  store<u32>(out + HEAD_HOST_BYTES, 0);
  const first = load<u8>(target);
  if (method == METHOD_CONNECT) {
    if (!validHost(target, n) || !hasPort(target, n)) return REJECT_BAD_TARGET;
    setFlag(out, HEAD_FLAG_AUTHORITY_FORM);
    store<u32>(out + HEAD_HOST_AT, <u32>target);
    store<u32>(out + HEAD_HOST_BYTES, n);
    setPath(out, target, 0);
    return 0;
  }
  if (first == 47) { setPath(out, target, n); return 0; }
  if (first == 42) {
    if (n != 1 || method != METHOD_OPTIONS) return REJECT_BAD_TARGET;
    setFlag(out, HEAD_FLAG_ASTERISK_FORM);
    setPath(out, target, 1);
    return 0;
  }
  return absoluteForm(out, target, n);
}

function absoluteForm(out: usize, target: usize, n: u32): u32 {
  let i: u32 = 0;
  if (n < 8 || (load<u32>(target) | 0x20202020) != 0x70747468) return REJECT_BAD_TARGET;   // "http"
  i = 4;
  if (lowerOf(load<u8>(target + 4)) == 115) { setFlag(out, HEAD_FLAG_HTTPS_SCHEME); i = 5; }
  if (i + 3 >= n || load<u8>(target + i) != 58 || load<u16>(target + i + 1) != 0x2f2f) return REJECT_BAD_TARGET;
  i += 3;
  const host = target + i;
  while (i < n) {
    const c = load<u8>(target + i);
    if (c == 47 || c == 63 || c == 35) break;
    i++;
  }
  const hostBytes = <u32>(target + i - host);
  if (hostBytes == 0 || !validHost(host, hostBytes)) return REJECT_BAD_HOST;
  setFlag(out, HEAD_FLAG_ABSOLUTE_FORM);
  store<u32>(out + HEAD_HOST_AT, <u32>host);
  store<u32>(out + HEAD_HOST_BYTES, hostBytes);
  if (i < n && load<u8>(target + i) != 47) return REJECT_BAD_TARGET;   // "http://host?query": no path to forward
  setPath(out, target + i, n - i);                                     // empty: the encoder writes "/"
  return 0;
}

function hasPort(p: usize, n: u32): bool {
  return n > 1 && load<u8>(p + n - 1) != 58 && load<u8>(p + n - 1) != 93 && containsColon(p, n);
}
function containsColon(p: usize, n: u32): bool {
  for (let i = n; i > 0; i--) { const c = load<u8>(p + i - 1); if (c == 58) return true; if (c == 93) return false; }
  return false;
}

// @ts-ignore: decorator
@inline
function setFlag(out: usize, flag: u32): void { store<u32>(out + HEAD_FLAGS, load<u32>(out + HEAD_FLAGS) | flag); }

/** Notes the path, where its query or fragment begins, and whether normalising could change it. */
export function setPath(out: usize, path: usize, n: u32): void {
  store<u32>(out + HEAD_PATH_AT, <u32>path);
  store<u32>(out + HEAD_PATH_BYTES, n);
  let flags: u32 = 0;
  let i: u32 = 0;
  let last: u32 = 0;
  for (; i < n; i++) {
    const c: u32 = load<u8>(path + i);
    if (c == 63) break;
    if (c == 35) { flags |= HEAD_FLAG_FRAGMENT; break; }
    if (c == 47) { if (last == 47) flags |= HEAD_FLAG_PATH_HAS_DOUBLE_SLASH; }
    else if (c == 46) { if (last == 47) flags |= HEAD_FLAG_PATH_HAS_DOTS; }
    else if (c == 92) flags |= HEAD_FLAG_PATH_HAS_DOTS;
    else if (c == 37) flags |= escapeFlags(path + i, n - i);
    last = c;
  }
  store<u32>(out + HEAD_PATH_ONLY_BYTES, i);
  for (let q = i; q < n && (flags & HEAD_FLAG_FRAGMENT) == 0; q++)
    if (load<u8>(path + q) == 35) flags |= HEAD_FLAG_FRAGMENT;
  if (flags) setFlag(out, flags);
}
function escapeFlags(p: usize, n: u32): u32 {
  if (n < 3) return HEAD_FLAG_PATH_HAS_PERCENT;
  const high: u32 = load<u8>(p + 1), low = lowerOf(load<u8>(p + 2));
  const slash = (high == 50 && low == 102) || (high == 53 && low == 99);   // %2f, %5c
  return slash ? HEAD_FLAG_PATH_HAS_PERCENT | HEAD_FLAG_PATH_HAS_ESCAPED_SLASH : HEAD_FLAG_PATH_HAS_PERCENT;
}

/**
 * Should an incomplete head be decoded again now that [from, end) has arrived? At every line end, for a faulty line is
 * refused when it is complete, not when the head is. A hundred lines at most are accepted, so this is a hundred decodes
 * for the slowest client.
 */
export function h1HeadMayEnd(from: usize, end: usize): i32 { return findByte(from, end, 10) < end ? 1 : 0; }
