// A protocol that shows what a protocol is (docs/protocols.md); its frames are described in assembly/rpc/example.ts.
import { ResponseFlag } from '../core/response-flags.js';
import type { RpcProtocol } from './protocol.js';

const BAD_REQUEST = 1, NOT_FOUND = 2, FAILED = 3, OVERLOADED = 4, TIMEOUT = 5;
const MAGIC = 'WXP1';

export const example: RpcProtocol = {
  name: 'example',
  label: 'Example',
  refusedStatus: BAD_REQUEST,
  leavesAsWhole: false,
  tellsDrain: false,
  recognise: (bytes, at, end) => {
    for (let i = 0; i < MAGIC.length; i++) {
      if (at + i === end) return -1;
      if (bytes[at + i] !== MAGIC.charCodeAt(i)) return 0;
    }
    return 1;
  },
  calls: (codecs) => ({
    decode: codecs.exampleDecode, encodeRequest: codecs.exampleEncodeRequest,
    encodeResponse: codecs.exampleEncodeResponse, encodeHeartbeat: codecs.exampleEncodeHeartbeat,
    encodeHeartbeatReply: codecs.exampleEncodeHeartbeatReply, encodeGoAway: codecs.exampleEncodeGoAway,
  }),
  statusOf: (flags, httpStatus) => {
    if ((flags & (ResponseFlag.UO | ResponseFlag.RL | ResponseFlag.OM)) !== 0) return OVERLOADED;
    if ((flags & (ResponseFlag.NR | ResponseFlag.NC | ResponseFlag.UH)) !== 0) return NOT_FOUND;
    if ((flags & (ResponseFlag.UT | ResponseFlag.SI | ResponseFlag.DT)) !== 0) return TIMEOUT;
    switch (httpStatus) {
      case 400: case 413: return BAD_REQUEST;
      case 404: return NOT_FOUND;
      case 429: case 503: return OVERLOADED;
      case 504: return TIMEOUT;
    }
    return httpStatus < 400 ? -1 : FAILED;
  },
};
