// Filter chains of a listener: their matching rules, which must not overlap, and the network filters inside.
import { FilterChainTree } from '../../config/filter-chains.js';
import type { CidrRange as PlainCidrRange, FilterChainMatch as PlainMatch } from '../../config/filter-chains.js';
import type { FileSource } from '../../config/bootstrap/bootstrap.js';
import type { FilterChain as PlainFilterChain, RouteConfig } from '../../config/types.js';
import { limits } from '../../core/limits.js';
import { fieldPath } from '../wire/message.js';
import type { Report } from '../wire/message.js';
import type { CidrRange, FilterChain, FilterChainMatch, HttpConnectionManager, RouteConfiguration, RpcProxy, TcpProxy }
  from '../wire/generated/messages.js';
import { createHash } from 'node:crypto';
import { readCidrRange } from './cidr-range.js';
import { readConfigSource } from './config-source.js';
import { boolOf, millisecondsOf } from './fields.js';
import { hcmType, readHttpConnectionManager } from './http-connection.js';
import type { RoutesOfManager } from './http-connection.js';
import { readScopedRoutes } from './scoped-routes.js';
import { readRouteConfiguration } from './route.js';
import type { ClusterReference } from './route-context.js';
import { isNetworkFilter, readNetworkFilter } from './network-filters.js';
import { readRpcProxy, rpcProxyType } from './rpc.js';
import type { CodecReference } from './rpc.js';
import { readTcpProxy, tcpProxyType } from './tcp-proxy.js';
import type { GatheredSecrets } from './tls-context.js';
import { readDownstreamTransport } from './transport-socket.js';

const noEnd = 'the chain must end with an HTTP connection manager, an RPC proxy or a TCP proxy';

/** A route configuration that stands inside a listener. */
export interface InlineRoutes { name: string; config: RouteConfig; message: RouteConfiguration }
/** A route configuration that a listener subscribes to. */
export interface RouteSubscription { name: string; source: FileSource; statPrefix: string }
/** What is met on the way through a listener. */
export interface Gathered { inlineRoutes: InlineRoutes[]; subscriptions: RouteSubscription[];
  references: ClusterReference[]; codecs: CodecReference[]; secrets: GatheredSecrets }

/** The chains of a listener. Their rules are held against each other as Envoy does. */
export function readFilterChains(chains: readonly FilterChain[], listener: string, path: string, report: Report,
  parts: Gathered): PlainFilterChain[] {
  const tree = new FilterChainTree();
  const seen = new Map<string, string>();
  return chains.flatMap((chain, index) => {
    const at = `${path}[${index}]`;
    const match = readMatch(chain.filterChainMatch ?? {}, fieldPath(at, 'filter_chain_match'), report);
    const text = JSON.stringify(match);
    const same = seen.get(text);
    if (same !== undefined)
      report.fail(at, `filter chain '${chain.name ?? ''}' has the same matching rules defined as '${same}'`);
    else if (match !== null && !tree.add(match, index))
      report.fail(at, 'multiple filter chains with overlapping matching rules are defined');
    if (same === undefined) seen.set(text, chain.name ?? '');
    const inForce = chains.length === 1 && match !== null && isEmpty(match) ? null : match;
    return readFilterChain(chain, inForce, keyOf(match, text), listener, at, report, parts);
  });
}

/**
 * Names routes that stand inside a chain: by what it matches, which no other chain does, wherever it stands in the
 * list. Connections of a chain that stays find its routes when others come and go.
 */
const keyOf = (match: PlainMatch | null, text: string): string => match === null || isEmpty(match) ? '0'
  : createHash('sha1').update(text).digest('hex').slice(0, 12);

const isEmpty = (match: PlainMatch): boolean => match.destinationPort === 0 && match.transportProtocol === ''
  && match.sourceType === 'any' && Object.values(match).every((value) => !Array.isArray(value) || value.length === 0);

const sourceTypes = ['any', 'sameIpOrLoopback', 'external'] as const;

/** Null where an address or a name in it is none. */
function readMatch(match: FilterChainMatch, path: string, report: Report): PlainMatch | null {
  const before = report.errors.length + report.dropped;
  const serverNames = (match.serverNames ?? []).map((name, index) => {
    if (name.includes('*') && !/^\*\.[^*]*$/.test(name))
      report.fail(`${path}.server_names[${index}]`, 'partial wildcards are not supported');
    return name.toLowerCase();
  });
  const ranges = (list: readonly CidrRange[] | undefined, field: string): PlainCidrRange[] =>
    (list ?? []).flatMap((range, index) => readCidrRange(range, `${path}.${field}[${index}]`, report));
  const result = {
    destinationPort: match.destinationPort?.value ?? 0,
    prefixRanges: ranges(match.prefixRanges, 'prefix_ranges'),
    serverNames,
    transportProtocol: match.transportProtocol ?? '',
    applicationProtocols: match.applicationProtocols ?? [],
    directSourcePrefixRanges: ranges(match.directSourcePrefixRanges, 'direct_source_prefix_ranges'),
    sourceType: sourceTypes[match.sourceType ?? 0] ?? 'any',
    sourcePrefixRanges: ranges(match.sourcePrefixRanges, 'source_prefix_ranges'),
    sourcePorts: match.sourcePorts ?? [],
  };
  return report.errors.length + report.dropped > before ? null : result;
}

/** One chain; `key` tells it from the listener's others in the names of its routes. */
export function readFilterChain(chain: FilterChain, match: PlainMatch | null, key: string, listener: string,
  path: string, report: Report, parts: Gathered): PlainFilterChain[] {
  const tls = readDownstreamTransport(chain.transportSocket, fieldPath(path, 'transport_socket'), report,
    parts.secrets);
  const filters = chain.filters ?? [];
  let hcm: PlainFilterChain['hcm'] = null;
  let tcp: PlainFilterChain['tcp'] = null;
  const networkFilters: PlainFilterChain['networkFilters'] = [];
  filters.forEach((filter, position) => {
    const at = `${path}.filters[${position}].typed_config`;
    const any = filter.typedConfig;
    if (any === undefined || any === null) { report.fail(at, 'required'); return; }
    const ends = any.type === hcmType || any.type === rpcProxyType || any.type === tcpProxyType;
    const last = position === filters.length - 1;
    if (ends !== last && (ends || isNetworkFilter(any.type)))
      report.fail(`${path}.filters[${position}]`, ends ? 'it ends the chain and must be the last filter' : noEnd);
    if (ends && !last) return;
    const where = any.typedStruct === undefined ? at : fieldPath(at, 'value');
    if (any.type === hcmType) {
      const message = any.value as HttpConnectionManager;
      const routes = readRoutes(message, `@inline/${listener}/${key}`, where, report, parts);
      hcm = readHttpConnectionManager(message, routes, where, report);
    } else if (any.type === rpcProxyType) {
      const message = any.value as RpcProxy;
      const routes = readRoutes(message, `@inline/${listener}/${key}`, where, report, parts);
      hcm = readRpcProxy(message, routes, where, report, parts.codecs);
      if (message.unknownProtocol !== undefined)
        tcp = readTcpProxy(message.unknownProtocol, fieldPath(where, 'unknown_protocol'), report);
    } else if (any.type === tcpProxyType) tcp = readTcpProxy(any.value as TcpProxy, where, report);
    else if (isNetworkFilter(any.type)) networkFilters.push(readNetworkFilter(any, where, report));
    else report.fail(at, `not implemented: network filter ${any.type}`);
  });
  if (networkFilters.length > limits.networkFiltersMax)
    report.fail(fieldPath(path, 'filters'), `more than ${limits.networkFiltersMax} before the last`);
  if (filters.length === 0) report.fail(fieldPath(path, 'filters'), noEnd);
  return hcm === null && tcp === null ? []
    : [{ name: chain.name ?? '', match, networkFilters, hcm, tcp, tls,
      transportSocketConnectTimeoutMs: millisecondsOf(chain.transportSocketConnectTimeout, 0,
        fieldPath(path, 'transport_socket_connect_timeout'), report) }];
}

/** Takes the routes of a connection manager or RPC proxy into `parts`; returns what they are found by. */
function readRoutes(message: HttpConnectionManager | RpcProxy, inlineName: string, path: string, report: Report,
  parts: Gathered): RoutesOfManager {
  if (message.rds !== undefined) {
    const name = message.rds.routeConfigName ?? '';
    if (name === '') report.fail(`${path}.rds.route_config_name`, 'required');
    const source = readConfigSource(message.rds.configSource, `${path}.rds.config_source`, report);
    if (source !== null) parts.subscriptions.push({ name, source, statPrefix: message.statPrefix ?? '' });
    return { routeConfigName: name, scopedRoutes: null };
  }
  const take = (routes: RouteConfiguration, name: string, at: string): string => {
    const checked = boolOf(routes.validateClusters, true) ? parts.references : null;
    const hosts = routes.virtualHosts?.length ?? 0;
    if (hosts > limits.routeConfigSlotsMax * 64) report.fail(fieldPath(at, 'virtual_hosts'), 'too many');
    parts.inlineRoutes.push({ name, message: routes, config: readRouteConfiguration(routes, name, at, report,
      checked) });
    return name;
  };
  if (message.scopedRoutes !== undefined) {
    return { routeConfigName: '', scopedRoutes: readScopedRoutes(message.scopedRoutes, fieldPath(path, 'scoped_routes'),
      report, (list, index, at) => {
        const scope = list.scopedRouteConfigurations![index];
        return take(scope.routeConfiguration ?? {}, `${inlineName}/${scope.name ?? ''}`, at);
      }) };
  }
  return { routeConfigName: take(message.routeConfig ?? {}, inlineName, fieldPath(path, 'route_config')),
    scopedRoutes: null };
}
