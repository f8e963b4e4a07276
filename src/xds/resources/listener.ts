// listener.v3.Listener into a ListenerConfig, and what it refers to: route configurations, inline or by subscription.
import type { Address, FilterChain, ListenerConfig } from '../../config/types.js';
import { fieldPath } from '../wire/message.js';
import type { Report } from '../wire/message.js';
import type { Listener } from '../wire/generated/messages.js';
import { readAccessLogs } from './access-log.js';
import { addressText, readAddress } from './address.js';
import { boolOf, numberOf, readMetadata } from './fields.js';
import { readFilterChain, readFilterChains } from './filter-chain.js';
import type { Gathered, InlineRoutes, RouteSubscription } from './filter-chain.js';
import { readListenerFilters } from './listener-filters.js';
import type { CodecReference } from './rpc.js';
import { readListenSockets } from './socket-options.js';
import { GatheredSecrets } from './tls-context.js';
import type { ClusterReference } from './route-context.js';

const BACKLOG_DEFAULT = 128;
const BUFFER_BYTES_DEFAULT = 1024 * 1024;

export interface ListenerParts {
  config: ListenerConfig;
  inlineRoutes: InlineRoutes[];
  subscriptions: RouteSubscription[];
  secrets: GatheredSecrets;
  codecs: CodecReference[];
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
  const parts: Gathered = { inlineRoutes: [], subscriptions: [], references, codecs: [],
    secrets: new GatheredSecrets() };
  const addresses = readAddresses(message, path, report);
  const statName = message.statPrefix !== undefined && message.statPrefix !== '' ? message.statPrefix
    : addresses.length === 0 ? name : addressText(addresses[0]);
  const config: ListenerConfig = {
    name,
    addresses,
    statName: statName.replaceAll(':', '_'),
    ...readChains(message, name, path, report, parts),
    listenerFilters: readListenerFilters(message, path, report),
    connectionLogs: readAccessLogs(message.accessLog, fieldPath(path, 'access_log'), report),
    useOriginalDestination: boolOf(message.useOriginalDst, false),
    bindToPort: boolOf(message.bindToPort, true),
    reusePort: boolOf(message.enableReusePort, true),
    exactBalance: message.connectionBalanceConfig?.exactBalance !== undefined,
    sockets: readListenSockets(message, addresses.length, path, report),
    acceptsPerEvent: numberOf(message.maxConnectionsToAcceptPerSocketEvent, 0),
    backlog: numberOf(message.tcpBacklogSize, BACKLOG_DEFAULT),
    perConnectionBufferBytes: numberOf(message.perConnectionBufferLimitBytes, BUFFER_BYTES_DEFAULT),
    trafficDirection: (['unspecified', 'inbound', 'outbound'] as const)[message.trafficDirection ?? 0] ?? 'unspecified',
    ignoreGlobalConnectionLimit: message.ignoreGlobalConnLimit ?? false,
    metadata: readMetadata(message.metadata),
  };
  return { config, inlineRoutes: parts.inlineRoutes, subscriptions: parts.subscriptions, secrets: parts.secrets,
    codecs: parts.codecs };
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

function readChains(message: Listener, name: string, path: string, report: Report,
  parts: Gathered): { filterChains: FilterChain[]; defaultFilterChain: FilterChain | null } {
  const at = fieldPath(path, 'filter_chains');
  const chains = message.filterChains ?? [];
  if (chains.length === 0 && message.defaultFilterChain === undefined) report.fail(at, 'no filter chains specified');
  const filterChains = readFilterChains(chains, name, at, report, parts);
  const [defaultFilterChain = null] = message.defaultFilterChain === undefined ? []
    : readFilterChain(message.defaultFilterChain, null, 'default', name, fieldPath(path, 'default_filter_chain'),
      report, parts);
  return { filterChains, defaultFilterChain };
}
