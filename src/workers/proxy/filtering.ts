// Takes a request through the filters of its route, and what they may do with it. A filter that answers later suspends
// the request: its head is kept as it stands, its body waits where it is, and the worker goes on with others.
//
//   begin → filter → filter → CONTINUE: request.ts goes on
//                       ↓
//                   SUSPENDED ... resume → filter → ...
import { HEALTHY } from '../balancing/levels.js';
import { ResponseFlag, detail } from '../../core/response-flags.js';
import { limits } from '../../core/limits.js';
import type { Downstream } from '../connection/downstream-side.js';
import type { Engine } from '../engine.js';
import { ANSWERED, CONTINUE, SUSPENDED } from '../filters/filter.js';
import type { Actions } from '../filters/filter.js';
import type { CompiledMutations } from '../routing/mutations.js';
import type { ClusterRuntime } from '../upstream/cluster.js';
import { BODY_LENGTH, BODY_UNTIL_END, OUT_BARE, OUT_SAME, isOpenEnded } from './body.js';
import type { Proxy } from './request.js';
import { addLength, recallHead, replaceHead, rewriteHead, rewrittenText } from './rewrite-head.js';
import type { Stream } from './stream.js';
import type { Transform } from './transform.js';
import { Throttle } from './throttle.js';

export class Filtering implements Actions {
  constructor(private readonly engine: Engine, private readonly proxy: Proxy) {}

  /** The head is in hand and its route is known. CONTINUE, ANSWERED or SUSPENDED. */
  begin(stream: Stream): number {
    const chain = stream.hcm!.filters!.chain(stream.choice?.chains ?? stream.route?.chains ?? null);
    stream.filters = chain;
    if (chain === null) return CONTINUE;
    return this.run(stream, 0);
  }

  private run(stream: Stream, from: number): number {
    for (let i = from; i < stream.filters!.filters.length; i++) {
      stream.filterAt = i;
      const verdict = stream.filters!.filters[i]!.onRequest(stream, this);
      if (verdict !== CONTINUE) return verdict;
    }
    return CONTINUE;
  }

  /** A suspended request goes on. Called from a timer, a message, or when its body has come. */
  resume(stream: Stream): void {
    stream.suspended = false;
    stream.filterAtMs = Infinity;
    const { downstream, filters } = stream;
    let verdict: number = ANSWERED;
    if (!recallHead(this.engine, stream)) this.tooLong(stream);
    else verdict = filters!.filters[stream.filterAt]!.onResume!(stream, this);
    if (verdict === CONTINUE) verdict = this.run(stream, stream.filterAt + 1);
    if (verdict === CONTINUE) this.go(stream, downstream!);
    this.engine.recordOwner = 0;
    // A filter behind the one that waited collects the body: what has come of it meanwhile is offered again.
    if (verdict === SUSPENDED && stream.collectBytesMax >= 0) downstream!.offerSoon();
  }

  /** Past the filters. A short body that was collected goes with its head, like one that came with it. */
  private go(stream: Stream, downstream: Downstream): void {
    const { engine, proxy } = this;
    const { kept } = stream;
    // A body that a redirect takes along is kept with its framing.
    const first = stream.collected && stream.request.kind === BODY_LENGTH && kept.length === 1 ? kept.pieces[0]! : null;
    if (first === null || first.end - first.at > limits.bodyCopyBytesMax) {
      proxy.serve(stream, downstream, 0, 0);
      return;
    }
    const { buffer, at, end } = first;
    engine.pool.retain(buffer);
    kept.release(engine);
    stream.collected = false;
    stream.request.begin(engine, BODY_LENGTH, end - at, OUT_SAME);
    proxy.serve(stream, downstream, at, end);
    engine.pool.release(buffer);
  }

  /** The deadline that a filter, or a throttled response, waits for. */
  due(stream: Stream): void {
    stream.filterAtMs = Infinity;
    if (stream.suspended) this.resume(stream); else stream.upstream?.resume();
  }

  reply(stream: Stream, status: number, flag: number, details: number, body: string, headers = ''): number {
    this.noteCluster(stream);
    this.proxy.replies.send(stream, status, flag, details, body, headers);
    return ANSWERED;
  }

  mutate(stream: Stream, mutations: CompiledMutations, exact = false): boolean {
    const { engine } = this;
    if (exact && stream.rewrittenBuffer < 0 && !rewriteHead(engine, stream, null)) return this.tooLong(stream);
    return rewriteHead(engine, stream, mutations) || this.tooLong(stream);
  }

  rewrite(stream: Stream, edit: (head: string) => string, teTrailers = true): boolean {
    const { engine } = this;
    if (stream.rewrittenBuffer < 0 && !rewriteHead(engine, stream, null)) return this.tooLong(stream);
    return replaceHead(engine, stream, edit(rewrittenText(engine, stream)), teTrailers) || this.tooLong(stream);
  }

  transform(stream: Stream, transform: Transform): void { stream.transform = transform; }

  transformRequest(stream: Stream): void { this.proxy.transforming.beginRequest(stream); }

  collectedBody(stream: Stream): Uint8Array {
    const { kept } = stream;
    const body = new Uint8Array(kept.bytes);
    let used = 0;
    for (let i = 0; i < kept.length; i++) {
      const { at, end } = kept.pieces[i]!;
      body.set(this.engine.u8.subarray(at, end), used);
      used += end - at;
    }
    return body;
  }

  replaceBody(stream: Stream, body: Uint8Array, ofLength = false): boolean {
    const { engine } = this;
    const { kept, request } = stream;
    if (kept.length > 0) kept.release(engine);
    kept.begin(body.length);
    const room = engine.pathScratch, most = engine.pathScratchBytes;
    for (let from = 0; from < body.length; from += most) {
      const piece = body.subarray(from, from + most);
      engine.u8.set(piece, room);
      kept.add(engine, room, room + piece.length);
    }
    if (kept.overflowed) return this.tooLong(stream);
    const { bytes } = request;
    if (ofLength) stream.requestLength = body.length;
    request.begin(engine, ofLength ? BODY_LENGTH : BODY_UNTIL_END, ofLength ? body.length : 0, OUT_SAME);
    request.complete = true;
    request.bytes = bytes;                               // it tells what the client sent
    stream.collected = body.length > 0;
    return true;
  }

  reroute(stream: Stream): boolean {
    if (!this.proxy.reroute(stream)) return false;
    // The filters that follow do what the new route says of them.
    const chain = stream.hcm!.filters!.chain(stream.choice?.chains ?? stream.route?.chains ?? null);
    if (chain !== stream.filters) stream.filters = stream.filters!.joinedAt(stream.filterAt, chain);
    return true;
  }

  wait(stream: Stream, milliseconds: number): number {
    if (this.suspend(stream) !== SUSPENDED) return ANSWERED;
    stream.filterAtMs = this.engine.nowMs + milliseconds;
    stream.downstream!.deadlineMoved();
    return SUSPENDED;
  }

  collectBody(stream: Stream, bytesMax: number): number {
    if (stream.request.kind === BODY_LENGTH && stream.request.remaining > bytesMax) return this.bodyTooLong(stream);
    if (!rewriteHead(this.engine, stream, null, false)) {
      this.tooLong(stream);
      return ANSWERED;
    }
    this.noteCluster(stream);
    stream.suspended = true;
    stream.collectBytesMax = bytesMax;
    stream.kept.begin(bytesMax);
    if (isOpenEnded(stream.request.kind)) stream.request.out = OUT_BARE;
    stream.downstream!.deadlineMoved();
    return SUSPENDED;
  }

  /** Bytes of a body that is being collected. Returns how far they were taken. */
  collect(stream: Stream, at: number, end: number): number {
    const { engine } = this;
    const { request, kept } = stream;
    const room = engine.pathScratch, most = engine.pathScratchBytes - 256;
    while (at < end && !request.complete) {
      const taken = request.copyInto(engine, at, Math.min(end, at + most), room);
      if (taken < 0) { this.proxy.replies.badRequestBody(stream); return end; }
      kept.add(engine, room, room + request.written);
      if (kept.overflowed) {
        request.complete = false;                                       // nobody counts on what may follow
        this.bodyTooLong(stream);
        return end;
      }
      if (taken === at) break;
      at = taken;
    }
    if (request.complete) this.collected(stream);
    return at;
  }

  /** From here the body is one of known length, sent from where it is kept. */
  collected(stream: Stream): void {
    const { engine } = this;
    const { kept, downstream } = stream;
    const bytes = kept.bytes;
    stream.collectBytesMax = -1;
    stream.collected = bytes > 0;
    stream.requestLength = bytes;
    if (isOpenEnded(stream.request.kind)) addLength(engine, stream, bytes);
    stream.request.begin(engine, BODY_LENGTH, bytes, OUT_SAME);
    stream.request.complete = true;
    stream.request.bytes = bytes;
    downstream!.requestComplete();
    this.resume(stream);
  }

  limitResponse(stream: Stream, bytesPerSecond: number): void {
    stream.throttle = new Throttle(bytesPerSecond, this.engine.nowMs);
  }

  clusterHealth(cluster: string): { total: number; healthy: number } | null {
    const slot = this.engine.snapshot.clusterSlot(cluster);
    const found = slot < 0 ? null : this.proxy.clusters.get(slot);
    if (found === null) return null;
    let total = 0, healthy = 0;
    for (const endpoint of found.endpoints.values()) {
      if (endpoint.removed) continue;
      total++;
      if (endpoint.health() === HEALTHY) healthy++;
    }
    return { total, healthy };
  }

  rewriteHost(stream: Stream, host: string): boolean {
    const { engine } = this;
    const bytes = engine.writeText(engine.rewriteScratch, host.slice(0, limits.rewrittenBytesMax));
    return rewriteHead(engine, stream, null, true, { at: engine.rewriteScratch, bytes }) || this.tooLong(stream);
  }

  clusterOf({ choice }: Stream): ClusterRuntime | null {
    if (choice === null) return null;
    const slot = choice.clusterHeader === null ? choice.slot : this.proxy.slotByHeader(choice.clusterHeader);
    return slot < 0 ? null : this.proxy.clusters.get(slot);
  }

  goesToResolved(stream: Stream): boolean {
    return this.clusterOf(stream)?.destinations?.config.resolved === true;
  }

  suspend(stream: Stream): number {
    if (stream.rewrittenBuffer < 0 && !rewriteHead(this.engine, stream, null)) {
      this.tooLong(stream);
      return ANSWERED;
    }
    this.noteCluster(stream);
    stream.suspended = true;
    return SUSPENDED;
  }

  /** Logs name the cluster of the route also where the request never gets to it. */
  private noteCluster(stream: Stream): void {
    const { choice } = stream;
    if (choice !== null && choice.slot >= 0) stream.unusedCluster = this.proxy.clusters.get(choice.slot);
  }
  private bodyTooLong(stream: Stream): number {
    if (stream.transform !== null) {
      const { status, details, body } = stream.transform.tooLong;
      return this.reply(stream, status, 0, detail(details), body);
    }
    return this.reply(stream, 413, 0, detail('request_payload_too_large'), 'Payload Too Large');
  }
  private tooLong(stream: Stream): false {
    this.proxy.replies.send(stream, 503, ResponseFlag.OM, detail('overload'), 'no buffer is free');
    return false;
  }
}
