// Weft between a peer's clients and servers: one listener, and routes by the names of methods.
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { bootstrap, routeTo, type ClusterSpec, type ListenerSpec } from '../../support/bootstrap.js';
import { freePort } from '../../support/ports.js';
import { Proxy, type ProxyKind } from '../../support/proxy.js';
import { addedTo, SERVICE, type Peer } from './peer.js';

const PREVIOUS_HOSTS = 'type.googleapis.com/envoy.extensions.retry.host.previous_hosts.v3.PreviousHostsPredicate';
const HTTP_OPTIONS = 'envoy.extensions.upstreams.http.v3.HttpProtocolOptions';
const RPC_OPTIONS = 'weft.extensions.upstreams.rpc.v1.RpcProtocolOptions';
const LOG = 'in.log';
const RPC_PROXY = 'weft.extensions.filters.network.rpc_proxy.v1.RpcProxy';
/** So many calls are in progress at a time. */
const REQUESTS_MAX = 30_000;
/** Each keeps a buffer for the sake of another try; what a worker has by default is enough for some thousands. */
const MEMORY_MIB = 1024;

/** 503 is Bolt's "busy": a SOFARPC server that shuts down says it of calls that it has not begun. */
const again = { timeout: '30s', retry_policy: { retry_on: 'connect-failure,reset,retriable-status-codes',
  retriable_status_codes: [503], num_retries: 3, host_selection_retry_max_attempts: 5,
  retry_host_predicate: [{ name: 'previous', typed_config: { '@type': PREVIOUS_HOSTS } }] } };
const routesOf = (peer: Peer): object[] => [
  { match: { path: `/${SERVICE}/empty` }, route: { cluster: 'empty' } },
  { match: { path: `/${SERVICE}/busy` }, route: { cluster: 'busy' } },
  { match: { path: `/${SERVICE}/edited` }, route: { cluster: 'servers' }, request_headers_to_add: [
    // As Dubbo's attachments and Triple's headers are, and as SOFARPC's baggage is.
    ...['peers-added', 'rpc_req_baggage.peers-added'].map((key) => ({ header: { key, value: addedTo(peer) } }))] },
  { ...routeTo('servers', again), match: { prefix: '/',
    headers: [{ name: ':path', string_match: { exact: `/${SERVICE}/unrouted` }, invert_match: true }] } },
];

/** How the cluster speaks. Heartbeats come faster than anybody's patience ends; Node's servers stand still at times. */
function spoken({ protocol }: Peer): Record<string, unknown> {
  return { typed_extension_protocol_options: protocol === 'http2'
    ? { [HTTP_OPTIONS]: { '@type': `type.googleapis.com/${HTTP_OPTIONS}`,
      explicit_http_config: { http2_protocol_options: {} } } }
    : { [RPC_OPTIONS]: { '@type': `type.googleapis.com/${RPC_OPTIONS}`, heartbeat: { interval: '1s', failures: 20 },
      ...(protocol === 'any' ? { use_downstream_protocol: {} } : { protocol: protocol.toUpperCase() }) } } };
}

function manager({ protocol }: Peer): Partial<ListenerSpec> {
  if (protocol === 'http2') return { manager: { http2_protocol_options: { max_concurrent_streams: REQUESTS_MAX } } };
  return { manager: { '@type': `type.googleapis.com/${RPC_PROXY}`,
    protocol: protocol === 'any' ? 'AUTO' : protocol.toUpperCase() } };
}

const limit = (requests: number): Record<string, unknown> => ({ circuit_breakers: { thresholds: [
  { max_requests: requests, max_pending_requests: requests, max_retries: REQUESTS_MAX }] } });

/** A proxy before these ports of the peer's servers. */
export async function startBefore(kind: ProxyKind, peer: Peer, listens: number, behind: number[]): Promise<Proxy> {
  const adminPort = await freePort(), wire = spoken(peer);
  const clusters: ClusterSpec[] = [
    { name: 'servers', ports: behind, fields: { ...wire, ...limit(REQUESTS_MAX) } },
    { name: 'busy', ports: behind, fields: { ...wire, ...limit(1) } },
    { name: 'empty', ports: [], fields: wire },
  ];
  return await Proxy.start(kind, adminPort,
    (folder) => bootstrap(adminPort, [{ name: 'in', port: listens, routes: routesOf(peer), ...manager(peer),
      ...((peer.protocol === 'http2' || peer.protocol === 'any') && { logFile: join(folder, LOG) }) }], clusters),
    ['--memory-mib', String(MEMORY_MIB)]);
}

/**
 * Answers that were lost in their middle: their calls cannot be sent again. An answer of Triple comes in several
 * frames; those of Bolt and Dubbo are written at once.
 */
export function cutAnswers(proxy: Proxy): number {
  const log = join(proxy.folder, LOG);
  return existsSync(log) ? readFileSync(log, 'utf8').split('upstream_reset_after_response_started').length - 1 : 0;
}
