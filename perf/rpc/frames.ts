// Frames of the RPC scenarios as SOFARPC and Dubbo write them: calls of one method whose bodies are BODY_BYTES long
// each way, and how a stream of frames is taken apart. What differs between two calls is their number alone.

/** Of a Bolt frame's content, and of a Dubbo frame's body. */
const BODY_BYTES = 1024;

export interface RpcFrames {
  readonly request: Buffer;
  readonly response: Buffer;
  /** Where the low word of a frame's number lies; the high one, where there is one, is 0. */
  readonly idAt: number;
  /** Length of the frame at `at`, of which what lies before `end` has come. -1: more has to come, 0: it is no frame. */
  frameBytes(bytes: Buffer, at: number, end: number): number;
  /** A heartbeat, or another frame that is no call and no answer. */
  isControl(bytes: Buffer, at: number): boolean;
  /** Answers the heartbeat at `at`; null: it wants no answer. */
  controlReply(bytes: Buffer, at: number): Buffer | null;
  isSuccess(bytes: Buffer, at: number): boolean;
}
export type RpcName = 'bolt' | 'dubbo';

const u8 = (...values: number[]): Buffer => Buffer.from(values);
const u16 = (value: number): Buffer => u8(value >> 8, value & 255);
const u32 = (value: number): Buffer => u8(value >>> 24, value >>> 16 & 255, value >>> 8 & 255, value & 255);
const text = (value: string): Buffer => Buffer.from(value, 'latin1');
/** A string of hessian of less than 32 characters, or of up to 65,535 (the same in both of its dialects). */
const short = (value: string): Buffer => Buffer.concat([u8(value.length), text(value)]);
const long = (value: string): Buffer => Buffer.concat([u8(0x53), u16(value.length), text(value)]);
/** Between `before` and `after` a string that makes the whole BODY_BYTES long. */
function filled(before: Buffer, after: Buffer): Buffer {
  const length = BODY_BYTES - before.length - after.length - 3;
  return Buffer.concat([before, long('x'.repeat(length)), after]);
}

// Bolt: the draft dialect of hessian, whose objects begin with their class (assembly/rpc/hessian-draft.ts).

const REQUEST_CLASS = 'com.alipay.sofa.rpc.core.request.SofaRequest';
const RESPONSE_CLASS = 'com.alipay.sofa.rpc.core.response.SofaResponse';
const SERVICE = 'com.alipay.test.TestService:1.0';
const INT_ZERO = 0x90, NULL = 0x4e, FALSE = 0x46, OBJECT = 0x6f, DEFINITION = 0x4f, LIST = 0x56, END = 0x7a;

const boltInt = (value: number): Buffer => value < 48 ? u8(INT_ZERO + value) : u8(0xc8 + (value >> 8), value & 255);
const definition = (name: string, fields: string[]): Buffer => Buffer.concat([u8(DEFINITION), boltInt(name.length),
  text(name), boltInt(fields.length), ...fields.map(short), u8(OBJECT, INT_ZERO)]);
const pair = (name: string, value: string): Buffer =>
  Buffer.concat([u32(name.length), text(name), u32(value.length), text(value)]);

const boltFrame = (start: Buffer, className: string, headers: Buffer, content: Buffer): Buffer => Buffer.concat([start,
  u16(className.length), u16(headers.length), u32(content.length), text(className), headers, content]);
const STRING = 'java.lang.String';
const boltRequest = boltFrame(
  u8(1, 1, 0, 1, 1, 0, 0, 0, 1, 1, 0, 0, 0x0b, 0xb8), REQUEST_CLASS,                 // a call in hessian, 3,000 ms
  Buffer.concat([pair('sofa_head_target_service', SERVICE), pair('sofa_head_target_app', 'perf-server'),
    pair('sofa_head_method_name', 'echo'), pair('service', SERVICE), pair('app', 'perf-client'),
    pair('protocol', 'bolt'), pair('type', 'sync'),
    pair('rpc_trace_context.sofaTraceId', '0a0a0a0a1700000000000100142857'),
    pair('rpc_trace_context.sofaRpcId', '0.1')]),
  filled(Buffer.concat([definition(REQUEST_CLASS,
    ['targetAppName', 'methodName', 'targetServiceUniqueName', 'requestProps', 'methodArgSigs']),
  short('perf-server'), short('echo'), short(SERVICE), u8(NULL),
  u8(LIST, 0x74), u16('[string'.length), text('[string'), u8(0x6e, 1), short(STRING), u8(END)]), u8()));
const boltResponse = boltFrame(u8(1, 0, 0, 2, 1, 0, 0, 0, 1, 1, 0, 0), RESPONSE_CLASS, u8(),
  filled(Buffer.concat([definition(RESPONSE_CLASS, ['isError', 'errorMsg', 'appResponse', 'responseProps']),
    u8(FALSE, NULL)]), u8(NULL)));
const boltHeartbeatReply = u8(1, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0);

const bolt: RpcFrames = {
  request: boltRequest, response: boltResponse, idAt: 5,
  frameBytes: (bytes, at, end) => {
    if (end - at < 20) return -1;
    if (bytes[at] !== 1) return 0;
    const lengths = at + (bytes[at + 1] === 0 ? 12 : 14);
    return lengths + 8 > end ? -1 : lengths - at + 8 + bytes.readUInt16BE(lengths) + bytes.readUInt16BE(lengths + 2)
      + bytes.readUInt32BE(lengths + 4);
  },
  isControl: (bytes, at) => bytes[at + 3] === 0,
  controlReply: (bytes, at) => {
    if (bytes[at + 1] !== 1) return null;
    bytes.copy(boltHeartbeatReply, 5, at + 5, at + 9);
    return boltHeartbeatReply;
  },
  isSuccess: (bytes, at) => bytes[at + 1] === 0 && bytes[at + 10] === 0 && bytes[at + 11] === 0,
};

// Dubbo: five strings, the argument and the attachments in hessian's final dialect.

const DUBBO_SERVICE = 'org.apache.dubbo.samples.EchoService';
const dubboString = (value: string): Buffer => value.length < 32 ? short(value)
  : Buffer.concat([u8(0x30 | value.length >> 8, value.length & 255), text(value)]);
const map = (entries: Record<string, string>): Buffer => Buffer.concat([u8(0x48),
  ...Object.entries(entries).flatMap(([name, value]) => [dubboString(name), dubboString(value)]), u8(0x5a)]);
const dubboFrame = (flags: number, status: number, body: Buffer): Buffer =>
  Buffer.concat([u8(0xda, 0xbb, flags, status, 0, 0, 0, 0, 0, 0, 0, 1), u32(body.length), body]);

const HESSIAN2 = 2, EVENT = 0x20, TWO_WAY = 0x40, REQUEST = 0x80, OK = 20, VALUE_WITH_ATTACHMENTS = 0x94;
const dubboRequest = dubboFrame(REQUEST | TWO_WAY | HESSIAN2, 0, filled(
  Buffer.concat(['2.0.2', DUBBO_SERVICE, '1.0.0', 'echo', 'Ljava/lang/String;'].map(dubboString)),
  map({ path: DUBBO_SERVICE, interface: DUBBO_SERVICE, version: '1.0.0', 'remote.application': 'perf-client',
    timeout: '3000' })));
const dubboResponse = dubboFrame(HESSIAN2, OK, filled(u8(VALUE_WITH_ATTACHMENTS), map({ dubbo: '2.0.2' })));
const dubboHeartbeatReply = dubboFrame(EVENT | HESSIAN2, OK, u8(NULL));

const dubbo: RpcFrames = {
  request: dubboRequest, response: dubboResponse, idAt: 8,
  frameBytes: (bytes, at, end) => end - at < 16 ? -1
    : bytes.readUInt16BE(at) === 0xdabb ? 16 + bytes.readUInt32BE(at + 12) : 0,
  isControl: (bytes, at) => (bytes[at + 2] & EVENT) !== 0,
  controlReply: (bytes, at) => {
    if ((bytes[at + 2] & (REQUEST | TWO_WAY)) !== (REQUEST | TWO_WAY)) return null;
    bytes.copy(dubboHeartbeatReply, 4, at + 4, at + 12);
    return dubboHeartbeatReply;
  },
  isSuccess: (bytes, at) => (bytes[at + 2] & REQUEST) === 0 && bytes[at + 3] === OK,
};

export const rpcFrames: Record<RpcName, RpcFrames> = { bolt, dubbo };
