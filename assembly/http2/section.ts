// A field section into canonical text: the rules that requests, responses and trailers share (RFC 9113 8.1 to 8.3, RFC
// 9110 5). The first rule that a section breaks is noted and nothing more is written, but all of the block is decoded,
// so that the table stays in step with the peer's.
//
// What is known of the section between two fields are globals: a codec serves one call at a time.
import {
  KIND_CONNECTION, KIND_CONTENT_LENGTH, KIND_COOKIE, KIND_HOST, KIND_PLAIN, KIND_TE, KIND_UNKNOWN_PSEUDO,
} from '../generated/hpack';
import {
  H2_ERROR_COMPRESSION, H2_ERROR_ENHANCE_YOUR_CALM, H2_ERROR_PROTOCOL, H2_HEAD_CODE, H2_HEAD_CONTENT_LENGTH_LOW,
  H2_HEAD_FIELD_COUNT, H2_HEAD_FLAG_HAS_CONTENT_LENGTH, H2_HEAD_FLAG_TOO_LARGE, H2_HEAD_FLAG_TOO_MANY,
  H2_HEAD_FLAG_UNDERSCORE, H2_HEAD_FLAGS, H2_HEAD_LIST_BYTES, H2_HEAD_REASON, H2_HEAD_SCOPE, H2_HEAD_TEXT_BYTES,
  H2_REFUSAL_BAD_CONTENT_LENGTH, H2_REFUSAL_BAD_NAME, H2_REFUSAL_BAD_TE, H2_REFUSAL_BAD_VALUE,
  H2_REFUSAL_CONNECTION_FIELD, H2_REFUSAL_LENGTH_REPEATED, H2_REFUSAL_TOO_LARGE, H2_REFUSAL_TOO_MANY,
  H2_SCOPE_CONNECTION, H2_SCOPE_STREAM, TEXT_COOKIE_LINE, TEXT_TRAILERS, TEXT_TRAILERS_BYTES,
} from '../generated/layouts';
import { contentLength } from '../http1/head';
import { equalBytes, equalIgnoreCase, findByte } from '../lib/bytes';
import { put } from '../lib/copy';
import { fault, mark, meta, nameBytes, nextField, over, sizeUpdates, valueBytes } from './fields';
import { META_BAD_NAME, META_BAD_VALUE, META_KIND, META_UNDERSCORE } from './names';
import { FIELD_OVERHEAD, LINE_OVERHEAD } from './table';

/** Names are in the h1 record as 16 bits, and none that long is meant. */
const NAME_BYTES_MAX: u32 = 8192;

/** H2_REFUSAL_* of the stream; 0 = none so far. */
export let refusal: u32 = 0;
export let flags: u32 = 0;
/** Where the text begins and may end, and where the next line goes. */
export let begin: usize = 0;
export let stop: usize = 0;
export let cursor: usize = 0;

let table: usize = 0;
let blockEnd: usize = 0;
let position: usize = 0;
let listBytes: u32 = 0;
let listBytesMax: u32 = 0;
let fieldCount: u32 = 0;
let fieldCountMax: u32 = 0;
let length: u64 = 0;
let cookieAt: usize = 0;
let cookieEnd: usize = 0;
let scattered: bool = false;

export function refuse(why: u32): void { if (refusal == 0) refusal = why; }
export function setFlag(flag: u32): void { flags |= flag; }
export function setCursor(at: usize): void { cursor = at; }
/** The canonical line of the field that advance() found, and its bytes. */
// @ts-ignore: decorator
@inline
export function lineBytes(): u32 { return nameBytes + valueBytes + LINE_OVERHEAD + mark; }
// @ts-ignore: decorator
@inline
export function valueAt(): usize { return cursor + nameBytes + 2 + mark; }

/** Begins with a block; its size updates are taken. False when it is faulty. */
export function open(dynamic: usize, at: usize, end: usize, text: usize, textMax: u32, listMax: u32,
    countMax: u32): bool {
  table = dynamic;
  blockEnd = end;
  begin = text;
  stop = text + textMax;
  cursor = text;
  listBytesMax = listMax;
  fieldCountMax = countMax;
  refusal = 0;
  flags = 0;
  listBytes = 0;
  fieldCount = 0;
  length = 0;
  cookieAt = 0;
  cookieEnd = 0;
  scattered = false;
  position = sizeUpdates(dynamic, at, end);
  return position != 0;
}

/**
 * Goes to the next field that the message can take: its line is at `cursor`. False at the end of the block, or when it
 * is faulty (`fault`).
 */
export function advance(): bool {
  while (position < blockEnd) {
    let limit = stop;
    if (refusal != 0) {
      cursor = begin;
      // One byte can name a line of kilobytes, which nobody will read: it is not copied.
      if (load<u8>(position) & 0x80) limit = begin;
    }
    position = nextField(table, position, blockEnd, begin, cursor, limit);
    if (position == 0) return false;
    if (refusal != 0) continue;
    fieldCount++;
    listBytes += nameBytes + valueBytes + FIELD_OVERHEAD;
    if (over || listBytes > listBytesMax || nameBytes > NAME_BYTES_MAX) refuse(H2_REFUSAL_TOO_LARGE);
    else if (fieldCount > fieldCountMax) refuse(H2_REFUSAL_TOO_MANY);
    else if (meta & (META_BAD_NAME | META_BAD_VALUE))
      refuse(meta & META_BAD_NAME ? H2_REFUSAL_BAD_NAME : H2_REFUSAL_BAD_VALUE);
    else return true;
  }
  return false;
}

/** Kind of the field at the cursor. */
// @ts-ignore: decorator
@inline
export function kindOfField(): u32 { return meta & META_KIND; }
// @ts-ignore: decorator
@inline
export function isPseudo(kind: u32): bool { return kind - 1 < KIND_UNKNOWN_PSEUDO; }

/** Keeps the line at the cursor, or refuses it: a field of any kind but pseudo-header fields and host. */
export function keep(kind: u32): void {
  if (meta & META_UNDERSCORE) flags |= H2_HEAD_FLAG_UNDERSCORE;
  if (kind != KIND_PLAIN) {
    if (kind == KIND_CONNECTION) { refuse(H2_REFUSAL_CONNECTION_FIELD); return; }
    if (kind == KIND_COOKIE) { keepCookie(); return; }
    if (kind == KIND_CONTENT_LENGTH) judgeLength();
    else if (kind == KIND_TE && !(valueBytes == TEXT_TRAILERS_BYTES
        && equalIgnoreCase(valueAt(), TEXT_TRAILERS, TEXT_TRAILERS_BYTES))) refuse(H2_REFUSAL_BAD_TE);
  }
  cursor += lineBytes();
}

function judgeLength(): void {
  const value = contentLength(valueAt(), valueBytes);
  if (value < 0) refuse(H2_REFUSAL_BAD_CONTENT_LENGTH);
  else if (flags & H2_HEAD_FLAG_HAS_CONTENT_LENGTH) refuse(H2_REFUSAL_LENGTH_REPEATED);
  else length = <u64>value;
  flags |= H2_HEAD_FLAG_HAS_CONTENT_LENGTH;
}

/** Crumbs of a cookie become one line (RFC 9113 8.2.3). They follow each other, or are gathered at the end. */
function keepCookie(): void {
  if (cookieEnd == cursor && cursor != begin) {
    const value = valueAt();
    store<u16>(cursor - 2, 0x203b);
    cursor = put(cursor, value, valueBytes + 2);
  } else {
    if (cookieEnd == 0) cookieAt = cursor;
    else scattered = true;
    cursor += lineBytes();
  }
  cookieEnd = cursor;
}

/** One pass over the lines from the first cookie on: other lines move up, crumbs go to the end of the room and back. */
function gatherCookies(): void {
  const end = cursor, crumbs = end + 16;
  let line = cookieAt, to = cookieAt, crumb = crumbs;
  while (line < end) {
    const next = findByte(line, end, 10) + 1, bytes = <u32>(next - line);
    if (bytes > 8 && equalBytes(line, TEXT_COOKIE_LINE, 8)) {
      if (crumb + bytes + 16 > stop) { refuse(H2_REFUSAL_TOO_LARGE); return; }
      crumb = put(crumb, line + 8, bytes - 10);
      store<u16>(crumb, 0x203b);
      crumb += 2;
    } else {
      memory.copy(to, line, bytes);
      to += bytes;
    }
    line = next;
  }
  put(to, TEXT_COOKIE_LINE, 8);
  memory.copy(to + 8, crumbs, crumb - 2 - crumbs);
  cursor = to + 8 + (crumb - 2 - crumbs);
  store<u16>(cursor, 0x0a0d);
  cursor += 2;
}

/** Is there room for `bytes` more? Refuses otherwise. */
export function hasRoom(bytes: u32): bool {
  if (cursor + bytes <= stop) return true;
  refuse(H2_REFUSAL_TOO_LARGE);
  return false;
}

/** Writes a constant text at the cursor, for which there is room. */
export function write(text: usize, bytes: u32): void { cursor = put(cursor, text, bytes); }

/** The last thing of a section that is complete: cookies. */
export function settle(): void { if (scattered && refusal == 0) gatherCookies(); }

/** Fills the record; returns the bytes of text, or 0. */
export function close(head: usize): i32 {
  const broken = position == 0;
  const why = broken ? fault : refusal;
  if (why == H2_REFUSAL_TOO_LARGE) flags |= H2_HEAD_FLAG_TOO_LARGE;
  if (why == H2_REFUSAL_TOO_MANY) flags |= H2_HEAD_FLAG_TOO_MANY;
  const calm = (flags & (H2_HEAD_FLAG_TOO_LARGE | H2_HEAD_FLAG_TOO_MANY)) != 0;
  const code = why == 0 ? 0 : broken ? H2_ERROR_COMPRESSION : calm ? H2_ERROR_ENHANCE_YOUR_CALM : H2_ERROR_PROTOCOL;
  const bytes: u32 = why == 0 ? <u32>(cursor - begin) : 0;
  store<u32>(head, code, H2_HEAD_CODE);
  store<u32>(head, why == 0 ? 0 : broken ? H2_SCOPE_CONNECTION : H2_SCOPE_STREAM, H2_HEAD_SCOPE);
  store<u32>(head, why, H2_HEAD_REASON);
  store<u32>(head, flags, H2_HEAD_FLAGS);
  store<u32>(head, listBytes, H2_HEAD_LIST_BYTES);
  store<u32>(head, fieldCount, H2_HEAD_FIELD_COUNT);
  store<u64>(head, length, H2_HEAD_CONTENT_LENGTH_LOW);
  store<u32>(head, bytes, H2_HEAD_TEXT_BYTES);
  return <i32>bytes;
}
