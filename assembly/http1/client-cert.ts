// x-forwarded-client-cert of a decoded head: what the client sent of it is taken away, or made anew.
import { HEADER_LINE_FLAG_DROPPED, HEADER_X_FORWARDED_CLIENT_CERT, HEAD_BYTES, HEAD_HEADERS, HEAD_HEADER_COUNT,
  HEAD_KNOWN, NAME_X_FORWARDED_CLIENT_CERT, NAME_X_FORWARDED_CLIENT_CERT_BYTES } from '../generated/layouts';
import { lineOf } from './encode';

/** Takes every line of it away: nobody finds them by name any more, and none is written. */
export function h1DropClientCert(record: usize): void {
  const id = HEADER_X_FORWARDED_CLIENT_CERT;
  if (lineOf(record, id) == 0) return;
  const count = load<u32>(record + HEAD_HEADER_COUNT);
  for (let i: u32 = 0; i < count; i++) {
    const line = record + HEAD_HEADERS + (<usize>i << 4);
    if (((load<u32>(line + 4) >> 16) & 255) == id) store<u32>(line + 4, HEADER_LINE_FLAG_DROPPED << 24);
  }
  store<u16>(record + HEAD_KNOWN + (<usize>id << 1), 0);
}

/**
 * Gives the head x-forwarded-client-cert with the value at [at, at + bytes), in the place of all that it has. 0: it has
 * too many lines already.
 */
export function h1PlaceClientCert(record: usize, at: usize, bytes: u32, countMax: u32): i32 {
  h1DropClientCert(record);
  const count = load<u32>(record + HEAD_HEADER_COUNT);
  if (count >= countMax) return 0;
  const line = record + HEAD_HEADERS + (<usize>count << 4);
  store<u32>(record + HEAD_HEADER_COUNT, count + 1);
  store<u16>(record + HEAD_KNOWN + (<usize>HEADER_X_FORWARDED_CLIENT_CERT << 1), <u16>(count + 1));
  store<u32>(line, <u32>NAME_X_FORWARDED_CLIENT_CERT);
  store<u32>(line + 4, NAME_X_FORWARDED_CLIENT_CERT_BYTES | (HEADER_X_FORWARDED_CLIENT_CERT << 16));
  store<u32>(line + 8, <u32>at);
  store<u32>(line + 12, bytes);
  store<u32>(record + HEAD_BYTES, load<u32>(record + HEAD_BYTES) + NAME_X_FORWARDED_CLIENT_CERT_BYTES + bytes + 4);
  return 1;
}
