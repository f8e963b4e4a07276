// What a field name is (RFC 9113 8.2, 8.3), decided once when it is spelled out and kept with the entry of the table.
import {
  KIND_AUTHORITY, KIND_CONNECTION, KIND_CONTENT_LENGTH, KIND_COOKIE, KIND_HOST, KIND_METHOD, KIND_PATH, KIND_PLAIN,
  KIND_PROTOCOL, KIND_SCHEME, KIND_STATUS, KIND_TE, KIND_TRAILER, KIND_UNKNOWN_PSEUDO,
} from '../generated/hpack';
import {
  NAME_CONNECTION, NAME_CONTENT_LENGTH, NAME_COOKIE, NAME_HOST, NAME_KEEP_ALIVE, NAME_PROXY_CONNECTION, NAME_TE,
  NAME_TRAILER, NAME_TRANSFER_ENCODING, NAME_UPGRADE, TEXT_AUTHORITY, TEXT_METHOD, TEXT_PATH, TEXT_PROTOCOL,
  TEXT_SCHEME, TEXT_STATUS, TOKEN_LOWER,
} from '../generated/layouts';
import { equalBytes } from '../lib/bytes';

/** Meta of a field: a KIND_* in the low byte, and what is wrong with it. */
export const META_KIND: u32 = 0xff;
export const META_BAD_NAME: u32 = 0x100;
export const META_BAD_VALUE: u32 = 0x200;
export const META_UNDERSCORE: u32 = 0x400;

/** Kind and faults of a name of n bytes. */
export function metaOfName(p: usize, n: u32): u32 {
  if (n == 0) return META_BAD_NAME;
  if (load<u8>(p) == 58) return pseudoKind(p, n);
  let meta: u32 = 0;
  for (let i: u32 = 0; i < n; i++) {
    const c: u32 = load<u8>(p + i);
    if (load<u8>(TOKEN_LOWER + c) != c || c == 0) return META_BAD_NAME;     // upper case is refused (8.2.1)
    if (c == 95) meta = META_UNDERSCORE;
  }
  return meta | kindOf(p, n);
}

function pseudoKind(p: usize, n: u32): u32 {
  switch (n) {
    case 5: return equalBytes(p, TEXT_PATH, 5) ? KIND_PATH : KIND_UNKNOWN_PSEUDO;
    case 7:
      if (equalBytes(p, TEXT_METHOD, 7)) return KIND_METHOD;
      if (equalBytes(p, TEXT_SCHEME, 7)) return KIND_SCHEME;
      return equalBytes(p, TEXT_STATUS, 7) ? KIND_STATUS : KIND_UNKNOWN_PSEUDO;
    case 9: return equalBytes(p, TEXT_PROTOCOL, 9) ? KIND_PROTOCOL : KIND_UNKNOWN_PSEUDO;
    case 10: return equalBytes(p, TEXT_AUTHORITY, 10) ? KIND_AUTHORITY : KIND_UNKNOWN_PSEUDO;
  }
  return KIND_UNKNOWN_PSEUDO;
}

function kindOf(p: usize, n: u32): u32 {
  switch (n) {
    case 2: return equalBytes(p, NAME_TE, 2) ? KIND_TE : KIND_PLAIN;
    case 4: return equalBytes(p, NAME_HOST, 4) ? KIND_HOST : KIND_PLAIN;
    case 6: return equalBytes(p, NAME_COOKIE, 6) ? KIND_COOKIE : KIND_PLAIN;
    case 7:
      if (equalBytes(p, NAME_UPGRADE, 7)) return KIND_CONNECTION;
      return equalBytes(p, NAME_TRAILER, 7) ? KIND_TRAILER : KIND_PLAIN;
    case 10:
      return equalBytes(p, NAME_CONNECTION, 10) || equalBytes(p, NAME_KEEP_ALIVE, 10) ? KIND_CONNECTION : KIND_PLAIN;
    case 14: return equalBytes(p, NAME_CONTENT_LENGTH, 14) ? KIND_CONTENT_LENGTH : KIND_PLAIN;
    case 16: return equalBytes(p, NAME_PROXY_CONNECTION, 16) ? KIND_CONNECTION : KIND_PLAIN;
    case 17: return equalBytes(p, NAME_TRANSFER_ENCODING, 17) ? KIND_CONNECTION : KIND_PLAIN;
  }
  return KIND_PLAIN;
}
