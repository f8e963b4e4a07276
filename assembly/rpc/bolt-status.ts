// Statuses of Bolt and of HTTP. A Java client drops its connection at a status that is not in the table: no other is
// ever written.
const SUCCESS: u32 = 0, SERVER_EXCEPTION: u32 = 2, UNKNOWN: u32 = 3, BUSY: u32 = 4, ERROR_COMM: u32 = 5,
  NO_PROCESSOR: u32 = 6, TIMEOUT: u32 = 7, CODEC_EXCEPTION: u32 = 9, CONNECTION_CLOSED: u32 = 16;

export function httpStatusOfBolt(status: u32): u32 {
  switch (status) {
    case SUCCESS: return 200;
    case BUSY: case CONNECTION_CLOSED: return 503;
    case ERROR_COMM: case 8: return 502;
    case NO_PROCESSOR: return 404;
    case TIMEOUT: return 504;
    case CODEC_EXCEPTION: case 18: return 400;
  }
  return 500;
}

export function boltStatusOfHttp(status: u32): u32 {
  switch (status) {
    case 400: case 413: case 431: return CODEC_EXCEPTION;
    case 401: case 403: return SERVER_EXCEPTION;
    case 404: return NO_PROCESSOR;
    case 408: case 504: return TIMEOUT;
    case 429: case 503: return BUSY;
    case 502: return ERROR_COMM;
  }
  return UNKNOWN;
}

export function isBoltStatus(status: u32): bool { return status <= 9 || (status - 16 <= 2); }
