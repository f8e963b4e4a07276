// SETTINGS of a peer (RFC 9113 6.5, RFC 8441 3): one payload applied to a record, in the order in which it stands. What
// is not known is ignored, as the RFC asks; a value out of its range is the error that the RFC names.
import {
  H2_ERROR_FLOW_CONTROL, H2_ERROR_FRAME_SIZE, H2_ERROR_PROTOCOL, H2_SETTINGS_ENABLE_CONNECT, H2_SETTINGS_ENABLE_PUSH,
  H2_SETTINGS_HEADER_TABLE_BYTES, H2_SETTINGS_HEADER_TABLE_LEAST, H2_SETTINGS_INITIAL_WINDOW_BYTES,
  H2_SETTINGS_MAX_CONCURRENT_STREAMS, H2_SETTINGS_MAX_FRAME_BYTES, H2_SETTINGS_MAX_HEADER_LIST_BYTES,
} from '../generated/layouts';

const SIGNED_MAX: u32 = 0x7fffffff;

/** What holds before the first SETTINGS frame of a peer. */
export function h2ResetSettings(settings: usize): void {
  store<u32>(settings + H2_SETTINGS_HEADER_TABLE_BYTES, 4096);
  store<u32>(settings + H2_SETTINGS_HEADER_TABLE_LEAST, SIGNED_MAX);
  store<u32>(settings + H2_SETTINGS_ENABLE_PUSH, 1);
  store<u32>(settings + H2_SETTINGS_MAX_CONCURRENT_STREAMS, SIGNED_MAX);
  store<u32>(settings + H2_SETTINGS_INITIAL_WINDOW_BYTES, 65535);
  store<u32>(settings + H2_SETTINGS_MAX_FRAME_BYTES, 16384);
  store<u32>(settings + H2_SETTINGS_MAX_HEADER_LIST_BYTES, SIGNED_MAX);
  store<u32>(settings + H2_SETTINGS_ENABLE_CONNECT, 0);
}

export function h2ReadSettings(at: usize, bytes: u32, settings: usize): u32 {
  if (bytes % 6 != 0) return H2_ERROR_FRAME_SIZE;
  for (const end = at + bytes; at < end; at += 6) {
    const id: u32 = bswap<u16>(load<u16>(at)), value = bswap<u32>(load<u32>(at + 2));
    const code = apply(settings, id, value);
    if (code != 0) return code;
  }
  return 0;
}

function apply(settings: usize, id: u32, value: u32): u32 {
  const bounded = min(value, SIGNED_MAX);
  switch (id) {
    case 1:
      store<u32>(settings + H2_SETTINGS_HEADER_TABLE_BYTES, bounded);
      if (bounded < load<u32>(settings + H2_SETTINGS_HEADER_TABLE_LEAST))
        store<u32>(settings + H2_SETTINGS_HEADER_TABLE_LEAST, bounded);
      break;
    case 2:
      if (value > 1) return H2_ERROR_PROTOCOL;
      store<u32>(settings + H2_SETTINGS_ENABLE_PUSH, value);
      break;
    case 3:
      store<u32>(settings + H2_SETTINGS_MAX_CONCURRENT_STREAMS, bounded);
      break;
    case 4:
      if (value > SIGNED_MAX) return H2_ERROR_FLOW_CONTROL;
      store<u32>(settings + H2_SETTINGS_INITIAL_WINDOW_BYTES, value);
      break;
    case 5:
      if (value < 16384 || value > 16777215) return H2_ERROR_PROTOCOL;
      store<u32>(settings + H2_SETTINGS_MAX_FRAME_BYTES, value);
      break;
    case 6:
      store<u32>(settings + H2_SETTINGS_MAX_HEADER_LIST_BYTES, bounded);
      break;
    case 8:     // RFC 8441 3: 0 or 1, and not taken back
      if (value > 1 || value < load<u32>(settings + H2_SETTINGS_ENABLE_CONNECT)) return H2_ERROR_PROTOCOL;
      store<u32>(settings + H2_SETTINGS_ENABLE_CONNECT, value);
      break;
  }
  return 0;
}
