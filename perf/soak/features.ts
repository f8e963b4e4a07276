// What the soak's resources carry beside the plain proxy: filters, policies of routes and clusters, changing with the
// version, so that requests meet each of them while it comes and goes. None of it may cost a request.
const TYPE = 'type.googleapis.com/envoy.';
const FILTER = `${TYPE}extensions.filters.http.`;
type Fields = Record<string, unknown>;

const filter = (name: string, type: string, config: Fields): Fields => ({ name,
  typed_config: { '@type': `${FILTER}${type}`, ...config } });
const all = { default_value: { numerator: 100 } };
const added = (key: string, value: string): Fields => ({ append: { header: { key, value } } });

const router = filter('router', 'router.v3.Router', {});
const delay = filter('fault', 'fault.v3.HTTPFault', { delay: { fixed_delay: '0.01s', percentage: { numerator: 5 } } });
const buffer = filter('buffer', 'buffer.v3.Buffer', { max_request_bytes: 1_000_000 });
const limit = filter('limit', 'local_ratelimit.v3.LocalRateLimit', { stat_prefix: 'limit', filter_enabled: all,
  filter_enforced: all, token_bucket: { max_tokens: 1_000_000, tokens_per_fill: 1_000_000, fill_interval: '1s' } });
const metadata = filter('metadata', 'set_metadata.v3.Config', { metadata: [{ metadata_namespace: 'soak',
  value: { of: 'filter' } }] });
const headers = filter('headers', 'header_mutation.v3.HeaderMutation', { mutations: {
  request_mutations: [added('x-soak', '%DYNAMIC_METADATA(soak:of)%')],
  response_mutations: [added('x-soak-code', '%RESPONSE_CODE%')] } });
const chains = [[delay, metadata, headers], [buffer], [delay, buffer, limit], []];

/** The version that has no filters. */
export const PLAIN = 3;
/** The version of those that never change. */
export const STEADY = 0;
/** The HTTP filters of a connection manager in this version. Their change ends the connections of its filter chain. */
export const filtersOf = (version: number): Fields[] => [...chains[version % chains.length]!, router];

const quick = { base_interval: '0.005s', max_interval: '0.02s' };
const hedged = { retry_policy: { retry_on: '5xx', num_retries: 1, per_try_timeout: '0.15s', retry_back_off: quick },
  hedge_policy: { hedge_on_per_try_timeout: true } };
const routes: readonly Fields[] = [
  { hash_policy: [{ header: { header_name: ':path' } }] },
  { retry_policy: { retry_on: '5xx,reset,connect-failure', num_retries: 2, retry_back_off: quick } },
  // To a cluster whose endpoints die, which nobody may notice.
  { request_mirror_policies: [{ cluster: 'abrupt', runtime_fraction: { default_value: { numerator: 10 } } }] },
  {},
];
/** Fields of a route action, by cluster and version. Steady clusters get each request once: all are counted at last. */
export const routeOf = (steady: boolean, index: number, version: number): Fields =>
  !steady && version % 3 === 0 ? hedged : routes[(index + version) % routes.length]!;

const policies = ['ROUND_ROBIN', 'LEAST_REQUEST', 'RING_HASH', 'MAGLEV', 'RANDOM'];
const checks = [{ timeout: '2s', interval: '1s', unhealthy_threshold: 3, healthy_threshold: 1, reuse_connection: true,
  http_health_check: { path: '/bytes/1/check' } }];
/** Fields of a cluster. The balancer follows its place; checks and outlier detection come and go with the version. */
export const clusterOf = (index: number, version: number): Fields => ({
  lb_policy: policies[index % policies.length],
  // What discovery takes away is not used any more, however healthy it is.
  ignore_health_on_host_removal: true,
  ...((version + index) % 3 === 0 && { health_checks: checks }),
  ...((version + index) % 4 === 0 && { outlier_detection: { consecutive_5xx: 5, base_ejection_time: '1s' } }),
});
