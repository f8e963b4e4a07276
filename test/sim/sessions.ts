// One seeded run of connections that are proxied as bytes: clients and servers that write in pieces, read slowly, say
// that they have said all, or leave; over a network and a worker that fail as planned. What one side gets must be what
// the other one said, whole where nobody left, and nothing may be held when all is over.
import type { SnapshotChange } from '../../src/config/snapshot/changes.js';
import type { ListenerFilters } from '../../src/config/listener-filters.js';
import type { TcpProxy } from '../../src/config/tcp-proxy.js';
import type { AccessLog, CircuitBreakerThresholds } from '../../src/config/types.js';
import { SimNetwork } from '../../src/workers/reactor/sim-network.js';
import type { SimEnd, SimFaults } from '../../src/workers/reactor/sim-network.js';
import { assignment, cluster, listener } from '../config/snapshot/fixtures.js';
import { pattern } from './message.js';
import { Writer } from './peers.js';
import { addressText, World } from './world.js';

export const sessionProfiles = ['calm', 'inspected', 'tunnelled', 'ends', 'network', 'everything',
  'exhausted'] as const;
type Leave = 'says all' | 'waits' | 'close' | 'reset';

interface SessionPlan { id: number; arriveMs: number; method: string; upBytes: number; downBytes: number;
  writeBytes: number; pauseMs: number; readBytes: number; client: Leave; server: Leave; leaveAfterMs: number }

export interface SessionsPlan { profile: (typeof sessionProfiles)[number]; faults: Partial<SimFaults>; noSocket: number;
  socketsMax: number; sessions: SessionPlan[]; filters: ListenerFilters | null; proxyHeader: boolean; tunnel: boolean;
  refusesTunnels: boolean; attempts: number; idleTimeoutMs: number; smallBreakers: boolean;
  maxDurationMs: number; changes: number; endpoints: number; logs: boolean }

const SIZES = [0, 1, 100, 5000, 70_000, 300_000];

function planOf(seed: number, dice: SimNetwork): SessionsPlan {
  const profile = sessionProfiles[seed % sessionProfiles.length]!;
  const chance = (probability: number): boolean => dice.chance(probability);
  const all = profile === 'everything' || profile === 'exhausted';
  const broken = all || profile === 'network';
  const leaves = all || profile === 'ends';
  const proxyHeader = (profile === 'inspected' || all) && chance(0.5);
  const filters: ListenerFilters['filters'] = [];
  if (proxyHeader) filters.push({ kind: 'proxyProtocol', disabled: null, statPrefix: '', allowWithout: false,
    disallowed: [] });
  if (profile === 'inspected' || (all && chance(0.5))) filters.push({ kind: 'tlsInspector', disabled: null,
    maxClientHelloBytes: 16384, closeOnError: false, ja3: false, ja4: false }, { kind: 'httpInspector',
      disabled: null });
  const plan: SessionsPlan = { profile,
    faults: { shortRead: chance(0.5) ? 0.3 : 0, shortWrite: chance(0.5) ? 0.3 : 0,
      delayMsMax: chance(0.7) ? dice.integer(1, 30) : 0,
      capacityBytes: [1500, 8000, 60_000, 256 * 1024][dice.integer(0, 3)]!,
      ...(broken ? { reset: chance(0.5) ? 0.01 : 0.001, refuse: chance(0.5) ? 0.2 : 0, silent: chance(0.3) ? 0.1 : 0 }
        : {}) },
    noSocket: profile === 'exhausted' ? 0.3 : 0, socketsMax: profile === 'exhausted' ? 6 : 512, sessions: [],
    filters: filters.length === 0 ? null : { filters, timeoutMs: 2000,
      continueOnTimeout: chance(0.5) },
    proxyHeader, tunnel: profile === 'tunnelled' || (all && chance(0.4)), refusesTunnels: all && chance(0.3),
      attempts: dice.integer(1, 3),
    idleTimeoutMs: leaves && chance(0.3) ? 300 : 5000, smallBreakers: all && chance(0.5),
    maxDurationMs: leaves && chance(0.2) ? 200 : 0, changes: leaves ? dice.integer(0, 4) : 0,
    endpoints: dice.integer(1, 3), logs: chance(0.5) };
  for (let n = dice.integer(1, 8), id = 1; n > 0; n--, id++) plan.sessions.push(sessionOf(id, leaves, all, dice));
  return plan;
}

function sessionOf(id: number, leaves: boolean, strange: boolean, dice: SimNetwork): SessionPlan {
  const size = (): number => {
    const bound = SIZES[dice.integer(0, SIZES.length - 1)]!;
    return dice.chance(0.5) ? bound : dice.integer(0, bound);
  };
  const leave = (): Leave => leaves && dice.chance(0.5) ? (['close', 'reset'] as const)[dice.integer(0, 1)]!
    : dice.chance(0.5) ? 'says all' : 'waits';
  const upBytes = size();
  const [client, server] = [leave(), leave()];
  return { id, arriveMs: dice.integer(0, 300), method: ['GET', 'BREW', '\u0016\u0003\u0001'][dice.integer(0,
    strange ? 2 : 1)]!,
    upBytes,
    downBytes: size(), writeBytes: [1, 100, 5000, 1 << 20][dice.integer(upBytes < 2000 ? 0 : 1, 3)]!,
    pauseMs: dice.integer(0, 2), readBytes: dice.chance(0.3) ? dice.integer(500, 20_000) : 0, client,
    server: client === 'waits' && server === 'waits' ? 'says all' : server, leaveAfterMs: dice.integer(0, 300) };
}

/** What the client says first, by which the server knows it. */
const headOf = ({ id, method }: SessionPlan): string => `${method} /${id} HTTP/1.1\r\n`;
const saidBy = (plan: SessionPlan): Buffer =>
  Buffer.concat([Buffer.from(headOf(plan), 'latin1'), pattern(plan.id, plan.upBytes)]);
const answered = (plan: SessionPlan): Buffer => pattern(plan.id + 1_000_000, plan.downBytes);

/** An end that writes all it has, reads all that comes, and leaves as planned. */
class Talker {
  done = false;
  private pieces: Buffer[] = [];
  private readonly writer: Writer;
  private waiting = false;
  private said = false;

  constructor(private readonly network: SimNetwork, private readonly end: SimEnd, private readonly plan: SessionPlan,
    leave: Leave, say: Buffer, private readonly heard: (bytes: Buffer) => void) {
    this.writer = new Writer(network, end, say.length < 2000 ? plan.writeBytes : Math.max(1000, plan.writeBytes),
      plan.pauseMs);
    end.onReadable = () => { this.readable(); };
    this.writer.write(say);
    this.writer.after(() => {
      this.said = true;
      if (leave === 'says all') end.shutdownSend();
      this.settle();
    });
    if (leave === 'close' || leave === 'reset')
      network.after(plan.leaveAfterMs, () => { this.close(leave === 'reset'); });
    network.after(0, () => { this.readable(); });
  }

  /** Bytes that were read before the talker was there. */
  begin(bytes: Buffer): void { this.pieces.push(bytes); }

  private readable(): void {
    if (this.waiting || this.done) return;
    const { readBytes } = this.plan;
    if (readBytes === 0) { this.take(Infinity); return; }
    this.waiting = true;
    this.network.after(3, () => {
      this.waiting = false;
      this.take(readBytes);
    });
  }

  private take(most: number): void {
    if (this.done) return;
    for (let left = most; left > 0;) {
      const bytes = this.end.read(left);
      if (bytes.length === 0) break;
      left -= bytes.length;
      this.pieces.push(Buffer.from(bytes));
    }
    if (this.end.errno !== 0) this.close(false);
    else if (this.end.readableBytes > 0) this.readable();
    else this.settle();
  }

  /** Over when both have said all; one who waits says so when the other one has. */
  private settle(): void {
    if (this.done || !this.end.ended || this.end.readableBytes > 0 || !this.said) return;
    this.close(false);
  }

  private close(reset: boolean): void {
    if (this.done) return;
    this.done = true;
    this.heard(Buffer.concat(this.pieces));
    this.end.close(reset);
  }
}

export interface SessionsResult { faults: string[]; sessions: number; whole: number; plan: SessionsPlan }

export function simulateSessions(seed: number): SessionsResult {
  const dice = new SimNetwork(seed * 6151 + 3);
  const plan = planOf(seed, dice);
  const world = new World(seed, plan);
  const faults: string[] = [];
  const got = { up: new Map<number, Buffer>(), down: new Map<number, Buffer>() };
  for (let port = 1; port <= 4; port++) {
    world.network.serve(addressText('127.0.0.1', port), (peer) => {
      accept(world.network, peer, plan, faults, (id, bytes) => { got.up.set(id, bytes); });
    });
  }
  world.configure(configuration(plan, 0));
  world.listen('main');
  const clients: Talker[] = [];
  for (const session of plan.sessions) {
    world.network.after(session.arriveMs, () => {
      const prefix = plan.proxyHeader ? 'PROXY TCP4 1.2.3.4 5.6.7.8 1 2\r\n' : '';
      clients.push(new Talker(world.network, world.arrive('main'), session, session.client,
        Buffer.concat([Buffer.from(prefix), saidBy(session)]), (bytes) => { got.down.set(session.id, bytes); }));
    });
  }
  for (let n = 1; n <= plan.changes; n++) {
    const all = configuration(plan, n);
    const what = dice.integer(0, 1);
    world.network.after(dice.integer(1, 600), () => {
      world.configure(all.filter(({ kind }) => kind === (what === 0 ? 'assignment' : 'listener')));
      if (what === 1) world.listeners.drain(world.publisher.listenerSlot('main'), false, false, 300);
    });
  }
  if (!world.run(120_000, () => clients.length === plan.sessions.length && clients.every(({ done }) => done)))
    faults.push(`${clients.filter(({ done }) => !done).length} clients wait for ever`);
  world.run(30_000);
  world.reclaim();
  const whole = plan.sessions.filter((session) => judge(plan, session, got, faults)).length;
  faults.push(...world.errors.map((error) => `exception: ${error instanceof Error ? error.stack : String(error)}`),
    ...counts(world), ...world.leaks());
  return { faults, sessions: plan.sessions.length, whole, plan };
}

/** A server that learns from the first bytes whom it talks to; behind a tunnel's head, if there are tunnels. */
function accept(network: SimNetwork, peer: SimEnd, plan: SessionsPlan, faults: string[],
  heard: (id: number, bytes: Buffer) => void): void {
  let begun: Buffer = Buffer.alloc(0);
  let tunnel = plan.tunnel;
  const listen = (): void => {
    for (let bytes = peer.read(); bytes.length > 0; bytes = peer.read()) begun = Buffer.concat([begun, bytes]);
    const headEnd = begun.indexOf('\r\n\r\n');
    if (tunnel && headEnd >= 0) {
      if (begun.toString('latin1', 0,
        18) !== 'CONNECT far.test:1') faults.push(`no CONNECT: ${begun.toString('latin1', 0, 40)}`);
      begun = begun.subarray(headEnd + 4);
      tunnel = false;
      if (plan.refusesTunnels && network.chance(0.5)) {
        peer.write(Buffer.from('HTTP/1.1 503 No\r\ncontent-length: 0\r\n\r\n'));
        peer.close(false);
        peer.onReadable = null;
        return;
      }
      new Writer(network, peer, 1 << 20, 0).write(Buffer.from('HTTP/1.1 200 OK\r\n\r\n'));
    }
    const session = tunnel ? undefined : plan.sessions.find((session) =>
      begun.indexOf(headOf(session), 0, 'latin1') === 0);
    if (session !== undefined) {
      const talker = new Talker(network, peer, session, session.server, answered(session),
        (bytes) => { heard(session.id, bytes); });
      talker.begin(begun);
    } else if (peer.ended || peer.errno !== 0) peer.close(false);
  };
  peer.onReadable = listen;
  network.after(0, listen);
}

/** Was the session whole? */
function judge(plan: SessionsPlan, session: SessionPlan, got: { up: Map<number, Buffer>; down: Map<number, Buffer> },
  faults: string[]): boolean {
  let whole = true;
  const check = (name: string, wanted: Buffer, bytes: Buffer = Buffer.alloc(0)): void => {
    if (!wanted.subarray(0, bytes.length).equals(bytes)) faults.push(`session ${session.id} ${name}: other bytes`);
    if (bytes.length === wanted.length) return;
    whole = false;
    if (['calm', 'inspected', 'tunnelled'].includes(plan.profile))
      faults.push(`session ${session.id} ${name}: ${bytes.length} of ${wanted.length} bytes`);
  };
  check('to the server', saidBy(session), got.up.get(session.id));
  check('to the client', answered(session), got.down.get(session.id));
  return whole;
}

function configuration(plan: SessionsPlan, version: number): SnapshotChange[] {
  const most = plan.smallBreakers ? 2 : 1024;
  const thresholds: CircuitBreakerThresholds = { maxConnections: most, maxPendingRequests: most, maxRequests: most,
    maxRetries: 3, retryBudget: null, trackRemaining: false, maxConnectionsPerEndpoint: 2 ** 32 - 1 };
  const log = (format: string): AccessLog => ({ sink: { kind: 'stdout' }, filter: null,
    format: { kind: 'text', format, omitEmptyValues: false } });
  const tcp: TcpProxy = { statPrefix: 'sim', clusters: [{ cluster: 'one', weight: 1, metadataMatch: null }],
    totalWeight: 1,
    sourceIpHash: false, idleTimeoutMs: plan.idleTimeoutMs + version, maxDurationMs: plan.maxDurationMs,
    maxConnectAttempts: plan.attempts, accessLogs: [log('session %BYTES_RECEIVED% %BYTES_SENT% %RESPONSE_FLAGS%\n')],
    accessLogFlushMs: 0, logsConnected: false,
    tunnel: plan.tunnel ? { hostname: 'far.test:1', headers: [] } : null };
  return [
    { kind: 'cluster', name: 'one', value: cluster('one', { connectTimeoutMs: 1000, idleTimeoutMs: 2000,
      circuitBreakers: { default: thresholds, high: thresholds } }) },
    { kind: 'assignment', name: 'one', value: assignment('one',
      ...Array.from({ length: plan.endpoints }, (_, i) => 1 + ((i + version) % 4))) },
    { kind: 'listener', name: 'main', value: listener('main', 10_000, { listenerFilters: plan.filters,
      connectionLogs: plan.logs ? [log('connection %BYTES_RECEIVED% %BYTES_SENT% %RESPONSE_FLAGS%\n')] : [],
      filterChains: [{ name: '', match: null, networkFilters: [], hcm: null, tcp, tls: null,
        transportSocketConnectTimeoutMs: 0 }] }) },
  ];
}

function counts(world: World): string[] {
  const faults: string[] = [];
  const equal = (name: string, value: number, wanted: number): void => {
    if (value !== wanted) faults.push(`${name}: ${value}, not ${wanted}`);
  };
  const total = world.tcp('sim', 'downstream_cx_total');
  equal('lines of sessions', world.lines.filter((line) => line.startsWith('session ')).length, total);
  equal('upstream_flush_active', world.tcp('sim', 'upstream_flush_active'), 0);
  equal('downstream_cx_active', world.listener('main', 'downstream_cx_active'), 0);
  equal('downstream_pre_cx_active', world.listener('main', 'downstream_pre_cx_active'), 0);
  equal('downstream_cx_destroy', world.listener('main', 'downstream_cx_destroy'),
    world.listener('main', 'downstream_cx_total'));
  for (const gauge of ['upstream_rq_active', 'upstream_rq_pending_active', 'upstream_cx_active'] as const)
    equal(gauge, world.cluster(0, gauge), 0);
  equal('upstream_cx_destroy', world.cluster(0, 'upstream_cx_destroy'), world.cluster(0, 'upstream_cx_total'));
  equal('local and remote ends', world.cluster(0, 'upstream_cx_destroy_local')
    + world.cluster(0, 'upstream_cx_destroy_remote'), world.cluster(0, 'upstream_cx_destroy'));
  return faults;
}
