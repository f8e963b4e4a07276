// Finds the route of a request: virtual host by authority, then the first route whose conditions all hold. Reads the
// request's bytes and the route table where they lie. Ten thousand virtual hosts cost one hash and one probe. Order of
// hosts as in Envoy: exact, longest *.suffix, longest prefix.*, then *.
import {
  HEAD_HEADERS, HEAD_HEADER_COUNT, HEAD_HOST_AT, HEAD_HOST_BYTES, HEAD_KNOWN, HEAD_METHOD_AT, HEAD_METHOD_BYTES,
  HEAD_PATH_AT, HEAD_PATH_BYTES, HEAD_PATH_ONLY_BYTES, HEAD_FLAGS, HEAD_FLAG_AUTHORITY_FORM, HEADER_LINE_FLAG_DROPPED,
  HOST_SLOT_HASH, HOST_SLOT_STRING_AT, HOST_SLOT_STRING_BYTES, HOST_SLOT_VIRTUAL_HOST, ROUTE_ENTRY_FLAGS,
  ROUTE_ENTRY_FLAG_IGNORE_CASE, ROUTE_ENTRY_FLAG_NEEDS_TEXT, ROUTE_ENTRY_HEADERS_AT, ROUTE_ENTRY_HEADER_COUNT,
  ROUTE_ENTRY_PATH_KIND, ROUTE_ENTRY_QUERY_AT, ROUTE_ENTRY_QUERY_COUNT, ROUTE_ENTRY_RECORD_BYTES, ROUTE_ENTRY_VALUE_AT,
  ROUTE_ENTRY_VALUE_BYTES, ROUTE_TABLE_DEFAULT_VIRTUAL_HOST, ROUTE_TABLE_EXACT_AT, ROUTE_TABLE_EXACT_MASK,
  ROUTE_TABLE_FLAGS, ROUTE_TABLE_FLAG_IGNORE_PORT, ROUTE_TABLE_PREFIX_AT, ROUTE_TABLE_PREFIX_LENGTHS_AT,
  ROUTE_TABLE_PREFIX_LENGTH_COUNT, ROUTE_TABLE_PREFIX_MASK, ROUTE_TABLE_ROUTES_AT, ROUTE_TABLE_SUFFIX_AT,
  ROUTE_TABLE_SUFFIX_LENGTHS_AT, ROUTE_TABLE_SUFFIX_LENGTH_COUNT, ROUTE_TABLE_SUFFIX_MASK, ROUTE_TABLE_VIRTUAL_HOSTS_AT,
  VIRTUAL_HOST_ENTRY_FIRST_ROUTE, VIRTUAL_HOST_ENTRY_RECORD_BYTES, VIRTUAL_HOST_ENTRY_ROUTE_COUNT,
  VALUE_MATCHER_END_LOW, VALUE_MATCHER_FLAGS, VALUE_MATCHER_FLAG_IGNORE_CASE, VALUE_MATCHER_FLAG_INVERT,
  VALUE_MATCHER_FLAG_MISSING_AS_EMPTY, VALUE_MATCHER_FLAG_PRESENT_FALSE, VALUE_MATCHER_KIND, VALUE_MATCHER_KNOWN,
  VALUE_MATCHER_NAME_AT, VALUE_MATCHER_NAME_BYTES, VALUE_MATCHER_RECORD_BYTES, VALUE_MATCHER_START_LOW,
  HEADER_X_FORWARDED_PROTO, VALUE_MATCHER_VALUE_AT, VALUE_MATCHER_VALUE_BYTES,
  TEXT_HTTPS, TEXT_HTTPS_BYTES, TEXT_HTTP, TEXT_HTTP_BYTES,
} from '../generated/layouts';
import { equalBytes, equalIgnoreCase, findByte, lowerOf } from '../lib/bytes';

export const NO_VIRTUAL_HOST: i32 = -1;
export const NO_ROUTE: i32 = -2;
/** Or-ed to a route index: the route also has conditions that TypeScript must judge (regular expressions). */
export const NEEDS_TEXT: i32 = 0x40000000;

const KIND_EXACT: u32 = 0, KIND_PREFIX: u32 = 1, KIND_SUFFIX: u32 = 2, KIND_CONTAINS: u32 = 3, KIND_REGEX: u32 = 4,
  KIND_PRESENT: u32 = 5;
const PATH_EXACT: u32 = 1, PATH_CONNECT: u32 = 2, PATH_SEPARATED_PREFIX: u32 = 3;
// Known ids of pseudo headers inside ValueMatcher.
const PSEUDO_METHOD: u32 = 250, PSEUDO_PATH: u32 = 251, PSEUDO_AUTHORITY: u32 = 252, PSEUDO_SCHEME: u32 = 253;

// What routeMatch is told of the scheme: :scheme, the x-forwarded-proto of ours, and that ours replaces the client's.
const SCHEME_HTTPS: u32 = 1, PROTO_HTTPS: u32 = 2, PROTO_SET: u32 = 4;

/** FNV-1a over the bytes, letters lowered; never 0. config/snapshot/route-table.ts computes the same. */
export function hashLower(p: usize, n: u32): u32 {
  let h: u32 = 2166136261;
  for (let i: u32 = 0; i < n; i++) h = (h ^ lowerOf(load<u8>(p + i))) * 16777619;
  return h == 0 ? 1 : h;
}

function probe(table: usize, slotsAt: u32, mask: u32, p: usize, n: u32): i32 {
  const hash = hashLower(p, n);
  let i = hash & mask;
  while (true) {
    const slot = table + slotsAt + (<usize>i << 4);
    const found = load<u32>(slot + HOST_SLOT_HASH);
    if (found == 0) return -1;
    if (found == hash && load<u32>(slot + HOST_SLOT_STRING_BYTES) == n
        && equalIgnoreCase(table + load<u32>(slot + HOST_SLOT_STRING_AT), p, n)) {
      return load<i32>(slot + HOST_SLOT_VIRTUAL_HOST);
    }
    i = (i + 1) & mask;
  }
}

/** Index of the virtual host for an authority, or NO_VIRTUAL_HOST. */
export function routeVirtualHost(table: usize, host: usize, hostBytes: u32): i32 {
  let n = hostBytes;
  if (load<u32>(table + ROUTE_TABLE_FLAGS) & ROUTE_TABLE_FLAG_IGNORE_PORT) n = withoutPort(host, n);
  const exact = load<u32>(table + ROUTE_TABLE_EXACT_AT);
  if (exact != 0) {
    const found = probe(table, exact, load<u32>(table + ROUTE_TABLE_EXACT_MASK), host, n);
    if (found >= 0) return found;
  }
  let count = load<u32>(table + ROUTE_TABLE_SUFFIX_LENGTH_COUNT);
  let lengths = table + load<u32>(table + ROUTE_TABLE_SUFFIX_LENGTHS_AT);
  for (let i: u32 = 0; i < count; i++) {
    const length = load<u32>(lengths + (<usize>i << 2));
    if (length >= n) continue;                                  // a wildcard stands for at least one byte
    const found = probe(table, load<u32>(table + ROUTE_TABLE_SUFFIX_AT), load<u32>(table + ROUTE_TABLE_SUFFIX_MASK),
      host + n - length, length);
    if (found >= 0) return found;
  }
  count = load<u32>(table + ROUTE_TABLE_PREFIX_LENGTH_COUNT);
  lengths = table + load<u32>(table + ROUTE_TABLE_PREFIX_LENGTHS_AT);
  for (let i: u32 = 0; i < count; i++) {
    const length = load<u32>(lengths + (<usize>i << 2));
    if (length >= n) continue;
    const found = probe(table, load<u32>(table + ROUTE_TABLE_PREFIX_AT), load<u32>(table + ROUTE_TABLE_PREFIX_MASK),
      host, length);
    if (found >= 0) return found;
  }
  return load<i32>(table + ROUTE_TABLE_DEFAULT_VIRTUAL_HOST);
}
/** Bytes of a host without ":port". */
export function withoutPort(host: usize, n: u32): u32 {
  for (let i = n; i > 0; i--) {
    const c = load<u8>(host + i - 1);
    if (c == 58) return i - 1;
    if (c == 93) return n;
  }
  return n;
}

/**
 * The first matching route at or after `from` (0 = search from the start of the virtual host). `path` is the normalised
 * path, or 0 to take the record's. Returns a route index, possibly | NEEDS_TEXT, or NO_VIRTUAL_HOST or NO_ROUTE.
 */
export function routeMatch(table: usize, record: usize, path: usize, pathBytes: u32, pathOnlyBytes: u32, https: u32,
    from: i32): i32 {
  const virtualHost = routeVirtualHost(table, load<u32>(record + HEAD_HOST_AT), load<u32>(record + HEAD_HOST_BYTES));
  if (virtualHost < 0) return NO_VIRTUAL_HOST;
  if (path == 0) {
    path = load<u32>(record + HEAD_PATH_AT);
    pathBytes = load<u32>(record + HEAD_PATH_BYTES);
    pathOnlyBytes = load<u32>(record + HEAD_PATH_ONLY_BYTES);
  }
  const entry = table + load<u32>(table + ROUTE_TABLE_VIRTUAL_HOSTS_AT)
    + <usize>virtualHost * VIRTUAL_HOST_ENTRY_RECORD_BYTES;
  const first = load<i32>(entry + VIRTUAL_HOST_ENTRY_FIRST_ROUTE);
  const end = first + load<i32>(entry + VIRTUAL_HOST_ENTRY_ROUTE_COUNT);
  const connect = (load<u32>(record + HEAD_FLAGS) & HEAD_FLAG_AUTHORITY_FORM) != 0;
  for (let i = max(first, from); i < end; i++) {
    const route = table + load<u32>(table + ROUTE_TABLE_ROUTES_AT) + <usize>i * ROUTE_ENTRY_RECORD_BYTES;
    if (!pathMatches(table, route, path, pathOnlyBytes, connect)) continue;
    const headers = load<u32>(route + ROUTE_ENTRY_HEADER_COUNT);
    if (headers != 0) {
      const matchers = table + load<u32>(route + ROUTE_ENTRY_HEADERS_AT);
      if (!headersMatch(table, matchers, headers, record, path, pathBytes, https)) continue;
    }
    const queries = load<u32>(route + ROUTE_ENTRY_QUERY_COUNT);
    if (queries != 0) {
      const matchers = table + load<u32>(route + ROUTE_ENTRY_QUERY_AT);
      if (!queryMatches(table, matchers, queries, path, pathBytes, pathOnlyBytes)) continue;
    }
    return load<u32>(route + ROUTE_ENTRY_FLAGS) & ROUTE_ENTRY_FLAG_NEEDS_TEXT ? i | NEEDS_TEXT : i;
  }
  return NO_ROUTE;
}

/** A path that TypeScript judges by an expression is a prefix here: the expression's literal beginning. */
function pathMatches(table: usize, route: usize, path: usize, n: u32, connect: bool): bool {
  const kind = load<u32>(route + ROUTE_ENTRY_PATH_KIND);
  if (kind == PATH_CONNECT) return connect;
  if (connect) return false;
  const value = table + load<u32>(route + ROUTE_ENTRY_VALUE_AT);
  const bytes = load<u32>(route + ROUTE_ENTRY_VALUE_BYTES);
  if (n == 0) return bytes == 0 || (bytes == 1 && load<u8>(value) == 47);   // an empty path is "/" (RFC 9110 4.2.3)
  if (kind == PATH_EXACT ? n != bytes : n < bytes) return false;
  if (kind == PATH_SEPARATED_PREFIX && n > bytes && load<u8>(path + bytes) != 47) return false;
  return load<u32>(route + ROUTE_ENTRY_FLAGS) & ROUTE_ENTRY_FLAG_IGNORE_CASE ? equalIgnoreCase(path, value, bytes)
    : equalBytes(path, value, bytes);
}


/**
 * Finds the next value of a matcher's header at line `from` or after it; returns the line behind it, 0 when there is
 * none. A pseudo header has one value.
 */
function findHeader(record: usize, matcher: usize, table: usize, path: usize, pathBytes: u32, https: u32,
    from: u32): u32 {
  const known = load<u32>(matcher + VALUE_MATCHER_KNOWN);
  if (known >= PSEUDO_METHOD) {
    if (from != 0) return 0;
    if (known == PSEUDO_METHOD) found(load<u32>(record + HEAD_METHOD_AT), load<u32>(record + HEAD_METHOD_BYTES));
    else if (known == PSEUDO_PATH) found(path, pathBytes);
    else if (known == PSEUDO_AUTHORITY) found(load<u32>(record + HEAD_HOST_AT), load<u32>(record + HEAD_HOST_BYTES));
    else if (https & SCHEME_HTTPS) found(TEXT_HTTPS, TEXT_HTTPS_BYTES);
    else found(TEXT_HTTP, TEXT_HTTP_BYTES);
    return 1;
  }
  const count = load<u32>(record + HEAD_HEADER_COUNT);
  let i = from;
  if (known != 0 && from == 0) {
    const index = <u32>load<u16>(record + HEAD_KNOWN + (<usize>known << 1));
    // Envoy has set x-forwarded-proto before it looks for a route; here it is written when the head is.
    if (known == HEADER_X_FORWARDED_PROTO && (index == 0 || (https & PROTO_SET))) {
      if (https & PROTO_HTTPS) found(TEXT_HTTPS, TEXT_HTTPS_BYTES);
      else found(TEXT_HTTP, TEXT_HTTP_BYTES);
      return count;
    }
    if (index == 0) return 0;
    i = index - 1;
  }
  const name = table + load<u32>(matcher + VALUE_MATCHER_NAME_AT), n = load<u32>(matcher + VALUE_MATCHER_NAME_BYTES);
  for (; i < count; i++) {
    const line = record + HEAD_HEADERS + (<usize>i << 4);
    if (!sameName(line, load<u32>(line + 4), known, name, n)) continue;
    found(load<u32>(line + 8), load<u32>(line + 12));
    return i + 1;
  }
  return 0;
}
// @ts-ignore: decorator
@inline
function sameName(line: usize, meta: u32, known: u32, name: usize, n: u32): bool {
  if ((meta & 0xffff) != n || ((meta >> 24) & HEADER_LINE_FLAG_DROPPED)) return false;
  return known != 0 ? ((meta >> 16) & 255) == known : equalIgnoreCase(load<u32>(line), name, n);
}
function found(at: usize, n: u32): bool { FOUND_AT = at; FOUND_BYTES = n; return true; }
let FOUND_AT: usize = 0;
let FOUND_BYTES: u32 = 0;

/** Do a virtual cluster's conditions hold, except those that TypeScript judges by expressions? */
export function headersHold(table: usize, matchersAt: u32, count: u32, record: usize, path: usize,
    pathBytes: u32): bool {
  return headersMatch(table, table + matchersAt, count, record, path, pathBytes, 0);
}

function headersMatch(table: usize, matcher: usize, count: u32, record: usize, path: usize, pathBytes: u32,
    https: u32): bool {
  for (let i: u32 = 0; i < count; i++, matcher += VALUE_MATCHER_RECORD_BYTES) {
    const kind = load<u32>(matcher + VALUE_MATCHER_KIND);
    if (kind == KIND_REGEX) continue;
    const flags = load<u32>(matcher + VALUE_MATCHER_FLAGS);
    const invert = (flags & VALUE_MATCHER_FLAG_INVERT) != 0;
    let next = findHeader(record, matcher, table, path, pathBytes, https, 0);
    if (kind == KIND_PRESENT) {
      const has = next != 0 || (flags & VALUE_MATCHER_FLAG_MISSING_AS_EMPTY) != 0;
      const wanted = (flags & VALUE_MATCHER_FLAG_PRESENT_FALSE) == 0;
      if ((has == wanted) == invert) return false;
      continue;
    }
    // A missing header fails every value match, inverted or not (Envoy's treat_missing_header_as_empty says so).
    if (next == 0) {
      if (!(flags & VALUE_MATCHER_FLAG_MISSING_AS_EMPTY)) return false;
      FOUND_BYTES = 0;
    }
    // Each value of a repeated header is looked at by itself; one that matches is enough.
    let matched = valueMatches(table, matcher, FOUND_AT, FOUND_BYTES);
    while (!matched && next != 0) {
      next = findHeader(record, matcher, table, path, pathBytes, https, next);
      if (next != 0) matched = valueMatches(table, matcher, FOUND_AT, FOUND_BYTES);
    }
    if (matched == invert) return false;
  }
  return true;
}

function valueMatches(table: usize, matcher: usize, at: usize, n: u32): bool {
  const kind = load<u32>(matcher + VALUE_MATCHER_KIND);
  const ignoreCase = (load<u32>(matcher + VALUE_MATCHER_FLAGS) & VALUE_MATCHER_FLAG_IGNORE_CASE) != 0;
  const value = table + load<u32>(matcher + VALUE_MATCHER_VALUE_AT);
  const bytes = load<u32>(matcher + VALUE_MATCHER_VALUE_BYTES);
  if (kind == KIND_EXACT) return n == bytes && equal(at, value, bytes, ignoreCase);
  if (kind == KIND_PREFIX) return n >= bytes && equal(at, value, bytes, ignoreCase);
  if (kind == KIND_SUFFIX) return n >= bytes && equal(at + n - bytes, value, bytes, ignoreCase);
  if (kind == KIND_CONTAINS) {
    if (bytes == 0) return true;
    if (n < bytes) return false;
    const last = at + n - bytes;
    for (let p = at; p <= last; p++) if (equal(p, value, bytes, ignoreCase)) return true;
    return false;
  }
  return inRange(at, n, load<i64>(matcher + VALUE_MATCHER_START_LOW), load<i64>(matcher + VALUE_MATCHER_END_LOW));
}
// @ts-ignore: decorator
@inline
function equal(a: usize, b: usize, n: u32, ignoreCase: bool): bool {
  return ignoreCase ? equalIgnoreCase(a, b, n) : equalBytes(a, b, n);
}

/** Is the text a decimal integer (optional sign) in [start, end)? */
function inRange(p: usize, n: u32, start: i64, end: i64): bool {
  let i: u32 = 0;
  let negative = false;
  if (n > 0 && (load<u8>(p) == 45 || load<u8>(p) == 43)) { negative = load<u8>(p) == 45; i = 1; }
  if (i == n || n - i > 18) return false;
  let value: i64 = 0;
  for (; i < n; i++) {
    const digit = <u32>load<u8>(p + i) - 48;
    if (digit > 9) return false;
    value = value * 10 + digit;
  }
  if (negative) value = -value;
  return value >= start && value < end;
}

/**
 * Every query matcher must hold for the first parameter of its name; values are compared as they stand (Envoy does
 * not decode either).
 */
function queryMatches(table: usize, matcher: usize, count: u32, path: usize, n: u32, pathOnly: u32): bool {
  const end = findByte(path + pathOnly, path + n, 35);
  for (let i: u32 = 0; i < count; i++, matcher += VALUE_MATCHER_RECORD_BYTES) {
    if (load<u32>(matcher + VALUE_MATCHER_KIND) == KIND_REGEX) continue;
    const has = findParameter(path + pathOnly + 1, end, table + load<u32>(matcher + VALUE_MATCHER_NAME_AT),
      load<u32>(matcher + VALUE_MATCHER_NAME_BYTES));
    if (load<u32>(matcher + VALUE_MATCHER_KIND) == KIND_PRESENT) {
      if (has == ((load<u32>(matcher + VALUE_MATCHER_FLAGS) & VALUE_MATCHER_FLAG_PRESENT_FALSE) != 0)) return false;
    } else if (!has || !valueMatches(table, matcher, FOUND_AT, FOUND_BYTES)) return false;
  }
  return true;
}
function findParameter(p: usize, end: usize, name: usize, n: u32): bool {
  while (p < end) {
    const stop = findByte(p, end, 38);
    const equals = findByte(p, stop, 61);
    if (<u32>(equals - p) == n && equalBytes(p, name, n)) {
      if (equals < stop) return found(equals + 1, <u32>(stop - equals - 1));
      return found(stop, 0);
    }
    p = stop + 1;
  }
  return false;
}

/** For TypeScript: [offset, bytes] of a header by name into `out`; returns 1 if present. Repeats give the first. */
export function headerValue(record: usize, name: usize, n: u32, known: u32, out: usize): i32 {
  let i: u32 = 0;
  const count = load<u32>(record + HEAD_HEADER_COUNT);
  if (known != 0) {
    const index = <u32>load<u16>(record + HEAD_KNOWN + (<usize>known << 1));
    if (index == 0) return 0;
    i = index - 1;
  }
  for (; i < count; i++) {
    const line = record + HEAD_HEADERS + (<usize>i << 4);
    if ((load<u32>(line + 4) & 0xffff) != n) continue;
    if (known == 0 && !equalIgnoreCase(load<u32>(line), name, n)) continue;
    store<u32>(out, load<u32>(line + 8));
    store<u32>(out + 4, load<u32>(line + 12));
    return 1;
  }
  return 0;
}

