// Active health checks and outlier detection of a cluster as plain values.
import type { MatchFields } from './tls.js';
import type { Address, HeaderMutations, StringMatcher } from './values.js';

/** [start, end) */
export interface StatusRange { start: number; end: number }

/** What one check asks an endpoint, and what it wants to hear. Payloads are hexadecimal. */
export type Checker =
  | { kind: 'http'; host: string; path: string; method: string; headers: HeaderMutations; send: string;
    receive: string[]; responseBufferBytes: number; expected: StatusRange[]; retriable: StatusRange[];
    serviceName: StringMatcher | null; protocol: 'http1' | 'http2' }
  | { kind: 'tcp'; send: string; receive: string[]; proxyProtocol: 1 | 2 | null }
  | { kind: 'grpc'; serviceName: string; authority: string; metadata: HeaderMutations };

/** envoy.config.core.v3.HealthCheck */
export interface HealthCheck {
  checker: Checker;
  timeoutMs: number;
  intervalMs: number;
  initialJitterMs: number;
  intervalJitterMs: number;
  intervalJitterPercent: number;
  unhealthyThreshold: number;
  healthyThreshold: number;
  reuseConnection: boolean;
  noTrafficIntervalMs: number;          // default 60000
  noTrafficHealthyIntervalMs: number;   // default noTrafficIntervalMs
  unhealthyIntervalMs: number;          // default intervalMs
  unhealthyEdgeIntervalMs: number;      // default unhealthyIntervalMs
  healthyEdgeIntervalMs: number;        // default intervalMs
  eventLogs: string[];                  // paths of files
  alwaysLogFailures: boolean;
  alwaysLogSuccess: boolean;
  alpn: string[];                       // instead of what the TLS context offers; none: as it says
  transportCriteria: MatchFields | null;   // chooses of transport_socket_matches instead of the endpoint's metadata
}

/** Cluster.health_checks and what else of a cluster concerns the health of its endpoints; all defaults are false. */
export interface HealthOptions {
  closeConnectionsOnFailure: boolean;   // close_connections_on_host_health_failure
  ignoreHealthOnRemoval: boolean;       // ignore_health_on_host_removal
  ignoreNewUntilChecked: boolean;       // ignore_new_hosts_until_first_hc
}

/** envoy.config.endpoint.v3.Endpoint.HealthCheckConfig */
export interface EndpointHealthCheck { port: number; hostname: string; address: Address | null; disabled: boolean }

/** envoy.config.cluster.v3.OutlierDetection; percentages are whole. */
export interface OutlierDetection {
  intervalMs: number;                   // default 10000
  baseEjectionMs: number;               // default 30000
  maxEjectionMs: number;                // default 300000, at least baseEjectionMs
  maxEjectionJitterMs: number;
  maxEjectionPercent: number;           // default 10
  alwaysEjectOne: boolean;
  splitLocalErrors: boolean;
  unejectByCheck: boolean;              // default true
  consecutive5xx: number;               // default 5, as the next two
  consecutiveGatewayFailures: number;
  consecutiveLocalFailures: number;
  successRateHosts: number;             // default 5
  successRateRequests: number;          // default 100
  successRateStdev: number;             // thousandths; default 1900
  failurePercent: number;               // default 85
  failurePercentHosts: number;          // default 5
  failurePercentRequests: number;       // default 50
  /** How many of a hundred ejections that are due are carried out. */
  enforcing: { consecutive5xx: number; consecutiveGateway: number; consecutiveLocal: number; successRate: number;
    localSuccessRate: number; failurePercent: number; localFailurePercent: number };
}

/** envoy.data.cluster.v3.OutlierEjectionType */
export type EjectionType = 'CONSECUTIVE_5XX' | 'CONSECUTIVE_GATEWAY_FAILURE' | 'SUCCESS_RATE'
  | 'CONSECUTIVE_LOCAL_ORIGIN_FAILURE' | 'SUCCESS_RATE_LOCAL_ORIGIN' | 'FAILURE_PERCENTAGE'
  | 'FAILURE_PERCENTAGE_LOCAL_ORIGIN';
