// Writes a decoded head out again, edited and canonical (RFC 9112 2.2, 7.6.1 of RFC 9110): one space after each colon,
// hop-by-hop headers gone, framing stated once. Lines that stay and are canonical already are copied in runs. `dst` has
// room for all: the caller reckons every added length beforehand, and refuses what no buffer holds.
import {
  HEADER_CONNECTION, HEADER_CONTENT_LENGTH, HEADER_EXPECT, HEADER_HOST, HEADER_LINE_FLAG_CANONICAL,
  HEADER_LINE_FLAG_DROPPED, HEADER_LINE_FLAG_NEVER_INDEXED, HEADER_LINE_FLAG_UNDERSCORE, HEADER_UPGRADE,
  HEADER_X_FORWARDED_FOR,
  HEADER_X_FORWARDED_HOST, HEADER_X_FORWARDED_PORT, HEADER_X_FORWARDED_PROTO, HEADER_X_REQUEST_ID, HEADER_VIA,
  HEADER_X_ENVOY_EXTERNAL_ADDRESS, HEADER_X_ENVOY_INTERNAL, HEADER_X_ENVOY_ORIGINAL_HOST, HEADER_X_ENVOY_ORIGINAL_PATH,
  HEAD_FLAGS, HEAD_FLAG_ASTERISK_FORM, HEAD_FLAG_AUTHORITY_FORM, HEAD_FLAG_CONNECTION_NAMES,
  HEAD_FLAG_EXPECT_CONTINUE, HEAD_FLAG_HAS_CONTENT_LENGTH, HEAD_HEADERS, HEAD_HEADER_COUNT, HEAD_HOST_AT,
  HEAD_HOST_BYTES, HEAD_KNOWN, HEAD_METHOD, HEAD_METHOD_AT, HEAD_METHOD_BYTES, HEAD_PATH_AT,
  HEAD_PATH_BYTES, EDGE_ONLY, INTERNAL_ONLY, MUTATION_ACTION, MUTATION_RECORD_BYTES, MUTATION_NAME_AT,
  MUTATION_NAME_BYTES, MUTATION_SPELLING_AT, MUTATION_STATE, MUTATION_VALUE_AT, MUTATION_VALUE_BYTES,
  MUTATION_KEEP_EMPTY,
  REQUEST_EDITS_ADDED_AT, REQUEST_EDITS_ADDED_BYTES, REQUEST_EDITS_CLIENT_AT, REQUEST_EDITS_CLIENT_BYTES,
  REQUEST_EDITS_DROP_LOW, REQUEST_EDITS_EXTERNAL_AT, REQUEST_EDITS_EXTERNAL_BYTES, REQUEST_EDITS_FLAGS,
  REQUEST_EDITS_HOST_AT, REQUEST_EDITS_HOST_BYTES, REQUEST_EDITS_MUTATIONS_AT, REQUEST_EDITS_MUTATION_COUNT,
  REQUEST_EDITS_PATH_AT, REQUEST_EDITS_PATH_BYTES, REQUEST_EDITS_PORT_AT, REQUEST_EDITS_PORT_BYTES,
  REQUEST_EDITS_PREFIX_AT, REQUEST_EDITS_PREFIX_BYTES, REQUEST_EDITS_PREFIX_CUT_BYTES, REQUEST_EDITS_RANDOM,
  REQUEST_EDITS_REQUEST_ID_AT, REQUEST_EDITS_REQUEST_ID_BYTES, REQUEST_EDITS_VIA_AT, REQUEST_EDITS_VIA_BYTES,
  REQUEST_EDITS_FLAG_ABSOLUTE_URL, REQUEST_EDITS_FLAG_APPEND_HOST_XFH, REQUEST_EDITS_FLAG_APPEND_PORT,
  REQUEST_EDITS_FLAG_APPEND_XFF, REQUEST_EDITS_FLAG_AS_SPELLED, REQUEST_EDITS_FLAG_CHUNKED,
  REQUEST_EDITS_FLAG_DROP_UNDERSCORE,
  REQUEST_EDITS_FLAG_EXPECT_CONTINUE, REQUEST_EDITS_FLAG_EXTERNAL, REQUEST_EDITS_FLAG_EXTERNAL_ADDRESS,
  REQUEST_EDITS_FLAG_GENERATE_REQUEST_ID, REQUEST_EDITS_FLAG_HTTPS,
  REQUEST_EDITS_FLAG_KEEP_MARKS, REQUEST_EDITS_FLAG_ORIGINAL_HOST,
  REQUEST_EDITS_FLAG_SCHEME_HTTPS, REQUEST_EDITS_FLAG_ORIGINAL_PATH, REQUEST_EDITS_FLAG_OVERWRITE_REQUEST_ID,
  REQUEST_EDITS_FLAG_PROPER_CASE,
  REQUEST_EDITS_FLAG_PROTO_IF_ABSENT, REQUEST_EDITS_FLAG_SET_INTERNAL, REQUEST_EDITS_FLAG_SET_PROTO,
  REQUEST_EDITS_FLAG_TE_TRAILERS, REQUEST_EDITS_FLAG_UPGRADE, REQUEST_EDITS_FLAG_CONNECTION_CLOSE, HEADER_TE,
  HEADER_KEEP_ALIVE, HEADER_PROXY_CONNECTION, HEADER_TRANSFER_ENCODING, HEADER_HTTP2_SETTINGS, TEXT_HEX_DIGITS,
  TEXT_HTTPS_ORIGIN, TEXT_HTTPS_ORIGIN_BYTES, TEXT_HTTP_ORIGIN, TEXT_HTTP_ORIGIN_BYTES, TEXT_REQUEST_LINE_END,
  TEXT_REQUEST_LINE_END_BYTES, TEXT_HOST_NAME_PROPER, TEXT_HOST_NAME, TEXT_HOST_NAME_BYTES, NAME_X_FORWARDED_FOR,
  NAME_X_FORWARDED_FOR_BYTES, NAME_X_FORWARDED_HOST, NAME_X_FORWARDED_HOST_BYTES, NAME_X_FORWARDED_PROTO,
  NAME_X_FORWARDED_PROTO_BYTES, TEXT_HTTPS, TEXT_HTTPS_BYTES, TEXT_HTTP_BYTES, NAME_X_FORWARDED_PORT,
  NAME_X_FORWARDED_PORT_BYTES, NAME_X_ENVOY_ORIGINAL_PATH, NAME_X_ENVOY_ORIGINAL_PATH_BYTES, NAME_X_ENVOY_ORIGINAL_HOST,
  NAME_X_ENVOY_ORIGINAL_HOST_BYTES, TEXT_INTERNAL_LINE, TEXT_INTERNAL_LINE_BYTES, NAME_X_ENVOY_EXTERNAL_ADDRESS,
  NAME_X_ENVOY_EXTERNAL_ADDRESS_BYTES, NAME_VIA, NAME_VIA_BYTES, TEXT_CHUNKED_LINE, TEXT_CHUNKED_LINE_BYTES,
  TEXT_LENGTH_ZERO_LINE, TEXT_LENGTH_ZERO_LINE_BYTES, METHOD_CONNECT, METHOD_DELETE, METHOD_GET, METHOD_HEAD,
  METHOD_TRACE, TEXT_TRAILERS_LINE, TEXT_TRAILERS_LINE_BYTES, TEXT_CLOSE_LINE, TEXT_CLOSE_LINE_BYTES, TEXT_UPGRADE_LINE,
  TEXT_UPGRADE_LINE_BYTES, NAME_UPGRADE, NAME_UPGRADE_BYTES, NAME_X_REQUEST_ID, NAME_X_REQUEST_ID_BYTES,
} from '../generated/layouts';
import { equalIgnoreCase } from '../lib/bytes';
import { put } from '../lib/copy';

// @ts-ignore: decorator
@inline
export function bit(id: u32): u64 { return <u64>1 << <u64>id; }

/** Headers about one connection, never forwarded (RFC 9110 7.6.1). */
const HOP_BY_HOP: u64 = bit(HEADER_CONNECTION) | bit(HEADER_KEEP_ALIVE) | bit(HEADER_PROXY_CONNECTION)
  | bit(HEADER_TRANSFER_ENCODING) | bit(HEADER_TE) | bit(HEADER_UPGRADE) | bit(HEADER_HTTP2_SETTINGS);

/** Methods whose requests have no body unless they say so; the others state that theirs is empty, as Envoy does. */
const METHODS_WITHOUT_BODY: u32 = (1 << METHOD_GET) | (1 << METHOD_HEAD) | (1 << METHOD_DELETE) | (1 << METHOD_CONNECT)
  | (1 << METHOD_TRACE);

/** First line with this known id, or 0. */
// @ts-ignore: decorator
@inline
export function lineOf(record: usize, id: u32): usize {
  const index = <usize>load<u16>(record + HEAD_KNOWN + (<usize>id << 1));
  return index == 0 ? 0 : record + HEAD_HEADERS + ((index - 1) << 4);
}

function writeColon(p: usize): usize { store<u16>(p, 0x203a); return p + 2; }
export function writeEnd(p: usize): usize { store<u16>(p, 0x0a0d); return p + 2; }

/** Copies a header name in Title-Case (Envoy's proper_case_words). */
function putProperCase(dst: usize, src: usize, n: u32): usize {
  let start = true;
  for (let i: u32 = 0; i < n; i++) {
    const c = <u32>load<u8>(src + i);
    store<u8>(dst + i, <u8>(start && c - 97 < 26 ? c ^ 32 : c));
    start = !(c - 97 < 26 || c - 65 < 26 || c - 48 < 10);
  }
  return dst + n;
}

/**
 * Marks lines that Connection names (RFC 9110 7.6.1). Returns 0 when it names something a client may not strip from
 * what a trusted hop added (x-forwarded-*, host, via, content-length): a forged request. Else 1.
 */
export function h1DropNominated(record: usize): i32 {
  if (!(load<u32>(record + HEAD_FLAGS) & HEAD_FLAG_CONNECTION_NAMES)) return 1;
  const count = load<u32>(record + HEAD_HEADER_COUNT);
  for (let i: u32 = 0; i < count; i++) {
    const line = record + HEAD_HEADERS + (<usize>i << 4);
    if (((load<u32>(line + 4) >> 16) & 255) != HEADER_CONNECTION) continue;
    let p = <usize>load<u32>(line + 8);
    const end = p + load<u32>(line + 12);
    while (p < end) {
      while (p < end && (load<u8>(p) == 32 || load<u8>(p) == 9 || load<u8>(p) == 44)) p++;
      const start = p;
      while (p < end && load<u8>(p) != 44 && load<u8>(p) != 32 && load<u8>(p) != 9) p++;
      if (p > start && !dropNamed(record, start, <u32>(p - start))) return 0;
    }
  }
  return 1;
}
function dropNamed(record: usize, name: usize, n: u32): bool {
  const count = load<u32>(record + HEAD_HEADER_COUNT);
  for (let i: u32 = 0; i < count; i++) {
    const line = record + HEAD_HEADERS + (<usize>i << 4);
    const meta = load<u32>(line + 4);
    if ((meta & 0xffff) != n || !equalIgnoreCase(load<u32>(line), name, n)) continue;
    const id = (meta >> 16) & 255;
    if (id == HEADER_HOST || id == HEADER_CONTENT_LENGTH || id == HEADER_VIA
      || (id >= HEADER_X_FORWARDED_FOR && id <= HEADER_X_FORWARDED_PORT)) return false;
    store<u32>(line + 4, meta | (HEADER_LINE_FLAG_DROPPED << 24));
  }
  return true;
}

// Mutation actions, as in config (append, addIfAbsent, overwrite, overwriteIfExists) and removal.
const ACTION_APPEND: u32 = 0;
const ACTION_ADD_IF_ABSENT: u32 = 1;
const ACTION_OVERWRITE: u32 = 2;
const ACTION_OVERWRITE_IF_EXISTS: u32 = 3;
const ACTION_REMOVE: u32 = 4;

/** Takes away what only trusted clients may claim, before anything looks at it. */
export function h1DropClaims(record: usize): void {
  const claims = EDGE_ONLY | INTERNAL_ONLY;
  const count = load<u32>(record + HEAD_HEADER_COUNT);
  for (let i: u32 = 0; i < count; i++) {
    const line = record + HEAD_HEADERS + (<usize>i << 4);
    const meta = load<u32>(line + 4), id = (meta >> 16) & 255;
    if (id >= 64 || ((claims >> <u64>id) & 1) == 0) continue;
    store<u32>(line + 4, meta | (HEADER_LINE_FLAG_DROPPED << 24));
    store<u16>(record + HEAD_KNOWN + (<usize>id << 1), 0);
  }
}

/** Makes a request id at `at` and gives it to the head, in the place of the client's or as a line of its own. */
export function h1PlaceRequestId(record: usize, at: usize, state: usize, countMax: u32): void {
  let line = lineOf(record, HEADER_X_REQUEST_ID);
  const count = load<u32>(record + HEAD_HEADER_COUNT);
  if (line == 0) {
    if (count >= countMax) return;
    line = record + HEAD_HEADERS + (<usize>count << 4);
    store<u32>(record + HEAD_HEADER_COUNT, count + 1);
    store<u16>(record + HEAD_KNOWN + (<usize>HEADER_X_REQUEST_ID << 1), <u16>(count + 1));
  }
  writeUuid(at, <u32>state);
  store<u32>(line, <u32>NAME_X_REQUEST_ID);
  store<u32>(line + 4, NAME_X_REQUEST_ID_BYTES | (HEADER_X_REQUEST_ID << 16));
  store<u32>(line + 8, <u32>at);
  store<u32>(line + 12, 36);
}

/** Applies evaluated mutations in order: marks lines dropped and additions to be written. */
export function h1ApplyMutations(record: usize, list: usize, count: u32): void {
  for (let i: u32 = 0; i < count; i++) {
    const m = list + <usize>i * MUTATION_RECORD_BYTES;
    const action = load<u32>(m + MUTATION_ACTION);
    // An empty value that is not kept changes nothing.
    const isEmpty = load<u32>(m + MUTATION_VALUE_BYTES) == 0 && load<u32>(m + MUTATION_KEEP_EMPTY) == 0;
    if (action != ACTION_REMOVE && isEmpty) {
      store<u32>(m + MUTATION_STATE, 0);
      continue;
    }
    if (action == ACTION_APPEND) { store<u32>(m + MUTATION_STATE, 1); continue; }
    const drops = action == ACTION_OVERWRITE || action == ACTION_REMOVE || action == ACTION_OVERWRITE_IF_EXISTS;
    const found = visitNamed(record, list, i, m, drops);
    const writes = action == ACTION_OVERWRITE || (action == ACTION_ADD_IF_ABSENT && !found)
      || (action == ACTION_OVERWRITE_IF_EXISTS && found);
    store<u32>(m + MUTATION_STATE, writes ? 1 : 0);
  }
}
/** Finds (and, if asked, drops) lines and earlier additions of the mutation's name. */
function visitNamed(record: usize, list: usize, before: u32, m: usize, drop: bool): bool {
  const name = <usize>load<u32>(m + MUTATION_NAME_AT), n = load<u32>(m + MUTATION_NAME_BYTES);
  const count = load<u32>(record + HEAD_HEADER_COUNT);
  let found = false;
  for (let i: u32 = 0; i < count; i++) {
    const line = record + HEAD_HEADERS + (<usize>i << 4);
    const meta = load<u32>(line + 4);
    if ((meta & 0xffff) != n || ((meta >> 24) & HEADER_LINE_FLAG_DROPPED) || !equalIgnoreCase(load<u32>(line), name, n))
      continue;
    found = true;
    if (drop) store<u32>(line + 4, meta | (HEADER_LINE_FLAG_DROPPED << 24));
  }
  for (let i: u32 = 0; i < before; i++) {
    const other = list + <usize>i * MUTATION_RECORD_BYTES;
    if (load<u32>(other + MUTATION_STATE) == 0 || load<u32>(other + MUTATION_NAME_BYTES) != n) continue;
    if (!equalIgnoreCase(load<u32>(other + MUTATION_NAME_AT), name, n)) continue;
    found = true;
    if (drop) store<u32>(other + MUTATION_STATE, 0);
  }
  return found;
}

/** Bytes that mutations may add at most, so that the caller can size its buffer. */
export function h1MutationBytes(list: usize, count: u32): u32 {
  let bytes: u32 = 0;
  for (let i: u32 = 0; i < count; i++) {
    const m = list + <usize>i * MUTATION_RECORD_BYTES;
    bytes += load<u32>(m + MUTATION_NAME_BYTES) + load<u32>(m + MUTATION_VALUE_BYTES) + 4;
  }
  return bytes;
}

/** `asSpelled`: names as configuration spells them, in the place of lower case. */
export function writeMutations(p: usize, list: usize, count: u32, properCase: bool, asSpelled: bool): usize {
  for (let i: u32 = 0; i < count; i++) {
    const m = list + <usize>i * MUTATION_RECORD_BYTES;
    if (load<u32>(m + MUTATION_STATE) == 0) continue;
    if (load<u32>(m + MUTATION_VALUE_BYTES) == 0 && load<u32>(m + MUTATION_KEEP_EMPTY) == 0) continue;
    const name = asSpelled ? load<u32>(m + MUTATION_SPELLING_AT) : load<u32>(m + MUTATION_NAME_AT);
    p = writeName(p, name, load<u32>(m + MUTATION_NAME_BYTES), properCase);
    p = writeEnd(put(p, load<u32>(m + MUTATION_VALUE_AT), load<u32>(m + MUTATION_VALUE_BYTES)));
  }
  return p;
}
// @ts-ignore: decorator
@inline
export function writeName(p: usize, name: usize, n: u32, properCase: bool): usize {
  return writeColon(properCase ? putProperCase(p, name, n) : put(p, name, n));
}

/**
 * Copies the header lines that stay. A line goes if it is marked, or its known id is in `drop`. Canonical neighbours
 * go in one copy. `keepMarks`: what must never be indexed is told on, by two spaces behind the colon.
 */
export function copyLines(record: usize, p: usize, drop: u64, dropUnderscore: bool, properCase: bool,
    keepMarks: bool): usize {
  const count = load<u32>(record + HEAD_HEADER_COUNT);
  let runStart: usize = 0, runEnd: usize = 0;
  let line = record + HEAD_HEADERS;
  for (let i: u32 = 0; i < count; i++, line += 16) {
    const meta = load<u32>(line + 4);
    const id = (meta >> 16) & 255, flags = meta >> 24;
    const gone = (flags & HEADER_LINE_FLAG_DROPPED) != 0 || (id < 64 && ((drop >> <u64>id) & 1) != 0)
      || (dropUnderscore && (flags & HEADER_LINE_FLAG_UNDERSCORE) != 0);
    if (gone) continue;
    const name = <usize>load<u32>(line), value = <usize>load<u32>(line + 8);
    const valueBytes = load<u32>(line + 12);
    if ((flags & HEADER_LINE_FLAG_CANONICAL) && !properCase) {
      if (name != runEnd) {
        if (runEnd > runStart) p = put(p, runStart, <u32>(runEnd - runStart));
        runStart = name;
      }
      runEnd = value + valueBytes + 2;
      continue;
    }
    if (runEnd > runStart) { p = put(p, runStart, <u32>(runEnd - runStart)); runStart = runEnd = 0; }
    p = writeName(p, name, meta & 0xffff, properCase);
    if (keepMarks && (flags & HEADER_LINE_FLAG_NEVER_INDEXED) != 0) store<u8>(p++, 32);
    p = writeEnd(put(p, value, valueBytes));
  }
  if (runEnd > runStart) p = put(p, runStart, <u32>(runEnd - runStart));
  return p;
}

/**
 * 36 bytes of a random UUID version 4 (RFC 9562) from xoshiro128** state at `state`. Not a secret: it only has to be
 * unique.
 */
function writeUuid(dst: usize, state: usize): void {
  let p = dst;
  for (let word: u32 = 0; word < 4; word++) {
    let r = nextRandom(state);
    if (word == 1) r = (r & 0xff0fffff) | 0x00400000;      // version 4: high nibble of byte 6
    if (word == 2) r = (r & 0xffffff3f) | 0x00000080;      // variant: top bits of byte 8
    for (let b: u32 = 0; b < 4; b++) {
      const index = word * 4 + b;
      if (index == 4 || index == 6 || index == 8 || index == 10) store<u8>(p++, 45);
      const v = (r >> (b * 8)) & 255;
      store<u8>(p, load<u8>(TEXT_HEX_DIGITS + (v >> 4)));
      store<u8>(p + 1, load<u8>(TEXT_HEX_DIGITS + (v & 15)));
      p += 2;
    }
  }
}
export function nextRandom(state: usize): u32 {
  const s0 = load<u32>(state), s1 = load<u32>(state + 4), s2 = load<u32>(state + 8), s3 = load<u32>(state + 12);
  const result = rotl<u32>(s1 * 5, 7) * 9;
  const t = s1 << 9;
  const a2 = s2 ^ s0, a3 = s3 ^ s1;
  store<u32>(state + 4, s1 ^ a2);
  store<u32>(state, s0 ^ a3);
  store<u32>(state + 8, a2 ^ t);
  store<u32>(state + 12, rotl<u32>(a3, 11));
  return result;
}

/** Encodes the request at `dst`; returns the position after it. Call h1DropNominated and h1ApplyMutations before. */
export function h1EncodeRequest(record: usize, edits: usize, dst: usize): usize {
  const flags = load<u32>(edits + REQUEST_EDITS_FLAGS);
  const proper = (flags & REQUEST_EDITS_FLAG_PROPER_CASE) != 0;
  let p = writeRequestLine(record, edits, flags, dst);
  let drop = load<u64>(edits + REQUEST_EDITS_DROP_LOW) | HOP_BY_HOP | bit(HEADER_HOST);
  if (!(flags & REQUEST_EDITS_FLAG_SET_INTERNAL)) drop |= INTERNAL_ONLY;
  if (flags & REQUEST_EDITS_FLAG_EXTERNAL) drop |= EDGE_ONLY;
  if (flags & REQUEST_EDITS_FLAG_CHUNKED) drop |= bit(HEADER_CONTENT_LENGTH);
  if (flags & REQUEST_EDITS_FLAG_APPEND_XFF) drop |= bit(HEADER_X_FORWARDED_FOR);
  if (flags & REQUEST_EDITS_FLAG_SET_PROTO) drop |= bit(HEADER_X_FORWARDED_PROTO);
  if (flags & REQUEST_EDITS_FLAG_APPEND_HOST_XFH) drop |= bit(HEADER_X_FORWARDED_HOST);
  if (flags & REQUEST_EDITS_FLAG_OVERWRITE_REQUEST_ID) drop |= bit(HEADER_X_REQUEST_ID);
  if (flags & REQUEST_EDITS_FLAG_ORIGINAL_HOST) drop |= bit(HEADER_X_ENVOY_ORIGINAL_HOST);
  if (flags & REQUEST_EDITS_FLAG_ORIGINAL_PATH) drop |= bit(HEADER_X_ENVOY_ORIGINAL_PATH);
  if (load<u32>(edits + REQUEST_EDITS_VIA_BYTES) != 0) drop |= bit(HEADER_VIA);
  if (!(flags & REQUEST_EDITS_FLAG_EXPECT_CONTINUE) && (load<u32>(record + HEAD_FLAGS) & HEAD_FLAG_EXPECT_CONTINUE))
    drop |= bit(HEADER_EXPECT);
  if (flags & (REQUEST_EDITS_FLAG_SET_INTERNAL | REQUEST_EDITS_FLAG_EXTERNAL)) drop |= bit(HEADER_X_ENVOY_INTERNAL);
  if (flags & REQUEST_EDITS_FLAG_EXTERNAL_ADDRESS) drop |= bit(HEADER_X_ENVOY_EXTERNAL_ADDRESS);
  p = copyLines(record, p, drop, (flags & REQUEST_EDITS_FLAG_DROP_UNDERSCORE) != 0, proper,
    (flags & REQUEST_EDITS_FLAG_KEEP_MARKS) != 0);
  p = writeAdded(record, edits, flags, p, proper);
  return writeEnd(p);
}

function writeRequestLine(record: usize, edits: usize, flags: u32, dst: usize): usize {
  let p = put(dst, load<u32>(record + HEAD_METHOD_AT), load<u32>(record + HEAD_METHOD_BYTES));
  store<u8>(p++, 32);
  let host = <usize>load<u32>(edits + REQUEST_EDITS_HOST_AT);
  let hostBytes = load<u32>(edits + REQUEST_EDITS_HOST_BYTES);
  if (hostBytes == 0) { host = load<u32>(record + HEAD_HOST_AT); hostBytes = load<u32>(record + HEAD_HOST_BYTES); }
  if (load<u32>(record + HEAD_FLAGS) & HEAD_FLAG_AUTHORITY_FORM) {
    p = put(p, host, hostBytes);
  } else {
    if (flags & REQUEST_EDITS_FLAG_ABSOLUTE_URL) {
      if (flags & REQUEST_EDITS_FLAG_SCHEME_HTTPS) p = put(p, TEXT_HTTPS_ORIGIN, TEXT_HTTPS_ORIGIN_BYTES);
      else p = put(p, TEXT_HTTP_ORIGIN, TEXT_HTTP_ORIGIN_BYTES);
      p = put(p, host, hostBytes);
    }
    // RFC 9112 3.2.4: "*" in absolute form is an authority with an empty path.
    const wholeServer = (flags & REQUEST_EDITS_FLAG_ABSOLUTE_URL) != 0
      && (load<u32>(record + HEAD_FLAGS) & HEAD_FLAG_ASTERISK_FORM) != 0;
    if (!wholeServer) p = writePath(record, edits, p);
  }
  p = put(p, TEXT_REQUEST_LINE_END, TEXT_REQUEST_LINE_END_BYTES);
  p = put(p, flags & REQUEST_EDITS_FLAG_PROPER_CASE ? TEXT_HOST_NAME_PROPER : TEXT_HOST_NAME, TEXT_HOST_NAME_BYTES);
  return writeEnd(put(p, host, hostBytes));
}
/** The path after normalising (edits.path) and prefix rewrite. */
function writePath(record: usize, edits: usize, p: usize): usize {
  let path = <usize>load<u32>(edits + REQUEST_EDITS_PATH_AT);
  let n = load<u32>(edits + REQUEST_EDITS_PATH_BYTES);
  if (n == 0) { path = load<u32>(record + HEAD_PATH_AT); n = load<u32>(record + HEAD_PATH_BYTES); }
  if (n == 0) { store<u8>(p, 47); return p + 1; }
  const cut = load<u32>(edits + REQUEST_EDITS_PREFIX_CUT_BYTES);
  const prefixBytes = load<u32>(edits + REQUEST_EDITS_PREFIX_BYTES);
  if (prefixBytes != 0) { p = put(p, load<u32>(edits + REQUEST_EDITS_PREFIX_AT), prefixBytes); path += cut; n -= cut; }
  return n == 0 ? p : put(p, path, n);
}

function writeAdded(record: usize, edits: usize, flags: u32, p: usize, proper: bool): usize {
  if (flags & REQUEST_EDITS_FLAG_APPEND_XFF)
    p = writeAppended(record, HEADER_X_FORWARDED_FOR, p, NAME_X_FORWARDED_FOR, NAME_X_FORWARDED_FOR_BYTES,
      load<u32>(edits + REQUEST_EDITS_CLIENT_AT), load<u32>(edits + REQUEST_EDITS_CLIENT_BYTES), proper);
  if (flags & REQUEST_EDITS_FLAG_APPEND_HOST_XFH)
    p = writeAppended(record, HEADER_X_FORWARDED_HOST, p, NAME_X_FORWARDED_HOST, NAME_X_FORWARDED_HOST_BYTES,
      load<u32>(record + HEAD_HOST_AT), load<u32>(record + HEAD_HOST_BYTES), proper);
  if (flags & REQUEST_EDITS_FLAG_SET_PROTO
      || ((flags & REQUEST_EDITS_FLAG_PROTO_IF_ABSENT) && lineOf(record, HEADER_X_FORWARDED_PROTO) == 0)) {
    p = writeName(p, NAME_X_FORWARDED_PROTO, NAME_X_FORWARDED_PROTO_BYTES, proper);
    p = writeEnd(put(p, TEXT_HTTPS, flags & REQUEST_EDITS_FLAG_HTTPS ? TEXT_HTTPS_BYTES : TEXT_HTTP_BYTES));
  }
  if ((flags & REQUEST_EDITS_FLAG_APPEND_PORT) && lineOf(record, HEADER_X_FORWARDED_PORT) == 0) {
    p = writeName(p, NAME_X_FORWARDED_PORT, NAME_X_FORWARDED_PORT_BYTES, proper);
    p = writeEnd(put(p, load<u32>(edits + REQUEST_EDITS_PORT_AT), load<u32>(edits + REQUEST_EDITS_PORT_BYTES)));
  }
  p = writeRequestId(record, edits, flags, p, proper);
  const addedBytes = load<u32>(edits + REQUEST_EDITS_ADDED_BYTES);
  if (addedBytes != 0) p = put(p, load<u32>(edits + REQUEST_EDITS_ADDED_AT), addedBytes);
  if (flags & REQUEST_EDITS_FLAG_ORIGINAL_PATH) {
    p = writeName(p, NAME_X_ENVOY_ORIGINAL_PATH, NAME_X_ENVOY_ORIGINAL_PATH_BYTES, proper);
    let path = <usize>load<u32>(edits + REQUEST_EDITS_PATH_AT), n = load<u32>(edits + REQUEST_EDITS_PATH_BYTES);
    if (n == 0) { path = load<u32>(record + HEAD_PATH_AT); n = load<u32>(record + HEAD_PATH_BYTES); }
    p = writeEnd(put(p, path, n));
  }
  if (flags & REQUEST_EDITS_FLAG_ORIGINAL_HOST) {
    p = writeName(p, NAME_X_ENVOY_ORIGINAL_HOST, NAME_X_ENVOY_ORIGINAL_HOST_BYTES, proper);
    p = writeEnd(put(p, load<u32>(record + HEAD_HOST_AT), load<u32>(record + HEAD_HOST_BYTES)));
  }
  if (flags & REQUEST_EDITS_FLAG_SET_INTERNAL) p = put(p, TEXT_INTERNAL_LINE, TEXT_INTERNAL_LINE_BYTES);
  if (flags & REQUEST_EDITS_FLAG_EXTERNAL_ADDRESS) {
    p = writeName(p, NAME_X_ENVOY_EXTERNAL_ADDRESS, NAME_X_ENVOY_EXTERNAL_ADDRESS_BYTES, proper);
    p = writeEnd(put(p, load<u32>(edits + REQUEST_EDITS_EXTERNAL_AT), load<u32>(edits + REQUEST_EDITS_EXTERNAL_BYTES)));
  }
  const viaBytes = load<u32>(edits + REQUEST_EDITS_VIA_BYTES);
  if (viaBytes != 0)
    p = writeAppended(record, HEADER_VIA, p, NAME_VIA, NAME_VIA_BYTES, load<u32>(edits + REQUEST_EDITS_VIA_AT),
      viaBytes, proper);
  p = writeMutations(p, load<u32>(edits + REQUEST_EDITS_MUTATIONS_AT), load<u32>(edits + REQUEST_EDITS_MUTATION_COUNT),
    proper, (flags & REQUEST_EDITS_FLAG_AS_SPELLED) != 0);
  if (flags & REQUEST_EDITS_FLAG_CHUNKED) p = put(p, TEXT_CHUNKED_LINE, TEXT_CHUNKED_LINE_BYTES);
  else if (((METHODS_WITHOUT_BODY >> load<u32>(record + HEAD_METHOD)) & 1) == 0
      && !(load<u32>(record + HEAD_FLAGS) & HEAD_FLAG_HAS_CONTENT_LENGTH))
    p = put(p, TEXT_LENGTH_ZERO_LINE, TEXT_LENGTH_ZERO_LINE_BYTES);
  if (flags & REQUEST_EDITS_FLAG_TE_TRAILERS) p = put(p, TEXT_TRAILERS_LINE, TEXT_TRAILERS_LINE_BYTES);
  if (flags & REQUEST_EDITS_FLAG_UPGRADE) p = writeUpgrade(record, p);
  else if (flags & REQUEST_EDITS_FLAG_CONNECTION_CLOSE) p = put(p, TEXT_CLOSE_LINE, TEXT_CLOSE_LINE_BYTES);
  return p;
}
export function writeUpgrade(record: usize, p: usize): usize {
  const line = lineOf(record, HEADER_UPGRADE);
  p = put(p, TEXT_UPGRADE_LINE, TEXT_UPGRADE_LINE_BYTES);
  if (line == 0) return p;
  p = writeColon(put(p, NAME_UPGRADE, NAME_UPGRADE_BYTES));
  return writeEnd(put(p, load<u32>(line + 8), load<u32>(line + 12)));
}

/** name: all received values joined by ',' and then ours, as Envoy appends. */
export function writeAppended(record: usize, id: u32, p: usize, name: usize, nameBytes: u32, value: usize,
    valueBytes: u32, proper: bool): usize {
  p = writeName(p, name, nameBytes, proper);
  const first = load<u16>(record + HEAD_KNOWN + (<usize>id << 1));
  if (first != 0) {
    const count = load<u32>(record + HEAD_HEADER_COUNT);
    for (let i: u32 = first - 1; i < count; i++) {
      const line = record + HEAD_HEADERS + (<usize>i << 4);
      const meta = load<u32>(line + 4);
      if (((meta >> 16) & 255) != id || ((meta >> 24) & HEADER_LINE_FLAG_DROPPED)) continue;
      p = put(p, load<u32>(line + 8), load<u32>(line + 12));
      store<u8>(p++, 44);
      if (id == HEADER_VIA) store<u8>(p++, 32);
    }
  }
  return writeEnd(put(p, value, valueBytes));
}

function writeRequestId(record: usize, edits: usize, flags: u32, p: usize, proper: bool): usize {
  const line = lineOf(record, HEADER_X_REQUEST_ID);
  const keeps = line != 0 && !(flags & REQUEST_EDITS_FLAG_OVERWRITE_REQUEST_ID);
  if (keeps || !(flags & (REQUEST_EDITS_FLAG_GENERATE_REQUEST_ID | REQUEST_EDITS_FLAG_OVERWRITE_REQUEST_ID))) {
    store<u32>(edits + REQUEST_EDITS_REQUEST_ID_AT, line == 0 ? 0 : load<u32>(line + 8));
    store<u32>(edits + REQUEST_EDITS_REQUEST_ID_BYTES, line == 0 ? 0 : load<u32>(line + 12));
    return p;
  }
  p = writeName(p, NAME_X_REQUEST_ID, NAME_X_REQUEST_ID_BYTES, proper);
  writeUuid(p, load<u32>(edits + REQUEST_EDITS_RANDOM));
  store<u32>(edits + REQUEST_EDITS_REQUEST_ID_AT, <u32>p);
  store<u32>(edits + REQUEST_EDITS_REQUEST_ID_BYTES, 36);
  return writeEnd(p + 36);
}
