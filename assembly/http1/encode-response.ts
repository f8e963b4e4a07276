// The response head on its way down: same rules as encode.ts.
import {
  HEADER_CONNECTION, HEADER_CONTENT_LENGTH, HEADER_DATE, HEADER_HTTP2_SETTINGS, HEADER_KEEP_ALIVE,
  HEADER_PROXY_CONNECTION, HEADER_SERVER, HEADER_TRAILER, HEADER_TRANSFER_ENCODING, HEADER_UPGRADE, HEADER_VIA,
  HEADER_X_ENVOY_UPSTREAM_SERVICE_TIME, HEADER_X_REQUEST_ID, HEAD_KNOWN, HEAD_REASON_AT, HEAD_REASON_BYTES, HEAD_STATUS,
  RESPONSE_EDITS_DATE_AT, RESPONSE_EDITS_DATE_BYTES, RESPONSE_EDITS_DROP_LOW, RESPONSE_EDITS_FLAGS,
  RESPONSE_EDITS_MUTATIONS_AT, RESPONSE_EDITS_MUTATION_COUNT, RESPONSE_EDITS_REQUEST_ID_AT,
  RESPONSE_EDITS_REQUEST_ID_BYTES, RESPONSE_EDITS_SERVER_AT, RESPONSE_EDITS_SERVER_BYTES,
  RESPONSE_EDITS_SERVICE_TIME_MS, RESPONSE_EDITS_VIA_AT, RESPONSE_EDITS_VIA_BYTES, RESPONSE_EDITS_FLAG_ADD_DATE,
  RESPONSE_EDITS_FLAG_CHUNKED, RESPONSE_EDITS_FLAG_CONNECTION_CLOSE, RESPONSE_EDITS_FLAG_CONNECTION_KEEP_ALIVE,
  RESPONSE_EDITS_FLAG_DROP_LENGTH, RESPONSE_EDITS_FLAG_PROPER_CASE, RESPONSE_EDITS_FLAG_REQUEST_ID,
  RESPONSE_EDITS_FLAG_SERVER_IF_ABSENT, RESPONSE_EDITS_FLAG_SERVER_OVERWRITE, RESPONSE_EDITS_FLAG_SERVICE_TIME,
  RESPONSE_EDITS_FLAG_UPGRADE, RESPONSE_EDITS_FLAG_VERSION10,
} from '../generated/layouts';
import { writeDecimal } from '../lib/bytes';
import { put } from '../lib/copy';
import { connectionClose, copyLines, putProperCase, transferEncodingChunked, writeAppended, writeColon, writeEnd,
  writeMutations, writeUpgrade } from './encode';

const T_STATUS: usize = memory.data<u8>([72, 84, 84, 80, 47, 49, 46, 49, 32, 0, 0, 0, 0, 0, 0, 0]);   // "HTTP/1.1 "
const N_SERVER: usize = memory.data<u8>([115, 101, 114, 118, 101, 114, 0, 0]);
const N_DATE: usize = memory.data<u8>([100, 97, 116, 101]);
const N_VIA: usize = memory.data<u8>([118, 105, 97, 0]);
const N_SERVICE_TIME: usize = memory.data<u8>([120, 45, 101, 110, 118, 111, 121, 45, 117, 112, 115, 116, 114, 101, 97,
  109, 45, 115, 101, 114, 118, 105, 99, 101, 45, 116, 105, 109, 101]);
const N_RID: usize = memory.data<u8>([120, 45, 114, 101, 113, 117, 101, 115, 116, 45, 105, 100]);
const N_KEEP_ALIVE: usize = memory.data<u8>([99, 111, 110, 110, 101, 99, 116, 105, 111, 110, 58, 32, 107, 101, 101, 112,
  45, 97, 108, 105, 118, 101, 13, 10]);

// @ts-ignore: decorator
@inline
function bit(id: u32): u64 { return <u64>1 << <u64>id; }
const HOP_BY_HOP: u64 = bit(HEADER_CONNECTION) | bit(HEADER_KEEP_ALIVE) | bit(HEADER_PROXY_CONNECTION)
  | bit(HEADER_TRANSFER_ENCODING)
  | bit(HEADER_UPGRADE) | bit(HEADER_HTTP2_SETTINGS);

function name(p: usize, at: usize, n: u32, proper: bool): usize {
  return writeColon(proper ? putProperCase(p, at, n) : put(p, at, n));
}

/** Encodes the response head at `dst`; returns the position after it. */
export function h1EncodeResponse(record: usize, edits: usize, dst: usize): usize {
  const flags = load<u32>(edits + RESPONSE_EDITS_FLAGS);
  const proper = (flags & RESPONSE_EDITS_FLAG_PROPER_CASE) != 0;
  let p = put(dst, T_STATUS, 9);
  if (flags & RESPONSE_EDITS_FLAG_VERSION10) store<u8>(p - 2, 48);
  p = writeDecimal(p, load<u32>(record + HEAD_STATUS));
  store<u8>(p++, 32);
  const reasonBytes = load<u32>(record + HEAD_REASON_BYTES);
  if (reasonBytes != 0) p = put(p, load<u32>(record + HEAD_REASON_AT), reasonBytes);
  p = writeEnd(p);
  const hasDate = load<u16>(record + HEAD_KNOWN + (<usize>HEADER_DATE << 1)) != 0;
  const hasServer = load<u16>(record + HEAD_KNOWN + (<usize>HEADER_SERVER << 1)) != 0;
  let drop = load<u64>(edits + RESPONSE_EDITS_DROP_LOW) | HOP_BY_HOP;
  if (flags & RESPONSE_EDITS_FLAG_SERVER_OVERWRITE) drop |= bit(HEADER_SERVER);
  if (flags & RESPONSE_EDITS_FLAG_SERVICE_TIME) drop |= bit(HEADER_X_ENVOY_UPSTREAM_SERVICE_TIME);
  if (flags & (RESPONSE_EDITS_FLAG_CHUNKED | RESPONSE_EDITS_FLAG_DROP_LENGTH)) drop |= bit(HEADER_CONTENT_LENGTH);
  if (!(flags & RESPONSE_EDITS_FLAG_CHUNKED)) drop |= bit(HEADER_TRAILER);
  if (flags & RESPONSE_EDITS_FLAG_REQUEST_ID) drop |= bit(HEADER_X_REQUEST_ID);
  const viaBytes = load<u32>(edits + RESPONSE_EDITS_VIA_BYTES);
  if (viaBytes != 0) drop |= bit(HEADER_VIA);
  p = copyLines(record, p, drop, false, proper);
  if (flags & RESPONSE_EDITS_FLAG_SERVICE_TIME)
    p = writeEnd(writeDecimal(name(p, N_SERVICE_TIME, 29, proper), load<u32>(edits + RESPONSE_EDITS_SERVICE_TIME_MS)));
  if ((flags & RESPONSE_EDITS_FLAG_SERVER_OVERWRITE)
      || ((flags & RESPONSE_EDITS_FLAG_SERVER_IF_ABSENT) && !hasServer)) {
    p = writeEnd(put(name(p, N_SERVER, 6, proper), load<u32>(edits + RESPONSE_EDITS_SERVER_AT),
      load<u32>(edits + RESPONSE_EDITS_SERVER_BYTES)));
  }
  if ((flags & RESPONSE_EDITS_FLAG_ADD_DATE) && !hasDate) {
    p = writeEnd(put(name(p, N_DATE, 4, proper), load<u32>(edits + RESPONSE_EDITS_DATE_AT),
      load<u32>(edits + RESPONSE_EDITS_DATE_BYTES)));
  }
  if (flags & RESPONSE_EDITS_FLAG_REQUEST_ID) {
    p = writeEnd(put(name(p, N_RID, 12, proper), load<u32>(edits + RESPONSE_EDITS_REQUEST_ID_AT),
      load<u32>(edits + RESPONSE_EDITS_REQUEST_ID_BYTES)));
  }
  if (viaBytes != 0)
    p = writeAppended(record, HEADER_VIA, p, N_VIA, 3, load<u32>(edits + RESPONSE_EDITS_VIA_AT), viaBytes, proper);
  p = writeMutations(p, load<u32>(edits + RESPONSE_EDITS_MUTATIONS_AT),
    load<u32>(edits + RESPONSE_EDITS_MUTATION_COUNT), proper);
  if (flags & RESPONSE_EDITS_FLAG_CHUNKED) p = put(p, transferEncodingChunked(), 28);
  if (flags & RESPONSE_EDITS_FLAG_UPGRADE) p = writeUpgrade(record, p);
  else if (flags & RESPONSE_EDITS_FLAG_CONNECTION_CLOSE) p = put(p, connectionClose(), 19);
  else if (flags & RESPONSE_EDITS_FLAG_CONNECTION_KEEP_ALIVE) p = put(p, N_KEEP_ALIVE, 24);
  return writeEnd(p);
}
