// The fixed header of a Dubbo 2 frame, and the numbers of the protocol.
//
//   da bb | flags | status | id, 8 bytes | length of the body, 4 bytes | body
import {
  RPC_FRAME_BODY_BYTES, RPC_FRAME_CODE, RPC_FRAME_FLAGS, RPC_FRAME_FLAG_DELIMITED, RPC_FRAME_HEAD_BYTES,
  RPC_FRAME_ID_HIGH, RPC_FRAME_ID_LOW, RPC_FRAME_KIND, RPC_FRAME_NEEDED, RPC_FRAME_ORIGIN, RPC_FRAME_RECORD_BYTES,
  RPC_FRAME_STATUS,
} from '../../generated/layouts';

export const HEADER_BYTES: u32 = 16;
export const MAGIC: u32 = 0xbbda;                   // of a 16-bit load
export const REQUEST: u32 = 0x80, TWO_WAY: u32 = 0x40, EVENT: u32 = 0x20, SERIALIZATION: u32 = 0x1f;
/** Serializations that can be read here. */
export const HESSIAN: u32 = 2, FASTJSON: u32 = 23;
export const STATUS_OK: u32 = 20;

/**
 * What `weft-frame` holds of a frame: its flags, its status, where its attachments went (a SHAPE), and how many bytes
 * at the end of the body they are.
 */
export const FACTS_BYTES: u32 = 7;
export const FACTS_STATUS: usize = 1, FACTS_SHAPE: usize = 2, FACTS_CUT: usize = 3;
/** Attachments stay in the body: no line stands for them, and none is written. */
export const SHAPE_UNREAD: u32 = 0;
/** All of them are lines: there was a map, null, nothing at all. */
export const SHAPE_MAP: u32 = 1, SHAPE_NULL: u32 = 2, SHAPE_ABSENT: u32 = 3;

// @ts-ignore: decorator
@inline
export function word(p: usize): u32 { return bswap<u32>(load<u32>(p)); }

export function clearFrame(frame: usize): void {
  memory.fill(frame, 0, RPC_FRAME_RECORD_BYTES);
  store<u32>(frame, HEADER_BYTES, RPC_FRAME_HEAD_BYTES);
}

/** Kind, id and length are the header's at `at`. */
export function noteHeader(frame: usize, at: usize, kind: u32): void {
  store<u32>(frame, kind, RPC_FRAME_KIND);
  store<u32>(frame, load<u8>(at + 3), RPC_FRAME_STATUS);
  store<u32>(frame, word(at + 4), RPC_FRAME_ID_HIGH);
  store<u32>(frame, word(at + 8), RPC_FRAME_ID_LOW);
  store<u32>(frame, word(at + 12), RPC_FRAME_BODY_BYTES);
  store<u32>(frame, load<u8>(at + 2), RPC_FRAME_ORIGIN);
}

/** The header at `dst`, with the id that is in the record. */
export function writeHeader(frame: usize, dst: usize, flags: u32, status: u32, bodyBytes: u32): usize {
  store<u16>(dst, <u16>MAGIC);
  store<u8>(dst + 2, <u8>flags);
  store<u8>(dst + 3, <u8>status);
  store<u32>(dst + 4, bswap<u32>(load<u32>(frame, RPC_FRAME_ID_HIGH)));
  store<u32>(dst + 8, bswap<u32>(load<u32>(frame, RPC_FRAME_ID_LOW)));
  store<u32>(dst + 12, bswap<u32>(bodyBytes));
  return dst + HEADER_BYTES;
}

/** The connection is out of step. */
export function refuseAll(frame: usize, code: u32): i32 {
  store<u32>(frame, code, RPC_FRAME_CODE);
  return 0;
}

/** This frame is refused; where it ends is known. */
export function refuseOne(frame: usize, code: u32): i32 {
  store<u32>(frame, code, RPC_FRAME_CODE);
  store<u32>(frame, RPC_FRAME_FLAG_DELIMITED, RPC_FRAME_FLAGS);
  return 0;
}

export function awaitBytes(frame: usize, needed: u32): i32 {
  store<u32>(frame, needed, RPC_FRAME_NEEDED);
  return -1;
}

/** What HTTP calls a status. */
export function httpStatusOf(status: u32): u32 {
  switch (status) {
    case 20: return 200;
    case 30: case 31: return 504;           // client's or server's timeout
    case 35: case 100: return 503;          // channel inactive, no thread is free
    case 40: return 400;                    // bad request
    case 50: return 502;                    // bad response
    case 60: return 404;                    // service not found
  }
  return 500;                               // serialization, service, server and client errors, and what is not known
}

/**
 * The status that says what an HTTP status says. A consumer tries again, elsewhere, after every one but
 * 25; it tells timeouts from the rest.
 */
export function statusOfHttp(status: u32): u32 {
  if (status < 400) return STATUS_OK;
  switch (status) {
    case 400: case 413: case 431: return 40;
    case 404: return 60;
    case 408: case 504: return 31;
    case 429: return 100;
    case 502: return 50;
    case 503: return 35;
  }
  return 80;
}
