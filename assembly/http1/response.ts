// HTTP/1 response head (RFC 9112 4). Same record and result as requests. The reason phrase may be empty, with or
// without its space.
import {
  HEAD_CONTENT_LENGTH_LOW, HEAD_FLAGS, HEAD_FLAG_VERSION10, HEAD_HEAD_AT, HEAD_REASON_AT, HEAD_REASON_BYTES,
  HEAD_STATUS, REJECT_BAD_LINE_ENDING, REJECT_BAD_STATUS_LINE, TEXT_VERSION_PREFIX,
} from '../generated/layouts';
import { fieldValueEnd } from '../lib/bytes';
import { OPTION_RESPONSE, decodeHeaders, incomplete, reject } from './head';

export function h1DecodeResponse(at: usize, end: usize, out: usize, options: u32, bytesMax: u32, countMax: u32): i32 {
  let p = at;
  store<u32>(out + HEAD_FLAGS, 0);
  store<u64>(out + HEAD_CONTENT_LENGTH_LOW, 0);
  const have = <u32>(end - at);
  if (have < 13) {                       // "HTTP/1.1 200\r\n" is the shortest
    const known = have < 5 ? have : 5;
    for (let i: u32 = 0; i < known; i++)
      if (load<u8>(at + i) != load<u8>(TEXT_VERSION_PREFIX + i)) return reject(out, REJECT_BAD_STATUS_LINE, at, at + i);
    return -1;
  }
  const version = load<u64>(p);
  if (version == 0x302e312f50545448) store<u32>(out + HEAD_FLAGS, HEAD_FLAG_VERSION10);
  else if (version != 0x312e312f50545448) return reject(out, REJECT_BAD_STATUS_LINE, at, at);
  const d0 = <u32>load<u8>(p + 9) - 48, d1 = <u32>load<u8>(p + 10) - 48, d2 = <u32>load<u8>(p + 11) - 48;
  if (load<u8>(p + 8) != 32 || d0 > 9 || d1 > 9 || d2 > 9 || d0 == 0)
    return reject(out, REJECT_BAD_STATUS_LINE, at, p + 8);
  store<u32>(out + HEAD_STATUS, d0 * 100 + d1 * 10 + d2);
  store<u32>(out + HEAD_HEAD_AT, <u32>at);
  p += 12;
  const after = load<u8>(p);
  if (after != 32 && after != 13) return reject(out, REJECT_BAD_STATUS_LINE, at, p);
  if (after == 32) p++;
  const reason = p;
  p = fieldValueEnd(p, end);
  if (p + 2 > end && (p == end || load<u8>(p) == 13)) return incomplete(out, at, p, end, bytesMax);
  if (p + 2 > end || load<u16>(p) != 0x0a0d) return reject(out, REJECT_BAD_LINE_ENDING, at, p);
  store<u32>(out + HEAD_REASON_AT, <u32>reason);
  store<u32>(out + HEAD_REASON_BYTES, <u32>(p - reason));
  return decodeHeaders(at, p + 2, end, out, options | OPTION_RESPONSE, bytesMax, countMax);
}
