// The WebAssembly codecs as TypeScript sees them: the exports of assembly/index.ts. All arguments are memory offsets,
// counts or flags.
import type { Http2Codecs } from './codecs-http2.js';
import type { RpcCodecs } from './codecs-rpc.js';

export interface Codecs extends Http2Codecs, RpcCodecs {
  h1DecodeRequest(at: number, end: number, out: number, options: number, bytesMax: number, countMax: number): number;
  h1DecodeResponse(at: number, end: number, out: number, options: number, bytesMax: number, countMax: number): number;
  h1HeadMayEnd(from: number, end: number): number;
  h1DropNominated(record: number): number;
  h1ApplyMutations(record: number, list: number, count: number): void;
  h1MutationBytes(list: number, count: number): number;
  h1EncodeRequest(record: number, edits: number, dst: number): number;
  h1EncodeResponse(record: number, edits: number, dst: number): number;
  h1ChunkedReset(state: number): void;
  h1ChunkedStep(state: number, at: number, end: number, dst: number, mode: number, lineMax: number, trailersMax: number,
    scratch: number): number;
  h1CopyTrailers(scratch: number, dst: number): number;
  h1WriteChunk(dst: number, at: number, bytes: number): number;
  routeMatch(table: number, record: number, path: number, pathBytes: number, pathOnlyBytes: number, https: number,
    from: number): number;
  routeVirtualHost(table: number, host: number, hostBytes: number): number;
  headerValue(record: number, name: number, nameBytes: number, known: number, out: number): number;
  /** Takes x-envoy headers away that only trusted clients may send. */
  h1DropClaims(record: number): void;
  /** Takes every line of x-forwarded-client-cert away. */
  h1DropClientCert(record: number): void;
  /** x-forwarded-client-cert, in the place of what the head has of it. 0: there is no room for another line. */
  h1PlaceClientCert(record: number, at: number, bytes: number, countMax: number): number;
  /** Makes a request id of 36 bytes at `at` and gives it to the head. */
  h1PlaceRequestId(record: number, at: number, state: number, countMax: number): void;
  headersHold(table: number, matchersAt: number, count: number, record: number, path: number,
    pathBytes: number): number;
  withoutPort(host: number, hostBytes: number): number;
  copyExact(dst: number, src: number, bytes: number): void;
  copyBytes(dst: number, src: number, bytes: number): void;
  /** xxHash64 of the bytes into two words at `out`, low first. */
  hashBytes(at: number, bytes: number, out: number): void;
  /** As hashBytes, with a seed (any but 0 changes the hash). */
  hashSeeded(at: number, bytes: number, seed: number, out: number): void;
  /**
   * Hashes of the bytes followed by each number from `first` in decimal, `count` of them, at `out`; `murmur` = by
   * MurmurHash2 instead of xxHash64. Ten bytes behind the bytes are overwritten.
   */
  hashNumbered(at: number, bytes: number, first: number, count: number, murmur: number, out: number): void;
  /** Adds the hash of the bytes to the one at `state` as Envoy combines hash policies; `has` = there is one yet. */
  hashCombine(at: number, bytes: number, state: number, has: number): void;
  /** 32 random bits (signed) from the xoshiro128** state at `state`. */
  nextRandom(state: number): number;
  /** Takes a token from the bucket at this offset (assembly/lib/token-bucket.ts): 1, or 0 when it has none. */
  tokenTake(bucket: number, nowMs: number, intervalMs: number, burst: number): number;
  tokensLeft(bucket: number, nowMs: number, intervalMs: number, burst: number): number;
  normalizePath(path: number, pathBytes: number, pathOnlyBytes: number, dst: number, options: number): number;
}

/** Options of h1Decode*. */
export const DECODE_LOWER_CASE = 1;
/** A head of our own: its target may be anything that a rewrite makes. */
export const DECODE_ANY_TARGET = 4;
/** Modes of h1ChunkedStep. */
export const CHUNKED_RECHUNK = 0;
export const CHUNKED_STRIP = 1;
export const CHUNKED_SCAN = 2;
export const CHUNKED_TRAILERS = 4;
/** What routeMatch is told of the scheme. */
export const SCHEME_HTTPS = 1;
export const PROTO_HTTPS = 2;
export const PROTO_SET = 4;
/** Results of routeMatch. */
export const NO_VIRTUAL_HOST = -1;
export const NO_ROUTE = -2;
export const NEEDS_TEXT = 0x40000000;

/** Instantiates the codecs over `memory`. A trap surfaces as WebAssembly.RuntimeError. */
export function instantiateCodecs(module: WebAssembly.Module, memory: WebAssembly.Memory): Codecs {
  const abort = () => { throw new Error('codec assertion failed'); };
  return new WebAssembly.Instance(module, { env: { memory, abort } }).exports as unknown as Codecs;
}
