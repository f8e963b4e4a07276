// The ABI: every function that TypeScript may call. Pure functions over the one shared memory.
export { h1DecodeRequest, h1HeadMayEnd } from './http1/request';
export { h1DecodeResponse } from './http1/response';
export {
  h1DropNominated, h1DropClaims, h1PlaceRequestId, h1ApplyMutations, h1MutationBytes, h1EncodeRequest,
} from './http1/encode';
export { h1DropClientCert, h1PlaceClientCert } from './http1/client-cert';
export { h1EncodeResponse } from './http1/encode-response';
export { h1ChunkedReset, h1ChunkedStep, h1CopyTrailers, h1WriteChunk } from './http1/chunked';
export { routeMatch, routeVirtualHost, headerValue, headersHold, withoutPort } from './routing/match';
export { normalizePath } from './http1/path';
export { copyBytes, copyExact } from './lib/copy';
export { hashBytes, hashCombine, hashSeeded } from './lib/xxhash';
export { hashNumbered } from './lib/ring-hash';
export { nextRandom } from './http1/encode';
export { tokenTake, tokensLeft } from './lib/token-bucket';
export { h2DecodeFrame } from './http2/frame';
export { h2ReadSettings, h2ResetSettings } from './http2/settings';
export { hpackReset, hpackResize, hpackTableBytes } from './http2/table';
export { h2DecodeRequest } from './http2/request';
export { h2DecodeResponse, h2DecodeTrailers } from './http2/response';
export { h2BlockBytesMax, h2EncodeRequest, h2EncodeResponse, h2EncodeTrailers } from './http2/encode';
export { boltDecode } from './rpc/bolt-decode';
export {
  boltEncodeGoAway, boltEncodeHeartbeat, boltEncodeHeartbeatReply, boltEncodeRequest, boltEncodeResponse,
} from './rpc/bolt-encode';
export { rpcIsCanonical } from './rpc/canonical';
export { rpcCrc } from './rpc/crc';
export { dubboDecode } from './rpc/dubbo/decode';
export {
  dubboEncodeGoAway, dubboEncodeHeartbeat, dubboEncodeHeartbeatReply, dubboEncodeRequest, dubboEncodeResponse,
} from './rpc/dubbo/encode';
export {
  exampleDecode, exampleEncodeGoAway, exampleEncodeHeartbeat, exampleEncodeHeartbeatReply, exampleEncodeRequest,
  exampleEncodeResponse,
} from './rpc/example';
