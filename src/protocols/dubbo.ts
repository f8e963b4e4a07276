// Dubbo 2, with bodies of hessian2 or fastjson2.
import { ResponseFlag } from '../core/response-flags.js';
import type { RpcProtocol } from './protocol.js';

const SERVER_TIMEOUT = 31, CHANNEL_INACTIVE = 35, BAD_REQUEST = 40, BAD_RESPONSE = 50, SERVICE_NOT_FOUND = 60,
  SERVER_ERROR = 80, THREADPOOL_EXHAUSTED = 100;
const MAGIC_FIRST = 0xda, MAGIC_SECOND = 0xbb;

export const dubbo: RpcProtocol = {
  name: 'dubbo',
  label: 'Dubbo',
  refusedStatus: BAD_REQUEST,
  leavesAsWhole: true,
  tellsDrain: true,
  recognise: (bytes, at, end) => {
    if (end === at) return -1;
    if (bytes[at] !== MAGIC_FIRST) return 0;
    return end === at + 1 ? -1 : bytes[at + 1] === MAGIC_SECOND ? 1 : 0;
  },
  calls: (codecs) => ({
    decode: codecs.dubboDecode, encodeRequest: codecs.dubboEncodeRequest, encodeResponse: codecs.dubboEncodeResponse,
    encodeHeartbeat: codecs.dubboEncodeHeartbeat, encodeHeartbeatReply: codecs.dubboEncodeHeartbeatReply,
    encodeGoAway: codecs.dubboEncodeGoAway,
  }),
  // A consumer tries again, elsewhere, after all of them; it tells a timeout from the rest.
  statusOf: (flags, httpStatus) => {
    if ((flags & (ResponseFlag.UO | ResponseFlag.RL | ResponseFlag.RLSE | ResponseFlag.OM)) !== 0)
      return THREADPOOL_EXHAUSTED;
    if ((flags & (ResponseFlag.NR | ResponseFlag.NC | ResponseFlag.UH)) !== 0) return SERVICE_NOT_FOUND;
    if ((flags & (ResponseFlag.UT | ResponseFlag.SI | ResponseFlag.DT)) !== 0) return SERVER_TIMEOUT;
    if ((flags & (ResponseFlag.UF | ResponseFlag.UC | ResponseFlag.UR | ResponseFlag.LR)) !== 0)
      return CHANNEL_INACTIVE;
    switch (httpStatus) {
      case 400: case 413: case 431: return BAD_REQUEST;
      case 404: return SERVICE_NOT_FOUND;
      case 408: case 504: return SERVER_TIMEOUT;
      case 429: return THREADPOOL_EXHAUSTED;
      case 502: return BAD_RESPONSE;
      case 503: return CHANNEL_INACTIVE;
    }
    return httpStatus < 400 ? -1 : SERVER_ERROR;            // a success of ours: the codec says it
  },
};
