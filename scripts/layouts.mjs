// Describes once every record that codecs and TypeScript share, the known header names, methods and rejection codes,
// and writes the accessors of both languages: assembly/generated/layouts.ts and src/core/generated/layouts.ts. Run by
// scripts/build.mjs.
import { mkdirSync, readFileSync, writeFileSync, existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');

// Records are arrays of u32 words; offsets into the input are absolute memory offsets.
const records = {
  // One HTTP/1 head, request or response. `known` holds, for each known header id, 1 + the index of its first
  // occurrence (u16 pairs).
  Head: ['code', 'errorAt', 'flags', 'bytes', 'method', 'methodAt', 'methodBytes', 'targetAt', 'targetBytes', 'pathAt',
    'pathBytes', 'pathOnlyBytes', 'hostAt', 'hostBytes', 'contentLengthLow', 'contentLengthHigh', 'headerCount',
    'status', 'reasonAt', 'reasonBytes', 'headAt', 'spare1', 'spare2', 'spare3',
    ...Array.from({ length: 40 }, (_, i) => `known${i}`), 'headers'],
  // One header line inside Head.headers (stride 16 bytes). `meta` = known id | flags << 8.
  HeaderLine: ['nameAt', 'nameBytes_meta', 'valueAt', 'valueBytes'],
  // State of one chunked body between two calls.
  Chunked: ['state', 'remainingLow', 'remainingHigh', 'lineBytes', 'trailerBytes', 'code', 'consumed', 'produced',
    'dataBytes', 'spare'],
  // What to do to a request head on its way out. Spans (At, Bytes) with Bytes 0 are absent.
  RequestEdits: ['flags', 'hostAt', 'hostBytes', 'prefixAt', 'prefixBytes', 'prefixCutBytes', 'addedAt', 'addedBytes',
    'viaAt', 'viaBytes', 'clientAt', 'clientBytes', 'mutationsAt', 'mutationCount', 'idState', 'portAt', 'portBytes',
    'pathAt', 'pathBytes', 'maxBytes', 'dropLow', 'dropHigh', 'externalAt', 'externalBytes', 'requestIdAt',
    'requestIdBytes', 'random', 'spare'],
  // What to do to a response head on its way out.
  ResponseEdits: ['flags', 'serverAt', 'serverBytes', 'dateAt', 'dateBytes', 'viaAt', 'viaBytes', 'serviceTimeMs',
    'mutationsAt', 'mutationCount', 'requestIdAt', 'requestIdBytes', 'addedAt', 'dropLow', 'dropHigh', 'addedBytes'],
  // Route table (config/snapshot/route-table.ts). All offsets are relative to the table's start. A hash table is an
  // array of HostSlot (hash 0 = empty), open addressing, size mask + 1; suffix and prefix wildcards share one each,
  // tried by length, longest first.
  RouteTable: ['flags', 'exactAt', 'exactMask', 'suffixAt', 'suffixMask', 'suffixLengthsAt', 'suffixLengthCount',
    'prefixAt', 'prefixMask', 'prefixLengthsAt', 'prefixLengthCount', 'defaultVirtualHost', 'virtualHostCount',
    'virtualHostsAt', 'routeCount',
    'routesAt', 'configJsonAt', 'configJsonBytes', 'nameAt', 'nameBytes'],
  HostSlot: ['hash', 'stringAt', 'stringBytes', 'virtualHost'],
  VirtualHostEntry: ['firstRoute', 'routeCount', 'jsonAt', 'jsonBytes'],
  RouteEntry: ['pathKind', 'flags', 'valueAt', 'valueBytes', 'headersAt', 'headerCount', 'queryAt', 'queryCount',
    'jsonAt',
    'jsonBytes', 'virtualHost', 'spare'],
  // kind: 0 exact 1 prefix 2 suffix 3 contains 4 regex 5 present 6 range. range: decimal [start, end).
  ValueMatcher: ['kind', 'flags', 'known', 'nameAt', 'nameBytes', 'valueAt', 'valueBytes', 'spare', 'startLow',
    'startHigh', 'endLow',
    'endHigh'],
  // One HTTP/2 frame (RFC 9113 4, 6), as h2DecodeFrame finds it. `value`: error code of RST_STREAM and GOAWAY,
  // increment of WINDOW_UPDATE, promised stream of PUSH_PROMISE, weight of PRIORITY. `remaining`: bytes of a DATA frame
  // still to come, the last `padding` of them padding.
  H2Frame: ['type', 'flags', 'streamId', 'payloadAt', 'payloadBytes', 'flowBytes', 'remaining', 'padding', 'value',
    'lastStreamId', 'dependency', 'code', 'scope', 'spare1', 'spare2', 'spare3'],
  // What a peer asks for by SETTINGS; numbers above 2^31 - 1 are noted as that. `headerTableLeast`: the least header
  // table size since the reader last set it, for an encoder must say that one too (RFC 7541 4.2).
  H2Settings: ['headerTableBytes', 'headerTableLeast', 'enablePush', 'maxConcurrentStreams', 'initialWindowBytes',
    'maxFrameBytes', 'maxHeaderListBytes', 'enableConnect'],
  // What h2DecodeRequest, h2DecodeResponse and h2DecodeTrailers say of a field section. `random` (state of nextRandom)
  // and, for responses, `protocolAt`, `protocolBytes` are set by the caller.
  H2Head: ['code', 'scope', 'flags', 'listBytes', 'fieldCount', 'textBytes', 'contentLengthLow', 'contentLengthHigh',
    'status', 'protocolAt', 'protocolBytes', 'random', 'reason', 'spare1', 'spare2', 'spare3'],
  // One frame of an RPC protocol, as a codec's decoder finds it or its encoders are told it (workers/codecs-rpc.ts).
  // `origin`: what a reply of ours needs of the request's fixed header, packed by the codec. `needed`: with "more bytes
  // are needed", so many have to be there before another try is worth it. `cut`: bytes at the body's end that do not go
  // out; the `tailBytes` at `tailAt` go behind it.
  RpcFrame: ['code', 'kind', 'headBytes', 'bodyBytes', 'idLow', 'idHigh', 'origin', 'timeoutMs', 'status', 'flags',
    'textBytes', 'needed', 'crc', 'cut', 'tailAt', 'tailBytes'],
  // One header mutation, evaluated. `state`: 1 = to be written by the encoder.
  Mutation: ['action', 'known', 'nameAt', 'nameBytes', 'valueAt', 'valueBytes', 'state', 'keepEmpty', 'spellingAt'],
};

const flags = {
  Head: ['version10', 'connectionClose', 'connectionKeepAlive', 'chunked', 'hasContentLength', 'upgrade',
    'expectContinue', 'teTrailers', 'absoluteForm', 'asteriskForm', 'authorityForm', 'underscore', 'connectionNames',
    'pathNeedsNormalizing', 'fragment', 'httpsScheme', 'hostHeader', 'transferEncoding', 'hopByHop',
    'pathHasEscapedSlash', 'pathHasDoubleSlash', 'pathHasDots', 'pathHasPercent'],
  HeaderLine: ['canonical', 'dropped', 'underscore', 'neverIndexed'],
  RequestEdits: ['appendXff', 'setProto', 'generateRequestId', 'overwriteRequestId', 'external', 'setInternal',
    'asSpelled', 'chunked', 'https', 'appendHostXfh', 'upgrade', 'expectContinue', 'appendPort', 'absoluteUrl',
    'setPath', 'originalPath', 'properCase', 'externalAddress', 'dropUnderscore', 'connectionClose', 'teTrailers',
    'protoIfAbsent', 'originalHost', 'schemeHttps', 'keepMarks'],
  RouteTable: ['ignorePort'],
  RouteEntry: ['ignoreCase', 'needsText'],
  ValueMatcher: ['invert', 'ignoreCase', 'missingAsEmpty', 'presentFalse'],
  ResponseEdits: ['serverOverwrite', 'serverIfAbsent', 'addDate', 'serviceTime', 'chunked', 'dropLength',
    'connectionClose', 'connectionKeepAlive', 'upgrade', 'asSpelled', 'properCase', 'version10', 'requestId',
    'dropEnvoyHeaders', 'lengthZero', 'keepMarks'],
  RpcFrame: ['crc', 'applicationError', 'delimited', 'local'],
  H2Head: ['hasContentLength', 'tooLarge', 'tooMany', 'https', 'connect', 'extendedConnect', 'underscore'],
};

// HTTP/2 error codes (RFC 9113 7), frame types (6) and where an error is one.
const http2Errors = ['none', 'protocol', 'internal', 'flowControl', 'settingsTimeout', 'streamClosed', 'frameSize',
  'refusedStream', 'cancel', 'compression', 'connect', 'enhanceYourCalm', 'inadequateSecurity', 'http11Required'];
const http2Types = ['data', 'headers', 'priority', 'rstStream', 'settings', 'pushPromise', 'ping', 'goaway',
  'windowUpdate', 'continuation'];
const http2Scopes = ['none', 'stream', 'connection'];
// Why a field section was refused; the last five are errors of the connection.
const http2Refusals = ['none', 'badName', 'badValue', 'connectionField', 'badTe', 'pseudoAfterField', 'pseudoUnknown',
  'pseudoRepeated', 'pseudoMissing', 'badMethod', 'badScheme', 'badPath', 'badAuthority', 'badProtocol', 'badStatus',
  'hostRepeated', 'hostDiffers', 'badContentLength', 'lengthRepeated', 'tooLarge', 'tooMany', 'badIndex', 'badInteger',
  'badString', 'badSizeUpdate', 'textTooSmall'];

// What a frame of an RPC protocol is, and why one was refused or cannot be written.
const rpcKinds = ['none', 'request', 'oneway', 'response', 'heartbeat', 'heartbeatReply', 'goAway', 'goOn'];
const rpcRefusals = ['none', 'badMagic', 'badVersion', 'badType', 'badCommand', 'badLength', 'badPairs', 'badBody',
  'headTooLarge', 'frameTooLarge', 'badChecksum', 'notOfProtocol'];

// Why a head or a body was rejected. The detail strings are Envoy's where it has one.
const rejections = ['none', 'badMethod', 'badTarget', 'badVersion', 'unsupportedVersion', 'badHeaderName',
  'badHeaderValue', 'badLineEnding', 'obsoleteFold', 'badContentLength', 'lengthConflict', 'badTransferEncoding',
  'unsupportedTransferEncoding', 'missingHost', 'repeatedHost', 'badHost', 'headTooLarge', 'tooManyHeaders',
  'badStatusLine', 'badChunkSize', 'badChunkExtension', 'chunkLineTooLong', 'badChunkEnd',
  'trailersTooLarge', 'badTrailer', 'repeatedTransferEncoding', 'transferEncodingInHttp10', 'badConnection',
  'badUpgrade', 'spaceBeforeColon'];

const methods = ['OTHER', 'GET', 'HEAD', 'POST', 'PUT', 'DELETE', 'CONNECT', 'OPTIONS', 'TRACE', 'PATCH'];

// Known header names get ids 1..; the first ones are those that every request touches.
const known = ['host', 'connection', 'content-length', 'transfer-encoding', 'keep-alive', 'upgrade', 'te', 'trailer',
  'expect', 'proxy-connection', 'x-forwarded-for', 'x-forwarded-proto', 'x-forwarded-host', 'x-forwarded-port',
  'x-request-id', 'via', 'server', 'date', 'user-agent', 'content-type', 'x-envoy-upstream-service-time',
  'x-envoy-expected-rq-timeout-ms', 'x-envoy-internal', 'x-envoy-external-address', 'x-envoy-original-path',
  'x-envoy-attempt-count', 'x-envoy-decorator-operation', 'x-envoy-downstream-service-cluster',
  'x-envoy-downstream-service-node', 'x-envoy-force-trace', 'x-envoy-hedge-on-per-try-timeout', 'x-envoy-ip-tags',
  'x-envoy-max-retries', 'x-envoy-retry-grpc-on', 'x-envoy-retry-on', 'x-envoy-retriable-header-names',
  'x-envoy-retriable-status-codes', 'x-envoy-upstream-alt-stat-name', 'x-envoy-upstream-rq-per-try-timeout-ms',
  'x-envoy-upstream-rq-timeout-alt-response', 'x-envoy-upstream-rq-timeout-ms', 'x-envoy-original-host', 'accept',
  'accept-encoding', 'accept-language', 'authorization', 'cookie', 'set-cookie', 'cache-control', 'referer', 'origin',
  'http2-settings', 'x-b3-traceid', 'x-b3-spanid', 'x-b3-sampled', 'traceparent', 'tracestate', 'grpc-timeout',
  'grpc-status', 'location', 'etag', 'last-modified', 'x-envoy-upstream-canary', 'x-envoy-overloaded',
  'x-envoy-degraded', 'x-envoy-immediate-health-check-fail', 'x-envoy-ratelimited',
  'x-client-trace-id', 'x-forwarded-client-cert'];
// What only a trusted (internal) client may ask for, and what besides is taken from clients at the edge
// (use_remote_address): ConnectionManagerUtility::cleanInternalHeaders.
const internalOnly = ['x-envoy-retriable-status-codes', 'x-envoy-retriable-header-names', 'x-envoy-retry-on',
  'x-envoy-retry-grpc-on', 'x-envoy-max-retries', 'x-envoy-upstream-alt-stat-name', 'x-envoy-upstream-rq-timeout-ms',
  'x-envoy-upstream-rq-per-try-timeout-ms', 'x-envoy-upstream-rq-timeout-alt-response',
  'x-envoy-expected-rq-timeout-ms', 'x-envoy-force-trace', 'x-envoy-ip-tags',
  'x-envoy-hedge-on-per-try-timeout', 'x-envoy-internal'];
const edgeOnly = ['x-envoy-decorator-operation', 'x-envoy-downstream-service-cluster',
  'x-envoy-downstream-service-node', 'x-envoy-original-path', 'x-envoy-external-address'];

// Texts that codecs compare with or write. `TEXT_x` is where the bytes lie, `TEXT_x_BYTES` how many they are.
const texts = {
  http: 'http', https: 'https', httpOrigin: 'http://', httpsOrigin: 'https://', versionPrefix: 'HTTP/',
  requestLineEnd: ' HTTP/1.1\r\n', hostName: 'host: ', hostNameProper: 'Host: ', statusLineBegin: 'HTTP/1.1 ',
  chunked: 'chunked', close: 'close', keepAlive: 'keep-alive', trailers: 'trailers',
  continueExpectation: '100-continue',
  chunkedLine: 'transfer-encoding: chunked\r\n', lengthZeroLine: 'content-length: 0\r\n',
  closeLine: 'connection: close\r\n',
  keepAliveLine: 'connection: keep-alive\r\n', upgradeLine: 'connection: upgrade\r\n',
  trailersLine: 'te: trailers\r\n', internalLine: 'x-envoy-internal: true\r\n', hexDigits: '0123456789abcdef',
  method: ':method', path: ':path', scheme: ':scheme', status: ':status', protocol: ':protocol',
  get: 'GET', connect: 'CONNECT', options: 'OPTIONS', post: 'POST',
  authority: ':authority', cookieLine: 'cookie: ', upgradeName: 'upgrade: ', emptyLine: '\r\n',
  webSocket: 'websocket', webSocketKey: 'sec-websocket-key', webSocketKeyLine: 'sec-websocket-key: ',
  rpcRequestBegin: 'POST /', rpcHostLine: ' HTTP/1.1\r\nhost: ', rpcServiceLine: '\r\nx-service: ',
  rpcMethodLine: '\r\nx-method: ', rpcVersionLine: '\r\nx-version: ', rpcGroupLine: '\r\nx-group: ',
  rpcClassLine: '\r\nx-class: ', rpcFrameLine: '\r\nweft-frame: ', rpcPairLine: '\r\nweft-pair: ',
  rpcLengthLine: '\r\ncontent-length: ', rpcPrefix: 'weft-', rpcEnvoyPrefix: 'x-envoy-', rpcServiceName: 'x-service',
  rpcMethodName: 'x-method', rpcVersionName: 'x-version', rpcGroupName: 'x-group', rpcClassName: 'x-class',
  rpcFrameName: 'weft-frame', rpcPairName: 'weft-pair', rpcLengthName: 'content-length',
  boltService: 'service', boltTarget: 'sofa_head_target_service', boltMethod: 'sofa_head_method_name',
  boltMethodField: 'methodName', boltFailed: 'sofa_head_response_error', trueText: 'true',
  base64: 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/',
};

if (known.length + 1 > 80) throw new Error('known ids do not fit Head.known');

// A perfect hash over the length and four bytes, found by search.
function perfectHash(names) {
  for (let a = 1; a < 64; a += 2) for (let b = 1; b < 64; b += 2) for (let c = 1; c < 64; c += 2) {
    const table = new Uint8Array(1024);
    let good = true;
    for (let i = 0; i < names.length && good; i++) {
      const slot = hash(names[i], a, b, c);
      if (table[slot]) good = false; else table[slot] = i + 1;
    }
    if (good) return { a, b, c, table };
  }
  throw new Error('no perfect hash found');
}
function hash(name, a, b, c) {
  const n = name.length;
  return (n * a + name.charCodeAt(0) * 31 + name.charCodeAt(n - 1) * c + name.charCodeAt(n >> 1) * b
    + name.charCodeAt((n * 3) >> 2) * 17) & 1023;
}
const perfect = perfectHash(known);

const constant = (name) => name.replace(/([a-z0-9])([A-Z])/g, '$1_$2').replace(/-/g, '_').toUpperCase();
const lines = { as: [], ts: [] };
const both = (as, ts = as) => { lines.as.push(as); lines.ts.push(ts); };
/** A frozen object of numbers in TypeScript. */
const frozen = (name, entries) => {
  const fields = entries.map(([key, value]) => `${/^\w+$/.test(key) ? key : `'${key}'`}: ${value}`);
  lines.ts.push(`export const ${name} = Object.freeze({ ${fields.join(', ')} } as const);`);
};
const numbered = (names, from = 0) => names.map((name, index) => [name, from + index]);
const data = (name, bytes) => `export const ${name}: usize = memory.data<u8>([${Array.from(bytes).join(',')}]);`;

both('// Generated by scripts/layouts.mjs; do not edit.');
for (const [name, fields] of Object.entries(records)) {
  const words = numbered(fields).filter(([field]) => !/^known[1-9]/.test(field))
    .map(([field, index]) => [field === 'known0' ? 'known' : field, index]);
  for (const [field, index] of words) {
    lines.as.push(`export const ${constant(name)}_${constant(field)}: usize = ${index * 4};`);
  }
  lines.ts.push(`/** Word indexes (byte offset / 4) of ${name}. */`);
  frozen(name, words);
  const bytes = (fields.length - (fields.at(-1) === 'headers' ? 1 : 0)) * 4;
  both(`export const ${constant(name)}_RECORD_BYTES: usize = ${bytes};`, `export const ${name}RecordBytes = ${bytes};`);
}
for (const [name, names] of Object.entries(flags)) {
  const masks = names.map((flag, bit) => [flag, 1 << bit]);
  for (const [flag, mask] of masks) {
    lines.as.push(`export const ${constant(name)}_FLAG_${constant(flag)}: u32 = ${mask};`);
  }
  frozen(`${name}Flag`, masks);
}
rejections.forEach((name, index) => lines.as.push(`export const REJECT_${constant(name)}: u32 = ${index};`));
frozen('Rejection', numbered(rejections));
lines.ts.push(`export const rejectionNames: readonly string[] = ${JSON.stringify(rejections)};`);
for (const [kind, names] of [['Error', http2Errors], ['Type', http2Types], ['Scope', http2Scopes],
    ['Refusal', http2Refusals]]) {
  names.forEach((name, index) => lines.as.push(
    `export const H2_${kind.toUpperCase()}_${constant(name)}: u32 = ${index};`));
  frozen(`H2${kind}`, numbered(names));
}
for (const [kind, names] of [['Kind', rpcKinds], ['Refusal', rpcRefusals]]) {
  names.forEach((name, index) => lines.as.push(
    `export const RPC_${kind.toUpperCase()}_${constant(name)}: u32 = ${index};`));
  frozen(`Rpc${kind}`, numbered(names));
}
lines.ts.push(`export const rpcRefusalNames: readonly string[] = ${JSON.stringify(rpcRefusals)};`);
lines.ts.push(`export const http2RefusalNames: readonly string[] = ${JSON.stringify(http2Refusals)};`);
methods.forEach((name, index) => lines.as.push(`export const METHOD_${name}: u32 = ${index};`));
frozen('Method', numbered(methods));
known.forEach((name, index) => lines.as.push(`export const HEADER_${constant(name)}: u32 = ${index + 1};`));
lines.ts.push(`/** Known header names by id; id 0 is "not known". */`);
lines.ts.push(`export const knownHeaders: readonly string[] = ${JSON.stringify(['', ...known])};`);
frozen('Header', numbered(known, 1));
for (const factor of ['a', 'b', 'c']) {
  lines.as.push(`export const KNOWN_HASH_${factor.toUpperCase()}: u32 = ${perfect[factor]};`);
}
lines.as.push(data('KNOWN_BY_HASH', perfect.table));
// Names in fixed slots of 48 bytes (44 characters at most), and their lengths.
const NAME_SLOT_BYTES = 48;
const slots = new Uint8Array((known.length + 1) * NAME_SLOT_BYTES);
const lengths = new Uint8Array(known.length + 1);
for (const [name, id] of numbered(known, 1)) {
  slots.set(Buffer.from(name), id * NAME_SLOT_BYTES);
  lengths[id] = name.length;
}
lines.as.push(data('KNOWN_NAMES', slots), data('KNOWN_LENGTHS', lengths));
for (const [name, id] of numbered(known, 1)) {
  lines.as.push(`export const NAME_${constant(name)}: usize = KNOWN_NAMES + ${id * NAME_SLOT_BYTES};`,
    `export const NAME_${constant(name)}_BYTES: u32 = ${name.length};`);
}
for (const [name, text] of Object.entries(texts)) {
  lines.as.push(data(`TEXT_${constant(name)}`, Buffer.from(text)),
    `export const TEXT_${constant(name)}_BYTES: u32 = ${text.length};`);
}
// 0 = not a token character (RFC 9110 5.6.2), else the character in lower case.
const token = new Uint8Array(256);
for (const c of "!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz") {
  token[c.charCodeAt(0)] = c.toLowerCase().charCodeAt(0);
}
lines.as.push(data('TOKEN_LOWER', token));
// The same for sixteen bytes at a time: by the low four bits, the set of high ones (0x2. = 1 to 0x7. = 32) that make a
// token character; by the high four bits, their member of the set.
const columns = Array.from({ length: 16 }, (_, low) => [2, 3, 4, 5, 6, 7].reduce((set, high) =>
  set | (token[high * 16 + low] === 0 ? 0 : 1 << (high - 2)), 0));
lines.as.push(data('TOKEN_COLUMNS', columns),
  data('TOKEN_ROWS', Array.from({ length: 16 }, (_, high) => high < 2 || high > 7 ? 0 : 1 << (high - 2))));
// 1 = may stand in a host: reg-name, IPv6 literal, port (RFC 3986 3.2.2); no userinfo, path or percent-encoding.
const host = new Uint8Array(256);
for (const c of "-._~!$&'()*+,;=:[]%0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz")
  host[c.charCodeAt(0)] = 1;
lines.as.push(data('HOST_CHARACTERS', host));
const bits = (names) => names.reduce((set, name) => {
  const id = known.indexOf(name) + 1;
  if (id === 0) throw new Error(name);
  if (id > 63) throw new Error(`${name} does not fit a mask`);
  return set | (1n << BigInt(id));
}, 0n);
lines.as.push(`export const INTERNAL_ONLY: u64 = ${bits(internalOnly)};`,
  `export const EDGE_ONLY: u64 = ${bits(edgeOnly)};`);

function write(path, text) {
  const file = join(root, path);
  if (existsSync(file) && readFileSync(file, 'utf8') === text) return;
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, text);
}
write('assembly/generated/layouts.ts', lines.as.join('\n') + '\n');
write('src/core/generated/layouts.ts', lines.ts.join('\n') + '\n');
