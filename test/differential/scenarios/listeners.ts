// Which filter chain a connection gets, and what listener filters find out before one is chosen.
import { get, type Scenario, type Step } from '../scenario.js';

const TYPE = 'type.googleapis.com/envoy.extensions.filters.';
const router = { name: 'router', typed_config: { '@type': `${TYPE}http.router.v3.Router` } };
const managerType = `${TYPE}network.http_connection_manager.v3.HttpConnectionManager`;

/** A chain that answers its own name. */
export const chain = (name: string, match?: object): object => ({ name,
  ...(match === undefined ? {} : { filter_chain_match: match }),
  filters: [{ name: 'manager', typed_config: { '@type': managerType, stat_prefix: `{id}-${name}`,
    http_filters: [router], route_config: { virtual_hosts: [{ name: 'v', domains: ['*'], routes: [{
      match: { prefix: '/' }, direct_response: { status: 200, body: { inline_string: name } } }] }] } } }] });

const cidr = (text: string): object => ({ address_prefix: text.split('/')[0], prefix_len: Number(text.split('/')[1]) });
const anywhere = { address: { socket_address: { address: '0.0.0.0', port_value: '{port:main}' } } };
const matching = (name: string, chains: readonly object[], steps: readonly Step[], listener: object = {}): Scenario =>
  ({ name: `chain: ${name}`, main: { routes: [], listener: { stat_prefix: '{id}', filter_chains: chains,
    ...listener } }, steps, upstreams: [], logLines: 0,
  stats: ['listener.{id}.no_filter_chain_match', 'listener.{id}.downstream_cx_total',
    'listener.{id}.downstream_cx_destroy'] });
const to = (host: string, from?: string): Step => ({ send: get('/'), host, ...(from === undefined ? {} : { from }) });
const closed = (step: Step): Step => ({ ...step, responses: 0, ends: true });

const chains: readonly Scenario[] = [
  matching('one without a match', [chain('a')], [to('127.0.0.1')]),
  matching('one with an empty match', [chain('a', {})], [to('127.0.0.1')]),
  matching('none fits', [chain('a', { destination_port: 1 })], [closed(to('127.0.0.1'))]),
  matching('none fits, and there is a default', [chain('a', { destination_port: 1 })], [to('127.0.0.1')],
    { default_filter_chain: chain('d') }),
  matching('only a default', [], [to('127.0.0.1')], { default_filter_chain: chain('d') }),
  matching('the match of a default is not looked at', [chain('a', { destination_port: 1 })], [to('127.0.0.1')],
    { default_filter_chain: chain('d', { destination_port: 2 }) }),
  matching('destination port', [chain('a', { destination_port: '{port:main}' }), chain('b')], [to('127.0.0.1')]),
  matching('destination port shadows', [chain('a', { destination_port: '{port:main}', server_names: ['x'] }),
    chain('b')], [closed(to('127.0.0.1'))]),
  matching('destination port shadows, and there is a default', [chain('a', { destination_port: '{port:main}',
    transport_protocol: 'tls' }), chain('b')], [to('127.0.0.1')], { default_filter_chain: chain('d') }),
  matching('destination addresses', [chain('a', { prefix_ranges: [cidr('127.0.0.0/8')] }),
    chain('b', { prefix_ranges: [cidr('127.0.1.0/24'), cidr('127.0.2.9/24')] }),
    chain('c', { prefix_ranges: [cidr('127.0.1.7/32')] }), chain('e')],
  [to('127.0.0.1'), to('127.0.1.1'), to('127.0.2.1'), to('127.0.1.7'), to('127.0.3.1')], anywhere),
  matching('a longer range shadows', [chain('a', { prefix_ranges: [cidr('127.0.0.0/8')] }),
    chain('b', { prefix_ranges: [cidr('127.0.1.0/24')], application_protocols: ['h2'] })],
  [to('127.0.0.1'), closed(to('127.0.1.1'))], anywhere),
  matching('a range longer than an address', [chain('a', { prefix_ranges: [{ address_prefix: '127.0.0.1',
    prefix_len: 128 }] }), chain('b')], [to('127.0.0.1'), to('127.0.0.2')], anywhere),
  matching('a range without length', [chain('a', { prefix_ranges: [{ address_prefix: '127.0.0.1' }],
    source_ports: [1] }), chain('b', { prefix_ranges: [cidr('127.0.0.0/24')] })],
  [to('127.0.0.1'), closed(to('127.0.1.1'))], anywhere),
  matching('a port before an address', [chain('a', { destination_port: '{port:main}' }),
    chain('b', { prefix_ranges: [cidr('127.0.0.1/32')] })], [to('127.0.0.1')]),
  matching('transport protocol', [chain('a', { transport_protocol: 'raw_buffer' }), chain('b')], [to('127.0.0.1')]),
  matching('application protocols without an inspector', [chain('a', { application_protocols: ['http/1.1'],
    transport_protocol: 'raw_buffer' }), chain('b')], [to('127.0.0.1')]),
  matching('source type', [chain('a', { source_type: 'EXTERNAL' }), chain('b', { source_type: 'SAME_IP_OR_LOOPBACK' })],
    [to('127.0.0.1')]),
  matching('source type external only', [chain('a', { source_type: 'EXTERNAL' })], [closed(to('127.0.0.1'))]),
  matching('source type falls to any', [chain('a', { source_type: 'EXTERNAL' }), chain('b')], [to('127.0.0.1')]),
  matching('source addresses', [chain('a', { source_prefix_ranges: [cidr('127.0.0.2/32'), cidr('127.0.0.4/31')] }),
    chain('b', { source_prefix_ranges: [cidr('127.0.0.0/16')] })], [to('127.0.0.1'), to('127.0.0.1', '127.0.0.2'),
    to('127.0.0.1', '127.0.0.5'), closed(to('127.0.0.1', '127.1.0.5'))]),
  matching('direct source addresses', [chain('a', { direct_source_prefix_ranges: [cidr('127.0.0.2/32')] }),
    chain('b')], [to('127.0.0.1'), to('127.0.0.1', '127.0.0.2')]),
  matching('source ports', [chain('a', { source_ports: [1, 2] }), chain('b')], [to('127.0.0.1')]),
  matching('source ports only', [chain('a', { source_ports: [1, 2] })], [closed(to('127.0.0.1'))]),
  matching('direct source before source type', [chain('a', { direct_source_prefix_ranges: [cidr('127.0.0.0/8')] }),
    chain('b', { source_type: 'SAME_IP_OR_LOOPBACK' })], [to('127.0.0.1')]),
  matching('many at once', [chain('a', { destination_port: '{port:main}', prefix_ranges: [cidr('127.0.0.0/8')],
    transport_protocol: 'raw_buffer', source_type: 'SAME_IP_OR_LOOPBACK',
    source_prefix_ranges: [cidr('127.0.0.0/24')] }), chain('b')],
  [to('127.0.0.1'), closed(to('127.0.0.1', '127.0.1.1'))]),
];

export const scenarios: readonly Scenario[] = [...chains];
