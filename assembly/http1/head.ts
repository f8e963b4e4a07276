// The header section shared by requests and responses (RFC 9112 5): strict, one pass, everything noted in one Head
// record. A name is found in the table of known names by a perfect hash; framing headers are judged as they are met, so
// that no later step can disagree with the decoder about where a message ends.
import {
  HEAD_CODE, HEAD_ERROR_AT, HEAD_FLAGS, HEAD_HEADERS, HEAD_HEADER_COUNT, HEAD_KNOWN, HEAD_CONTENT_LENGTH_LOW,
  HEAD_HOST_AT, HEAD_HOST_BYTES, HEAD_BYTES, HEAD_FLAG_CHUNKED, HEAD_FLAG_CONNECTION_CLOSE,
  HEAD_FLAG_CONNECTION_KEEP_ALIVE, HEAD_FLAG_CONNECTION_NAMES, HEAD_FLAG_EXPECT_CONTINUE, HEAD_FLAG_HAS_CONTENT_LENGTH,
  HEAD_FLAG_HOP_BY_HOP, HEAD_FLAG_HOST_HEADER, HEAD_FLAG_TE_TRAILERS, HEAD_FLAG_TRANSFER_ENCODING, HEAD_FLAG_UNDERSCORE,
  HEAD_FLAG_UPGRADE, HEAD_FLAG_VERSION10, HEADER_CONNECTION, HEADER_CONTENT_LENGTH, HEADER_EXPECT, HEADER_HOST,
  HEADER_KEEP_ALIVE, HEADER_PROXY_CONNECTION, HEADER_TE, HEADER_TRANSFER_ENCODING, HEADER_UPGRADE,
  HEADER_HTTP2_SETTINGS, HEADER_LINE_FLAG_CANONICAL, HEADER_LINE_FLAG_NEVER_INDEXED,
  HEADER_LINE_FLAG_UNDERSCORE, HOST_CHARACTERS, KNOWN_BY_HASH,
  KNOWN_HASH_A, KNOWN_HASH_B, KNOWN_HASH_C, KNOWN_LENGTHS, KNOWN_NAMES, TOKEN_COLUMNS, TOKEN_LOWER, TOKEN_ROWS,
  REJECT_BAD_CONTENT_LENGTH,
  REJECT_BAD_HEADER_NAME, REJECT_BAD_HEADER_VALUE, REJECT_BAD_HOST, REJECT_BAD_LINE_ENDING, REJECT_LENGTH_CONFLICT,
  REJECT_OBSOLETE_FOLD, REJECT_REPEATED_HOST, REJECT_REPEATED_TRANSFER_ENCODING, REJECT_SPACE_BEFORE_COLON,
  REJECT_TOO_MANY_HEADERS, REJECT_TRANSFER_ENCODING_IN_HTTP10, REJECT_UNSUPPORTED_TRANSFER_ENCODING,
  REJECT_HEAD_TOO_LARGE, TEXT_CHUNKED, TEXT_CHUNKED_BYTES, TEXT_CONTINUE_EXPECTATION, TEXT_CONTINUE_EXPECTATION_BYTES,
  TEXT_TRAILERS, TEXT_TRAILERS_BYTES, TEXT_CLOSE, TEXT_CLOSE_BYTES, TEXT_KEEP_ALIVE, TEXT_KEEP_ALIVE_BYTES,
  NAME_UPGRADE, NAME_UPGRADE_BYTES,
} from '../generated/layouts';
import { equalBytes, equalIgnoreCase, fieldValueEnd, listHas, lowerOf } from '../lib/bytes';

/** decode options */
export const OPTION_LOWER_CASE: u32 = 1;    // names are lowered in place
export const OPTION_RESPONSE: u32 = 2;
export const OPTION_ANY_TARGET: u32 = 4;    // any text is a target

/** Ends a decode: returns 0, the record says why and where. */
export function reject(out: usize, code: u32, at: usize, p: usize): i32 {
  store<u32>(out + HEAD_CODE, code);
  store<u32>(out + HEAD_ERROR_AT, <u32>(p - at));
  return 0;
}

/** Id of a known header name given its bytes in lower case or not; 0 = not known. */
export function knownHeader(name: usize, n: u32): u32 {
  const slot = (n * KNOWN_HASH_A + lowerOf(load<u8>(name)) * 31 + lowerOf(load<u8>(name + n - 1)) * KNOWN_HASH_C
    + lowerOf(load<u8>(name + (n >> 1))) * KNOWN_HASH_B + lowerOf(load<u8>(name + ((n * 3) >> 2))) * 17) & 1023;
  const id: u32 = load<u8>(KNOWN_BY_HASH + slot);
  if (id == 0 || load<u8>(KNOWN_LENGTHS + id) != n) return 0;
  const known = KNOWN_NAMES + id * 48;
  for (let i: u32 = 0; i < n; i++) if (lowerOf(load<u8>(name + i)) != load<u8>(known + i)) return 0;
  return id;
}

/** As knownHeader, of a name in lower case. */
// @ts-ignore: decorator
@inline
function knownLowered(name: usize, n: u32): u32 {
  const slot = (n * KNOWN_HASH_A + <u32>load<u8>(name) * 31 + <u32>load<u8>(name + n - 1) * KNOWN_HASH_C
    + <u32>load<u8>(name + (n >> 1)) * KNOWN_HASH_B + <u32>load<u8>(name + ((n * 3) >> 2)) * 17) & 1023;
  const id: u32 = load<u8>(KNOWN_BY_HASH + slot);
  if (id == 0 || load<u8>(KNOWN_LENGTHS + id) != n) return 0;
  return equalBytes(name, KNOWN_NAMES + id * 48, n) ? id : 0;
}

/**
 * The end of the name at p, lowered where it lies: the first byte that is none of a token's. Sets `underscored`.
 */
function nameEnd(p: usize, end: usize): usize {
  underscored = false;
  if (ASC_FEATURE_SIMD) {
    const columns = v128.load(TOKEN_COLUMNS), rows = v128.load(TOKEN_ROWS);
    const nibble = i8x16.splat(15), zero = i8x16.splat(0);
    while (p + 16 <= end) {
      const v = v128.load(p);
      const token = v128.and(v128.swizzle(columns, v128.and(v, nibble)), v128.swizzle(rows, i8x16.shr_u(v, 4)));
      const stop = i8x16.bitmask(i8x16.eq(token, zero));
      const inName = stop ? (stop & -stop) - 1 : 0xffff;
      const upper = i8x16.lt_u(i8x16.sub(v, i8x16.splat(65)), i8x16.splat(26));
      if (i8x16.bitmask(upper) & inName) {
        const named = i8x16.lt_u(i8x16(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15),
          i8x16.splat(stop ? <i8>ctz(stop) : 16));
        v128.store(p, v128.or(v, v128.and(v128.and(upper, named), i8x16.splat(32))));
      }
      if (i8x16.bitmask(i8x16.eq(v, i8x16.splat(95))) & inName) underscored = true;
      if (stop) return p + ctz(stop);
      p += 16;
    }
  }
  let c: u32 = 0;
  while (p < end && (c = load<u8>(TOKEN_LOWER + load<u8>(p))) != 0) {
    store<u8>(p, <u8>c);
    if (c == 95) underscored = true;
    p++;
  }
  return p;
}
let underscored: bool = false;

/** Is every byte allowed in a host, and does any port consist of digits? An empty host is refused by the caller. */
export function validHost(p: usize, n: u32): bool {
  if (n > 0 && load<u8>(p) == 91) {           // [IPv6]
    let close: u32 = 1;
    while (close < n && load<u8>(p + close) != 93) {
      const c = lowerOf(load<u8>(p + close));
      const hex = c - 48 < 10 || c - 97 < 6;
      if (!hex && c != 58 && c != 46 && c != 37) return false;
      close++;
    }
    if (close < 3 || close == n) return false;
    return close + 1 == n || (load<u8>(p + close + 1) == 58 && validPort(p + close + 2, n - close - 2));
  }
  for (let i: u32 = 0; i < n; i++) {
    const c = load<u8>(p + i);
    if (c == 58) return i > 0 && validPort(p + i + 1, n - i - 1);
    if (c == 91 || c == 93 || load<u8>(HOST_CHARACTERS + c) == 0) return false;
  }
  return true;
}
function validPort(p: usize, n: u32): bool {
  if (n > 5) return false;
  let port: u32 = 0;
  for (let i: u32 = 0; i < n; i++) {
    const digit = <u32>load<u8>(p + i) - 48;
    if (digit > 9) return false;
    port = port * 10 + digit;
  }
  return port < 65536;
}

// @ts-ignore: decorator
@inline
function isText(p: usize, n: u32, text: usize, textBytes: u32): bool {
  return n == textBytes && equalIgnoreCase(p, text, n);
}

/** Length of the body in bytes; -1 when the digits are not a canonical number below 2^53. */
export function contentLength(p: usize, n: u32): i64 {
  if (n == 0 || n > 16) return -1;
  if (n > 1 && load<u8>(p) == 48) return -1;
  let value: i64 = 0;
  for (let i: u32 = 0; i < n; i++) {
    const digit = <u32>load<u8>(p + i) - 48;
    if (digit > 9) return -1;
    value = value * 10 + digit;
  }
  return value <= 9007199254740991 ? value : -1;
}

/** What a framing or connection header means. Returns a rejection code or 0. */
function judge(out: usize, id: u32, value: usize, n: u32): u32 {
  let flags = load<u32>(out + HEAD_FLAGS);
  if (id == HEADER_HOST) {
    if (flags & HEAD_FLAG_HOST_HEADER) return REJECT_REPEATED_HOST;
    if (!validHost(value, n)) return REJECT_BAD_HOST;
    flags |= HEAD_FLAG_HOST_HEADER;
    store<u32>(out + HEAD_HOST_AT, <u32>value);
    store<u32>(out + HEAD_HOST_BYTES, n);
  } else if (id == HEADER_CONTENT_LENGTH) {
    if (flags & HEAD_FLAG_HAS_CONTENT_LENGTH) return REJECT_BAD_CONTENT_LENGTH;
    if (flags & HEAD_FLAG_TRANSFER_ENCODING) return REJECT_LENGTH_CONFLICT;
    const length = contentLength(value, n);
    if (length < 0) return REJECT_BAD_CONTENT_LENGTH;
    store<u64>(out + HEAD_CONTENT_LENGTH_LOW, <u64>length);
    flags |= HEAD_FLAG_HAS_CONTENT_LENGTH;
  } else if (id == HEADER_TRANSFER_ENCODING) {
    if (flags & HEAD_FLAG_TRANSFER_ENCODING) return REJECT_REPEATED_TRANSFER_ENCODING;
    if (flags & HEAD_FLAG_VERSION10) return REJECT_TRANSFER_ENCODING_IN_HTTP10;
    if (flags & HEAD_FLAG_HAS_CONTENT_LENGTH) return REJECT_LENGTH_CONFLICT;
    // RFC 9112 6.1: 501 for codings that are not understood; as Envoy, whatever else stands in the list.
    if (!isText(value, n, TEXT_CHUNKED, TEXT_CHUNKED_BYTES)) return REJECT_UNSUPPORTED_TRANSFER_ENCODING;
    flags |= HEAD_FLAG_TRANSFER_ENCODING | HEAD_FLAG_CHUNKED | HEAD_FLAG_HOP_BY_HOP;
  } else if (id == HEADER_CONNECTION) {
    flags |= judgeConnection(value, n) | HEAD_FLAG_HOP_BY_HOP;
  } else if (id == HEADER_EXPECT) {
    if (isText(value, n, TEXT_CONTINUE_EXPECTATION, TEXT_CONTINUE_EXPECTATION_BYTES))
      flags |= HEAD_FLAG_EXPECT_CONTINUE;
  } else if (id == HEADER_TE) {
    if (listHas(value, n, TEXT_TRAILERS, TEXT_TRAILERS_BYTES)) flags |= HEAD_FLAG_TE_TRAILERS;
    flags |= HEAD_FLAG_HOP_BY_HOP;
  } else if (id == HEADER_UPGRADE || id == HEADER_KEEP_ALIVE || id == HEADER_PROXY_CONNECTION
      || id == HEADER_HTTP2_SETTINGS) {
    flags |= HEAD_FLAG_HOP_BY_HOP;
  }
  store<u32>(out + HEAD_FLAGS, flags);
  return 0;
}

/**
 * Flags of a Connection value; a token other than the three standard ones names a header that must not be forwarded.
 */
function judgeConnection(p: usize, n: u32): u32 {
  let flags: u32 = 0;
  const end = p + n;
  while (p < end) {
    while (p < end && (load<u8>(p) == 32 || load<u8>(p) == 9 || load<u8>(p) == 44)) p++;
    const start = p;
    while (p < end && load<u8>(p) != 44 && load<u8>(p) != 32 && load<u8>(p) != 9) p++;
    const length = <u32>(p - start);
    if (length == 0) continue;
    if (isText(start, length, TEXT_CLOSE, TEXT_CLOSE_BYTES)) flags |= HEAD_FLAG_CONNECTION_CLOSE;
    else if (isText(start, length, TEXT_KEEP_ALIVE, TEXT_KEEP_ALIVE_BYTES)) flags |= HEAD_FLAG_CONNECTION_KEEP_ALIVE;
    else if (isText(start, length, NAME_UPGRADE, NAME_UPGRADE_BYTES)) flags |= HEAD_FLAG_UPGRADE;
    else flags |= HEAD_FLAG_CONNECTION_NAMES;
  }
  return flags;
}

/** Decodes header lines from `p` up to and with the empty line. Returns bytes from `at`; -1 incomplete; 0 rejected. */
export function decodeHeaders(at: usize, p: usize, end: usize, out: usize, options: u32, bytesMax: u32,
    countMax: u32): i32 {
  let line = out + HEAD_HEADERS;
  let count: u32 = 0;
  const lower = (options & OPTION_LOWER_CASE) != 0;
  for (let slot = out + HEAD_KNOWN; slot < out + HEAD_KNOWN + 160; slot += 8) store<u64>(slot, 0);
  while (true) {
    if (p + 2 > end) return lineBegun(out, at, p, end, bytesMax);
    const first: u32 = load<u8>(p);
    if (first == 13) {
      if (load<u8>(p + 1) != 10) return reject(out, REJECT_BAD_LINE_ENDING, at, p);
      p += 2;
      break;
    }
    if (first == 32 || first == 9) return reject(out, REJECT_OBSOLETE_FOLD, at, p);
    const name = p;
    let flags: u32 = 0;
    let c: u32 = 0;
    if (lower) {
      p = nameEnd(p, end);
      if (underscored) flags = HEADER_LINE_FLAG_UNDERSCORE;
    } else {
      while (p < end && (c = load<u8>(TOKEN_LOWER + load<u8>(p))) != 0) {
        if (c == 95) flags = HEADER_LINE_FLAG_UNDERSCORE;
        p++;
      }
    }
    if (p == end) return incomplete(out, at, p, end, bytesMax);
    const nameBytes = <u32>(p - name);
    if (load<u8>(p) != 58 || nameBytes == 0) return badName(out, at, p, nameBytes);
    p++;
    let value = p;
    while (value < end && (load<u8>(value) == 32 || load<u8>(value) == 9)) value++;
    p = fieldValueEnd(value, end);
    if (p + 2 > end || load<u16>(p) != 0x0a0d) return badLineEnd(out, at, p, end, bytesMax);
    let stopAt = p;
    while (stopAt > value && (load<u8>(stopAt - 1) == 32 || load<u8>(stopAt - 1) == 9)) stopAt--;
    const valueBytes = <u32>(stopAt - value);
    if (stopAt == p && load<u8>(value - 1) == 32) {
      if (value == name + nameBytes + 2) flags |= HEADER_LINE_FLAG_CANONICAL;
      // Two spaces: never to be indexed, in a protocol with an index (http2/fields.ts).
      else if (value == name + nameBytes + 3 && load<u8>(value - 2) == 32) flags |= HEADER_LINE_FLAG_NEVER_INDEXED;
    }
    p += 2;
    if (count >= countMax) return reject(out, REJECT_TOO_MANY_HEADERS, at, name);
    const id = lower ? knownLowered(name, nameBytes) : knownHeader(name, nameBytes);
    if (id != 0) {
      const code = noteKnown(out, id, count, value, valueBytes);
      if (code != 0) return reject(out, code, at, value);
    }
    if (flags & HEADER_LINE_FLAG_UNDERSCORE)
      store<u32>(out + HEAD_FLAGS, load<u32>(out + HEAD_FLAGS) | HEAD_FLAG_UNDERSCORE);
    store<u32>(line, <u32>name);
    store<u32>(line + 4, nameBytes | (id << 16) | (flags << 24));
    store<u32>(line + 8, <u32>value);
    store<u32>(line + 12, valueBytes);
    line += 16;
    count++;
  }
  if (<u32>(p - at) > bytesMax) return reject(out, REJECT_HEAD_TOO_LARGE, at, at + bytesMax);
  store<u32>(out + HEAD_HEADER_COUNT, count);
  store<u32>(out + HEAD_BYTES, <u32>(p - at));
  store<u32>(out + HEAD_CODE, 0);
  return <i32>(p - at);
}

/** Something other than a colon follows the name. */
function badName(out: usize, at: usize, p: usize, nameBytes: u32): i32 {
  const stop: u32 = load<u8>(p);
  if (stop == 10) return reject(out, REJECT_BAD_LINE_ENDING, at, p);
  const spaced = (stop == 32 || stop == 9) && nameBytes != 0;
  return reject(out, spaced ? REJECT_SPACE_BEFORE_COLON : REJECT_BAD_HEADER_NAME, at, p);
}

/** No CR LF follows the value: it is faulty there, or the rest has not arrived. */
function badLineEnd(out: usize, at: usize, p: usize, end: usize, bytesMax: u32): i32 {
  if (p == end || (p + 1 == end && load<u8>(p) == 13)) return incomplete(out, at, p, end, bytesMax);
  const bad: u32 = load<u8>(p);
  return reject(out, bad == 10 || bad == 13 ? REJECT_BAD_LINE_ENDING : REJECT_BAD_HEADER_VALUE, at, p);
}

/** Notes where a known header stands first, and judges those that frame the message. Returns a rejection code or 0. */
// @ts-ignore: decorator
@inline
function noteKnown(out: usize, id: u32, index: u32, value: usize, valueBytes: u32): u32 {
  const slot = out + HEAD_KNOWN + (<usize>id << 1);
  if (load<u16>(slot) == 0) store<u16>(slot, <u16>(index + 1));
  return id <= HEADER_PROXY_CONNECTION || id == HEADER_HTTP2_SETTINGS ? judge(out, id, value, valueBytes) : 0;
}

/**
 * At most one byte of a line is there: refused at once if no line begins so, for a peer that waits for the answer
 * sends no more.
 */
function lineBegun(out: usize, at: usize, p: usize, end: usize, bytesMax: u32): i32 {
  const c: u32 = p < end ? load<u8>(p) : 13;
  if (c == 13 || load<u8>(TOKEN_LOWER + c) != 0) return incomplete(out, at, p, end, bytesMax);
  if (c == 10) return reject(out, REJECT_BAD_LINE_ENDING, at, p);
  return reject(out, c == 32 || c == 9 ? REJECT_OBSOLETE_FOLD : REJECT_BAD_HEADER_NAME, at, p);
}

/** More bytes are needed, unless the head is over its limit already. */
export function incomplete(out: usize, at: usize, p: usize, end: usize, bytesMax: u32): i32 {
  if (<u32>(end - at) > bytesMax) return reject(out, REJECT_HEAD_TOO_LARGE, at, p);
  return -1;
}
