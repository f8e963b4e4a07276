// proto3 JSON, rule by rule: what is read, and what is refused and why.
import t from 'tap';
import { JsonReader } from '../../../src/xds/wire/json-reader.js';
import { writeMessage } from '../../../src/xds/wire/json-writer.js';
import { Report } from '../../../src/xds/wire/message.js';
import type { Json } from '../../../src/xds/wire/message.js';

const core = 'envoy.config.core.v3';
const read = (type: string, tree: Json, yaml = false, allowUnknown = false) => {
  const report = new Report(allowUnknown, 100);
  const message = new JsonReader(report, yaml).read(type, tree, '');
  return { message, errors: report.errors.map(({ path, reason }) => `${path}: ${reason}`), warnings: report.warnings };
};

t.test('field names are snake_case or camelCase', async (t) => {
  for (const name of ['ipv4_compat', 'ipv4Compat']) {
    t.same(read(`${core}.SocketAddress`, { [name]: true }),
      { message: { ipv4Compat: true }, errors: [], warnings: [] });
  }
  t.same(read(`${core}.Http1ProtocolOptions`, { accept_http_10: true }).message, { acceptHttp10: true });
  t.same(read(`${core}.SocketAddress`, { ipv4_compat: true, ipv4Compat: true }).errors,
    ['ipv4_compat: set twice, also as ipv4Compat']);
});

t.test('unknown fields are refused, or let pass with a warning', async (t) => {
  t.same(read(`${core}.Pipe`, { paht: 'x' }).errors, [`paht: unknown field of ${core}.Pipe`]);
  const allowed = read(`${core}.Pipe`, { paht: 'x', path: '/y' }, false, true);
  t.same(allowed.errors, []);
  t.same(allowed.warnings, [{ path: 'paht', reason: `unknown field of ${core}.Pipe, ignored` }]);
  t.same(allowed.message, { path: '/y' });
});

t.test('null is absence, except in lists', async (t) => {
  t.same(read(`${core}.Pipe`, { path: null }), { message: {}, errors: [], warnings: [] });
  t.match(read('envoy.config.route.v3.VirtualHost', { domains: [null] }).errors,
    ['domains[0]: null is not allowed in a list']);
});

const integers: [Json, number | RegExp][] = [[511, 511], ['511', 511], [5.0, 5], ['5e2', 500],
  [1.5, /expected an integer/],
  [-1, /out of range for uint32/], [4294967296, /out of range for uint32/], ['x', /expected an integer/],
    [true, /expected an integer/],
  ['', /expected an integer/], [[], /expected an integer, got a list/], [{}, /expected an integer, got an object/]];
t.test('32-bit integers', async (t) => {
  for (const [value, expected] of integers) {
    const { message, errors } = read(`${core}.Pipe`, { mode: value });
    if (typeof expected === 'number') t.same({ message, errors }, { message: { mode: expected }, errors: [] },
      String(value));
    else t.match(errors, [expected], String(value));
  }
});

t.test('64-bit integers are numbers or strings, and exact', async (t) => {
  const range = 'envoy.type.v3.Int64Range';
  t.same(read(range, { start: '-5', end: 9007199254740991 }).message, { start: -5, end: 9007199254740991 });
  t.same(read(range, { end: '9223372036854775807' }).message, { end: '9223372036854775807' });
  t.match(read(range, { end: '9223372036854775808' }).errors, [/out of range for int64/]);
  t.match(read(range, { end: 9007199254740993 }).errors, [/beyond exact range, write it as a string/]);
});

t.test('booleans, and the further spellings of YAML files', async (t) => {
  t.same(read(`${core}.SocketAddress`, { ipv4_compat: false }).message, {});
  t.match(read(`${core}.SocketAddress`, { ipv4_compat: 'true' }).errors, [/expected true or false, got "true"/]);
  t.same(read(`${core}.SocketAddress`, { ipv4_compat: 'yes' }, true).message, { ipv4Compat: true });
});

t.test('strings are not made of numbers', async (t) => {
  t.match(read(`${core}.Pipe`, { path: 5 }).errors, [/expected a string, got 5/]);
  t.match(read(`${core}.Pipe`, { path: '\ud800' }).errors, [/half a surrogate pair/]);
});

t.test('enums by name and number', async (t) => {
  const type = 'envoy.config.cluster.v3.Cluster';
  t.same(read(type, { lb_policy: 'RANDOM' }).message, { lbPolicy: 3 });
  t.same(read(type, { lb_policy: 3 }).message, { lbPolicy: 3 });
  t.same(read(type, { lb_policy: 'ROUND_ROBIN' }).message, {}, 'a default is absent');
  t.same(read(type, { type: 'STATIC' }).message, { type: 0 }, 'but kept in a oneof');
  t.match(read(type, { lb_policy: 'random' }).errors, [/unknown value "random", expected one of ROUND_ROBIN, /]);
});

const durations: [Json, object | RegExp][] = [['1.5s', { seconds: 1, nanos: 500000000 }], ['0s', {}],
  ['-0.000000001s', { nanos: -1 }],
  ['315576000000s', { seconds: 315576000000 }], ['315576000001s', /longer than ten thousand years/],
    ['1.0000000001s', /expected a duration/],
  ['1', /expected a duration/], [1, /expected a duration such as "1.5s", got 1/], ['1m', /expected a duration/],
    ['s', /expected a duration/]];
t.test('durations', async (t) => {
  for (const [value, expected] of durations) {
    const { message, errors } = read(`${core}.HttpProtocolOptions`, { idle_timeout: value });
    if (expected instanceof RegExp) t.match(errors, [expected], String(value));
    else t.same({ message, errors }, { message: { idleTimeout: expected }, errors: [] }, String(value));
  }
});

t.test('wrappers hold bare values and keep their presence', async (t) => {
  t.same(read(`${core}.HttpProtocolOptions`, { max_headers_count: 0 }).message, { maxHeadersCount: {} });
  t.same(read(`${core}.HttpProtocolOptions`, { max_headers_count: '7' }).message, { maxHeadersCount: { value: 7 } });
  t.match(read(`${core}.HttpProtocolOptions`, { max_headers_count: { value: 7 } }).errors,
    [/expected an integer, got an object/]);
});

t.test('bytes are base64 of either alphabet, padded or not', async (t) => {
  for (const text of ['+/8=', '-_8', '+/8']) {
    t.same(read(`${core}.HeaderValue`, { raw_value: text }).message, { rawValue: new Uint8Array([0xfb, 0xff]) });
  }
  t.match(read(`${core}.HeaderValue`, { raw_value: 'a' }).errors, [/not valid base64/]);
});

t.test('oneofs admit one member, default values included', async (t) => {
  t.same(read('envoy.config.route.v3.RouteMatch', { prefix: '' }).message, { prefix: '' });
  t.match(read('envoy.config.route.v3.RouteMatch', { prefix: '', path: '/' }).errors,
    ['path: only one of the oneof path_specifier may be set, and prefix is']);
  t.same(read('envoy.config.route.v3.RouteMatch', { prefix: '/', path: null }).errors, [], 'null does not count');
});

t.test('maps', async (t) => {
  const type = `${core}.Metadata`;
  t.same(read(type, { filter_metadata: { a: { b: [1, null, 'x'] } } }).message,
    { filterMetadata: { a: { b: [1, null, 'x'] } } });
  t.match(read(type, { filter_metadata: { a: 1 } }).errors, ['filter_metadata["a"]: expected an object, got 1']);
  t.match(read(type, { filter_metadata: [] }).errors, ['filter_metadata: expected an object, got a list']);
  const hidden = JSON.parse('{"filter_metadata": {"__proto__": {"a": 1}}}') as Json;
  t.equal(writeMessage(type, read(type, hidden).message), '{"filter_metadata":{"__proto__":{"a":1}}}');
});

t.test('Any by @type', async (t) => {
  const type = `${core}.TypedExtensionConfig`;
  const router = 'envoy.extensions.filters.http.router.v3.Router';
  t.same(read(type, { typed_config: { '@type': `type.googleapis.com/${router}`, suppress_envoy_headers: true } })
    .message,
    { typedConfig: { typeUrl: `type.googleapis.com/${router}`, type: router, value: { suppressEnvoyHeaders: true } } });
  t.match(read(type, { typed_config: {} }).errors, ['typed_config: empty, "@type" is missing']);
  t.match(read(type, { typed_config: { '@type': router } }).errors, [/"@type" must be a URL/]);
  t.match(read(type, { typed_config: { '@type': `type.googleapis.com/${router}`, nope: 1 } }).errors,
    [/^typed_config.nope: unknown field/]);
  t.same(read(type, { typed_config: { '@type': 'x/a.B', nope: 1 } }).message,
    { typedConfig: { typeUrl: 'x/a.B', type: 'a.B', json: { '@type': 'x/a.B', nope: 1 } } },
      'unknown types stay as they are');
});

t.test('TypedStruct, in both packages, is the message it names', async (t) => {
  for (const struct of ['udpa.type.v1.TypedStruct', 'xds.type.v3.TypedStruct']) {
    const tree = { typed_config: { '@type': `type.googleapis.com/${struct}`,
      type_url: 'type.googleapis.com/envoy.extensions.filters.http.router.v3.Router',
        value: { suppress_envoy_headers: true, nope: 1 } } };
    const { message, errors } = read(`${core}.TypedExtensionConfig`, tree);
    t.match(message, { typedConfig: { type: 'envoy.extensions.filters.http.router.v3.Router',
      value: { suppressEnvoyHeaders: true } } });
    t.match(errors, [/^typed_config.value.nope: unknown field/]);
  }
});

t.test('depth is limited', async (t) => {
  let tree: Json = {};
  for (let i = 0; i < 200; i++) {
    tree = { typed_config: { '@type': 'type.googleapis.com/xds.type.v3.TypedStruct', value: tree } };
  }
  t.ok(read(`${core}.TypedExtensionConfig`, tree).errors.length > 0);
});

t.test('the writer gives back what the reader took, with the protos\' names and in their order', async (t) => {
  const tree: Json = { initialFetchTimeout: '1.500s', resource_api_version: 'V3', path_config_source: { path: '/a' } };
  t.equal(writeMessage(`${core}.ConfigSource`, read(`${core}.ConfigSource`, tree).message),
    '{"path_config_source":{"path":"/a"},"initial_fetch_timeout":"1.500s","resource_api_version":"V3"}');
});
