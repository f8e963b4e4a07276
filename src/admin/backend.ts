// What the admin server needs from the rest of the process, and nothing more. The composition root implements it.
// Reading must be cheap and must not block; what changes something returns at once and takes effect by itself.
import type { CertificatesOfContext } from '../config/certificates.js';
import type { Address, Endpoint } from '../config/types.js';
import type { LogLevel } from '../core/log.js';
import type { Statistics } from '../telemetry/statistics.js';
import type { ConfigStore } from '../xds/store.js';

export type JsonValue = string | number | boolean | null | JsonValue[] | { [key: string]: JsonValue };
export type JsonObject = { [key: string]: JsonValue };

/** envoy.admin.v3.ServerInfo.State */
export type ServerState = 'LIVE' | 'DRAINING' | 'PRE_INITIALIZING' | 'INITIALIZING';

/** An endpoint as it is in force: addresses resolved, weights of locality and endpoint as configured. */
export interface EndpointInForce {
  address: Address;
  hostname: string;
  weight: number;
  priority: number;
  health: Endpoint['health'];
  locality: Endpoint['locality'];
  localityWeight: number;
  /** Of envoy.lb. */
  metadata: Endpoint['metadata'];
  /** Index of its process-wide state (SnapshotPublisher.endpointSlots.slotOf(endpointKey(...))), -1 = none. */
  state: number;
}

export interface ProcessCounts {
  /** Downstream connections open now. */
  connections: number;
  workerDeaths: number;
  listenersWarming: number;
  listenersDraining: number;
}

export interface DrainRequest { inboundOnly: boolean; graceful: boolean; skipExit: boolean }

/** Success rates in per cent, of answers and then of what happened on the way to them; -1 = too few requests. */
export interface OutlierView {
  readonly rates: readonly [{ average: number; threshold: number }, { average: number; threshold: number }];
  rateOf(state: number, local: 0 | 1): number;
}

/** core/log.ts LogSink has this shape. */
export interface LogControl {
  readonly level: LogLevel;
  components(): string[];
  levelOf(component: string): LogLevel;
  setLevel(component: string, level: LogLevel): void;
  setAllLevels(level: LogLevel): void;
}

/** The layers of the runtime: dispatcher/runtime-layers.ts. */
export interface RuntimeControl {
  view(): { layers: string[]; entries: [key: string, final: string, byLayer: string[]][] };
  /** Sets overrides of the admin layer; an empty value removes one. Returns what is wrong, or null. */
  modify(changes: readonly (readonly [key: string, value: string])[]): string | null;
}

export interface AdminBackend {
  /** Kills a worker's thread. Present only with WEFT_FAULT_INJECTION=1 in the environment. */
  killWorker?(worker: number): boolean;
  readonly store: ConfigStore;
  readonly statistics: Statistics;
  readonly log: LogControl;
  readonly runtime: RuntimeControl;
  /** Restarts of the binary: epoch, which versions can follow, connections of the process before. */
  readonly restart: { epoch: number; version: string; parentConnections(): number };
  /** `revision/version/Clean/RELEASE/ssl`, as Envoy prints it. */
  readonly version: string;
  readonly workers: number;

  state(): ServerState;
  /** Counts for `server.` and `listener_manager.`; while a process does not give them they show as 0. */
  counts?(): ProcessCounts;
  uptimeMs(): number;
  /** The bootstrap as proto3 JSON with the protos' field names, without '@type'. */
  bootstrapJson(): string;
  readonly bootstrapLoadedMs: number;
  /** envoy.admin.v3.CommandLineOptions; what is absent is filled with Envoy's defaults. */
  commandLineOptions(): JsonObject;
  /** envoy.config.core.v3.Node as it was configured and completed from the command line. */
  node(): JsonObject;

  /** Addresses as bound, in the order configured. Empty while the listener is not bound. */
  listenerAddresses(name: string): Address[];
  /** The cluster's slot, -1 while it has none. */
  clusterSlot(name: string): number;
  /** Endpoints of a cluster of any type, as workers see them. */
  endpoints(cluster: string): EndpointInForce[];

  /** Of each TLS context in force, equal ones once. */
  certificates(): Iterable<CertificatesOfContext>;
  /** Of the certificate that goes first; null: none is in use. */
  daysUntilFirstCertificateExpires(): number | null;

  /** What outlier detection found in the last interval; null: the cluster has none. */
  outliers?(cluster: string): OutlierView | null;

  drain(request: DrainRequest): void;
  /** The answer has been sent when this is called. */
  quit(): void;
  /** True: answer health checks and /ready as draining, until set back. */
  failHealthChecks(fail: boolean): void;
  reopenLogs(): void;
  /**
   * Starts or stops the V8 profiler of one worker. Stopping resolves with the profile as JSON text. Rejects with the
   * reason.
   */
  cpuProfile(worker: number, start: boolean): Promise<string | null>;
  /**
   * One worker's own view of itself: pools, connections, buffers. JSON text, or plain text. Rejects when it does not
   * answer.
   */
  describe(worker: number): Promise<string>;
}
