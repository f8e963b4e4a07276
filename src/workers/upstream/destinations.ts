// Endpoints of an ORIGINAL_DST cluster: whatever address a request brings becomes one. Made when the first request
// asks for it, counted in a state that all workers share (core/discovered.ts), forgotten when nobody used it for a
// while. A request finds its endpoint by the address's text, which a connection makes once.
import { limits } from '../../core/limits.js';
import { SOCKADDR_BYTES_MAX, encodeSockaddr, familyOf, parseAddress } from '../../os/sockaddr.js';
import { ClusterStat } from '../../telemetry/schema.js';
import type { OriginalDestination } from '../../config/types.js';
import type { Picker } from '../balancing/picker.js';
import type { Engine } from '../engine.js';
import type { ClusterRuntime } from './cluster.js';
import { Endpoint, addressText } from './endpoint.js';

/** The picker of requests that bring this endpoint's address. */
class Destination implements Picker {
  readonly panic = false;
  /** Asked for since the last look at what is idle. */
  used = true;
  constructor(readonly endpoint: Endpoint) {}
  pick(): Endpoint {
    this.used = true;
    return this.endpoint;
  }
}

export class Destinations {
  /** By the text that named it: with `upstream_port_override` several name one endpoint. */
  private readonly byText = new Map<string, Destination>();
  private readonly timer: number;

  constructor(private readonly engine: Engine, private readonly cluster: ClusterRuntime,
      readonly config: OriginalDestination) {
    this.timer = engine.timers.add(this);
    if (cluster.endpoints.size > 0) this.armCleanup();
  }

  /** The endpoint at an 'ip:port'; null when there is no such address, or no room for another endpoint. */
  at(text: string): Picker | null {
    return this.byText.get(text) ?? this.add(text);
  }

  /** As `at`, for a text that came with the request. */
  named(text: string): Picker | null {
    const found = this.byText.get(text);
    if (found !== undefined) return found;
    if (parseAddress(text)?.kind === 'ip') return this.add(text);
    this.cluster.count(ClusterStat.original_dst_host_invalid);
    return null;
  }

  private add(text: string): Destination | null {
    const address = parseAddress(text);
    if (address === null || address.kind !== 'ip') return null;
    const { portOverride } = this.config;
    const wanted = portOverride === null ? address : { ...address, port: portOverride };
    let destination = this.find(addressText({ ...wanted, ipv4Compat: false }));
    if (destination === null) {
      const endpoint = this.makeEndpoint(wanted.host, wanted.port);
      if (endpoint === null) return null;
      destination = new Destination(endpoint);
    }
    if (this.byText.size >= 2 * limits.discoveredEndpointsMax) this.byText.clear();
    this.byText.set(text, destination);
    return destination;
  }

  private find(text: string): Destination | null {
    const endpoint = this.cluster.endpoints.get(text);
    if (endpoint === undefined) return null;
    endpoint.removed = false;
    for (const destination of this.byText.values()) if (destination.endpoint === endpoint) return destination;
    return new Destination(endpoint);
  }

  private makeEndpoint(host: string, port: number): Endpoint | null {
    const { engine, cluster } = this;
    const address = { kind: 'ip', host, port, ipv4Compat: false } as const;
    if (familyOf(address) === 0) return null;
    const key = engine.heap.allocate(SOCKADDR_BYTES_MAX);
    if (key < 0) return null;
    encodeSockaddr(address, new DataView(engine.memory.buffer), key);
    const state = engine.discovered.hold(cluster.slot, key);
    engine.heap.release(key, SOCKADDR_BYTES_MAX);
    if (state < 0) return null;
    const endpoint = new Endpoint(engine, cluster, address, state);
    if (endpoint.sockaddrBytes === 0) { engine.discovered.release(state); return null; }
    endpoint.ownConnections(cluster.ownsConnections);
    endpoint.hostname = cluster.name + endpoint.text;          // as Envoy names it
    if (cluster.endpoints.size === 0) this.armCleanup();
    cluster.endpoints.set(endpoint.text, endpoint);
    return endpoint;
  }

  /** Endpoints without a connection that nobody asked for since the last look are forgotten. */
  onTimer(): void {
    const { endpoints } = this.cluster;
    const kept = new Set<Endpoint>();
    for (const destination of this.byText.values()) {
      if (destination.used) kept.add(destination.endpoint);
      destination.used = false;
    }
    for (const endpoint of [...endpoints.values()]) {
      if (kept.has(endpoint) || endpoint.connections > 0 || endpoint.pendingCount > 0) continue;
      endpoint.removed = true;
      this.cluster.retire(endpoint);
    }
    if (endpoints.size > 0) this.armCleanup();
  }

  /** The cluster has let go of an endpoint. */
  forget(endpoint: Endpoint): void {
    for (const [text, destination] of this.byText) if (destination.endpoint === endpoint) this.byText.delete(text);
  }

  end(): void { this.engine.timers.remove(this.timer); }

  private armCleanup(): void {
    this.engine.timers.arm(this.timer, this.engine.nowMs + this.config.cleanupIntervalMs);
  }
}
