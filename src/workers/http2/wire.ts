// Numbers of RFC 9113 that the codec does not need: flags that are written, settings, windows.
export const FRAME_HEADER_BYTES = 9;
export const PREFACE = 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n';
export const STREAM_ID_MAX = 0x7fffffff;
export const WINDOW_MAX = 0x7fffffff;
export const WINDOW_DEFAULT = 65_535;

export const FLAG_END_STREAM = 1;
export const FLAG_ACK = 1;
export const FLAG_END_HEADERS = 4;

export const SETTING_HEADER_TABLE_SIZE = 1;
export const SETTING_ENABLE_PUSH = 2;
export const SETTING_MAX_CONCURRENT_STREAMS = 3;
export const SETTING_INITIAL_WINDOW_SIZE = 4;
export const SETTING_MAX_FRAME_SIZE = 5;
export const SETTING_MAX_HEADER_LIST_SIZE = 6;
export const SETTING_ENABLE_CONNECT_PROTOCOL = 8;
