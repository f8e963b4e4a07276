// Endpoints that requests name, in headers or by what filters found out, and subsets by what filters found out.
import { answer, get, withRouter, type Scenario, type Step } from '../scenario.js';

type Fields = Record<string, unknown>;
const TYPE = 'type.googleapis.com/envoy.extensions.load_balancing_policies.';
const names = ['a', 'b', 'c'];
const at = (name: string, more: Fields = {}): object => ({ ...more, endpoint: { address: { socket_address: {
  address: '127.0.0.1', port_value: `{port:${name}}` } } } });
const policy = (type: string, config: Fields = {}): Fields => ({ policies: [{ typed_extension_config: { name: 'p',
  typed_config: { '@type': `${TYPE}${type}`, ...config } } }] });
const random = policy('random.v3.Random');
const byHeader = [{ header: 'X-Endpoint' }];
const byMetadata = [{ metadata: { key: 'picks', path: [{ key: 'endpoint' }] } }];
const overriding = (override_host_sources: object[], fallback_policy: object = random): Fields => ({
  common_lb_config: { healthy_panic_threshold: { value: 10 } },
  load_balancing_policy: policy('override_host.v3.OverrideHost', { override_host_sources, fallback_policy }) });
const toMetadata = (namespace: string, key: string): object => withRouter({ name: 'to-metadata',
  type: 'header_to_metadata.v3.Config', config: { request_rules: [{ header: 'x-say', on_header_present: {
    metadata_namespace: namespace, key, type: 'STRING' } }] } });

const picks = (name: string, steps: readonly Step[], fields: Fields, endpoints: object[], more: Fields = {},
  route: Fields = {}): Scenario => ({
  name, upstreams: names, steps,
  main: { ...more, routes: [{ match: { prefix: '/' }, route: { cluster: '{many}', ...route } }] },
  clusters: [{ name: 'many', fields: { ...fields, load_assignment: { cluster_name: 'many', endpoints: [
    { lb_endpoints: endpoints }] } } }],
});
const to = (...upstreams: string[]): string => upstreams.map((name) => `127.0.0.1:{port:${name}}`).join(',');
const naming = (...values: string[]): Step => ({ send: get('/', ...values.map((value) => `x-endpoint: ${value}`)) });
const all = names.map((name) => at(name));
const bad = Object.fromEntries(names.map((name) => [name, answer(503)]));
const retrying = { retry_policy: { retry_on: '5xx', num_retries: 2, retry_back_off: { base_interval: '0.001s',
  max_interval: '0.002s' } } };
const subsetOf = (keys: string[]): Fields => ({ lb_subset_config: { subset_selectors: [{ keys }] } });
const version = (name: string, value: string): object => at(name, { metadata: { filter_metadata: { 'envoy.lb': {
  version: value } } } });

const line = (text: string, filter?: Fields): Fields => ({ name: 'file', ...(filter && { filter }), typed_config: {
  '@type': 'type.googleapis.com/envoy.extensions.access_loggers.file.v3.FileAccessLog', path: '{folder}/{id}-main.log',
  log_format: { text_format_source: { inline_string: `${text} %RESPONSE_CODE%\n` } } } });
/** Who was picked is in dynamic metadata: lines of the log are for one of them. Each step logs two. */
const telling = (name: string, keys: string[], steps: readonly Step[], endpoints: object[], more: Fields = {},
  route: Fields = {}): Scenario => {
  const path = keys.map((key) => ({ key }));
  const isPicked = (upstream: string): Fields => line(`picked ${upstream}`, { metadata_filter: { matcher: {
    filter: 'picks', path, value: { string_match: { exact: to(upstream) } } },
  match_if_key_not_found: false } });
  return { ...picks(name, steps, { load_balancing_policy: policy('override_host.v3.OverrideHost', {
    override_host_sources: byHeader, fallback_policy: random, selected_host_key: { key: 'picks', path } }) },
  endpoints, { manager: { ...(more.manager as Fields), access_log: [...names.map(isPicked), line('all')] } }, route),
  logLines: 2 * steps.length };
};

export const scenarios: readonly Scenario[] = [
  picks('the endpoint that a header names', [naming(to('b')), naming(to('c')), naming(to('a'))], overriding(byHeader),
    all),
  picks('a header names nobody of the cluster', [naming('127.0.0.1:1'), naming('nonsense'), naming('')],
    overriding(byHeader), [at('b')]),
  picks('no header', [{ send: get('/') }], overriding(byHeader), [at('b')]),
  picks('the first of a list that there is', [naming(`127.0.0.1:1, ${to('c')}, ${to('a')}`)], overriding(byHeader),
    all),
  picks('the first of a header that is repeated', [naming(to('b'), to('c'))], overriding(byHeader), all),
  picks('an endpoint that is not well', [naming(to('b'))], overriding(byHeader),
    [at('a'), at('b', { health_status: 'UNHEALTHY' })]),
  picks('each attempt takes the next of the list', [{ ...naming(to('b', 'c', 'a')), answer: bad }],
    overriding(byHeader), all, {}, retrying),
  picks('attempts that find the list at its end', [{ ...naming(to('b')), answer: bad }], overriding(byHeader),
    [at('a', { health_status: 'UNHEALTHY' }), at('b', { health_status: 'UNHEALTHY' }), at('c')], {}, retrying),
  picks('two sources', [{ send: get('/', `x-endpoint: 127.0.0.1:1`, `x-other: ${to('c')}`) }],
    overriding([...byHeader, { header: 'x-other' }]), all),
  picks('what a filter found out', [{ send: get('/', `x-say: ${to('b')}`) }, { send: get('/', `x-say: ${to('a')}`) }],
    overriding(byMetadata), all, { manager: toMetadata('picks', 'endpoint') }),
  picks('a filter found out nothing', [{ send: get('/') }], overriding(byMetadata), [at('c')],
    { manager: toMetadata('picks', 'endpoint') }),
  picks('a hash behind it', [naming(to('b')), { send: get('/') }], overriding(byHeader, policy('maglev.v3.Maglev')),
    [at('a', { health_status: 'UNHEALTHY' }), at('b', { health_status: 'UNHEALTHY' }), at('c')], {},
    { hash_policy: [{ header: { header_name: 'x-endpoint' } }] }),
  picks('a subset that a filter asks for', [{ send: get('/', 'x-say: 2') }, { send: get('/', 'x-say: 1') },
    { send: get('/', 'x-say: 7') }, { send: get('/') }], subsetOf(['version']), [version('a', '1'), version('b', '2')],
  { manager: toMetadata('envoy.lb', 'version') }),
  picks('a filter changes what the route asks for', [{ send: get('/', 'x-say: 2') }, { send: get('/') }],
    subsetOf(['version']), [version('a', '1'), version('b', '2')], { manager: toMetadata('envoy.lb', 'version') },
    { metadata_match: { filter_metadata: { 'envoy.lb': { version: '1' } } } }),
  telling('who was picked', ['served'], [naming(to('b')), naming(to('c')), naming(to('b'))], all),
  telling('who was picked, deep', ['a', 'b', 'c'], [naming(to('b')), naming(to('c'))], all),
  telling('who was picked by the balancer behind', ['served'], [{ send: get('/') }, naming('127.0.0.1:1')], [at('c')]),
  telling('who was picked last', ['served'], [{ ...naming(to('b', 'c')), answer: { b: answer(503) } }], all, {},
    retrying),
  telling('who was picked, over what a filter said', ['endpoint'], [{ send: get('/', `x-endpoint: ${to('b')}`,
    'x-say: nobody') }], all, { manager: toMetadata('picks', 'endpoint') }),
  { ...telling('nobody could be picked', ['served'], [naming(to('b'))], []), logLines: 1 },
];
