// The dynamic forward proxy: a request goes to the host that it names.
import { get, post, type Scenario, type Step } from '../scenario.js';
import { filtered, forward, perRoute } from './filters.js';

const TYPE = 'type.googleapis.com/envoy.extensions.';
const dns_cache_config = { name: 'cache', dns_lookup_family: 'V4_ONLY', dns_query_timeout: '0.5s' };
const proxy = { name: 'd', type: 'dynamic_forward_proxy.v3.FilterConfig', config: { dns_cache_config } };
const clusters = [{ name: 'dynamic', ports: [], fields: { type: undefined, load_assignment: undefined,
  lb_policy: 'CLUSTER_PROVIDED', cluster_type: { name: 'envoy.clusters.dynamic_forward_proxy', typed_config: {
    '@type': `${TYPE}clusters.dynamic_forward_proxy.v3.ClusterConfig`, dns_cache_config } } } }];
const dynamic = (more: object = {}, path = '/'): object => ({ match: { prefix: path }, route: { cluster: '{dynamic}' },
  ...more });
const scenario = (name: string, steps: readonly Step[], routes: object[] = [dynamic()]): Scenario =>
  filtered(name, [proxy], steps, routes, { clusters });
const rewrite = (config: object): object => perRoute('d', 'dynamic_forward_proxy.v3.PerRouteConfig', config);

export const scenarios: readonly Scenario[] = [
  scenario('by name', [{ send: get('/', 'host: localhost:{port:up}') }, { send: get('/again',
    'host: localhost:{port:up}') }]),
  scenario('by name in capitals', [{ send: get('/', 'host: LOCALHOST:{port:up}') }]),
  scenario('by address', [{ send: get('/', 'host: 127.0.0.1:{port:up}') }]),
  scenario('with a body', [{ send: post('/', 'hello', 'host: localhost:{port:up}') },
    { send: post('/', 'x'.repeat(20_000), 'host: localhost:{port:up}') }]),
  scenario('two requests on one connection', [{ send: get('/1', 'host: localhost:{port:up}')
    + get('/2', 'host: localhost:{port:up}'), responses: 2 }]),
  { ...scenario('a name that is none', [{ send: get('/', 'host: nowhere.invalid') }, { send: get('/',
    'host: nowhere.invalid:81') }]), differs: [{ line: /dns_resolution_failure/, heading: 'Names in requests' }] },
  scenario('where nobody listens', [{ send: get('/', 'host: localhost:1') }]),
  scenario('host_rewrite_literal', [{ send: get('/') }], [dynamic(rewrite({
    host_rewrite_literal: 'localhost:{port:up}' }))]),
  scenario('host_rewrite_header', [{ send: get('/', 'x-to: localhost:{port:up}') }, { send: get('/',
    'host: localhost:{port:up}') }], [dynamic(rewrite({ host_rewrite_header: 'x-to' }))]),
  scenario('a cluster of another kind', [{ send: get('/') }], [forward()]),
  scenario('a route that answers itself', [{ send: get('/') }], [{ match: { prefix: '/' },
    direct_response: { status: 200 } }]),
  { ...filtered('the cluster without the filter', [], [{ send: get('/', 'host: localhost:{port:up}') }], [dynamic()],
    { clusters }), differs: [{ line: /./, heading: 'Names in requests' }] },
];
