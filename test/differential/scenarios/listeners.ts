// Which filter chain a connection gets, and what listener filters find out before one is chosen.
import { clientHello, helloMessage, proxyV2, record, tlv } from '../../support/client-hello.js';
import { get, type Scenario, type Step } from '../scenario.js';

const TYPE = 'type.googleapis.com/envoy.extensions.filters.';
const router = { name: 'router', typed_config: { '@type': `${TYPE}http.router.v3.Router` } };
const managerType = `${TYPE}network.http_connection_manager.v3.HttpConnectionManager`;

/** A chain that answers its own name. */
export const chain = (name: string, match?: object): object => ({ name,
  ...(match === undefined ? {} : { filter_chain_match: match }),
  filters: [{ name: 'manager', typed_config: { '@type': managerType, stat_prefix: `{id}-${name}`,
    delayed_close_timeout: '0.05s', http_protocol_options: { accept_http_10: true },
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

const filter = (name: string, config: object = {}, more: object = {}): object => ({ name,
  typed_config: { '@type': `${TYPE}listener.${name}.v3.${filterTypes[name]}`, ...config }, ...more });
const filterTypes: Record<string, string> = { original_dst: 'OriginalDst', tls_inspector: 'TlsInspector',
  http_inspector: 'HttpInspector', proxy_protocol: 'ProxyProtocol' };

const inspecting = (name: string, filters: readonly object[], chainList: readonly object[], steps: readonly Step[],
  listener: object = {}, more: Partial<Scenario> = {}): Scenario => {
  const scenario = matching(name, chainList, steps, { listener_filters: filters, ...listener });
  return { ...scenario, name: `filter: ${name}`, ...more, stats: [...scenario.stats!,
    ...['downstream_pre_cx_timeout', 'downstream_pre_cx_active', 'downstream_listener_filter_remote_close',
      'downstream_listener_filter_error'].map((stat) => `listener.{id}.${stat}`)] };
};
const tls = filter('tls_inspector'), http = filter('http_inspector');
const plainAnd = [chain('tls', { transport_protocol: 'tls' }), chain('plain')];
const byName = [chain('a', { server_names: ['a.example'] }), chain('wild', { server_names: ['*.example'] }),
  chain('wilder', { server_names: ['*.b.example'] }), chain('h2', { application_protocols: ['h2'] }), chain('plain')];
const byProtocol = [chain('h10', { application_protocols: ['http/1.0'] }),
  chain('h11', { application_protocols: ['http/1.1'] }), chain('h2', { application_protocols: ['h2c'] }),
  chain('tls', { transport_protocol: 'tls' }), chain('other')];
/** What HTTP/1.1 answers to bytes that are none, so that the chain is told by the status alone. */
const bytes = (send: string): Step => ({ send, ends: true });

const tlsFilters: readonly Scenario[] = [
  inspecting('TLS is told from plain text', [tls], plainAnd, [{ send: get('/') }]),
  inspecting('bytes that were looked at reach the chain', [tls], [chain('plain')],
    [{ send: 'GET / HT' }, { send: 'TP/1.1\r\nhost: a\r\n\r\n', sameConnection: true }].map((step, index) =>
      (index === 0 ? { ...step, responses: 0, quietMs: 30 } : step))),
  inspecting('fewer bytes than a record begins with', [tls], [chain('plain')],
    [{ send: 'GET', responses: 0, quietMs: 50 }, { send: ' / HTTP/1.1\r\nhost: a\r\n\r\n', sameConnection: true }]),
  ...([['the exact name', clientHello('a.example')], ['a name in a domain', clientHello('x.example')],
    ['the longest domain', clientHello('x.b.example')], ['upper case', clientHello('A.EXAMPLE')],
    ['the domain itself', clientHello('example')], ['another name', clientHello('other.test')],
    ['no name', clientHello(null)], ['a protocol', clientHello('z.test', ['http/1.1', 'h2'])],
    ['a name before a protocol', clientHello('a.example', ['h2'])],
    ['TLS 1.0', clientHello('a.example', [], { version: 0x0301 })],
    ['two records', record(helloMessage('a.example').slice(0, 9)) + record(helloMessage('a.example').slice(9))],
    ['a version that is none', clientHello('a.example', [], { versions: [0x0300] })],
    ['no null compression', clientHello('a.example', [], { compression: '\x01' })],
    ['an alert', record('\x02\x28', 21)], ['a record of another version', record('abc', 22, 0x0501)],
    ['a message that is no ClientHello', record('\x02\0\0\x01a')],
  ] as const).map(([name, hello]) => inspecting(`server names: ${name}`, [tls], byName, [bytes(hello)])),
  inspecting('server names: plain text', [tls], byName, [{ send: get('/') }]),
  inspecting('a ClientHello in pieces', [tls], byName, [
    { send: clientHello('a.example').slice(0, 40), responses: 0, quietMs: 50 },
    { send: clientHello('a.example').slice(40), sameConnection: true, ends: true }]),
  inspecting('a ClientHello that never ends', [tls], byName, [closed({ send: clientHello('a.example', [],
    { padding: 20_000 }) })]),
  inspecting('a ClientHello beyond the limit', [filter('tls_inspector', { max_client_hello_size: 256 })], byName,
    [closed({ send: clientHello('a.example', [], { padding: 1000 }).slice(0, 900) })]),
  inspecting('errors close', [filter('tls_inspector', { close_connection_on_client_hello_parsing_errors: true })],
    plainAnd, [closed({ send: get('/') }), bytes(clientHello('x'))]),
];

const httpFilters: readonly Scenario[] = [
  inspecting('HTTP versions', [http], byProtocol, [{ send: get('/') },
    { send: 'GET / HTTP/1.0\r\nhost: a\r\n\r\n', ends: true }]),
  ...([['the preface of HTTP/2', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'], ['an empty line', '\r\nGET / HTTP/1.1\r\n\r\n'],
    ['no version', 'GET /\r\n\r\n'], ['a word', 'hello\r\n\r\n'], ['three words', 'hello to you\r\n\r\n'],
    ['a method of WebDAV', 'PROPFIND / HTTP/1.1\r\nhost: a\r\n\r\n'], ['bytes', '\x01\x02\x03\x04\n'],
    ['a version to come', 'GET / HTTP/3.0\r\n\r\n'], ['a bad version', 'GET / HTTX/1.1\r\n\r\n'],
    ['TLS', clientHello('a')], ['a long name', `${'A'.repeat(300)} / HTTP/1.1\r\nhost: a\r\n\r\n`],
  ] as const).map(([name, send]) => inspecting(`HTTP: ${name}`, [http], [chain('h10', {
    application_protocols: ['http/1.0'] }), chain('h11', { application_protocols: ['http/1.1'] })],
  [{ send, responses: 0, ends: true, quietMs: 200 }])),
  inspecting('a line in pieces', [http], byProtocol, [{ send: 'G', responses: 0, quietMs: 30 },
    { send: 'ET / HTTP/1.', responses: 0, quietMs: 30, sameConnection: true },
    { send: '1\r\nhost: a\r\n\r\n', sameConnection: true }]),
  inspecting('both inspectors', [tls, http], byProtocol, [{ send: get('/') }, bytes(clientHello('x', ['http/1.1']))]),
];

const timeouts: readonly Scenario[] = [
  inspecting('silence until the timeout', [tls], [chain('plain')], [closed({ quietMs: 1500 })],
    { listener_filters_timeout: '0.2s' }),
  inspecting('silence until the timeout, then on', [tls, http], [chain('plain')], [{ responses: 0, quietMs: 300 },
    { send: get('/'), sameConnection: true }],
  { listener_filters_timeout: '0.1s', continue_on_listener_filters_timeout: true }),
  inspecting('a piece until the timeout, then on', [http], byProtocol, [{ send: 'GET / HT', responses: 0,
    quietMs: 300 }, { send: 'TP/1.1\r\nhost: a\r\n\r\n', sameConnection: true }],
  { listener_filters_timeout: '0.1s', continue_on_listener_filters_timeout: true }),
  inspecting('no timeout', [tls], [chain('plain')], [{ responses: 0, quietMs: 100 },
    { send: get('/'), sameConnection: true }], { listener_filters_timeout: '0s' }),
  inspecting('the client leaves', [tls], [chain('plain')], [closed({ halfClose: true })]),
];

const port = (start: number | string, end: number | string): object => ({ destination_port_range: { start, end } });
const resting = (name: string, predicate: object): Scenario => inspecting(`disabled: ${name}`,
  [filter('http_inspector', {}, { filter_disabled: predicate })],
  [chain('seen', { application_protocols: ['http/1.1'] }), chain('unseen')], [{ send: get('/') }]);
const disabled: readonly Scenario[] = [
  resting('any', { any_match: true }),
  resting('not any', { not_match: { any_match: true } }),
  resting('a port range', port(1, 65536)),
  resting('a port range that ends before', port(1, '{port:main}')),
  resting('a port range that begins there', port('{port:main}', 65536)),
  resting('and', { and_match: { rules: [port(1, 65536), { not_match: port(1, 2) }] } }),
  resting('and, one not', { and_match: { rules: [port(1, 65536), port(1, 2)] } }),
  resting('or', { or_match: { rules: [port(1, 2), port(1, 65536)] } }),
  resting('or, none', { or_match: { rules: [port(1, 2), port(2, 3)] } }),
];

const told = (name: string, config: object, sends: readonly string[], more: object = {}): Scenario => ({
  name: `PROXY: ${name}`, upstreams: [], main: { listener: { stat_prefix: '{id}', listener_filters: [
    filter('proxy_protocol', { stat_prefix: '{id}', ...config }), ...(more as { after?: object[] }).after ?? []] },
  manager: { use_remote_address: true, delayed_close_timeout: '0.05s', access_log: [] },
    routes: [{ match: { prefix: '/' }, direct_response: { status: 200 },
    response_headers_to_add: ['DOWNSTREAM_REMOTE_ADDRESS', 'DOWNSTREAM_LOCAL_ADDRESS',
      'DOWNSTREAM_DIRECT_REMOTE_ADDRESS_WITHOUT_PORT'].map((command) => ({ header: { key: command.toLowerCase(),
      value: `%${command}%` } })) }] },
  steps: sends.map((send) => ({ send, ends: true })), logLines: 0,
  varying: ['downstream_remote_address'].filter(() => (more as { vary?: boolean }).vary ?? false),
  stats: ['not_found_allowed', 'not_found_disallowed', 'versions.v1.found', 'versions.v1.error',
    'versions.v1.disallowed',
    'versions.v2.found', 'versions.v2.error', 'versions.v2.disallowed'].map((stat) => `proxy_proto.{id}.${stat}`) });
const ask = get('/', 'connection: close');

const proxied: readonly Scenario[] = [
  told('v1', {}, [`PROXY TCP4 1.2.3.4 5.6.7.8 1000 2000\r\n${ask}`,
    `PROXY TCP6 2001:db8::1 2001:db8::2 1000 2000\r\n${ask}`]),
  told('v1 UNKNOWN', {}, [`PROXY UNKNOWN\r\n${ask}`, `PROXY UNKNOWN 1 2 3 4\r\n${ask}`], { vary: true }),
  ...([['of another family', 'PROXY TCP6 1.2.3.4 5.6.7.8 1000 2000\r\n'],
    ['with a bad address', 'PROXY TCP4 1.2.3 5.6.7.8 1000 2000\r\n'],
    ['with a bad port', 'PROXY TCP4 1.2.3.4 5.6.7.8 1000 70000\r\n'],
    ['with a part too few', 'PROXY TCP4 1.2.3.4 5.6.7.8 1000\r\n'], ['of another protocol',
      'PROXY UDP4 1.2.3.4 5.6.7.8 1 2\r\n'],
    ['that is empty', 'PROXY \r\n'], ['that is too long', `PROXY TCP4 ${' '.repeat(120)}`],
    ['to everybody', 'PROXY TCP4 1.2.3.4 224.0.0.1 1000 2000\r\n'],
    ['from nowhere', 'PROXY TCP4 0.0.0.0 5.6.7.8 1000 2000\r\n'],
  ] as const).map(([name, head]) => told(`v1 ${name}`, {}, [`${head}${ask}`])),
  told('v2', {}, [proxyV2('1.2.3.4', 1000, '5.6.7.8', 2000) + ask,
    proxyV2('2001:db8::1', 1000, '2001:db8::2', 2000) + ask]),
  told('v2 with extensions', {}, [proxyV2('1.2.3.4', 1000, '5.6.7.8', 2000, { extensions: tlv(1, 'h2') + tlv(2, '') })
    + ask, proxyV2('1.2.3.4', 1000, '5.6.7.8', 2000, { extensions: tlv(1, 'x'.repeat(5000)) }) + ask]),
  told('v2 with broken extensions', {}, [proxyV2('1.2.3.4', 1000, '5.6.7.8', 2000, { extensions: '\x01\0' }) + ask,
    proxyV2('1.2.3.4', 1000, '5.6.7.8', 2000, { extensions: '\x01\0\x09ab' }) + ask]),
  told('v2 LOCAL', {}, [proxyV2('', 0, '', 0, { command: 0x20, family: 0 }) + ask,
    proxyV2('1.2.3.4', 1000, '5.6.7.8', 2000, { command: 0x20 }) + ask], { vary: true }),
  told('v2 of another kind', {}, [proxyV2('1.2.3.4', 1000, '5.6.7.8', 2000, { command: 0x31 }) + ask,
    proxyV2('1.2.3.4', 1000, '5.6.7.8', 2000, { command: 0x22 }) + ask,
    proxyV2('1.2.3.4', 1000, '5.6.7.8', 2000, { family: 0x31 }) + ask,
    proxyV2('1.2.3.4', 1000, '5.6.7.8', 2000, { family: 0x21 }) + ask,
    proxyV2('1.2.3.4', 1000, '5.6.7.8', 2000, { family: 0x12 }) + ask,
    proxyV2('1.2.3.4', 1000, '5.6.7.8', 2000, { family: 0x10 }) + ask]),
  told('no header', {}, [ask, 'x\r\n', `${'y'.repeat(200)}\r\n`]),
  told('no header, and none is needed', { allow_requests_without_proxy_protocol: true },
    [ask, `PROXY TCP4 1.2.3.4 5.6.7.8 1000 2000\r\n${ask}`], { vary: true }),
  told('versions that are not allowed', { disallowed_versions: ['V1'] },
    [`PROXY TCP4 1.2.3.4 5.6.7.8 1000 2000\r\n${ask}`, proxyV2('1.2.3.4', 1000, '5.6.7.8', 2000) + ask]),
  told('versions that are not allowed, and none is needed', { disallowed_versions: ['V2'],
    allow_requests_without_proxy_protocol: true },
  [`PROXY TCP4 1.2.3.4 5.6.7.8 1000 2000\r\n${ask}`, proxyV2('1.2.3.4', 1000, '5.6.7.8', 2000) + ask]),
  told('other filters see what follows', {}, [`PROXY TCP4 1.2.3.4 5.6.7.8 1000 2000\r\n${ask}`], { after: [tls,
    http] }),
  matching('a source that a PROXY header told', [chain('a', { source_prefix_ranges: [cidr('1.0.0.0/8')],
    direct_source_prefix_ranges: [cidr('127.0.0.0/8')], prefix_ranges: [cidr('5.0.0.0/8')], destination_port: 2000,
    source_type: 'EXTERNAL' }), chain('b')], [{ send: `PROXY TCP4 1.2.3.4 5.6.7.8 1000 2000\r\n${ask}` }],
  { listener_filters: [filter('proxy_protocol')] }),
  inspecting('original_dst without a redirection', [filter('original_dst')], [chain('a', { destination_port:
    '{port:main}' }), chain('b')], [{ send: get('/') }]),
];

const hidden = (host: string, name: string, more: object = {}, port = '{port:hidden}'): object => ({
  address: { socket_address: { address: host, port_value: port } }, bind_to_port: false, stat_prefix: `{id}-${name}`,
  filter_chains: [chain(name)], ...more });
const moving = (name: string, hiddenOnes: Record<string, object>, destinations: readonly string[],
  listener: object = {}): Scenario => ({
  ...matching(name, [chain('front')], destinations.map((to) => {
    const [host, port] = to.split(' ');
    const from = host.includes(':') ? 'TCP6 2001:db8::1' : 'TCP4 1.2.3.4';
    return { send: `PROXY ${from} ${host} 1000 ${port}\r\n${get('/')}` };
  }),
  { use_original_dst: true, listener_filters: [filter('proxy_protocol')], ...listener }),
  name: `hand-over: ${name}`, rawListeners: hiddenOnes,
  stats: ['listener.{id}.downstream_cx_total', ...['exact',
    'any'].map((one) => `listener.{id}-${one}.downstream_cx_total`)] });
const handed: readonly Scenario[] = [
  moving('to the exact address', { hidden: hidden('9.9.9.9', 'exact') }, ['9.9.9.9 {port:hidden}',
    '9.9.9.8 {port:hidden}', '9.9.9.9 1']),
  moving('to every address', { hidden: hidden('0.0.0.0', 'any') }, ['9.9.9.9 {port:hidden}', '8.8.8.8 {port:hidden}',
    '2001:db8::2 {port:hidden}']),
  moving('to the exact address before every address', { hidden: hidden('0.0.0.0', 'any'),
    other: hidden('9.9.9.9', 'exact') }, ['9.9.9.9 {port:hidden}', '9.9.9.8 {port:hidden}']),
  moving('IPv6', { hidden: hidden('::', 'any'), other: hidden('2001:db8:0:0:0:0:0:9', 'exact') },
    ['2001:db8::9 {port:hidden}', '2001:db8::8 {port:hidden}', '9.9.9.9 {port:hidden}']),
  moving('not where nobody asked for it', { hidden: hidden('9.9.9.9', 'exact') }, ['9.9.9.9 {port:hidden}'],
    { use_original_dst: false }),
  moving('to the listener itself', {}, ['127.0.0.2 {port:main}'], anywhere),
  moving('filters of the other listener look too', { hidden: hidden('9.9.9.9', 'exact', {
    listener_filters: [http], filter_chains: [chain('exact', { application_protocols: ['http/1.1'] }),
      chain('wrong')] }) }, ['9.9.9.9 {port:hidden}']),
  moving('the other listener has no chain for it', { hidden: hidden('9.9.9.9', 'exact', {
    filter_chains: [chain('exact', { source_ports: [1] }), chain('wrong', { destination_port: '{port:hidden}' })] }) },
  ['9.9.9.9 {port:hidden}']),
];

export const scenarios: readonly Scenario[] = [...handed, ...chains, ...tlsFilters, ...httpFilters, ...timeouts,
  ...disabled,
  ...proxied];
