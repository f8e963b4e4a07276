// HTTP/2 frames (RFC 9113 4.1, 6). One call finds one frame, judges what can be judged without knowing the stream, and
// cuts padding and priority fields off. DATA is handed out as far as it is there, so that no body waits for its frame;
// every other frame waits for its payload, which its limit bounds. A fault of the connection is found from the header
// alone wherever the header shows it.
import {
  H2_ERROR_FRAME_SIZE, H2_ERROR_PROTOCOL, H2_FRAME_CODE, H2_FRAME_DEPENDENCY, H2_FRAME_FLAGS, H2_FRAME_FLOW_BYTES,
  H2_FRAME_LAST_STREAM_ID, H2_FRAME_PADDING, H2_FRAME_PAYLOAD_AT, H2_FRAME_PAYLOAD_BYTES, H2_FRAME_REMAINING,
  H2_FRAME_SCOPE, H2_FRAME_STREAM_ID, H2_FRAME_TYPE, H2_FRAME_VALUE, H2_SCOPE_CONNECTION, H2_SCOPE_STREAM,
  H2_TYPE_CONTINUATION, H2_TYPE_DATA, H2_TYPE_GOAWAY, H2_TYPE_HEADERS, H2_TYPE_PING, H2_TYPE_PRIORITY,
  H2_TYPE_PUSH_PROMISE, H2_TYPE_RST_STREAM, H2_TYPE_SETTINGS, H2_TYPE_WINDOW_UPDATE,
} from '../generated/layouts';

const HEADER_BYTES: u32 = 9;
const FLAG_ACK: u32 = 0x1;
const FLAG_PADDED: u32 = 0x8;
const FLAG_PRIORITY: u32 = 0x20;

// @ts-ignore: decorator
@inline
function word(p: usize): u32 { return bswap<u32>(load<u32>(p)); }

function refuse(frame: usize, code: u32): i32 {
  store<u32>(frame + H2_FRAME_CODE, code);
  store<u32>(frame + H2_FRAME_SCOPE, H2_SCOPE_CONNECTION);
  return 0;
}

/** A fault of the stream alone: the frame is handed out, for its header block has to be decoded all the same. */
function blame(frame: usize, code: u32): void {
  store<u32>(frame + H2_FRAME_CODE, code);
  store<u32>(frame + H2_FRAME_SCOPE, H2_SCOPE_STREAM);
}

export function h2DecodeFrame(at: usize, end: usize, frame: usize, maxPayload: u32): i32 {
  if (<u32>(end - at) < HEADER_BYTES) return -1;
  const length = bswap<u32>(load<u32>(at)) >> 8;
  const type: u32 = load<u8>(at + 3), flags: u32 = load<u8>(at + 4);
  const streamId = word(at + 5) & 0x7fffffff;
  store<u32>(frame + H2_FRAME_TYPE, type);
  store<u32>(frame + H2_FRAME_FLAGS, flags);
  store<u32>(frame + H2_FRAME_STREAM_ID, streamId);
  store<u32>(frame + H2_FRAME_PAYLOAD_AT, <u32>at + HEADER_BYTES);
  store<u32>(frame + H2_FRAME_PAYLOAD_BYTES, length);
  store<u32>(frame + H2_FRAME_FLOW_BYTES, 0);
  store<u64>(frame + H2_FRAME_REMAINING, 0);        // and padding
  store<u64>(frame + H2_FRAME_CODE, 0);             // and scope
  store<u32>(frame + H2_FRAME_VALUE, 0);
  store<u32>(frame + H2_FRAME_LAST_STREAM_ID, 0);
  store<u32>(frame + H2_FRAME_DEPENDENCY, 0);
  if (length > maxPayload) return refuse(frame, H2_ERROR_FRAME_SIZE);
  if (type == H2_TYPE_DATA) return dataFrame(at, end, frame, length, flags, streamId);
  const code = headerFault(type, flags, length, streamId);
  if (code != 0) return refuse(frame, code);
  if (<u32>(end - at) - HEADER_BYTES < length) return -1;
  const fault = payloadFault(frame, at + HEADER_BYTES, type, flags, length, streamId);
  if (fault != 0) return refuse(frame, fault);
  return <i32>(HEADER_BYTES + length);
}

/** What is there of a DATA frame; needs its header and, where it is padded, the length of the padding. */
function dataFrame(at: usize, end: usize, frame: usize, length: u32, flags: u32, streamId: u32): i32 {
  if (streamId == 0) return refuse(frame, H2_ERROR_PROTOCOL);
  let have = <u32>(end - at) - HEADER_BYTES;
  let data = length, skipped = HEADER_BYTES, padding: u32 = 0;
  if (flags & FLAG_PADDED) {
    if (length == 0) return refuse(frame, H2_ERROR_FRAME_SIZE);
    if (have == 0) return -1;
    padding = load<u8>(at + HEADER_BYTES);
    if (padding >= length) return refuse(frame, H2_ERROR_PROTOCOL);
    data -= padding + 1;
    skipped++;
    have--;
  }
  const taken = min(have, data), cut = min(have - taken, padding);
  store<u32>(frame + H2_FRAME_PAYLOAD_AT, <u32>at + skipped);
  store<u32>(frame + H2_FRAME_PAYLOAD_BYTES, taken);
  store<u32>(frame + H2_FRAME_FLOW_BYTES, length);
  store<u32>(frame + H2_FRAME_REMAINING, data - taken + padding - cut);
  store<u32>(frame + H2_FRAME_PADDING, padding - cut);
  return <i32>(skipped + taken + cut);
}

/** Error code of the connection that type, flags, length and stream make by themselves; 0 = none. */
function headerFault(type: u32, flags: u32, length: u32, streamId: u32): u32 {
  switch (type) {
    case H2_TYPE_HEADERS:
    case H2_TYPE_PUSH_PROMISE:
    case H2_TYPE_PRIORITY:
    case H2_TYPE_CONTINUATION:
      return streamId == 0 ? H2_ERROR_PROTOCOL : 0;
    case H2_TYPE_RST_STREAM:
      if (streamId == 0) return H2_ERROR_PROTOCOL;
      return length == 4 ? 0 : H2_ERROR_FRAME_SIZE;
    case H2_TYPE_WINDOW_UPDATE:
      return length == 4 ? 0 : H2_ERROR_FRAME_SIZE;
    case H2_TYPE_SETTINGS:
      if (streamId != 0) return H2_ERROR_PROTOCOL;
      return length % 6 != 0 || (flags & FLAG_ACK && length != 0) ? H2_ERROR_FRAME_SIZE : 0;
    case H2_TYPE_PING:
      if (streamId != 0) return H2_ERROR_PROTOCOL;
      return length == 8 ? 0 : H2_ERROR_FRAME_SIZE;
    case H2_TYPE_GOAWAY:
      if (streamId != 0) return H2_ERROR_PROTOCOL;
      return length >= 8 ? 0 : H2_ERROR_FRAME_SIZE;
  }
  return 0;
}

/** Reads the fields of a payload that is there; returns an error code of the connection or 0. */
function payloadFault(frame: usize, p: usize, type: u32, flags: u32, length: u32, streamId: u32): u32 {
  switch (type) {
    case H2_TYPE_HEADERS:
    case H2_TYPE_PUSH_PROMISE:
      return fieldFrame(frame, p, type, flags, length, streamId);
    case H2_TYPE_PRIORITY:
      if (length != 5) { blame(frame, H2_ERROR_FRAME_SIZE); return 0; }
      priority(frame, p, streamId);
      store<u32>(frame + H2_FRAME_VALUE, load<u8>(p + 4));
      break;
    case H2_TYPE_RST_STREAM:
      store<u32>(frame + H2_FRAME_VALUE, word(p));
      break;
    case H2_TYPE_WINDOW_UPDATE: {
      const increment = word(p) & 0x7fffffff;
      store<u32>(frame + H2_FRAME_VALUE, increment);
      if (increment != 0) break;
      if (streamId == 0) return H2_ERROR_PROTOCOL;
      blame(frame, H2_ERROR_PROTOCOL);
      break;
    }
    case H2_TYPE_GOAWAY:
      store<u32>(frame + H2_FRAME_LAST_STREAM_ID, word(p) & 0x7fffffff);
      store<u32>(frame + H2_FRAME_VALUE, word(p + 4));
      store<u32>(frame + H2_FRAME_PAYLOAD_AT, <u32>p + 8);
      store<u32>(frame + H2_FRAME_PAYLOAD_BYTES, length - 8);
      break;
  }
  return 0;
}

/** Cuts padding, priority and promised stream off a frame that begins a field section. */
function fieldFrame(frame: usize, p: usize, type: u32, flags: u32, length: u32, streamId: u32): u32 {
  const padded = (flags & FLAG_PADDED) != 0, promise = type == H2_TYPE_PUSH_PROMISE;
  const fixed: u32 = (padded ? 1 : 0) + (promise ? 4 : flags & FLAG_PRIORITY ? 5 : 0);
  if (length < fixed) return H2_ERROR_FRAME_SIZE;
  const padding: u32 = padded ? load<u8>(p) : 0;
  if (padding > length - fixed) return H2_ERROR_PROTOCOL;
  if (padded) p++;
  if (promise) {
    store<u32>(frame + H2_FRAME_VALUE, word(p) & 0x7fffffff);
    p += 4;
  } else if (flags & FLAG_PRIORITY) {
    priority(frame, p, streamId);
    p += 5;
  }
  store<u32>(frame + H2_FRAME_PAYLOAD_AT, <u32>p);
  store<u32>(frame + H2_FRAME_PAYLOAD_BYTES, length - fixed - padding);
  return 0;
}

/** A stream that depends on itself is a fault of the stream (RFC 7540 5.3.1). */
function priority(frame: usize, p: usize, streamId: u32): void {
  const dependency = word(p) & 0x7fffffff;
  store<u32>(frame + H2_FRAME_DEPENDENCY, dependency);
  if (dependency == streamId) blame(frame, H2_ERROR_PROTOCOL);
}
