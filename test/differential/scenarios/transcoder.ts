// grpc_json_transcoder: templates, bindings, bodies, statuses. The upstream speaks gRPC over HTTP/1.1 with trailers, so
// that every byte is a scenario's.
import { bookstore, field, frame, grpcAnswer, trailersOnly } from '../bookstore.js';
import { get, post, withRouter, type Scenario, type Step } from '../scenario.js';

const descriptor = Buffer.from(bookstore).toString('base64');
export const transcoder = (config: object = {}): { name: string; type: string; config: object } => ({ name: 't',
  type: 'grpc_json_transcoder.v3.GrpcJsonTranscoder', config: { proto_descriptor_bin: descriptor, services: ['b.Books'],
    ...config } });
const trailers: Record<string, unknown> = { http_protocol_options: { enable_trailers: true } };

export const transcoded = (name: string, steps: readonly Step[], config: object = {}, more: object = {}): Scenario => ({
  name, clusterFields: { up: trailers }, steps, ...more,
  main: { routes: [{ match: { prefix: '/' }, route: { cluster: '{up}' } }],
    manager: withRouter(transcoder(config)) as Record<string, unknown>,
    ...(more as { main?: Scenario['main'] }).main } });

export const book = field(1, 7) + field(2, 'Pnin');
export const ok = grpcAnswer([frame(book)]);
export const json = (path: string, body: unknown, ...headers: string[]): string =>
  post(path, typeof body === 'string' ? body : JSON.stringify(body), 'content-type: application/json', ...headers);

const templates: readonly Scenario[] = [
  transcoded('path variables', [{ send: get('/shelves/a/books/12'), answer: ok },
    { send: get('/shelves/a%2fb/books/12'), answer: ok }, { send: get('/shelves/a/books/x'), answer: ok },
    { send: get('/shelves//books/1'), answer: ok }, { send: get('/shelves/a/books/1/'), answer: ok },
    { send: get('/shelves/all/books/newest'), answer: ok }, { send: get('/shelves/all/books/3'), answer: ok }]),
  transcoded('other methods and paths pass', [{ send: post('/shelves/a/books/12', 'x') }, { send: get('/') },
    { send: get('/shelves/a/books') }, { send: get('/create/5') }, { send: get('/b.Books/Auto') }]),
  transcoded('gRPC passes', [{ send: post('/shelves/a/books', frame('x'), 'content-type: application/grpc'),
    answer: ok }, { send: post('/shelves/a/books', frame('x'), 'content-type: application/grpc+proto'), answer: ok }]),
  transcoded('variables of several segments', [{ send: get('/named/shelves/1/books/2'), answer: ok },
    { send: get('/named/shelves/1%2F2/books/a%20b%23'), answer: ok }, { send: get('/open/a/b/c'), answer: ok },
    { send: get('/open/a/b/end'), answer: ok }, { send: get('/open'), answer: ok }, { send: get('/open/'), answer: ok },
    { send: get('/one/a%2Fb'), answer: ok }, { send: get('/open/a%2Fb%20'), answer: ok },
    { send: 'DELETE /named/shelves/9 HTTP/1.1\r\nhost: a\r\n\r\n', answer: ok }]),
  transcoded('all is unescaped but the slash', [{ send: get('/named/shelves/1%2F%23%20%2523/books/2'), answer: ok },
    { send: get('/open/%2f%23/%20%2523'), answer: ok }], { url_unescape_spec: 'ALL_CHARACTERS_EXCEPT_SLASH' }),
  transcoded('all is unescaped', [{ send: get('/named/shelves/1%2F%23%20%2523/books/2'), answer: ok },
    { send: get('/open/%2f%23/%20%2523%zz%4'), answer: ok }], { url_unescape_spec: 'ALL_CHARACTERS' }),
  transcoded('verbs', [{ send: get('/verb/a:check'), answer: ok }, { send: get('/verb/a:other') },
    { send: get('/one/a:other'), answer: ok }, { send: get('/one/a:check') }, { send: get('/one/a:b:c'), answer: ok }]),
  transcoded('any verb is one', [{ send: get('/verb/a:check'), answer: ok }, { send: get('/one/a:other') }],
    { match_unregistered_custom_verb: true }),
  transcoded('other kinds of methods', [{ send: json('/create/3', { shelf: 's' }).replace('POST', 'PUT'), answer: ok },
    { send: json('/create', { shelf: 's', book: { title: 't' } }).replace('POST', 'REPORT'), answer: ok },
    { send: json('/author/s', { name: 'n' }).replace('POST', 'PATCH'), answer: ok }, { send: get('/create'),
      answer: ok }]),
  transcoded('auto mapping', [{ send: json('/b.Books/Auto', { shelf: 's', book: '5' }), answer: ok },
    { send: get('/b.Books/Auto') }], { auto_mapping: true }),
];

const queries: readonly Scenario[] = [
  transcoded('query parameters', [{ send: get('/shelves/a/books/1?name=n&filter.title=t&filter.author.name=x%20y'),
    answer: ok }, { send: get('/shelves/a/books/1?filter.tags=1&filter.tags=2&filter.kind=NOVEL'), answer: ok },
  { send: get('/shelves/a/books/1?filter.author.bornYear=1899&filter.author.born_year=3'), answer: ok },
  { send: get('/shelves/a/books/1?name=a+b&filter.lent=true&filter.price=1.5e3'), answer: ok },
  { send: get('/shelves/a/books/1?name=&filter.cover=AQID&filter.shelf_name=x'), answer: ok },
  { send: get('/shelves/a/books/1?filter.kind=9&filter.id=-4'), answer: ok }, { send: get('/shelves/a/books/1?shelf=b'),
    answer: ok }, { send: get('/shelves/a/books/1?&=x&name&na%6de=1'), answer: ok }]),
  transcoded('a plus is a space', [{ send: get('/shelves/a+b/books/1?name=a+b%2B'), answer: ok }],
    { query_param_unescape_plus: true }),
  transcoded('query parameters that do not fit', [{ send: get('/shelves/a/books/1?filter.kind=POEM'), answer: ok },
    { send: get('/shelves/a/books/1?filter.lent=maybe'), answer: ok },
    { send: get('/shelves/a/books/1?filter.price=x'), answer: ok }, { send: get('/shelves/a/books/1?filter.author=x'),
      answer: ok }, { send: get('/shelves/a/books/1?filter.shelf_name=x&filter.box=1'), answer: ok },
    { send: get('/shelves/a/books/1?filter.box=2147483648'), answer: ok },
      { send: get('/shelves/a/books/1?filter.cover=*'),
      answer: ok }]),
  transcoded('unknown query parameters pass the request', [{ send: get('/shelves/a/books/1?x=1') },
    { send: get('/shelves/a/books/1?shelf.x=1') }, { send: get('/shelves/a/books/1?filter.x=1') }]),
  transcoded('unknown query parameters are refused', [{ send: get('/shelves/a/books/1?x=1') },
    { send: get('/shelves/a/books/1?shelf.x=1') }, { send: get('/nowhere?x=1') }],
  { request_validation_options: { reject_unknown_query_parameters: true } }),
  transcoded('unknown methods are refused', [{ send: get('/nowhere?x=1') }, { send: post('/shelves/a/books/1', 'x') },
    { send: post('/nowhere', frame('x'), 'content-type: application/grpc') },
    { send: get('/shelves/a/books/1?x=1') }], { request_validation_options: { reject_unknown_method: true } }),
  transcoded('some query parameters are ignored', [{ send: get('/shelves/a/books/1?key=1&name=n'), answer: ok },
    { send: get('/shelves/a/books/1?key.x=1') }], { ignored_query_parameters: ['key', 'name'] }),
  transcoded('unknown query parameters are ignored', [{ send: get('/shelves/a/books/1?key=1&name=n&shelf.x=1'),
    answer: ok }], { ignore_unknown_query_parameters: true }),
];

const bodies: readonly Scenario[] = [
  transcoded('a body for a field', [{ send: json('/shelves/s/books', { id: '5', title: 't' }), answer: ok },
    { send: json('/shelves/s/books', ''), answer: ok }, { send: json('/shelves/s/books', ' '), answer: ok },
    { send: json('/shelves/s/books', 'null'), answer: ok }, { send: json('/shelves/s/books', '5'), answer: ok },
    { send: json('/shelves/s/books?book.title=q', { id: 5 }), answer: ok },
    { send: json('/shelves/s/books?book.title=q', { title: 'p' }), answer: ok }]),
  transcoded('a body for a list or a well-known type', [{ send: json('/list', [1, 2, '3']), answer: ok },
    { send: json('/list?ri=4', [1]), answer: ok },
    { send: json('/time', '"2020-01-02T03:04:05Z"'), answer: ok }, { send: json('/value', [1, { a: null }]),
      answer: ok },
    { send: json('/value', '"x"'), answer: ok }]),
  transcoded('bodies that come in pieces', [{ send: 'POST /shelves/s/books HTTP/1.1\r\nhost: a\r\n'
    + 'transfer-encoding: chunked\r\n\r\n5\r\n{"id"\r\n4\r\n: 77\r\n1\r\n}\r\n0\r\n\r\n', answer: ok },
  { send: 'POST /shelves/s/books HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n', answer: ok },
  { send: json('/shelves/s/books', { title: 'x'.repeat(30_000) }), answer: ok }]),
  { ...transcoded('a body that is too long', [{ send: json('/shelves/s/books', { title: 'x'.repeat(200) }),
    answer: ok },
    { send: json('/shelves/s/books', { title: 'x' }), answer: ok }], { max_request_body_size: 100 }),
  differs: [{ line: /^log/, heading: 'Bodies that are too long' }] },
  transcoded('a response that is too long', [{ send: get('/shelves/a/books/1'),
    answer: grpcAnswer([frame(field(2, 'x'.repeat(200)))]) }, { send: get('/shelves/a/books/1'), answer: ok }],
  { max_response_body_size: 100 }),
  { ...transcoded('a body that ends with a number', [{ send: json('/list', 5), answer: ok }]),
    differs: [{ line: /^(up got POST|response|log)/, heading: 'Transcoding' }] },
  transcoded('collisions', [{ send: json('/echo/q/5', { every: { s: 'q' }, i32: 5 }), answer: ok },
    { send: json('/echo/q/5', { every: { s: 'r' } }), answer: ok }, { send: json('/echo/q/5', { i32: 6 }), answer: ok },
    { send: json('/echo/q/x', { i32: 6 }), answer: ok }, { send: json('/echo/q/5', { i32: '5' }), answer: ok }],
  { request_validation_options: { reject_binding_body_field_collisions: true } }),
  transcoded('collisions where they are allowed', [{ send: json('/echo/q/5', { every: { s: 'r', i64: 1 } }),
    answer: ok },
    { send: json('/echo/q/5', { i32: 6, every: {} }), answer: ok }, { send: json('/echo/q/5', { every: null }),
      answer: ok }]),
  transcoded('enumerations in any case', [{ send: json('/echo', { e: 'novel' }), answer: ok },
    { send: json('/echo', { e: 'kind-unspecified' }), answer: ok }, { send: json('/echo?e=Essay', {}), answer: ok }],
  { case_insensitive_enum_parsing: true }),
];

const failed = (status: number, ...more: string[]): string => grpcAnswer([], [`grpc-status: ${status}`, ...more]);
const statuses: readonly Scenario[] = [
  transcoded('statuses', [...Array(18).keys(), 99].map((code) => ({ send: get('/shelves/a/books/1'),
    answer: failed(code, 'grpc-message: it%20failed') }))),
  transcoded('a status behind a message', [{ send: get('/shelves/a/books/1'), answer: grpcAnswer([frame(book)],
    ['grpc-status: 5', 'grpc-message: gone']) }, { send: get('/shelves/a/books/1'), answer: grpcAnswer([frame(book)],
      ['grpc-status: x']) },
  { send: get('/shelves/a/books/1'), answer: grpcAnswer([frame(book)], ['grpc-status: 0'],
    ['trailer: grpc-status', 'x-own: 1']) }]),
  transcoded('responses that are all head', [{ send: get('/shelves/a/books/1'), answer: trailersOnly('grpc-status: 5',
    'grpc-message: gone') }, { send: get('/shelves/a/books/1'), answer: trailersOnly('grpc-status: 0') },
  { send: get('/shelves/a/books/1'), answer: trailersOnly() }]),
  { ...transcoded('streams that are all head', [{ send: get('/list/a'), answer: trailersOnly('grpc-status: 7') },
    { send: get('/list/a'), answer: trailersOnly('grpc-status: 0') }]),
  differs: [{ line: /^(response|log|connection)/, heading: 'Transcoding' }] },
  { ...transcoded('a response without trailers', [{ send: get('/shelves/a/books/1'), answer: grpcAnswer([frame(book)],
    []) }]),
    differs: [{ line: /^response/, heading: 'Transcoding' }] },
  transcoded('responses that are not gRPC', [{ send: get('/shelves/a/books/1') }, { send: get('/shelves/a/books/1'),
    answer: 'HTTP/1.1 503 no\r\ncontent-type: application/grpc\r\ncontent-length: 2\r\n\r\nno' },
  { send: get('/shelves/a/books/1'), answer: 'HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n'
      + 'content-length: 2\r\n\r\n{}' }]),
  transcoded('statuses become JSON', [{ send: get('/shelves/a/books/1'), answer: trailersOnly('grpc-status: 5',
    'grpc-message: it%20is gone%') }, { send: get('/shelves/a/books/1'), answer: failed(3, 'grpc-message: bad') },
  { send: get('/shelves/a/books/1'), answer: trailersOnly('grpc-status: 0') },
  { send: get('/shelves/a/books/1'), answer: failed(5,
    `grpc-status-details-bin: ${Buffer.from(field(1, 9) + field(2, 'm') + field(3, field(1,
      'type.googleapis.com/b.Author') + field(2, field(1, 'n'))), 'latin1').toString('base64')}`) },
  { send: get('/shelves/a/books/1'), answer: failed(5,
    `grpc-status-details-bin: ${Buffer.from(field(1, 9) + field(3, field(1, 'type.googleapis.com/b.None')), 'latin1')
      .toString('base64')}`) },
  { send: get('/shelves/a/books/1'), answer: grpcAnswer([frame(book)], ['grpc-status: 5']) },
  { send: get('/list/a'), answer: trailersOnly('grpc-status: 7', 'grpc-message: no') },
  { send: get('/list/a'), answer: failed(7) }], { convert_grpc_status: true }),
  transcoded('responses that break gRPC', [{ send: get('/shelves/a/books/1'), answer: grpcAnswer(['\0\0\0']) },
    { send: get('/shelves/a/books/1'), answer: grpcAnswer(['\0\0\0\0\x09abc']) },
    { send: get('/shelves/a/books/1'), answer: grpcAnswer([frame(book, 1)]) },
    { send: get('/shelves/a/books/1'), answer: grpcAnswer([frame('\x08')]) },
    { send: get('/shelves/a/books/1'), answer: grpcAnswer([frame(field(2, '\xff'))]) },
    { send: get('/shelves/a/books/1'), answer: grpcAnswer([frame(field(2, 'a') + field(2, 'b'))]) },
    { send: get('/shelves/a/books/1'), answer: grpcAnswer([frame(book) + frame(book)]) },
    { send: get('/shelves/a/books/1'), answer: grpcAnswer([frame(book).slice(0, 4), frame(book).slice(4)]) }]),
];

const mutation = (value: string): object => ({ request_mutations: [{ append: { header: { key: 'x-seen', value } } }],
  response_mutations: [{ append: { header: { key: 'x-sent', value } } }] });
const adds = (name: string, value: string): { name: string; type: string; config: object } => ({ name,
  type: 'header_mutation.v3.HeaderMutation', config: { mutations: mutation(value) } });
const own = (value: string): object => ({ mutations: mutation(value),
  '@type': 'type.googleapis.com/envoy.extensions.filters.http.header_mutation.v3.HeaderMutationPerRoute' });
const counts = ['upstream_rq_total', 'upstream_rq_2xx', 'upstream_rq_4xx', 'upstream_rq_5xx', 'upstream_rq_completed']
  .map((name) => `cluster.{up}.${name}`);
const routes: readonly Scenario[] = [
  transcoded('the route is found again', [{ send: get('/shelves/a/books/1'), answer: { other: ok } },
    { send: json('/echo', {}) }, { send: get('/') }], {}, { upstreams: ['up', 'other'], clusterFields: { up: trailers,
    other: trailers }, main: { routes: [{ match: { path: '/b.Books/Get' }, route: { cluster: '{other}' } },
    { match: { prefix: '/echo' }, route: { cluster: '{up}' } }, { match: { path: '/' },
      route: { cluster: '{up}' } }] } }),
  transcoded('the route stays', [{ send: get('/shelves/a/books/1'), answer: ok }, { send: json('/echo', {}) }],
    { match_incoming_request_route: true }, { main: { routes: [{ match: { prefix: '/shelves' },
      route: { cluster: '{up}' } }] } }),
  transcoded('routes that have it otherwise', [{ send: get('/shelves/a/books/1'), answer: ok },
    { send: get('/create'), answer: ok }, { send: get('/open/x'), answer: ok }], {}, { main: { routes: [
    { match: { prefix: '/shelves' }, route: { cluster: '{up}' }, typed_per_filter_config: { t: {
      '@type': 'type.googleapis.com/envoy.extensions.filters.http.grpc_json_transcoder.v3.GrpcJsonTranscoder',
      proto_descriptor_bin: descriptor, services: [] } } },
    { match: { prefix: '/create' }, route: { cluster: '{up}' }, typed_per_filter_config: { t: {
      '@type': 'type.googleapis.com/envoy.extensions.filters.http.grpc_json_transcoder.v3.GrpcJsonTranscoder',
      proto_descriptor_bin: descriptor, services: ['b.Books'], print_options: { preserve_proto_field_names: true,
        always_print_primitive_fields: true }, match_incoming_request_route: true } } },
    { match: { prefix: '/' }, route: { cluster: '{up}' } }] } }),
  transcoded('filters behind do what the new route says', [{ send: get('/shelves/a/books/1'), answer: ok },
    { send: json('/shelves/a/books', {}), answer: ok }, { send: get('/named/shelves/1'), answer: ok }], {}, { main: {
    manager: withRouter(adds('m', 'before'), transcoder(), adds('n', 'behind')), routes: [
      { match: { prefix: '/shelves' }, route: { cluster: '{up}' }, typed_per_filter_config: { m: own('first'),
        n: own('first') } },
      { match: { path: '/b.Books/Get' }, route: { cluster: '{up}' }, typed_per_filter_config: { m: own('second'),
        n: own('second') } },
      { match: { prefix: '/' }, route: { cluster: '{up}' } }] } }),
  transcoded('answers of the proxy to calls', [{ send: get('/shelves/a/books/1'), answer: { reset: true } },
    { send: json('/add', []) }, { send: json('/echo', {}) }, { send: get('/inner') },
    { send: get('/named/shelves/1/books/2'), answer: { hang: true } }], {}, { clusters: [{ name: 'none' }],
      main: { routes: [
    { match: { path: '/b.Books/Add' }, route: { cluster: '{none}' } },
    { match: { path: '/b.Books/Echo' }, direct_response: { status: 418, body: { inline_string: 'tea' } } },
    { match: { path: '/b.Books/Inner' }, redirect: { path_redirect: '/elsewhere' } },
    { match: { path: '/b.Books/Named' }, route: { cluster: '{up}', timeout: '0.2s' } },
    { match: { prefix: '/' }, route: { cluster: '{up}' } }] } }),
  transcoded('what is counted', [{ send: get('/shelves/a/books/1'), answer: ok }, { send: get('/shelves/a/books/1'),
    answer: trailersOnly('grpc-status: 5') }, { send: get('/shelves/a/books/1'), answer: failed(13) },
  { send: get('/shelves/a/books/1'), answer: grpcAnswer(['\0\0\0']) }], {}, { stats: counts }),
];

export const scenarios: readonly Scenario[] = [...templates, ...queries, ...bodies, ...statuses, ...routes];
