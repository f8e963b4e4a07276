// Bolt, versions 1 and 2: what SOFARPC speaks.
import { ResponseFlag } from '../core/response-flags.js';
import type { RpcProtocol } from './protocol.js';

const SERVER_EXCEPTION = 2, UNKNOWN = 3, BUSY = 4, ERROR_COMM = 5, NO_PROCESSOR = 6, TIMEOUT = 7, CODEC_EXCEPTION = 9;
const V1 = 1, V2 = 2;

export const bolt: RpcProtocol = {
  name: 'bolt',
  label: 'Bolt',
  refusedStatus: CODEC_EXCEPTION,
  leavesAsWhole: false,
  tellsDrain: false,
  // One byte is no magic: the bytes behind it have to be in range as well.
  recognise: (bytes, at, end) => {
    const proto = bytes[at];
    if (end === at) return -1;
    if (proto !== V1 && proto !== V2) return 0;
    const type = at + proto;
    if (proto === V2 && end > at + 1 && bytes[at + 1] !== 1 && bytes[at + 1] !== 2) return 0;
    if (end > type && bytes[type] > 2) return 0;
    if (end > type + 1 && bytes[type + 1] !== 0) return 0;              // commands are below 256
    return end > type + 1 ? 1 : -1;
  },
  calls: (codecs) => ({
    decode: codecs.boltDecode, encodeRequest: codecs.boltEncodeRequest, encodeResponse: codecs.boltEncodeResponse,
    encodeHeartbeat: codecs.boltEncodeHeartbeat, encodeHeartbeatReply: codecs.boltEncodeHeartbeatReply,
    encodeGoAway: codecs.boltEncodeGoAway,
  }),
  statusOf: (flags, httpStatus) => {
    if ((flags & (ResponseFlag.UO | ResponseFlag.RL | ResponseFlag.RLSE | ResponseFlag.OM)) !== 0) return BUSY;
    if ((flags & (ResponseFlag.NR | ResponseFlag.NC | ResponseFlag.UH)) !== 0) return NO_PROCESSOR;
    if ((flags & (ResponseFlag.UT | ResponseFlag.SI | ResponseFlag.DT)) !== 0) return TIMEOUT;
    if ((flags & (ResponseFlag.UF | ResponseFlag.UC | ResponseFlag.UR | ResponseFlag.LR)) !== 0) return ERROR_COMM;
    if (httpStatus === 403 || httpStatus === 401) return SERVER_EXCEPTION;
    if (httpStatus === 400 || httpStatus === 413 || httpStatus === 431) return CODEC_EXCEPTION;
    return httpStatus === 404 ? NO_PROCESSOR : httpStatus === 429 || httpStatus === 503 ? BUSY
      : httpStatus === 504 ? TIMEOUT : UNKNOWN;
  },
};
