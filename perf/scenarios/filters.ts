// What each HTTP filter costs a request that it lets through: the small proxy with one filter before the router, beside
// the same proxy with the router alone.
import type { Shape } from '../bootstrap.js';
import type { Traffic } from '../load/traffic.js';
import type { CpuScenario, Variant } from './cpu-scenario.js';

const all = { default_value: { numerator: 100 } };
const none = { numerator: 0 };
const add = (key: string): object => ({ append: { header: { key, value: 'value' } } });

interface Sample { suffix: string; type: string; config: object; headers?: string[]; method?: 'POST' }
const samples: Sample[] = [
  { suffix: 'fault', type: 'fault.v3.HTTPFault', config: { delay: { fixed_delay: '1s', percentage: none },
    abort: { http_status: 503, percentage: none } } },
  { suffix: 'cors', type: 'cors.v3.Cors', config: {}, headers: ['Origin: http://a.example'] },
  { suffix: 'csrf', type: 'csrf.v3.CsrfPolicy', config: { filter_enabled: all }, method: 'POST',
    headers: ['Origin: http://backend'] },
  { suffix: 'local_ratelimit', type: 'local_ratelimit.v3.LocalRateLimit', config: { stat_prefix: 'limit',
    filter_enabled: all, filter_enforced: all,
    token_bucket: { max_tokens: 1_000_000, tokens_per_fill: 1_000_000, fill_interval: '1s' } } },
  { suffix: 'header_mutation', type: 'header_mutation.v3.HeaderMutation', config: { mutations: {
    request_mutations: [add('x-one'), { remove: 'x-two' }], response_mutations: [add('x-three')] } } },
  { suffix: 'health_check', type: 'health_check.v3.HealthCheck', config: { pass_through_mode: false,
    headers: [{ name: ':path', string_match: { exact: '/healthz' } }] } },
  { suffix: 'buffer', type: 'buffer.v3.Buffer', config: { max_request_bytes: 65536 }, method: 'POST' },
  { suffix: 'set_metadata', type: 'set_metadata.v3.Config', config: { metadata: [
    { metadata_namespace: 'n', value: { key: 'value' } }] } },
  { suffix: 'header_to_metadata', type: 'header_to_metadata.v3.Config', config: { request_rules: [
    { header: 'accept-language', on_header_present: { metadata_namespace: 'n', key: 'language', type: 'STRING' } }] } },
];
const policy = { cors: { '@type': 'type.googleapis.com/envoy.extensions.filters.http.cors.v3.CorsPolicy',
  allow_origin_string_match: [{ exact: 'http://a.example' }], expose_headers: 'x-one' } };

const TYPE = 'type.googleapis.com/envoy.extensions.filters.http.';
const traffic: Traffic = { method: 'GET', path: '/', bodyBytes: 0, connections: 64, hosts: ['backend'], close: false };
const post: Traffic = { ...traffic, method: 'POST', path: '/sink', bodyBytes: 100 };
const shape = (name: string, filter: object | null, perRoute: object = {}): Shape =>
  ({ name, hosts: 0, accessLog: false, filter, perRoute });

const variants: Variant[] = samples.map(({ suffix, type, config, headers = [], method = 'GET' }) => ({
  suffix: `@${suffix}`, traffic: { ...(method === 'POST' ? post : traffic), headers },
  shape: shape(suffix, { name: suffix, typed_config: { '@type': `${TYPE}${type}`, ...config } },
    suffix === 'cors' ? policy : {}) }));

const scenarioOf = (name: string, title: string, chosen: Variant[], base: Traffic): CpuScenario => ({
  name, title, crowded: false, baselineSuffix: '@router',
  variants: [{ suffix: '@router', shape: shape('router', null), traffic: base }, ...chosen] });

export const filterScenarios: CpuScenario[] = [
  scenarioOf('filters-get', 'one filter before the router, small GET, 64 connections',
    variants.filter((variant) => variant.traffic.method === 'GET'), traffic),
  scenarioOf('filters-post', 'one filter before the router, POST of 100 bytes, 64 connections',
    variants.filter((variant) => variant.traffic.method === 'POST'), post),
];
