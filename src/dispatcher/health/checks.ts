// Active health checks of one cluster: a session for each endpoint that is checked.
import type { Checker, HealthCheck } from '../../config/health.js';
import { transportMatchOf } from '../../config/tls.js';
import type { UpstreamTls } from '../../config/tls.js';
import type { Address, ClusterConfig, Endpoint } from '../../config/types.js';
import { HealthFlag } from '../../core/memory-map.js';
import { healthEventLine } from './events.js';
import type { HealthEvent, WriteEvent } from './events.js';
import type { HealthFlags } from './flags.js';
import { GrpcProbe } from './grpc-probe.js';
import { HttpProbe } from './http-probe.js';
import { greetingOf } from './probe.js';
import type { Probe, ProbeTarget } from './probe.js';
import { HealthCounts, Session } from './session.js';
import type { SessionOwner } from './session.js';
import { compiledMatcher } from './string-matcher.js';
import { TcpProbe } from './tcp-probe.js';
import { CheckTls } from './tls.js';
import type { SecretOf } from './tls.js';

export interface ChecksOptions {
  cluster: ClusterConfig;
  slot: number;
  flags: HealthFlags;
  writeEvent: WriteEvent;
  hasTraffic(): boolean;
  runtime(key: string): number | null;
  secretOf: SecretOf;
  onChecked(session: Session, ok: boolean, unhealthy: boolean): void;
}

const checkerTypes = { http: 'HTTP', tcp: 'TCP', grpc: 'GRPC' } as const;

export class Checks implements SessionOwner {
  readonly config: HealthCheck;
  /** All of the cluster that checks are made of: with another one they begin anew. */
  readonly basis: string;
  private readonly byTls = new Map<UpstreamTls, CheckTls>();
  readonly counts: HealthCounts;
  private readonly sessions = new Map<number, Session>();
  private readonly matches: ((name: string) => boolean) | null;

  /** Goes on counting where `before` left off. */
  constructor(private readonly options: ChecksOptions, before: Checks | null) {
    this.config = options.cluster.healthCheck!;
    this.basis = basisOf(options.cluster);
    this.counts = before?.counts ?? new HealthCounts();
    const { checker } = this.config;
    const matches = checker.kind === 'http' && checker.serviceName !== null ? compiledMatcher(checker.serviceName)
      : null;
    this.matches = matches === null ? null : (name) => {
      if (Math.random() * 100 >= (this.runtime('health_check.verify_cluster') ?? 100)) return true;
      this.counts.verifyCluster++;
      return matches(name);
    };
  }

  /** Endpoints, by the index of their process-wide state, that are checked from now on. */
  take(endpoints: ReadonlyMap<number, Endpoint>): void {
    for (const [state, session] of this.sessions) {
      const endpoint = endpoints.get(state);
      if (endpoint !== undefined && sameTarget(endpoint, session.endpoint)) { session.endpoint = endpoint; continue; }
      session.end();
      this.sessions.delete(state);
    }
    for (const [state, endpoint] of endpoints) {
      if (this.sessions.has(state) || endpoint.healthCheck?.disabled === true) continue;
      const session = new Session(this, endpoint, state);
      session.probe = this.probeOf(session);
      this.sessions.set(state, session);
      session.start();
    }
  }

  /** Every endpoint has a result. */
  get complete(): boolean {
    for (const { first } of this.sessions.values()) if (first) return false;
    return true;
  }

  session(state: number): Session | null { return this.sessions.get(state) ?? null; }

  /** Endpoints that are healthy, and those that are degraded. */
  gauges(): { healthy: number; degraded: number } {
    let healthy = 0, degraded = 0;
    for (const { state } of this.sessions.values()) {
      const flags = this.flagsOf(state);
      if ((flags & HealthFlag.failedActive) === 0) healthy++;
      if ((flags & HealthFlag.degradedActive) !== 0) degraded++;
    }
    return { healthy, degraded };
  }

  end(): void {
    for (const session of this.sessions.values()) session.end();
    this.sessions.clear();
  }

  hasTraffic(): boolean { return this.options.hasTraffic(); }
  runtime(key: string): number | null { return this.options.runtime(key); }
  flagsOf(state: number): number { return this.options.flags.of(state); }
  change(state: number, set: number, clear: number): void {
    this.options.flags.change(this.options.slot, state, set, clear);
  }
  log({ endpoint }: Session, event: HealthEvent): void {
    for (const path of this.config.eventLogs) {
      this.options.writeEvent(path, healthEventLine(checkerTypes[this.config.checker.kind],
        this.options.cluster.name, endpoint, event));
    }
  }
  checked(session: Session, ok: boolean, unhealthy: boolean): void { this.options.onChecked(session, ok, unhealthy); }

  /** By what the check asks for, where it asks for something, else by what the endpoint says of itself. */
  private tlsOf({ transportMatch }: Endpoint): CheckTls | null {
    const { transportCriteria, alpn } = this.config;
    const { tls: own, transportSocketMatches } = this.options.cluster;
    const matches = transportSocketMatches ?? [];
    const index = transportMatchOf(matches, transportCriteria === null ? transportMatch
      : { own: transportCriteria, locality: transportMatch?.locality ?? null });
    const tls = index < 0 ? own : matches[index].tls;
    if (tls === null) return null;
    let made = this.byTls.get(tls);
    if (made === undefined) this.byTls.set(tls, made = new CheckTls(tls, alpn, this.options.secretOf));
    return made;
  }

  private probeOf(session: Session): Probe {
    const { checker, reuseConnection } = this.config;
    const { endpoint } = session;
    const own = endpoint.healthCheck?.hostname ?? '';
    const { proxyProtocol } = this.options.cluster.connections;
    const target: ProbeTarget = { address: addressOf(endpoint), reuseConnection,
      tls: this.tlsOf(endpoint), serverHost: endpoint.hostname,
      greeting: greetingOf(checker.kind === 'tcp' ? checker.proxyProtocol ?? proxyProtocol : proxyProtocol),
      hostname: own !== '' ? own : hostOf(checker) !== '' ? hostOf(checker) : this.options.cluster.name };
    const onResult = session.result.bind(session);
    switch (checker.kind) {
      case 'http': return new HttpProbe(checker, target, onResult, this.matches);
      case 'tcp': return new TcpProbe(checker, target, onResult);
      case 'grpc': return new GrpcProbe(checker, target, onResult);
    }
  }
}

/** '' where there are no checks. */
export const basisOf = ({ healthCheck, tls, transportSocketMatches, connections }: ClusterConfig): string =>
  healthCheck === null ? '' : JSON.stringify([healthCheck, tls, transportSocketMatches, connections.proxyProtocol]);

const hostOf = (checker: Checker): string =>
  checker.kind === 'http' ? checker.host : checker.kind === 'grpc' ? checker.authority : '';

/** Where an endpoint is checked: its own address unless its health_check_config says otherwise. */
function addressOf({ address, healthCheck }: Endpoint): Address {
  const base = healthCheck?.address ?? address;
  const port = healthCheck?.port ?? 0;
  return base.kind === 'ip' && port !== 0 && healthCheck?.address === null ? { ...base, port } : base;
}

const sameTarget = (a: Endpoint, b: Endpoint): boolean =>
  targetText(a) === targetText(b);
const targetText = ({ address, healthCheck, transportMatch, hostname }: Endpoint): string =>
  JSON.stringify([address, healthCheck, transportMatch ?? null, hostname]);
