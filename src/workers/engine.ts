// What every part of one worker shares: memory and its views, codecs, reactor, buffers, timers, time, statistics, the
// current snapshot root. Built once by worker.ts. Holds no behaviour of its own beyond carving the arena and counting.
import { HeadRecordBytes, MutationRecordBytes, RequestEditsRecordBytes,
  ResponseEditsRecordBytes } from '../core/generated/layouts.js';
import { DiscoveredEndpoints } from '../core/discovered.js';
import { limits } from '../core/limits.js';
import { endpointSharesBytes, workerArena, workerControl, workerEndpointShares,
  workerStats } from '../core/memory-map.js';
import type { MemoryMap } from '../core/memory-map.js';
import { Runtime } from '../config/runtime-cells.js';
import type { RpcProtocol } from '../protocols/protocol.js';
import { observeIn } from '../telemetry/schema.js';
import type { Codecs } from './codecs.js';
import { Asks } from './asks.js';
import { Drain } from './drain.js';
import { ArenaHeap } from './memory/arena-heap.js';
import { BufferPool, SMALL } from './memory/buffers.js';
import { KeptTexts } from './memory/kept-texts.js';
import { TimerWheel } from './memory/timers.js';
import type { FromWorker } from './messages.js';
import { kernel } from './outside.js';
import { Overload } from './overload.js';
import type { Outside } from './outside.js';
import type { Sockets } from './reactor/sockets.js';
import type { Snapshot } from './snapshot/snapshot.js';
import type { TlsLibrary } from './tls/library.js';

const REACTOR_BYTES = 1 << 20;
const HEAP_SHARE = 0.2;
export const MUTATIONS_MAX = 256;
const TEXT_BYTES = 64 * 1024;

export class Engine {
  readonly u8: Uint8Array;
  readonly i32: Int32Array;
  readonly u16: Uint16Array;
  readonly f32: Float32Array;
  readonly f64: Float64Array;
  readonly pool: BufferPool;
  readonly heap: ArenaHeap;
  readonly texts: KeptTexts;
  readonly timers: TimerWheel;
  readonly runtime = new Runtime();
  /** States of endpoints that this worker finds by itself. */
  readonly discovered: DiscoveredEndpoints;
  /** Index into f64 of this worker's statistics region. */
  readonly statsBase: number;
  readonly control: number;
  /** This worker's part of the endpoints' counts (EndpointShare). */
  readonly endpointShares: number;
  /**
   * Head records of the request and the response in hand; decoders overwrite them, so they are read before anything
   * else is decoded.
   */
  readonly requestRecord: number;
  readonly responseRecord: number;
  /** Third record: trailers, and heads decoded again for a log line. */
  readonly scratchRecord: number;
  /** Of logs alone, which have the other three in hand. */
  readonly trailersRecord: number;
  readonly requestEdits: number;
  readonly responseEdits: number;
  /** Room for the mutation records of several lists applied as one (MUTATIONS_MAX), and for evaluated values. */
  readonly mutations: number;
  readonly text: number;
  readonly textBytes = TEXT_BYTES;
  readonly pathScratch: number;
  readonly pathScratchBytes = limits.bufferLargeBytes;
  /** Room for a rewritten path, then for a rewritten host (limits.rewrittenBytesMax each). */
  readonly rewriteScratch: number;
  /** Value of the decoded request's x-forwarded-client-cert, where it is made here. */
  readonly clientCertScratch: number;
  /** Two words for answers of codecs.headerValue: a head may be half encoded when a value is looked up. */
  readonly valueScratch: number;
  /** Room for one header line with a number. */
  readonly lineScratch: number;
  readonly randomState: number;
  /** The client's address as text, where another hop names it; the longest is 45 bytes. */
  readonly addressScratch: number;
  /** Where the reactor keeps rings and events. */
  readonly reactorScratch: number;
  readonly reactorScratchBytes = REACTOR_BYTES;

  /** Tells main about an exception that was contained. */
  report: (error: unknown) => void = () => undefined;
  /** Sends main a message; for rare things. */
  post: (message: FromWorker) => void = () => undefined;
  reactor!: Sockets;
  /** OpenSSL, once it was needed (tls/library.ts). */
  tls: TlsLibrary | null = null;
  /** Of the process: all workers take each other's TLS tickets (base64 of 80 bytes each). */
  ticketKeys: readonly string[] = [];
  snapshot!: Snapshot;
  /** Monotonic and wall time of this loop turn, milliseconds. */
  nowMs = 0;
  wallMs = 0;
  /** Protocols of users' codecs (rpc/user-codec.ts). */
  userProtocols: readonly RpcProtocol[] = [];
  /** node.cluster of the bootstrap. */
  nodeCluster = '';
  /** Number of the upstream connection that is opened next. */
  nextConnectionId = 1;
  /** The cluster that this process is one of, '' = unknown, and where it is (config/locality.ts). */
  localCluster = '';
  locality = '';
  readonly drain: Drain;
  readonly overload: Overload;
  /** What main was asked and has not answered. */
  readonly asks = new Asks();
  /** Stream whose head engine.requestRecord holds, while its bytes are still where the kernel put them; else 0. */
  recordOwner = 0;

  constructor(readonly memory: WebAssembly.Memory, readonly map: MemoryMap, readonly worker: number,
      readonly codecs: Codecs, readonly outside: Outside = kernel) {
    this.nowMs = outside.monotonicMs();
    this.wallMs = outside.wallMs();
    this.u8 = new Uint8Array(memory.buffer);
    this.i32 = new Int32Array(memory.buffer);
    this.u16 = new Uint16Array(memory.buffer);
    this.f32 = new Float32Array(memory.buffer);
    this.f64 = new Float64Array(memory.buffer);
    this.statsBase = workerStats(map, worker) >> 3;
    this.control = workerControl(map, worker) >> 2;
    this.discovered = new DiscoveredEndpoints(this.i32, map, worker);
    this.texts = new KeptTexts(this);
    this.timers = new TimerWheel(this.nowMs);
    this.drain = new Drain(this);
    this.overload = new Overload(this);
    let at = workerEndpointShares(map, worker);
    this.endpointShares = at;           // zero: fresh, or settled by main when the predecessor died
    at += endpointSharesBytes;
    const end = workerArena(map, worker) + map.arenaBytes;
    const take = (bytes: number) => { const start = at; at += Math.ceil(bytes / 64) * 64; return start; };
    this.reactorScratch = take(REACTOR_BYTES);
    const recordBytes = HeadRecordBytes + (limits.headersCountMax + 1) * 16;
    this.requestRecord = take(recordBytes);
    this.responseRecord = take(recordBytes);
    this.scratchRecord = take(recordBytes);
    this.trailersRecord = take(recordBytes);
    this.requestEdits = take(RequestEditsRecordBytes);
    this.responseEdits = take(ResponseEditsRecordBytes);
    this.mutations = take(MUTATIONS_MAX * MutationRecordBytes);
    this.text = take(TEXT_BYTES);
    this.pathScratch = take(limits.bufferLargeBytes);
    this.rewriteScratch = take(2 * limits.rewrittenBytesMax + 64);
    this.clientCertScratch = take(limits.clientCertBytesMax + 64);
    this.randomState = take(16);
    this.addressScratch = take(64);
    this.valueScratch = take(8);
    this.lineScratch = take(96);
    const heapBytes = Math.floor((end - at) * HEAP_SHARE);
    this.heap = new ArenaHeap(at, at + heapBytes, () => this.pool.spareLarge());
    // The last 64 bytes stay free: short copies may read past their source (assembly/lib/copy.ts).
    this.pool = new BufferPool(at + heapBytes, end - at - heapBytes - 64 - 4096);
  }

  tick(): void {
    this.nowMs = this.outside.monotonicMs();
    this.wallMs = this.outside.wallMs();
    this.drain.lookAtHealthChecks();
  }

  /** Adds to a counter: `scope` is an index into f64 (statsBase + offset / 8), `stat` from telemetry/schema. */
  count(scope: number, stat: number): void { this.f64[scope + stat] += 1; }

  /** Records a non-negative value in the histogram whose first bucket is `cell`. */
  observe(cell: number, value: number): void {
    observeIn(this.f64, cell, value);
  }

  /** A small buffer, or -1 (counted by the caller). */
  small(): number { return this.pool.acquire(SMALL); }

  /** Writes ASCII text at `at`; returns its length in bytes. For text made once, not per request. */
  writeText(at: number, text: string): number {
    for (let i = 0; i < text.length; i++) this.u8[at + i] = text.charCodeAt(i);
    return text.length;
  }

  /** Long-lived UTF-8 text in the arena, or null when the arena is full. */
  keepText(text: string): { at: number; bytes: number } | null {
    const bytes = Buffer.from(text, 'utf8');
    const at = this.heap.allocate(bytes.length + 16);
    if (at < 0) return null;
    this.u8.set(bytes, at);
    return { at, bytes: bytes.length };
  }

  /** The bytes as Latin-1 text: for logs, regular expressions and other places that asked for a string. */
  readText(at: number, bytes: number): string {
    let text = '';
    for (let i = 0; i < bytes; i++) text += String.fromCharCode(this.u8[at + i]);
    return text;
  }
}
