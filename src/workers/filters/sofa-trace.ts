// weft.filters.http.sofa_trace: continues the trace of SOFATracer. A request that has no trace id begins a trace. One
// that goes out (a listener of traffic_direction OUTBOUND) with the ids of a call that came in here is its next child:
// `0` becomes `0.1`, then `0.2`. All else keeps its ids. Of Bolt's header map, and of HTTP; Dubbo has the ids in
// another form, and keeps them.
import { Mutation, MutationRecordBytes } from '../../core/generated/layouts.js';
import { limits } from '../../core/limits.js';
import { SofaTraces } from '../../core/sofa-traces.js';
import type { HeaderMutations } from '../../config/types.js';
import type { Engine } from '../engine.js';
import type { KeptText } from '../memory/kept-texts.js';
import { TextWriter } from '../proxy/text-writer.js';
import type { Stream } from '../proxy/stream.js';
import { CompiledMutations } from '../routing/mutations.js';
import { ANSWERED, CONTINUE } from './filter.js';
import type { Actions, HttpFilter } from './filter.js';

const OF_BOLT = { trace: 'rpc_trace_context.sofaTraceId', call: 'rpc_trace_context.sofaRpcId',
  whole: 'new_rpc_trace_context' };
const OF_HTTP = { trace: 'SOFA-TraceId', call: 'SOFA-RpcId', whole: '' };
/** 8 digits of the address, 13 of the time, 4 of a number, those of the process. */
const TRACE_BYTES = 48;
const CALL_BYTES = limits.sofaRpcIdBytesMax + 12;
const DOT = 46, ZERO = 48;

export class SofaTraceFilter implements HttpFilter {
  private readonly ofBolt: Ids;
  private readonly ofHttp: Ids;

  constructor(engine: Engine) {
    this.ofBolt = new Ids(engine, OF_BOLT);
    this.ofHttp = new Ids(engine, OF_HTTP);
  }

  onRequest(stream: Stream, actions: Actions): number {
    const { protocol } = stream;
    if (protocol !== null && protocol.name !== 'bolt') return CONTINUE;
    const changes = (protocol === null ? this.ofHttp : this.ofBolt).changes(stream);
    return changes === null || actions.mutate(stream, changes) ? CONTINUE : ANSWERED;
  }

  release(): void {
    this.ofBolt.release();
    this.ofHttp.release();
  }
}

/** The ids in headers of one kind of message. */
class Ids {
  private readonly trace: KeptText;
  private readonly call: KeptText;
  private readonly whole: KeptText | null;
  /** Both ids of a trace that begins; and the id of a child. Their values are written where they stand. */
  private readonly both: CompiledMutations;
  private readonly child: CompiledMutations;
  private readonly traces: SofaTraces;
  private readonly writer: TextWriter;

  constructor(private readonly engine: Engine, names: typeof OF_BOLT) {
    this.trace = keep(engine, names.trace);
    this.call = keep(engine, names.call);
    this.whole = names.whole === '' ? null : keep(engine, names.whole);
    this.both = compile(engine, [[names.trace, TRACE_BYTES], [names.call, 1]]);
    this.child = compile(engine, [[names.call, CALL_BYTES]]);
    this.traces = new SofaTraces(engine.i32, engine.map.sofaTraces >> 2);
    this.writer = new TextWriter(engine);
  }

  /** What the head in hand has to become; null: it stays. */
  changes(stream: Stream): CompiledMutations | null {
    const { engine } = this;
    const { i32, valueScratch } = engine;
    const words = valueScratch >> 2;
    // Of newer clients: all of the trace in one text.
    if (this.whole !== null && this.has(this.whole)) return null;
    if (!this.has(this.trace)) return this.begin(stream);
    this.engine.codecs.hashBytes(i32[words], i32[words + 1], valueScratch);
    const seed = i32[words];
    if (!this.has(this.call)) return null;
    const at = i32[words], bytes = i32[words + 1];
    engine.codecs.hashSeeded(at, bytes, seed, valueScratch);
    const { listener } = stream.downstream!;
    if (!listener.outbound) {
      this.traces.begin(i32[words], i32[words + 1]);
      return null;
    }
    const number = bytes > limits.sofaRpcIdBytesMax ? 0 : this.traces.nextChild(i32[words], i32[words + 1]);
    if (number === 0) return null;
    const { writer } = this;
    const from = this.value(this.child, 0, CALL_BYTES);
    writer.bytes(at, bytes);
    writer.byte(DOT);
    writer.number(number);
    this.written(this.child, 0, from);
    return this.child;
  }

  private begin(stream: Stream): CompiledMutations {
    const { engine, writer, traces } = this;
    const { i32, valueScratch } = engine;
    const words = valueScratch >> 2;
    const from = this.value(this.both, 0, TRACE_BYTES);
    this.writeAddress(stream);
    writer.number(Math.floor(engine.wallMs));
    writer.number(traces.nextNumber());
    writer.number(process.pid);
    const bytes = this.written(this.both, 0, from);
    const call = this.value(this.both, 1, 1);
    writer.byte(ZERO);
    this.written(this.both, 1, call);
    engine.codecs.hashBytes(from, bytes, valueScratch);
    engine.codecs.hashSeeded(call, 1, i32[words], valueScratch);
    if (!stream.downstream!.listener.outbound) traces.begin(i32[words], i32[words + 1]);
    return this.both;
  }

  /** Eight hexadecimal digits of our IPv4 address; zeros where there is none. */
  private writeAddress(stream: Stream): void {
    const { engine: { u8 }, writer } = this;
    const { addresses } = stream.downstream!;
    const bytes = addresses.localIpBytes(), end = addresses.localIpAt + bytes;
    let address = 0, part = 0, parts = 1;
    for (let at = addresses.localIpAt; at < end; at++) {
      const digit = u8[at] - ZERO;
      if (digit >= 0 && digit <= 9) part = part * 10 + digit;
      else if (u8[at] === DOT) { address = (address << 8) | part; part = 0; parts++; }
      else { parts = 0; break; }                          // IPv6
    }
    address = parts === 4 ? (address << 8) | part : 0;
    for (let shift = 28; shift >= 0; shift -= 4) {
      const nibble = (address >>> shift) & 15;
      writer.byte(nibble < 10 ? ZERO + nibble : 87 + nibble);
    }
  }

  /** Finds the header; its place and length are in the value scratch then. */
  private has({ at, bytes }: KeptText): boolean {
    const { engine } = this;
    return engine.codecs.headerValue(engine.requestRecord, at, bytes, 0, engine.valueScratch) !== 0;
  }

  /** Begins to write the value of a record; returns where. */
  private value(mutations: CompiledMutations, index: number, bytesMax: number): number {
    const at = this.engine.i32[((mutations.at + index * MutationRecordBytes) >> 2) + Mutation.valueAt];
    this.writer.begin(at, at + bytesMax);
    return at;
  }
  private written(mutations: CompiledMutations, index: number, from: number): number {
    const bytes = this.writer.at - from;
    this.engine.i32[((mutations.at + index * MutationRecordBytes) >> 2) + Mutation.valueBytes] = bytes;
    return bytes;
  }

  release(): void {
    this.both.release();
    this.child.release();
    for (const text of [this.trace, this.call, this.whole])
      if (text !== null) this.engine.heap.release(text.at, text.bytes + 16);
  }
}

/** Records that overwrite; each value has room for so many bytes. */
function compile(engine: Engine, headers: [name: string, bytesMax: number][]): CompiledMutations {
  const add: HeaderMutations['add'] = headers.map(([spelling, bytesMax]) => ({ name: spelling.toLowerCase(), spelling,
    value: ' '.repeat(bytesMax), action: 'overwrite', keepEmptyValue: false }));
  const compiled = CompiledMutations.compile(engine, [{ add, remove: [] }]);
  if (compiled === null || compiled === 'full') throw new Error('the arena has no room for header mutations');
  return compiled;
}

function keep(engine: Engine, name: string): KeptText {
  const kept = engine.keepText(name.toLowerCase());
  if (kept === null) throw new Error('the arena has no room for names of headers');
  return kept;
}
