// Dynamic metadata as access-log filters, routes and rate-limit actions ask for it.
import { get, type Scenario } from '../scenario.js';
import { forward, http, withFilters } from './filters.js';

type Fields = Record<string, unknown>;
const FILE = 'type.googleapis.com/envoy.extensions.access_loggers.file.v3.FileAccessLog';
const line = (text: string, filter?: Fields): Fields => ({ name: 'file', ...(filter && { filter }), typed_config: {
  '@type': FILE, path: '{folder}/{id}-main.log',
    log_format: { text_format_source: { inline_string: `${text}\n` } } } });
const value = { text: 'blue', number: 4.5, yes: true, nothing: null, tree: { leaf: 'x' }, list: ['a', 'b', 3] };
const set = { name: 's', type: 'set_metadata.v3.Config', config: { metadata: [{ metadata_namespace: 'n', value }] } };
const at = (...keys: string[]): Fields => ({ filter: 'n', path: keys.map((key) => ({ key })) });

/** One request; the line `admitted` is there where the filter lets it through. */
const logged = (name: string, admitted: boolean, metadata_filter: Fields): Scenario => ({ name,
  main: { routes: [forward()], manager: { ...withFilters(set),
    access_log: [line('admitted', { metadata_filter }), line('all')] } },
  steps: [{ send: get('/') }], logLines: admitted ? 2 : 1 });
const matched = (name: string, admitted: boolean, path: string[], wanted: Fields, more: Fields = {}): Scenario =>
  logged(`log: ${name}`, admitted, { matcher: { ...at(...path), value: wanted, ...more } });

const logs: readonly Scenario[] = [
  matched('a text', true, ['text'], { string_match: { exact: 'blue' } }),
  matched('another text', false, ['text'], { string_match: { exact: 'red' } }),
  matched('a text that is not one', false, ['number'], { string_match: { prefix: '4' } }),
  matched('a number', true, ['number'], { double_match: { exact: 4.5 } }),
  matched('a number in a range', true, ['number'], { double_match: { range: { start: 4.5, end: 5 } } }),
  matched('a number at the end of a range', false, ['number'], { double_match: { range: { start: 4, end: 4.5 } } }),
  matched('a truth', true, ['yes'], { bool_match: true }),
  matched('a truth that is wanted otherwise', false, ['yes'], { bool_match: false }),
  matched('null', true, ['nothing'], { null_match: {} }),
  matched('null that is not', false, ['text'], { null_match: {} }),
  matched('presence', true, ['text'], { present_match: true }),
  matched('absence of what is there', false, ['text'], { present_match: false }),
  matched('presence of null', true, ['nothing'], { present_match: true }),
  matched('a leaf', true, ['tree', 'leaf'], { string_match: { exact: 'x' } }),
  matched('a list with a text', true, ['list'], { list_match: { one_of: { string_match: { exact: 'b' } } } }),
  matched('a list without a text', false, ['list'], { list_match: { one_of: { string_match: { exact: 'c' } } } }),
  matched('one of several', true, ['text'], { or_match: { value_matchers: [{ bool_match: true },
    { string_match: { suffix: 'ue' } }] } }),
  matched('none of several', false, ['text'], { or_match: { value_matchers: [{ bool_match: true },
    { null_match: {} }] } }),
  matched('what is missing', true, ['none'], { string_match: { exact: 'blue' } }),
  matched('what is missing below a text', true, ['text', 'deeper'], { string_match: { exact: 'blue' } }),
  matched('inverted', true, ['text'], { string_match: { exact: 'blue' } }, { invert: true }),
  logged('log: what is missing, not wanted', false, { match_if_key_not_found: false,
    matcher: { ...at('none'), value: { present_match: true } } }),
  logged('log: no matcher', true, {}),
  logged('log: no matcher, not wanted', false, { match_if_key_not_found: false }),
];

const routed = (name: string, ...dynamic_metadata: Fields[]): Scenario => ({ name: `route: ${name}`,
  main: { manager: withFilters(set), routes: [{ match: { prefix: '/', dynamic_metadata },
    direct_response: { status: 201 } }, forward()] }, steps: [{ send: get('/') }] });
const routes: readonly Scenario[] = [
  routed('metadata that a filter sets', { ...at('text'), value: { string_match: { exact: 'blue' } } }),
  routed('metadata that no filter sets', { ...at('none'), value: { string_match: { exact: 'blue' } } }),
  routed('inverted', { ...at('text'), value: { string_match: { exact: 'blue' } }, invert: true }),
  routed('inverted and not', { ...at('text'), value: { present_match: true }, invert: true },
    { ...at('text'), value: { present_match: true } }),
  routed('absence', { ...at('text'), value: { present_match: false } }),
  routed('null', { ...at('text'), value: { null_match: {} } }),
];

/** Two requests where a bucket holds one token for descriptor m=blue. */
const limited = (name: string, action: Fields, route: Fields = {}, descriptor = { key: 'm',
  value: 'blue' }): Scenario =>
  ({ name: `limit: ${name}`, stats: http('downstream_rq_2xx', 'downstream_rq_4xx'), main: {
    manager: withFilters(set, { name: 'l', type: 'local_ratelimit.v3.LocalRateLimit', config: { stat_prefix: '{id}l',
      filter_enabled: { default_value: { numerator: 100 } }, filter_enforced: { default_value: { numerator: 100 } },
      token_bucket: { max_tokens: 100, fill_interval: '3600s' },
      descriptors: [{ token_bucket: { max_tokens: 1, fill_interval: '3600s' }, entries: [descriptor] }] } }),
    routes: [{ match: { prefix: '/' }, route: { cluster: '{up}', rate_limits: [{ actions: [action] }] }, ...route }] },
  steps: [{ send: get('/') }, { send: get('/') }] });
const key = (...path: string[]): Fields => ({ key: 'n', path: path.map((part) => ({ key: part })) });
const limits: readonly Scenario[] = [
  limited('metadata', { metadata: { descriptor_key: 'm', metadata_key: key('text') } }),
  limited('metadata of the route', { metadata: { descriptor_key: 'm', metadata_key: key('of'),
    source: 'ROUTE_ENTRY' } },
    { metadata: { filter_metadata: { n: { of: 'blue' } } } }),
  limited('metadata that is missing', { metadata: { descriptor_key: 'm', metadata_key: key('none') } }),
  limited('metadata that is missing, with a default', { metadata: { descriptor_key: 'm', metadata_key: key('none'),
    default_value: 'blue' } }),
  limited('metadata that may be missing', { metadata: { descriptor_key: 'm', metadata_key: key('none'),
    skip_if_absent: true } }),
  limited('metadata that is no text', { metadata: { descriptor_key: 'm', metadata_key: key('number') } }, {},
    { key: 'm', value: '4.5' }),
];

export const scenarios: readonly Scenario[] = [...logs, ...routes, ...limits];
