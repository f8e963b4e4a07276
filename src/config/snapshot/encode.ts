// A configuration value as the contents of its blob. Binds names to slots on the way (route configurations of
// listeners, clusters of routes, endpoint states of assignments) and reports every slot it mentioned, so that the
// publisher can take the mentions back when the resource is replaced or refused.
import { createHash } from 'node:crypto';
import { isIP } from 'node:net';
import { errorText } from '../../core/errors.js';
import { limits } from '../../core/limits.js';
import { SOCKADDR_BYTES_MAX, decodeSockaddr, encodeSockaddr, formatAddress } from '../../os/sockaddr.js';
import type { NetworkFilter } from '../network-filters.js';
import type { ListenerFilter, NetworkScopeKind } from '../listener-filters.js';
import type { DownstreamTls, TlsSlots, UpstreamTls } from '../tls.js';
import { chainsOf } from '../types.js';
import { assignmentBlobForm, clusterBlobForm } from '../usual.js';
import type { AccessLog, Address, ClusterConfig, Endpoint, EndpointAssignment, ListenerConfig } from '../types.js';
import type { AssignmentBlob, ChainBinding, ClusterBlob, NetworkBinding, ListenerBlob } from './layout.js';
import type { SnapshotChange } from './changes.js';
import { bindFilters } from './filters.js';
import type { FilterBindings, FilterKind } from './filters.js';
import { encodeRouteTable } from './route-table.js';
import type { SlotTable } from './slots.js';

/** What the rest of main binds to names: statistics scopes and access-log sinks. -1 = no room. */
export interface Bindings {
  listenerScope(statName: string): number;
  httpScope(statPrefix: string): number;
  /** `listener.<statName>.ssl.` */
  listenerTlsScope(statName: string): number;
  /** Of a listener filter or network filter; '' where its kind is counted as one. */
  networkScope(kind: NetworkScopeKind, name: string): number;
  /** `name`: a virtual host's name, then `.vcluster.<name>` or `.route.<stat_prefix>`. */
  virtualHostScope(name: string): number;
  /** Of an HTTP filter: by the stat_prefix of a rate limit, else by that of the connection manager. */
  filterScope(kind: FilterKind, name: string): number;
  accessLogSink(log: AccessLog): number;
  /** A cluster is in force under a slot. */
  clusterBound(slot: number, statName: string): void;
  /** A cluster's slot is about to get another name. */
  clusterRecycled(slot: number, name: string): void;
}
/** States of configured endpoints; the others are for those that workers discover. */
export const assignedStatesMax = limits.endpointStatesMax - limits.discoveredEndpointsMax;

export interface Mention { table: SlotTable; slot: number }
export interface Slots { readonly routeSlots: SlotTable; readonly clusterSlots: SlotTable;
  readonly endpointSlots: SlotTable; readonly bucketSlots: SlotTable; readonly secretSlots: SlotTable }

/** The contents, or why there are none. `mentions` is filled in either case. */
export function encodeChange(change: SnapshotChange, slots: Slots, bindings: Bindings,
  mentions: Mention[]): Uint8Array | string {
  try {
    switch (change.kind) {
      case 'listener': return utf8(JSON.stringify(listenerBlob(change.value!, slots, bindings, mentions)));
      case 'cluster': return utf8(clusterBlobForm.text(clusterBlob(change.value!, slots, mentions)));
      case 'secret': return utf8(JSON.stringify(change.value!));
      case 'assignment':
        return utf8(assignmentBlobForm.text(assignmentBlob(change.name, change.value!, slots, mentions)));
      case 'route': return encodeRouteTable(change.value!, (name) =>
        mention(slots.clusterSlots, name, mentions, 'cluster names', limits.clusterSlotsMax),
      (name) => bound(bindings.virtualHostScope(name), `statistics of vhost.${name}`),
        filterBindings(slots, bindings, mentions));
    }
  } catch (error) {
    return errorText(error);        // one resource that cannot be written must not cost the others, whatever the reason
  }
}

function mention(table: SlotTable, name: string, mentions: Mention[], what: string, max: number): number {
  const slot = table.mention(name);
  if (slot < 0) throw new Error(`more than ${max} ${what} are in use`);
  mentions.push({ table, slot });
  return slot;
}

const filterBindings = (slots: Slots, bindings: Bindings, mentions: Mention[]): FilterBindings => ({
  scope: (kind, name) => bound(bindings.filterScope(kind, name), `statistics of a filter of ${name}`),
  bucket: (name) => mention(slots.bucketSlots, name, mentions, 'token buckets', limits.tokenBucketsMax),
});

function listenerBlob(config: ListenerConfig, slots: Slots, bindings: Bindings, mentions: Mention[]): ListenerBlob {
  const routes = (name: string): number =>
    mention(slots.routeSlots, name, mentions, 'route configurations', limits.routeConfigSlotsMax);
  const sinks = (logs: readonly AccessLog[] = []): number[] =>
    logs.map((log) => bound(bindings.accessLogSink(log), 'another access log'));
  const chains = chainsOf(config).map((chain): ChainBinding => {
    const { hcm, tcp, networkFilters, match } = chain;
    // What a chain shares between workers is found by what it matches, wherever it stands among the others.
    const place = `listener ${config.name} ${chain === config.defaultFilterChain ? 'default' : JSON.stringify(match)}`;
    return {
      digest: createHash('sha1').update(JSON.stringify(chain)).digest('hex'),
      routeSlot: hcm === null || hcm.scopedRoutes !== null ? -1 : routes(hcm.routeConfigName),
      scopeSlots: (hcm?.scopedRoutes?.scopes ?? []).map(({ routeConfigName }) => routes(routeConfigName)),
      httpScope: hcm === null ? 0 : bound(bindings.httpScope(hcm.statPrefix), `statistics of http.${hcm.statPrefix}`),
      filters: hcm === null ? [] : bindFilters(hcm.httpFilters.filter(({ config: { kind } }) => kind !== 'router'),
        place, hcm.statPrefix, filterBindings(slots, bindings, mentions)),
      networkFilters: networkFilters.map((filter, index) =>
        networkBinding(filter, `${place} ${index}`, slots, bindings, mentions)),
      tcpScope: tcp === null ? 0 : bound(bindings.networkScope('tcp', tcp.statPrefix),
        `statistics of ${tcp.statPrefix}`),
      clusterSlots: (tcp?.clusters ?? []).map(({ cluster }) => mention(slots.clusterSlots, cluster, mentions,
        'cluster names', limits.clusterSlotsMax)),
      secrets: secretSlots(chain.tls, slots, mentions),
      accessLogs: sinks(hcm?.accessLogs), tcpAccessLogs: sinks(tcp?.accessLogs),
    };
  });
  return { at: config.addresses.flatMap(addressKeys).join(' '), config,
    scope: bound(bindings.listenerScope(config.statName), `statistics of listener.${config.statName}`),
    tlsScope: chainsOf(config).every(({ tls }) => tls === null) ? 0
      : bound(bindings.listenerTlsScope(config.statName), `statistics of listener.${config.statName}.ssl`),
    connectionLogs: sinks(config.connectionLogs),
    chains, filterScopes: (config.listenerFilters?.filters ?? []).map((filter) => filterScope(filter, bindings)) };
}

function networkBinding(filter: NetworkFilter, place: string, slots: Slots, bindings: Bindings,
  mentions: Mention[]): NetworkBinding {
  const counts = filter.kind === 'connectionLimit';
  const name = counts ? `connections of ${place}` : filter.shareKey === '' ? `connections per time of ${place}`
    : `shared ${filter.shareKey} ${JSON.stringify(filter.bucket)}`;
  return {
    scope: bound(bindings.networkScope(counts ? 'connection_limit' : 'local_rate_limit', filter.statPrefix),
      `statistics of ${filter.statPrefix}`),
    bucket: mention(slots.bucketSlots, name, mentions, 'token buckets', limits.tokenBucketsMax),
    share: counts ? bound(bindings.networkScope('connection_share', name), `counts of ${filter.statPrefix}`) : 0,
  };
}

/** How an address is looked up: as the kernel would print it; one that takes IPv4 too is at both. */
function addressKeys(address: Address): string[] {
  if (address.kind !== 'ip' || isIP(address.host) === 0) return [];
  const view = new DataView(new ArrayBuffer(SOCKADDR_BYTES_MAX));
  const plain = decodeSockaddr(view, 0, encodeSockaddr(address, view, 0));
  if (plain === null || plain.kind !== 'ip') return [];
  const text = formatAddress(plain);
  return address.ipv4Compat && plain.host === '::' ? [text, `0.0.0.0:${plain.port}`] : [text];
}

/** Filters that count nothing have the worker's scope, and do not use it. */
function filterScope(filter: ListenerFilter, bindings: Bindings): number {
  switch (filter.kind) {
    case 'originalDst': return 0;
    case 'tlsInspector': return bound(bindings.networkScope('tls_inspector', ''), 'statistics of tls_inspector');
    case 'httpInspector': return bound(bindings.networkScope('http_inspector', ''), 'statistics of http_inspector');
    case 'proxyProtocol':
      return bound(bindings.networkScope('proxy_proto', filter.statPrefix), 'statistics of proxy_proto');
  }
}

/**
 * Endpoints travel in the assignment's blob alone, so that a change of endpoints leaves the cluster's blob as it is.
 */
function clusterBlob(config: ClusterConfig, slots: Slots, mentions: Mention[]): ClusterBlob {
  const { tls, transportSocketMatches } = config;
  const blob = { config: { ...config, loadAssignment: null } };
  if (tls === null && (transportSocketMatches ?? []).every((match) => match.tls === null)) return blob;
  return { ...blob, secrets: { own: secretSlots(tls, slots, mentions),
    matches: (transportSocketMatches ?? []).map((match) => secretSlots(match.tls, slots, mentions)) } };
}

/** A secret may come later, and its contents change: only its slot is bound here. */
function secretSlots(tls: DownstreamTls | UpstreamTls | null, slots: Slots, mentions: Mention[]): TlsSlots | null {
  if (tls === null) return null;
  const slot = (name: string): number => mention(slots.secretSlots, name, mentions, 'secrets', limits.secretSlotsMax);
  const tickets = tls.kind === 'downstream' ? tls.sessionTickets.secret : null;
  return { certificates: tls.common.certificateSecrets.map(slot), validation: tls.common.validationSecrets.map(slot),
    ticketKeys: tickets === null ? -1 : slot(tickets) };
}

function assignmentBlob(cluster: string, value: EndpointAssignment, slots: Slots, mentions: Mention[]): AssignmentBlob {
  return { endpoints: value.endpoints.map((endpoint) => ({
    address: endpoint.address, hostname: endpoint.hostname, weight: endpoint.weight, priority: endpoint.priority,
    health: endpoint.health, localityWeight: endpoint.localityWeight, locality: localityOf(endpoint),
    metadata: endpoint.metadata, logicalName: endpoint.logicalName, additionalAddresses: endpoint.additionalAddresses,
    ...(endpoint.transportMatch !== undefined && { transportMatch: endpoint.transportMatch }),
    state: mention(slots.endpointSlots, endpointKey(cluster, endpoint), mentions, 'endpoints', assignedStatesMax),
  })), policy: value.policy };
}

const localityOf = ({ locality }: Endpoint): Endpoint['locality'] | null =>
  locality.region === '' && locality.zone === '' && locality.subZone === '' ? null : locality;

/** Name of an endpoint's process-wide state: it survives every update of the assignment that still has the address. */
export function endpointKey(cluster: string, { address, logicalName }: Pick<Endpoint, 'address' | 'logicalName'>):
  string {
  if (logicalName !== '') return `${cluster}\n${logicalName}`;
  return address.kind === 'ip' ? `${cluster}\n${address.host}\n${address.port}` : `${cluster}\n${address.path}`;
}

function bound(value: number, what: string): number {
  if (value < 0) throw new Error(`no room for ${what}; raise --memory-mib`);
  return value;
}

const utf8 = (text: string): Uint8Array => Buffer.from(text, 'utf8');
