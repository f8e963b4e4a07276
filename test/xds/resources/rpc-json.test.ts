// weft.extensions.filters.http.rpc_json_transcoder.v1.RpcJsonTranscoder: calls that routes state, and those that nobody
// could make.
import t from 'tap';
import type { RpcJsonTranscoderFilter } from '../../../src/config/http-filters.js';
import type { ListenerConfig } from '../../../src/config/types.js';
import { bootstrap, configOf, connectionManager, errorsOf, listener, router, typeUrl,
  virtualHost } from '../examples.js';
import type { Tree } from '../examples.js';

const TYPE = typeUrl('weft.extensions.filters.http.rpc_json_transcoder.v1.RpcJsonTranscoder');
const tree = (filter: Tree): Tree => bootstrap([listener({}, connectionManager({
  http_filters: [{ name: 'j', typed_config: { '@type': TYPE, ...filter } }, router()] }))]);
const errors = (filter: Tree): string[] => errorsOf(tree(filter))
  .map((line) => line.replace(/^.*http_filters\[0\]\.typed_config/, 'P').replace('P.call', 'C'));
const base = { protocol: 'DUBBO', service: 'a.B', method: 'm' };
const call = (more: Tree): string[] => errors({ call: { ...base, ...more } });
const read = (filter: Tree): RpcJsonTranscoderFilter => {
  const config = configOf<ListenerConfig>(tree(filter), 'listener');
  return config.filterChains[0]!.hcm!.httpFilters[0]!.config as RpcJsonTranscoderFilter;
};

t.test('a filter without a call, and one with all that can be said', async (t) => {
  t.same(read({}), { kind: 'rpcJsonTranscoder', call: null, request: null, maxRequestBytes: 1 << 20,
    maxResponseBytes: 1 << 20 });
  t.same(read({ max_request_bytes: 7, max_response_bytes: 8 << 20, call: { ...base, version: '1.0', group: 'g',
    application: 'app', generic: true, timeout: '2s', path_template: '/a/{id}', attachments: { k: 'v' },
    forwarded_headers: ['traceparent'], arguments: [{ type: 'int', path: 'id' }, { type: 'boolean', query: 'q' },
      { type: 'java.util.List<java.lang.Long>', member: 'list' }] } }), { kind: 'rpcJsonTranscoder', maxRequestBytes: 7,
    maxResponseBytes: 8 << 20, request: null, call: { protocol: 'dubbo', service: 'a.B', method: 'm', version: '1.0',
      group: 'g',
      application: 'app', generic: true, timeoutMs: 2000, pathTemplate: '/a/{id}',
      attachments: [{ name: 'k', value: 'v' }], forwardedHeaders: ['traceparent'], arguments: [
        { type: 'int', source: 'path', name: 'id', place: 'argument "id"' },
        { type: 'boolean', source: 'query', name: 'q', place: 'argument "q"' },
        { type: 'java.util.List<java.lang.Long>', source: 'member', name: 'list', place: 'argument "list"' }] } });
  t.match(read({ call: { ...base, protocol: 'BOLT', arguments: [{ type: 'int' }, { type: 'long' }] } }).call,
    { protocol: 'bolt', arguments: [{ source: 'item', place: 'argument 1' }, { source: 'item',
      place: 'argument 2' }] });
});

t.test('what is refused', async (t) => {
  t.same(call({ protocol: 'AUTO' }), ['C.protocol: BOLT or DUBBO is required']);
  t.same(call({ protocol: 'EXAMPLE' }), ['C.protocol: BOLT or DUBBO is required']);
  t.same(call({ protocol: 'BOLT', generic: true }), ['C.generic: only with protocol DUBBO']);
  for (const field of ['service', 'method']) t.match(call({ [field]: 'a b' }), [new RegExp(`^C\\.${field}: `)]);
  t.match(call({ version: '1\r\n2' }), [/^C\.version: /]);
  t.match(call({ arguments: [{ type: 'float' }] }),
    [/^C\.arguments\[0\]\.type: not a type that is carried: float; known: b/]);
  t.same(call({ arguments: [{ type: 'java.util.Map', query: 'a' }] }),
    ['C.arguments[0].type: a query has no java.util.Map']);
  t.same(call({ arguments: [{ type: 'int' }, { type: 'int', member: 'a' }] }),
    ['C.arguments[1]: the body is a list, an object or one argument, the same for all that come from it']);
  t.same(call({ arguments: [{ type: 'int', body: true }, { type: 'int', body: true }] }),
    ['C.arguments[1]: the body is one argument']);
  t.same(call({ arguments: [{ type: 'int', query: 'a' }, { type: 'int', query: 'a' }] }),
    ['C.arguments[1]: taken by another argument: a']);
  t.same(call({ arguments: [{ type: 'int', path: 'a' }] }), ['C.arguments[0].path: no variable of path_template: a']);
  t.same(call({ path_template: '/{a}' }), ['C.path_template: no argument takes the variable a']);
  t.same(call({ path_template: 'a' }), ['C.path_template: is no path template']);
  t.same(call({ attachments: { group: 'g' } }), ['C.attachments["group"]: is said by a field of the call']);
  t.same(call({ forwarded_headers: ['ok', 'weft-frame', 'X-A', 'content-length'] }), [1, 2, 3].map((i) =>
    `C.forwarded_headers[${i}]: no name that can be forwarded: ${['', 'weft-frame', 'X-A', 'content-length'][i]}`));
  t.same(call({ attachments: { k: 'v' }, forwarded_headers: ['group', 'service', 'k'] }), [
    'C.forwarded_headers[0]: is said by the call: group', 'C.forwarded_headers[2]: is said by the call: k']);
  t.same(call({ protocol: 'BOLT', forwarded_headers: ['group', 'service'] }),
    ['C.forwarded_headers[1]: is said by the call: service']);
  t.same(errors({ max_request_bytes: (8 << 20) + 1 }),
    ["P.max_request_bytes: 8388609 is beyond this build's limit of 8388608"]);
});

t.test('requests that calls become', async (t) => {
  const request = (more: Tree): string[] => errors({ request: { path_template: '/a', ...more } })
    .map((line) => line.replace('P.request', 'R'));
  t.same(read({ request: { path_template: '/a/{id}', method: 'PUT', host: 'h', result: 'int',
    forwarded_attachments: ['k'],
    arguments: [{ type: 'int', path: 'id' }, { type: 'java.util.Map', body: true }] } }).request, { method: 'PUT',
    path: '/a/{id}', host: 'h', result: 'int', forwardedAttachments: ['k'], arguments: [
      { type: 'int', source: 'path', name: 'id', place: 'argument "id"' },
      { type: 'java.util.Map', source: 'body', name: '', place: 'argument 2' }] });
  t.match(read({ request: { path_template: '/a' } }).request, { method: 'POST', host: '', result: '', arguments: [] });
  t.same(request({ method: 'HEAD' }), ['R.method: one of GET, POST, PUT, PATCH, DELETE is required']);
  t.same(request({ method: 'GET', arguments: [{ type: 'int' }] }),
    ['R.method: GET has no body: arguments come by path or query']);
  for (const path of ['a', '/a?b', '/a b', '/\u00e9', '/a#']) t.match(request({ path_template: path }),
    [/^R\.path_template: /]);
  for (const path of ['/{a', '/{a}/{a}', '/{a=*}']) {
    t.same(request({ path_template: path, arguments: path === '/{a}/{a}' ? [{ type: 'int', path: 'a' }] : [] }),
      ['R.path_template: is no path with {name} for arguments, each once']);
  }
  t.same(request({ path_template: '/{a}' }), ['R.path_template: no argument takes the variable a']);
  t.match(request({ result: 'void' }), [/^R\.result: not a type that is carried: void/]);
  t.match(errors({ call: base, request: { path_template: '/a' } }), [/becomes|call/]);
});

t.test('on listeners of one RPC protocol there are no requests that could become calls', async (t) => {
  const proxy = (filter: Tree): string[] => errorsOf(bootstrap([listener({}, {
    '@type': typeUrl('weft.extensions.filters.network.rpc_proxy.v1.RpcProxy'), stat_prefix: 'r', protocol: 'BOLT',
    route_config: { name: 'r', virtual_hosts: [virtualHost()] },
    http_filters: [{ name: 'j', typed_config: { '@type': TYPE, ...filter } }, router()] })]));
  t.same(proxy({ request: { path_template: '/a' } }), []);
  t.same(proxy({}), []);
  t.match(proxy({ call: base }), [/http_filters\[0\]\.typed_config: only with protocol AUTO: /]);
});
