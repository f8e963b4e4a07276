// One connection that is proxied as bytes: the client's socket, and the endpoint's connection that the pool lends. The
// bytes are sent on from the buffers they were received in. A side that does not take them stops the other one.
//
//   connecting → open → (one side sent FIN) → ending: what was sent leaves, then both close
//                  ├→ flushing: the client is gone, its last bytes are on their way to the endpoint
//                  └→ closing: the endpoint is gone, its last bytes are on their way to the client
import { limits } from '../../core/limits.js';
import { ResponseFlag } from '../../core/response-flags.js';
import { ClusterStat, TcpStat, histogramCell } from '../../telemetry/schema.js';
import { ConnectionAddresses } from '../connection/addresses.js';
import type { ConnectionFacts } from '../connection/addresses.js';
import { Held } from '../connection/held.js';
import type { ListenerConnection } from '../connection/register.js';
import type { Engine } from '../engine.js';
import type { ChainEnd } from '../listener/chains.js';
import type { ListenerRuntime } from '../listener/listener.js';
import type { NetworkFilters } from '../listener/network-filters.js';
import { BODY_TUNNEL, OUT_SAME } from '../proxy/body.js';
import type { LogType } from '../proxy/log-filter.js';
import type { Stream } from '../proxy/stream.js';
import type { SocketOwner } from '../reactor/reactor.js';
import type { TcpProxies } from './proxies.js';
import type { TcpRuntime } from './runtime.js';

const CONNECTING = 0;
const OPEN = 1;
const ENDING = 2;
const CLOSING = 3;
const CLOSED = 4;

export class TcpSession implements SocketOwner, ListenerConnection {
  listener!: ListenerRuntime;
  runtime!: TcpRuntime;
  stream!: Stream;
  id = 0;
  socket = -1;
  attempts = 0;
  nextOfListener: ListenerConnection | null = null;
  previousOfListener: ListenerConnection | null = null;
  filters: NetworkFilters | null = null;
  filterMask = 0;
  readonly addresses: ConnectionAddresses;
  private state = CLOSED;
  private receiving = false;
  /** FINs that have come. */
  private clientEnded = false;
  private endpointEnded = false;
  /** It was the endpoint's FIN that ended the session. */
  private endpointLast = false;
  private lifeDeadlineMs = Infinity;
  private logDeadlineMs = Infinity;
  private drainDeadlineMs = Infinity;
  private readonly held: Held;
  private readonly timer: number;

  constructor(private readonly engine: Engine, private readonly proxies: TcpProxies) {
    this.addresses = new ConnectionAddresses(engine);
    this.held = new Held(engine);
    this.timer = engine.timers.add(this);
  }

  get bytesReceived(): number { return this.stream.request.bytes; }
  get bytesSent(): number { return this.stream.response.bytes; }
  get openedMs(): number { return this.stream.startMs; }
  get logged(): Stream { return this.stream; }
  get chainName(): string { return this.runtime.chainName; }
  get chainEnd(): ChainEnd { return this.runtime.config; }
  /** There is no endpoint yet. */
  get isConnecting(): boolean { return this.state === CONNECTING; }

  /** False when the socket table is full; the fd is still the caller's. */
  open(fd: number, listener: ListenerRuntime, runtime: TcpRuntime, stream: Stream, id: number, socket: number,
      facts: ConnectionFacts | null): boolean {
    const { engine } = this;
    this.socket = socket < 0 ? engine.reactor.add(fd, this) : socket;
    if (this.socket < 0) return false;
    if (socket >= 0) {
      engine.reactor.setOwner(socket, this);
      engine.reactor.stopReceive(socket);
    }
    this.listener = listener;
    this.runtime = runtime;
    this.id = id;
    this.state = CONNECTING;
    this.attempts = 0;
    this.drainDeadlineMs = Infinity;
    this.receiving = this.clientEnded = this.endpointEnded = this.endpointLast = false;
    this.addresses.reset(fd);
    if (facts !== null) this.addresses.learn(facts);
    if (runtime.logs.length > 0 || listener.logs.length > 0) this.addresses.note();
    this.stream = stream;
    stream.session = this;
    stream.headless = stream.rawTunnel = true;
    stream.startMs = stream.lastActivityMs = engine.nowMs;
    stream.startWallMs = engine.wallMs;
    stream.request.begin(engine, BODY_TUNNEL, 0, OUT_SAME);
    stream.response.begin(engine, BODY_TUNNEL, 0, OUT_SAME);
    const { maxDurationMs, accessLogFlushMs } = runtime.config;
    this.lifeDeadlineMs = maxDurationMs > 0 ? engine.nowMs + maxDurationMs : Infinity;
    this.logDeadlineMs = accessLogFlushMs > 0 ? engine.nowMs + accessLogFlushMs : Infinity;
    this.arm();
    return true;
  }

  /** The endpoint takes bytes from now on. */
  connected(): void {
    const { engine, stream, runtime } = this;
    this.state = OPEN;
    stream.upstreamSentMs = stream.lastActivityMs = engine.nowMs;
    if (runtime.config.logsConnected) this.log('TcpUpstreamConnected');
    this.arm();
    if (this.held.bytes > 0) {
      const { buffer, at, bytes } = this.held;
      this.toEndpoint(buffer, at, bytes);
      this.held.drop();
    }
    if (this.clientEnded) this.saidAll(); else if (this.state === OPEN) this.receive(true);
  }

  private receive(wanted: boolean): void {
    if (this.receiving === wanted || this.state === CLOSED) return;
    this.receiving = wanted;
    if (wanted) this.engine.reactor.startReceive(this.socket); else this.engine.reactor.stopReceive(this.socket);
  }

  // client → endpoint

  private received(buffer: number, offset: number, length: number): void {
    if (this.state === OPEN) { this.toEndpoint(buffer, offset, length); return; }
    if (this.state !== CONNECTING) return;
    // Bytes that listener filters had looked at: the only ones that are read before there is an endpoint.
    const kept = this.held.bytes > 0 ? this.held.append(offset, length) === length : this.held.keep(offset, length);
    if (!kept) this.close();
  }

  private toEndpoint(buffer: number, offset: number, length: number): void {
    const { engine, stream, runtime } = this;
    const { socket } = stream.upstream!;
    stream.lastActivityMs = engine.nowMs;
    engine.f64[runtime.scope + TcpStat.downstream_cx_rx_bytes_total] += length;
    stream.cluster!.gauge(ClusterStat.upstream_cx_tx_bytes_total, length);
    stream.request.relay(engine, buffer, offset, offset + length, socket);
    if (stream.request.bytes >= limits.bulkBodyBytes && !stream.bulkRequest) {
      stream.bulkRequest = true;
      engine.reactor.setBulk(this.socket, true);
    }
    const most = Math.min(limits.sendHighWatermarkBytes, stream.cluster!.config.perConnectionBufferBytes);
    if (!stream.request.backedUp(engine, socket, most)) return;
    this.receive(false);
    engine.reactor.notifyDrained(socket);
    stream.cluster!.count(ClusterStat.upstream_flow_control_backed_up_total);
    engine.count(runtime.scope, TcpStat.downstream_flow_control_paused_reading_total);
  }

  /** The endpoint has taken everything. */
  endpointDrained(): void {
    const { engine, stream } = this;
    stream.lastActivityMs = engine.nowMs;
    if (this.state === ENDING) { this.endWhenSent(); return; }
    if (this.state !== OPEN || this.clientEnded || this.receiving) return;
    stream.cluster!.count(ClusterStat.upstream_flow_control_drained_total);
    engine.count(this.runtime.scope, TcpStat.downstream_flow_control_resumed_reading_total);
    this.receive(true);
  }

  // endpoint → client

  /** Bytes of the endpoint; returns how far they were taken. */
  toClient(buffer: number, at: number, end: number): number {
    const { engine, stream, runtime } = this;
    if (this.state !== OPEN) return end;
    stream.lastActivityMs = engine.nowMs;
    engine.f64[runtime.scope + TcpStat.downstream_cx_tx_bytes_total] += end - at;
    stream.response.relay(engine, buffer, at, end, this.socket);
    if (stream.response.bytes >= limits.bulkBodyBytes && !stream.bulkResponse) {
      stream.bulkResponse = true;
      engine.reactor.setBulk(stream.upstream!.socket, true);
    }
    if (stream.response.backedUp(engine, this.socket, Math.min(limits.sendHighWatermarkBytes,
      this.listener.bufferBytes))) {
      stream.upstream!.pause();
      engine.reactor.notifyDrained(this.socket);
      stream.cluster!.count(ClusterStat.upstream_flow_control_paused_reading_total);
    }
    return end;
  }

  private clientDrained(): void {
    const { stream } = this;
    stream.lastActivityMs = this.engine.nowMs;
    if (this.state === ENDING) this.endWhenSent();
    else if (this.state === CLOSING) this.close();
    else if (this.state === OPEN && !this.endpointEnded) {
      stream.cluster!.count(ClusterStat.upstream_flow_control_resumed_reading_total);
      stream.upstream!.resume();
    }
  }

  // Ends

  /** The endpoint sent FIN (errno 0), or its connection broke. */
  endpointEnd(errno: number): void {
    if (this.state !== OPEN) return;
    if (errno !== 0) {
      this.stream.flags |= ResponseFlag.UR;
      this.close(true);                                   // its reset is the client's, as from Envoy
      return;
    }
    this.endpointEnded = true;
    this.stream.response.complete = true;
    this.engine.reactor.shutdownSend(this.socket);
    this.endpointLast = this.clientEnded;
    if (this.clientEnded) this.endWhenSent();
  }

  /** What it sent still reaches the client. */
  endpointGone(): void {
    const { reactor } = this.engine;
    this.proxies.detach(this.stream, true);
    if (this.socket < 0 || reactor.pendingSendBytes(this.socket) === 0) { this.close(); return; }
    this.state = CLOSING;
    this.receive(false);
    reactor.shutdownSend(this.socket);
    reactor.notifyDrained(this.socket);
  }

  private clientEnd(errno: number): void {
    if (this.state === CONNECTING && errno === 0) { this.clientEnded = true; return; }
    if (this.state !== OPEN) { if (this.state !== ENDING || errno !== 0) this.close(); return; }
    if (errno !== 0) { this.clientGone(); return; }
    this.saidAll();
  }

  /** The client has sent its FIN: so has the proxy, to the endpoint. */
  private saidAll(): void {
    this.clientEnded = true;
    this.stream.request.complete = true;
    this.engine.reactor.shutdownSend(this.stream.upstream!.socket);
    if (this.endpointEnded) this.endWhenSent();
  }

  /** What came of it may not be all: the endpoint's connection is reset, whatever waits for it; as from Envoy. */
  private clientGone(): void {
    this.close(false, true);
  }

  /** Both sides have said all: it is over when both have it. */
  private endWhenSent(): void {
    const { reactor } = this.engine;
    const { socket } = this.stream.upstream!;
    this.state = ENDING;
    if (reactor.pendingSendBytes(socket) > 0) reactor.notifyDrained(socket);
    else if (reactor.pendingSendBytes(this.socket) > 0) reactor.notifyDrained(this.socket);
    else this.close();
  }

  /** Ends both sides now; with `reset` the client sees RST, with `cut` the endpoint. */
  close(reset = false, cut = false): void {
    if (this.state === CLOSED) return;
    const { engine } = this;
    this.state = CLOSED;
    engine.timers.disarm(this.timer);
    this.proxies.detach(this.stream, reset || this.endpointLast, cut);
    if (this.socket >= 0) this.closeClient(reset);
    this.held.drop();
    this.log('TcpConnectionEnd');
    engine.observe(this.listener.scope + histogramCell('listener', 0), engine.nowMs - this.stream.startMs);
    this.proxies.closed(this);
  }

  private closeClient(reset: boolean): void {
    this.engine.reactor.close(this.socket, reset);
    this.socket = -1;
  }

  log(logType: LogType): void {
    const { logs } = this.runtime;
    for (let i = 0; i < logs.length; i++) this.proxies.write(this.stream, logs[i], logType);
  }

  // Time

  /** Sessions do not hear of a drain; the listener that they came by goes when it is over, and they with it. */
  drain(_closeIdle: boolean, graceMs: number): void {
    this.drainDeadlineMs = Math.min(this.drainDeadlineMs, this.engine.nowMs + graceMs);
    this.arm();
  }
  deadlineChanged(): void { /* overload shortens no timeout of a session */ }

  private get idleDeadlineMs(): number {
    const { idleTimeoutMs } = this.runtime.config;
    return idleTimeoutMs === 0 || this.state === CONNECTING ? Infinity : this.stream.lastActivityMs + idleTimeoutMs;
  }

  private arm(): void {
    const next = Math.min(this.lifeDeadlineMs, this.drainDeadlineMs, this.logDeadlineMs, this.idleDeadlineMs);
    if (next === Infinity) this.engine.timers.disarm(this.timer); else this.engine.timers.arm(this.timer, next);
  }

  private timerFired(nowMs: number): void {
    const { engine, runtime, stream } = this;
    if (this.drainDeadlineMs <= nowMs) { this.close(); return; }
    if (this.lifeDeadlineMs <= nowMs) {
      engine.count(runtime.scope, TcpStat.max_downstream_connection_duration);
      stream.flags |= ResponseFlag.DT;
      this.close();
      return;
    }
    if (this.idleDeadlineMs <= nowMs) {
      engine.count(runtime.scope, TcpStat.idle_timeout);
      this.close();
      return;
    }
    if (this.logDeadlineMs <= nowMs) {
      this.logDeadlineMs = nowMs + runtime.config.accessLogFlushMs;
      this.log('TcpPeriodic');
    }
    this.arm();
  }

  // Entries from the reactor and the timer: what goes wrong with one session ends that session and nothing else.
  onTimer(nowMs: number): void {
    if (this.state === CLOSED) return;
    try { this.timerFired(nowMs); } catch (error) { this.failed(error); }
  }
  onReceived(buffer: number, offset: number, length: number): void {
    try { this.received(buffer, offset, length); } catch (error) { this.failed(error); }
  }
  onReceiveEnd(errno: number): void { try { this.clientEnd(errno); } catch (error) { this.failed(error); } }
  onSendFailed(): void { try { this.clientGone(); } catch (error) { this.failed(error); } }
  onSendDrained(): void { try { this.clientDrained(); } catch (error) { this.failed(error); } }
  onConnected(): void { /* accepted sockets are connected */ }

  private failed(error: unknown): void {
    this.engine.report(error);
    this.close();
  }
}
