// The response head on its way down: same rules as encode.ts.
import {
  HEADER_CONNECTION, HEADER_CONTENT_LENGTH, HEADER_DATE, HEADER_HTTP2_SETTINGS, HEADER_KEEP_ALIVE,
  HEADER_PROXY_CONNECTION, HEADER_SERVER, HEADER_TRAILER, HEADER_TRANSFER_ENCODING, HEADER_UPGRADE, HEADER_VIA,
  HEADER_X_ENVOY_UPSTREAM_SERVICE_TIME, HEADER_X_REQUEST_ID, HEAD_KNOWN, HEAD_REASON_AT, HEAD_REASON_BYTES, HEAD_STATUS,
  RESPONSE_EDITS_ADDED_AT, RESPONSE_EDITS_ADDED_BYTES, RESPONSE_EDITS_DATE_AT, RESPONSE_EDITS_DATE_BYTES,
    RESPONSE_EDITS_DROP_LOW, RESPONSE_EDITS_FLAGS,
  RESPONSE_EDITS_MUTATIONS_AT, RESPONSE_EDITS_MUTATION_COUNT, RESPONSE_EDITS_REQUEST_ID_AT,
  RESPONSE_EDITS_REQUEST_ID_BYTES, RESPONSE_EDITS_SERVER_AT, RESPONSE_EDITS_SERVER_BYTES,
  RESPONSE_EDITS_SERVICE_TIME_MS, RESPONSE_EDITS_VIA_AT, RESPONSE_EDITS_VIA_BYTES, RESPONSE_EDITS_FLAG_ADD_DATE,
  RESPONSE_EDITS_FLAG_CHUNKED, RESPONSE_EDITS_FLAG_CONNECTION_CLOSE, RESPONSE_EDITS_FLAG_CONNECTION_KEEP_ALIVE,
  RESPONSE_EDITS_FLAG_DROP_LENGTH, RESPONSE_EDITS_FLAG_PROPER_CASE, RESPONSE_EDITS_FLAG_REQUEST_ID,
  RESPONSE_EDITS_FLAG_SERVER_IF_ABSENT, RESPONSE_EDITS_FLAG_SERVER_OVERWRITE, RESPONSE_EDITS_FLAG_SERVICE_TIME,
  RESPONSE_EDITS_FLAG_UPGRADE, RESPONSE_EDITS_FLAG_VERSION10, TEXT_STATUS_LINE_BEGIN, TEXT_STATUS_LINE_BEGIN_BYTES,
  NAME_X_ENVOY_UPSTREAM_SERVICE_TIME, NAME_X_ENVOY_UPSTREAM_SERVICE_TIME_BYTES, NAME_SERVER, NAME_SERVER_BYTES,
  NAME_DATE, NAME_DATE_BYTES, NAME_X_REQUEST_ID, NAME_X_REQUEST_ID_BYTES, NAME_VIA, NAME_VIA_BYTES, TEXT_CHUNKED_LINE,
  TEXT_CHUNKED_LINE_BYTES, TEXT_CLOSE_LINE, TEXT_CLOSE_LINE_BYTES, TEXT_KEEP_ALIVE_LINE, TEXT_KEEP_ALIVE_LINE_BYTES,
} from '../generated/layouts';
import { writeDecimal } from '../lib/bytes';
import { put } from '../lib/copy';
import { bit, copyLines, writeAppended, writeEnd, writeMutations, writeName, writeUpgrade } from './encode';

/** As in encode.ts, but `te` means nothing in a response. */
const HOP_BY_HOP: u64 = bit(HEADER_CONNECTION) | bit(HEADER_KEEP_ALIVE) | bit(HEADER_PROXY_CONNECTION)
  | bit(HEADER_TRANSFER_ENCODING) | bit(HEADER_UPGRADE) | bit(HEADER_HTTP2_SETTINGS);

/** Encodes the response head at `dst`; returns the position after it. */
export function h1EncodeResponse(record: usize, edits: usize, dst: usize): usize {
  const flags = load<u32>(edits + RESPONSE_EDITS_FLAGS);
  const proper = (flags & RESPONSE_EDITS_FLAG_PROPER_CASE) != 0;
  let p = put(dst, TEXT_STATUS_LINE_BEGIN, TEXT_STATUS_LINE_BEGIN_BYTES);
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
  if (flags & RESPONSE_EDITS_FLAG_SERVICE_TIME) {
    p = writeName(p, NAME_X_ENVOY_UPSTREAM_SERVICE_TIME, NAME_X_ENVOY_UPSTREAM_SERVICE_TIME_BYTES, proper);
    p = writeEnd(writeDecimal(p, load<u32>(edits + RESPONSE_EDITS_SERVICE_TIME_MS)));
  }
  if ((flags & RESPONSE_EDITS_FLAG_SERVER_OVERWRITE)
      || ((flags & RESPONSE_EDITS_FLAG_SERVER_IF_ABSENT) && !hasServer)) {
    p = writeName(p, NAME_SERVER, NAME_SERVER_BYTES, proper);
    p = writeEnd(put(p, load<u32>(edits + RESPONSE_EDITS_SERVER_AT), load<u32>(edits + RESPONSE_EDITS_SERVER_BYTES)));
  }
  if ((flags & RESPONSE_EDITS_FLAG_ADD_DATE) && !hasDate) {
    p = writeName(p, NAME_DATE, NAME_DATE_BYTES, proper);
    p = writeEnd(put(p, load<u32>(edits + RESPONSE_EDITS_DATE_AT), load<u32>(edits + RESPONSE_EDITS_DATE_BYTES)));
  }
  if (flags & RESPONSE_EDITS_FLAG_REQUEST_ID) {
    p = writeName(p, NAME_X_REQUEST_ID, NAME_X_REQUEST_ID_BYTES, proper);
    p = writeEnd(put(p, load<u32>(edits + RESPONSE_EDITS_REQUEST_ID_AT),
      load<u32>(edits + RESPONSE_EDITS_REQUEST_ID_BYTES)));
  }
  if (viaBytes != 0)
    p = writeAppended(record, HEADER_VIA, p, NAME_VIA, NAME_VIA_BYTES, load<u32>(edits + RESPONSE_EDITS_VIA_AT),
      viaBytes, proper);
  p = writeMutations(p, load<u32>(edits + RESPONSE_EDITS_MUTATIONS_AT),
    load<u32>(edits + RESPONSE_EDITS_MUTATION_COUNT), proper);
  const addedBytes = load<u32>(edits + RESPONSE_EDITS_ADDED_BYTES);
  if (addedBytes != 0) p = put(p, load<u32>(edits + RESPONSE_EDITS_ADDED_AT), addedBytes);
  if (flags & RESPONSE_EDITS_FLAG_CHUNKED) p = put(p, TEXT_CHUNKED_LINE, TEXT_CHUNKED_LINE_BYTES);
  if (flags & RESPONSE_EDITS_FLAG_UPGRADE) p = writeUpgrade(record, p);
  else if (flags & RESPONSE_EDITS_FLAG_CONNECTION_CLOSE) p = put(p, TEXT_CLOSE_LINE, TEXT_CLOSE_LINE_BYTES);
  else if (flags & RESPONSE_EDITS_FLAG_CONNECTION_KEEP_ALIVE)
    p = put(p, TEXT_KEEP_ALIVE_LINE, TEXT_KEEP_ALIVE_LINE_BYTES);
  return writeEnd(p);
}
