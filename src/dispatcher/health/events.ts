// What health checks and outlier detection write into their event logs: one line of JSON each, as Envoy writes
// envoy.data.core.v3.HealthCheckEvent and envoy.data.cluster.v3.OutlierDetectionEvent.
import type { Address, Endpoint } from '../../config/types.js';
import { formatAddress } from '../../os/sockaddr.js';
import type { FailureType } from './probe.js';

/** Writes a line into the log at this path. */
export type WriteEvent = (path: string, line: string) => void;

export type HealthEvent =
  | { kind: 'eject_unhealthy_event'; type: FailureType; status: number }
  | { kind: 'add_healthy_event'; first: boolean }
  | { kind: 'health_check_failure_event'; type: FailureType; first: boolean; status: number }
  | { kind: 'degraded_healthy_host' | 'no_longer_degraded_host' | 'successful_health_check_event' };

/** Envoy prints fields by their numbers; these come before the timestamp. */
const early = new Set<HealthEvent['kind']>(['eject_unhealthy_event', 'add_healthy_event']);

export function healthEventLine(checker: string, cluster: string, { address, locality }: Endpoint,
  event: HealthEvent): string {
  const body = { [event.kind]: bodyOf(event) };
  const timestamp = { timestamp: new Date().toISOString() };
  const { region, zone, subZone } = locality;
  const last = event.kind === 'successful_health_check_event';
  return JSON.stringify({ health_checker_type: checker, host: addressOf(address), cluster_name: cluster,
    ...(early.has(event.kind) ? { ...body, ...timestamp } : { ...timestamp, ...(last ? {} : body) }),
    locality: { region, zone, sub_zone: subZone }, ...(last ? body : {}) });
}

function bodyOf(event: HealthEvent): object {
  switch (event.kind) {
    case 'eject_unhealthy_event': return { failure_type: event.type, http_status_code: event.status };
    case 'add_healthy_event': return { first_check: event.first };
    case 'health_check_failure_event':
      return { failure_type: event.type, first_check: event.first, http_status_code: event.status };
    default: return {};
  }
}

const addressOf = (address: Address): object => address.kind === 'pipe'
  ? { pipe: { path: address.path, mode: address.mode } }
  : { socket_address: { protocol: 'TCP', address: address.host, port_value: address.port, resolver_name: '',
    ipv4_compat: false, network_namespace_filepath: '' } };

export const addressText = (address: Address): string => address.kind === 'pipe' ? address.path
  : formatAddress(address);
