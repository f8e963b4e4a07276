// What a user's codec is (docs/protocols.md): a WebAssembly module with the calls of an RPC protocol, and one instance
// of it. A frame's bytes, its record and its text lie in a room that the module gives once:
//
//   room: record, 64 bytes | input, for a frame's start or a text | output, for a text or a frame's start
import { RpcFrameRecordBytes } from './generated/layouts.js';
import { limits } from './limits.js';

/** Marks the version of all this: a module exports it. */
export const RPC_CODEC_MARK = 'weft_rpc_abi_1';
/** Calls and how many numbers (i32) they are given; each answers one. */
export const rpcCodecCalls: Readonly<Record<string, number>> = { room: 1, decode: 7, encodeRequest: 5,
  encodeResponse: 5, encodeHeartbeat: 2, encodeHeartbeatReply: 2, encodeGoAway: 2 };
export const rpcCodecOptionalCalls: Readonly<Record<string, number>> = { recognise: 2, statusOf: 2 };
/** Exported by a module that was metered: how much work its last call left; below 0: it was stopped. */
export const RPC_CODEC_WORK = 'weft_work';

const ALIGNMENT = 16, SLACK_BYTES = 16;
const INPUT = RpcFrameRecordBytes, OUTPUT = INPUT + limits.bufferLargeBytes + SLACK_BYTES;
export const rpcCodecRoomBytes = OUTPUT + limits.bufferLargeBytes + SLACK_BYTES + ALIGNMENT;

type Call = (...numbers: number[]) => number;

export interface RpcCodecInstance {
  readonly memory: ArrayBufferLike;
  readonly call: Readonly<Record<string, Call>>;
  /** Offsets in its memory, each a multiple of 16. */
  readonly record: number;
  readonly input: number;
  readonly output: number;
  /** Its last call was stopped, because it did too much. */
  readonly overran: () => boolean;
}

/** Throws what the module throws, or why it is none. */
export function instantiateRpcCodec(module: WebAssembly.Module): RpcCodecInstance {
  const abort = (): void => { throw new Error('abort'); };
  const { exports } = new WebAssembly.Instance(module, { env: { abort } });
  const call = exports as Record<string, Call>;
  const { buffer } = exports.memory as { buffer: ArrayBufferLike };
  const given = call.room!(rpcCodecRoomBytes) >>> 0;
  if (given === 0 || given + rpcCodecRoomBytes > buffer.byteLength)
    throw new Error(`its room(${rpcCodecRoomBytes}) is ${given}, in a memory of ${buffer.byteLength} bytes`);
  const record = Math.ceil(given / ALIGNMENT) * ALIGNMENT;
  const work = exports[RPC_CODEC_WORK] as { value: number };
  return { memory: buffer, call, record, input: record + INPUT, output: record + OUTPUT,
    overran: () => work.value < 0 };
}
