// The field section of a response (RFC 9113 8.3.2) into a canonical HTTP/1.1 head, and trailers (8.1) into lines. The
// line `:status: 200` is a byte shorter than `HTTP/1.1 200 `, so the text begins a byte before it and nothing moves.
import {
  KIND_CONTENT_LENGTH, KIND_HOST, KIND_STATUS, KIND_TE, KIND_TRAILER,
} from '../generated/hpack';
import {
  H2_HEAD_PROTOCOL_AT, H2_HEAD_PROTOCOL_BYTES, H2_HEAD_STATUS, H2_REFUSAL_BAD_STATUS, H2_REFUSAL_PSEUDO_AFTER_FIELD,
  H2_REFUSAL_PSEUDO_MISSING, H2_REFUSAL_PSEUDO_REPEATED, H2_REFUSAL_PSEUDO_UNKNOWN, TEXT_EMPTY_LINE,
  TEXT_EMPTY_LINE_BYTES, TEXT_STATUS_LINE_BEGIN, TEXT_STATUS_LINE_BEGIN_BYTES, TEXT_UPGRADE_LINE,
  TEXT_UPGRADE_LINE_BYTES, TEXT_UPGRADE_NAME, TEXT_UPGRADE_NAME_BYTES,
} from '../generated/layouts';
import { valueBytes } from './fields';
import {
  advance, begin, close, cursor, hasRoom, isPseudo, keep, kindOfField, lineBytes, open, refusal, refuse, setCursor,
  settle, valueAt, write,
} from './section';

const OPTION_UPGRADED: u32 = 2;

let status: u32 = 0;
let begun: bool = false;

export function h2DecodeResponse(table: usize, at: usize, end: usize, text: usize, textMax: u32, head: usize,
    listBytesMax: u32, countMax: u32, options: u32): i32 {
  status = 0;
  begun = false;
  if (open(table, at, end, text, textMax, listBytesMax, countMax)) {
    setCursor(text + 1);
    while (advance()) {
      const kind = kindOfField();
      if (isPseudo(kind)) {
        takeStatus(kind);
      } else {
        begun = true;
        if (status == 0) refuse(H2_REFUSAL_PSEUDO_MISSING);
        else keep(kind);
      }
    }
    finish(head, options);
  }
  store<u32>(head, status, H2_HEAD_STATUS);
  return close(head);
}

function takeStatus(kind: u32): void {
  if (begun) { refuse(H2_REFUSAL_PSEUDO_AFTER_FIELD); return; }
  if (kind != KIND_STATUS) { refuse(H2_REFUSAL_PSEUDO_UNKNOWN); return; }
  if (status != 0) { refuse(H2_REFUSAL_PSEUDO_REPEATED); return; }
  const value = valueAt();
  const d0 = <u32>load<u8>(value) - 48, d1 = <u32>load<u8>(value + 1) - 48, d2 = <u32>load<u8>(value + 2) - 48;
  // 101 has no meaning here (8.6).
  if (valueBytes != 3 || d0 - 1 > 8 || d1 > 9 || d2 > 9 || d0 * 100 + d1 * 10 + d2 == 101) {
    refuse(H2_REFUSAL_BAD_STATUS);
    return;
  }
  status = d0 * 100 + d1 * 10 + d2;
  setCursor(cursor + lineBytes());
}

function finish(head: usize, options: u32): void {
  if (refusal != 0) return;
  if (status == 0) { refuse(H2_REFUSAL_PSEUDO_MISSING); return; }
  settle();
  if (refusal != 0) return;
  if (options & OPTION_UPGRADED && status >= 200 && status < 300) upgraded(head);
  if (!hasRoom(TEXT_EMPTY_LINE_BYTES)) return;
  write(TEXT_EMPTY_LINE, TEXT_EMPTY_LINE_BYTES);
  memory.copy(begin, TEXT_STATUS_LINE_BEGIN, TEXT_STATUS_LINE_BEGIN_BYTES);
  const digits = begin + TEXT_STATUS_LINE_BEGIN_BYTES;
  store<u8>(digits, <u8>(48 + status / 100));
  store<u8>(digits + 1, <u8>(48 + status / 10 % 10));
  store<u8>(digits + 2, <u8>(48 + status % 10));
  store<u8>(digits + 3, 32);
  store<u16>(digits + 4, 0x0a0d);
}

/** The answer to an extended CONNECT is one to an upgrade (RFC 8441 5). */
function upgraded(head: usize): void {
  const bytes = load<u32>(head, H2_HEAD_PROTOCOL_BYTES);
  if (!hasRoom(TEXT_UPGRADE_LINE_BYTES + TEXT_UPGRADE_NAME_BYTES + bytes + 2 * TEXT_EMPTY_LINE_BYTES)) return;
  status = 101;
  write(TEXT_UPGRADE_LINE, TEXT_UPGRADE_LINE_BYTES);
  write(TEXT_UPGRADE_NAME, TEXT_UPGRADE_NAME_BYTES);
  write(load<u32>(head, H2_HEAD_PROTOCOL_AT), bytes);
  write(TEXT_EMPTY_LINE, TEXT_EMPTY_LINE_BYTES);
}

export function h2DecodeTrailers(table: usize, at: usize, end: usize, text: usize, textMax: u32, head: usize,
    listBytesMax: u32, countMax: u32, options: u32): i32 {
  if (open(table, at, end, text, textMax, listBytesMax, countMax)) {
    while (advance()) {
      const kind = kindOfField();
      if (isPseudo(kind)) refuse(H2_REFUSAL_PSEUDO_UNKNOWN);
      else if (kind != KIND_CONTENT_LENGTH && kind != KIND_HOST && kind != KIND_TRAILER && kind != KIND_TE) keep(kind);
    }
    settle();
  }
  store<u32>(head, 0, H2_HEAD_STATUS);
  return close(head);
}
