// A user's codec (core/rpc-codec.ts) as a protocol. It works in a memory of its own: a frame's bytes are copied to it,
// its record and its text back, and nothing that it says is believed before it was judged here. What is wrong is a
// frame that is refused; a codec that fails in the middle of a call is begun anew. Both are counted.
import { RpcFrame, RpcFrameFlag, RpcFrameRecordBytes, RpcKind, RpcRefusal } from '../../core/generated/layouts.js';
import { errorText } from '../../core/errors.js';
import { limits } from '../../core/limits.js';
import { instantiateRpcCodec } from '../../core/rpc-codec.js';
import type { RpcCodecInstance } from '../../core/rpc-codec.js';
import type { RpcProtocol } from '../../protocols/protocol.js';
import { WorkerStat } from '../../telemetry/schema.js';
import type { RpcCalls } from '../codecs-rpc.js';
import type { Engine } from '../engine.js';
import type { RpcCodecModule } from '../messages.js';

const RECORD_WORDS = RpcFrameRecordBytes >> 2;
const REFUSALS = Object.keys(RpcRefusal).length;
const SIZE_MAX = 0x7fffffff;
const RECOGNISED_BYTES_MAX = 24;
const CONTROL_BYTES_MAX = 64;
const DECODED_FLAGS = RpcFrameFlag.crc | RpcFrameFlag.applicationError;
const ENCODED_FLAGS = DECODED_FLAGS | RpcFrameFlag.local;
/** No result of a codec: the call did not end. */
const FAILED = -0x80000000;

export class UserCodec implements RpcProtocol {
  readonly name: string;
  readonly label: string;
  readonly tellsDrain = true;                       // a codec without such a frame writes none
  readonly leavesAsWhole = false;
  readonly refusedStatus: number;
  private instance: RpcCodecInstance;
  /** Of its memory. */
  private u8: Uint8Array;
  private i32: Int32Array;
  /** A call did not end: what its memory holds is of no use. */
  private spoiled = false;
  private begunAtMs: number;
  private loggedAtMs = -Infinity;

  /** Throws where the module does. */
  constructor(private readonly engine: Engine, private readonly codec: RpcCodecModule) {
    this.name = this.label = codec.name;
    this.instance = instantiateRpcCodec(codec.module);
    this.u8 = new Uint8Array(this.instance.memory);
    this.i32 = new Int32Array(this.instance.memory);
    this.begunAtMs = engine.nowMs;
    this.refusedStatus = this.statusOf(0, 400);
  }

  private readonly own: RpcCalls = {
    decode: (at, end, frame, text, textMax, frameBytesMax, options) =>
      this.decode(at, end, frame, text, textMax, frameBytesMax, options),
    encodeRequest: (text, textEnd, frame, dst, dstMax) => this.encode(true, text, textEnd, frame, dst, dstMax),
    encodeResponse: (text, textEnd, frame, dst, dstMax) => this.encode(false, text, textEnd, frame, dst, dstMax),
    encodeHeartbeat: (frame, dst) => this.control('encodeHeartbeat', frame, dst),
    encodeHeartbeatReply: (frame, dst) => this.control('encodeHeartbeatReply', frame, dst),
    encodeGoAway: (frame, dst) => this.control('encodeGoAway', frame, dst),
  };
  calls(): RpcCalls { return this.own; }

  recognise(bytes: Uint8Array, at: number, end: number): number {
    if (this.instance.call.recognise === undefined) return 0;
    this.beginCall();
    const count = Math.min(end - at, RECOGNISED_BYTES_MAX);
    for (let i = 0; i < count; i++) this.u8[this.instance.input + i] = bytes[at + i];
    const said = this.rare('recognise', this.instance.input, count);
    return said === 1 || (said === -1 && count < RECOGNISED_BYTES_MAX) ? said : 0;
  }

  /** -1: the text alone tells encodeResponse what has happened. */
  statusOf(flags: number, httpStatus: number): number {
    if (this.instance.call.statusOf === undefined) return -1;
    this.beginCall();
    const status = this.rare('statusOf', flags, httpStatus);
    return status === FAILED ? -1 : status;
  }

  private decode(at: number, end: number, frame: number, text: number, textMax: number, frameBytesMax: number,
    options: number): number {
    const inHand = Math.min(end - at, limits.bufferLargeBytes);
    this.beginCall();
    // A frame's start is short, what is behind it may be long.
    let given = Math.min(inHand, limits.rpcCodecFirstBytes);
    let result = this.decodePart(at, given, text, textMax, frameBytesMax, options);
    if (result === -1 && given < inHand) {
      given = inHand;
      result = this.decodePart(at, given, text, textMax, frameBytesMax, options);
    }
    if (result === FAILED) return this.refuse(frame);
    this.takeRecord(frame);
    const wrong = result > 0 ? this.wrongFrame(frame, result, given, text, textMax, frameBytesMax)
      : result === 0 ? this.wrongRefusal(frame)
        : result === -1 && this.engine.i32[(frame >> 2) + RpcFrame.needed] > given ? null
          : 'it asks for no more than it was given';
    return wrong === null ? result : this.mistake('decode', wrong, frame);
  }

  private decodePart(at: number, bytes: number, text: number, textMax: number, frameBytesMax: number,
    options: number): number {
    const { record, input, output, call } = this.instance;
    const source = input + (at & 3);
    this.copyIn(at, source, bytes);
    this.i32.fill(0, record >> 2, (record >> 2) + RECORD_WORDS);
    try {
      return call.decode(source, source + bytes, record, output + (text & 3), textMax, frameBytesMax, options);
    } catch (error) { return this.failed('decode', error); }
  }

  /** What is wrong with a frame that was found, or null: then its text lies at `text`. */
  private wrongFrame(frame: number, taken: number, given: number, text: number, textMax: number,
    frameBytesMax: number): string | null {
    const { engine } = this;
    const { i32 } = engine;
    const words = frame >> 2;
    const kind = i32[words + RpcFrame.kind], bodyBytes = i32[words + RpcFrame.bodyBytes];
    if (taken > given) return 'it takes more than it was given';
    if (kind <= RpcKind.none || kind > RpcKind.goOn) return 'its kind is none';
    if (kind > RpcKind.response) return null;
    if (bodyBytes < 0 || bodyBytes > frameBytesMax - taken) return 'its body is larger than frames may be';
    if ((i32[words + RpcFrame.flags] & ~DECODED_FLAGS) !== 0) return 'it has flags of others';
    const textBytes = i32[words + RpcFrame.textBytes];
    if (textBytes <= 0 || textBytes > textMax) return 'its text is longer than the room for it, or none';
    this.copyOut(this.instance.output + (text & 3), text, textBytes);
    return engine.codecs.rpcIsCanonical(text, text + textBytes, kind, bodyBytes) !== 0 ? null
      : 'its text is not canonical';
  }

  private wrongRefusal(frame: number): string | null {
    const { i32 } = this.engine;
    const words = frame >> 2;
    const code = i32[words + RpcFrame.code], kind = i32[words + RpcFrame.kind];
    if (code <= RpcRefusal.none || code >= REFUSALS) return 'it refuses without a reason';
    const flags = i32[words + RpcFrame.flags];
    if (flags === 0) return null;
    const headBytes = i32[words + RpcFrame.headBytes], bodyBytes = i32[words + RpcFrame.bodyBytes];
    return flags === RpcFrameFlag.delimited && kind > RpcKind.none && kind <= RpcKind.goOn && headBytes > 0
      && bodyBytes >= 0 && headBytes <= SIZE_MAX - bodyBytes ? null : 'what it refuses has no end';
  }

  private encode(isRequest: boolean, text: number, textEnd: number, frame: number, dst: number,
    dstMax: number): number {
    const bytes = textEnd - text;
    if (bytes > limits.bufferLargeBytes) return this.refuse(frame);
    this.beginCall();
    const { record, input, output, call } = this.instance;
    const source = input + (text & 3), begin = output + (dst & 3), room = Math.min(dstMax, limits.bufferLargeBytes);
    this.copyIn(text, source, bytes);
    this.giveRecord(frame);
    let end;
    try {
      end = isRequest ? call.encodeRequest(source, source + bytes, record, begin, room)
        : call.encodeResponse(source, source + bytes, record, begin, room);
    } catch (error) { end = this.failed(isRequest ? 'encodeRequest' : 'encodeResponse', error); }
    if (end === FAILED) return this.refuse(frame);
    this.takeRecord(frame);
    if (end === 0) return 0;
    const wrong = this.wrongHead(isRequest, frame, begin, end, begin + room);
    if (wrong !== null) return this.mistake(isRequest ? 'encodeRequest' : 'encodeResponse', wrong, frame);
    const { i32 } = this.engine;
    const words = frame >> 2;
    const tailBytes = i32[words + RpcFrame.tailBytes];
    this.copyOut(begin, dst, tailBytes > 0 ? i32[words + RpcFrame.tailAt] + tailBytes - begin : end - begin);
    i32[words + RpcFrame.tailAt] += dst - begin;
    return dst + end - begin;
  }

  private wrongHead(isRequest: boolean, frame: number, begin: number, end: number, stop: number): string | null {
    const { i32 } = this.engine;
    const words = frame >> 2;
    const kind = i32[words + RpcFrame.kind], bodyBytes = i32[words + RpcFrame.bodyBytes];
    if (end <= begin || end > stop) return 'it ends outside of the room for it';
    if (isRequest ? kind !== RpcKind.request && kind !== RpcKind.oneway : kind !== RpcKind.response)
      return 'its kind is another';
    if (bodyBytes < 0) return 'its body is larger than frames may be';
    if ((i32[words + RpcFrame.flags] & ~ENCODED_FLAGS) !== 0) return 'it has flags of others';
    const cut = i32[words + RpcFrame.cut];
    if (cut < 0 || cut > bodyBytes) return 'more is cut than there is';
    const tailBytes = i32[words + RpcFrame.tailBytes], tailAt = i32[words + RpcFrame.tailAt];
    return tailBytes === 0 || (tailBytes > 0 && tailAt >= end && tailAt <= stop - tailBytes) ? null
      : 'its tail lies outside of the room for it';
  }

  private control(name: string, frame: number, dst: number): number {
    this.beginCall();
    this.giveRecord(frame);
    const { record, output } = this.instance;
    const begin = output + (dst & 3);
    const end = this.rare(name, record, begin);
    if (end === 0 || end === FAILED) return 0;
    if (end <= begin || end > begin + CONTROL_BYTES_MAX)
      return this.mistake(name, `it ends outside of the ${CONTROL_BYTES_MAX} bytes for it`, frame);
    this.copyOut(begin, dst, end - begin);
    return dst + end - begin;
  }

  private rare(name: string, one: number, two: number): number {
    try { return this.instance.call[name](one, two); } catch (error) { return this.failed(name, error); }
  }

  /** A codec that has failed begins anew, though not all the time. */
  private beginCall(): void {
    const { engine } = this;
    if (!this.spoiled || engine.nowMs - this.begunAtMs < limits.rpcCodecRestartMs) return;
    this.begunAtMs = engine.nowMs;
    try {
      this.instance = instantiateRpcCodec(this.codec.module);
      this.u8 = new Uint8Array(this.instance.memory);
      this.i32 = new Int32Array(this.instance.memory);
      this.spoiled = false;
    } catch (error) { this.log(`does not start again: ${errorText(error)}`); }
  }

  private failed(call: string, error: unknown): number {
    const { engine } = this;
    const overran = this.instance.overran();
    this.spoiled = true;
    engine.count(engine.statsBase, overran ? WorkerStat.rpc_codec_overruns : WorkerStat.rpc_codec_traps);
    this.log(`${call}: ${overran ? 'it did more than max_call_time allows' : errorText(error)}`);
    return FAILED;
  }

  private mistake(call: string, what: string, frame: number): number {
    const { engine } = this;
    engine.count(engine.statsBase, WorkerStat.rpc_codec_mistakes);
    this.log(`${call}: ${what}`);
    return this.refuse(frame);
  }

  private refuse(frame: number): number {
    const { i32 } = this.engine;
    const words = frame >> 2;
    for (let i = 0; i < RECORD_WORDS; i++) i32[words + i] = 0;
    i32[words + RpcFrame.code] = RpcRefusal.notOfProtocol;
    return 0;
  }

  private log(text: string): void {
    const { engine } = this;
    if (engine.nowMs - this.loggedAtMs < limits.rpcCodecLogMs) return;
    this.loggedAtMs = engine.nowMs;
    engine.post({ kind: 'log', level: 'warn', text: `codec ${this.name}: ${text}`, fields: { worker: engine.worker } });
  }

  /** What encoders are told; the rest of the record is 0. */
  private giveRecord(frame: number): void {
    const { i32 } = this.engine;
    const from = frame >> 2, to = this.instance.record >> 2;
    this.i32.fill(0, to, to + RECORD_WORDS);
    for (let word = RpcFrame.idLow; word <= RpcFrame.status; word++) this.i32[to + word] = i32[from + word];
  }
  private takeRecord(frame: number): void {
    const { i32 } = this.engine;
    const from = this.instance.record >> 2, to = frame >> 2;
    for (let i = 0; i < RECORD_WORDS; i++) i32[to + i] = this.i32[from + i];
  }

  private copyIn(from: number, to: number, bytes: number): void {
    copy(this.engine.u8, this.engine.i32, from, this.u8, this.i32, to, bytes);
  }
  private copyOut(from: number, to: number, bytes: number): void {
    copy(this.u8, this.i32, from, this.engine.u8, this.engine.i32, to, bytes);
  }
}

/** Four bytes at a time: both places are alike in their lowest two bits. */
function copy(u8: Uint8Array, i32: Int32Array, from: number, toU8: Uint8Array, toI32: Int32Array, to: number,
  bytes: number): void {
  const end = to + bytes;
  for (; to < end && (to & 3) !== 0; to++, from++) toU8[to] = u8[from];
  if (to === end) return;
  let word = to >> 2, source = from >> 2;
  const words = word + ((end - to) >> 2);
  for (; word + 4 <= words; word += 4, source += 4) {
    toI32[word] = i32[source];
    toI32[word + 1] = i32[source + 1];
    toI32[word + 2] = i32[source + 2];
    toI32[word + 3] = i32[source + 3];
  }
  for (; word < words; word++, source++) toI32[word] = i32[source];
  from += (word << 2) - to;
  for (to = word << 2; to < end; to++, from++) toU8[to] = u8[from];
}
