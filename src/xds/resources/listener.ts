// listener.v3.Listener into a ListenerConfig, and what it refers to: route configurations, inline or by subscription.
import type { FileSource } from '../../config/bootstrap/bootstrap.js';
import type { Address, FilterChain as PlainFilterChain, ListenerConfig, RouteConfig } from '../../config/types.js';
import { limits } from '../../core/limits.js';
import { fieldPath } from '../wire/message.js';
import type { Report } from '../wire/message.js';
import type { FilterChain, HttpConnectionManager, Listener, RouteConfiguration, TransportSocket }
  from '../wire/generated/messages.js';
import { addressText, readAddress } from './address.js';
import { readConfigSource } from './config-source.js';
import { boolOf, millisecondsOf, numberOf, readMetadata } from './fields.js';
import { hcmType, readHttpConnectionManager } from './http-connection.js';
import { readRouteConfiguration } from './route.js';
import type { ClusterReference } from './route.js';

const BACKLOG_DEFAULT = 128;
const BUFFER_BYTES_DEFAULT = 1024 * 1024;
const CONNECT_TIMEOUT_MS_DEFAULT = 15_000;
const rawBufferType = 'envoy.extensions.transport_sockets.raw_buffer.v3.RawBuffer';

/** A route configuration that stands inside a listener. */
export interface InlineRoutes { name: string; config: RouteConfig; message: RouteConfiguration }
/** A route configuration that a listener subscribes to. */
export interface RouteSubscription { name: string; source: FileSource; statPrefix: string }

/** What is met on the way through a listener. */
interface Gathered { inlineRoutes: InlineRoutes[]; subscriptions: RouteSubscription[]; references: ClusterReference[] }

export interface ListenerParts {
  config: ListenerConfig;
  inlineRoutes: InlineRoutes[];
  subscriptions: RouteSubscription[];
}

/**
 * A listener. `fallbackName` names one that has no name of its own; null where Envoy demands a name. Clusters that must
 * exist,
 * because Envoy checks inline routes unless validate_clusters says no, are added to `references`.
 */
export function readListener(message: Listener, fallbackName: string | null, path: string, report: Report,
  references: ClusterReference[]): ListenerParts {
  const name = message.name === undefined || message.name === '' ? fallbackName ?? '' : message.name;
  if (name === '') report.fail(fieldPath(path, 'name'), 'required');
  const parts: Gathered = { inlineRoutes: [], subscriptions: [], references };
  const addresses = readAddresses(message, path, report);
  const statName = message.statPrefix !== undefined && message.statPrefix !== '' ? message.statPrefix
    : addresses.length === 0 ? name : addressText(addresses[0]);
  const config: ListenerConfig = {
    name,
    addresses,
    statName: statName.replaceAll(':', '_'),
    filterChains: readFilterChains(message.filterChains ?? [], name, path, report, parts),
    reusePort: boolOf(message.enableReusePort, true),
    exactBalance: message.connectionBalanceConfig?.exactBalance !== undefined,
    backlog: numberOf(message.tcpBacklogSize, BACKLOG_DEFAULT),
    perConnectionBufferBytes: numberOf(message.perConnectionBufferLimitBytes, BUFFER_BYTES_DEFAULT),
    trafficDirection: (['unspecified', 'inbound', 'outbound'] as const)[message.trafficDirection ?? 0] ?? 'unspecified',
    ignoreGlobalConnectionLimit: message.ignoreGlobalConnLimit ?? false,
    metadata: readMetadata(message.metadata),
  };
  return { config, inlineRoutes: parts.inlineRoutes, subscriptions: parts.subscriptions };
}

function readAddresses(message: Listener, path: string, report: Report): Address[] {
  const first = readAddress(message.address, 'bind', fieldPath(path, 'address'), report);
  const more = (message.additionalAddresses ?? []).map((additional, index) =>
    readAddress(additional.address, 'bind', `${fieldPath(path, 'additional_addresses')}[${index}].address`, report));
  const addresses = [first, ...more].filter((address) => address !== null);
  const seen = new Set<string>();
  for (const address of addresses) {
    const text = addressText(address);
    if (seen.has(text) && !(address.kind === 'ip' && address.port === 0)) {
      report.fail(path, `has the address ${text} twice`);
    }
    seen.add(text);
  }
  return addresses;
}

function readFilterChains(chains: FilterChain[], name: string, path: string, report: Report,
  parts: Gathered): PlainFilterChain[] {
  const at = fieldPath(path, 'filter_chains');
  if (chains.length === 0) report.fail(at, 'no filter chains specified');
  if (chains.length > 1) report.fail(`${at}[1]`, 'not implemented: more than one filter chain');
  return chains.slice(0, 1)
    .flatMap((chain, index) => readFilterChain(chain, index, name, `${at}[${index}]`, report, parts));
}

/** Transport sockets other than plain bytes are refused; none is plain bytes. */
export function checkTransportSocket(socket: TransportSocket | undefined, path: string, report: Report): void {
  const type = socket?.typedConfig?.type;
  if (socket === undefined || type === rawBufferType) return;
  if (type === undefined && socket.name === 'envoy.transport_sockets.raw_buffer') return;
  report.fail(fieldPath(path, 'typed_config'), type === undefined ? 'required'
    : `not implemented: transport socket ${type}`);
}

function readFilterChain(chain: FilterChain, index: number, listener: string, path: string, report: Report,
  parts: Gathered): PlainFilterChain[] {
  checkTransportSocket(chain.transportSocket, fieldPath(path, 'transport_socket'), report);
  const timeoutPath = fieldPath(path, 'transport_socket_connect_timeout');
  const transportSocketConnectTimeoutMs =
    millisecondsOf(chain.transportSocketConnectTimeout, CONNECT_TIMEOUT_MS_DEFAULT, timeoutPath, report);
  const filters = chain.filters ?? [];
  if (filters.length === 0) report.fail(fieldPath(path, 'filters'), 'an HTTP connection manager is required');
  let hcm: PlainFilterChain['hcm'] | null = null;
  filters.forEach((filter, position) => {
    const at = `${path}.filters[${position}].typed_config`;
    const any = filter.typedConfig;
    if (any === undefined || any === null) report.fail(at, 'required');
    else if (any.type !== hcmType) report.fail(at, `not implemented: network filter ${any.type}`);
    else if (position !== filters.length - 1) report.fail(`${path}.filters[${position}]`,
      'it ends the chain and must be the last filter');
    else {
      const where = any.typedStruct === undefined ? at : fieldPath(at, 'value');
      const message = any.value as HttpConnectionManager;
      const routeName = readRoutes(message, `@inline/${listener}/${index}`, where, report, parts);
      hcm = readHttpConnectionManager(message, routeName, where, report);
    }
  });
  return hcm === null ? [] : [{ name: chain.name ?? '', hcm, transportSocketConnectTimeoutMs }];
}

/** Takes the routes of a connection manager into `parts`; returns the name they are found by. */
function readRoutes(message: HttpConnectionManager, inlineName: string, path: string, report: Report,
  parts: Gathered): string {
  if (message.rds !== undefined) {
    const name = message.rds.routeConfigName ?? '';
    if (name === '') report.fail(`${path}.rds.route_config_name`, 'required');
    const source = readConfigSource(message.rds.configSource, `${path}.rds.config_source`, report);
    if (source !== null) parts.subscriptions.push({ name, source, statPrefix: message.statPrefix ?? '' });
    return name;
  }
  const routes = message.routeConfig ?? {};
  const at = fieldPath(path, 'route_config');
  const checked = boolOf(routes.validateClusters, true) ? parts.references : null;
  const hosts = routes.virtualHosts?.length ?? 0;
  if (hosts > limits.routeConfigSlotsMax * 64) report.fail(fieldPath(at, 'virtual_hosts'), 'too many');
  parts.inlineRoutes.push({ name: inlineName, message: routes,
    config: readRouteConfiguration(routes, inlineName, at, report, checked) });
  return inlineName;
}
