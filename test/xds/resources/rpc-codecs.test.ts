// Codecs that the bootstrap brings: what is read of them, what is refused, and who may name them.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { prepareCodec } from '../../../src/xds/rpc-codec/prepare.js';
import { limits } from '../../../src/core/limits.js';
import type { ClusterConfig, ListenerConfig } from '../../../src/config/types.js';
import { small } from '../../support/rpc-codec.js';
import { bootstrap, cluster, compile, configOf, errorsOf, listener, router, temporaryDirectory, typeUrl, virtualHost }
  from '../examples.js';
import type { Tree } from '../examples.js';

const directory = temporaryDirectory();
const file = (name: string, bytes: Uint8Array): string => {
  writeFileSync(join(directory, name), bytes);
  return join(directory, name);
};
const module = file('codec.wasm', small());
const extension = (...codecs: Tree[]): Tree => ({ name: 'codecs', typed_config: {
  '@type': typeUrl('weft.extensions.bootstrap.rpc_codecs.v1.RpcCodecs'), codecs } });
const tree = (codecs: Tree[], listeners: Tree[] = [], clusters: Tree[] = []): Tree =>
  bootstrap(listeners, clusters, { bootstrap_extensions: [extension(...codecs)] });
const PATH = 'bootstrap_extensions[0].typed_config';
const errors = (...codecs: Tree[]): string[] =>
  errorsOf(tree(codecs)).map((line) => line.replace(PATH, 'P').replaceAll(directory, 'D'));
const mine = { name: 'mine', filename: module };

t.test('what is read', async (t) => {
  const codecsOf = (bootstrap: Tree) => {
    const result = compile(bootstrap);
    return result.ok ? result.bootstrap.rpcCodecs : result.errors;
  };
  t.same(codecsOf(bootstrap()), []);
  const bounded = (memoryBytes: number, callMs: number): string => {
    const prepared = prepareCodec(module, memoryBytes, callMs);
    return 'bytes' in prepared ? Buffer.from(prepared.bytes).toString('base64') : prepared.reason;
  };
  t.same(codecsOf(tree([mine, { name: 'h.s-f_2', filename: module, max_memory_bytes: 5 * 65536,
    max_call_time: '0.0015s' }])), [
    { name: 'mine', module: bounded(16 << 20, 10) }, { name: 'h.s-f_2', module: bounded(5 * 65536, 2) }]);
});

t.test('what is refused', async (t) => {
  t.same(errors(), ['P.codecs: at least 1 required']);
  t.same(errors(mine, mine), ["P.codecs[1].name: duplicate codec 'mine'"]);
  for (const name of ['auto', 'downstream', 'bolt', 'dubbo', 'example'])
    t.same(errors({ ...mine, name }), [`P.codecs[0].name: '${name}' is a name of Weft's own`]);
  t.same(errors({ ...mine, name: 'Mine' }), ['P.codecs[0].name: must match ^[a-z][a-z0-9_.-]*$']);
  t.same(errors({ ...mine, name: 'm'.repeat(65) }), ['P.codecs[0].name: longer than 64 characters']);
  t.same(errors({}), ['P.codecs[0].name: required', 'P.codecs[0].filename: required']);
  t.match(errors({ ...mine, filename: join(directory, 'none') }), [/^P.codecs\[0\].filename: cannot be read: ENOENT/]);
  t.match(errors({ ...mine, filename: directory }), [/^P.codecs\[0\].filename: cannot be read: EISDIR/]);
  t.match(errors({ ...mine, filename: file('text.wasm', Buffer.from('text')) }),
    [/^P.codecs\[0\].filename: D\/text.wasm is no WebAssembly module: .*magic/]);
  t.match(errors({ ...mine, filename: file('none.wasm', small({ decode: null })) }),
    ['P.codecs[0].filename: D/none.wasm does not export decode']);
  t.match(errors({ ...mine, filename: file('clock.wasm', small({}, '(import "env" "now" (func (result i32)))')) }),
    ['P.codecs[0].filename: D/clock.wasm imports function env.now: a codec may import env.abort alone']);
  t.match(errors({ ...mine, max_memory_bytes: 65536 * 3 }), ['P.codecs[0].filename: D/codec.wasm begins with 4 pages '
    + 'of memory, and max_memory_bytes allows 3']);
  t.match(errors({ ...mine, filename: file('large.wasm', Buffer.alloc(limits.rpcCodecBytesMax + 1)) }),
    [/^P.codecs\[0\].filename: D\/large.wasm is larger than 16777216 bytes$/]);
  t.same(errors({ ...mine, max_memory_bytes: 65537, max_call_time: '1.001s' }), [
    'P.codecs[0].max_call_time: must be at most 1s', 'P.codecs[0].max_memory_bytes: must be a multiple of 65536']);
  t.same(errors({ ...mine, max_memory_bytes: 65535 }).slice(0, 1), [
    'P.codecs[0].max_memory_bytes: must be at least 65536']);
  t.same(errors({ ...mine, max_memory_bytes: 268500992, max_call_time: '0s' }), [
    'P.codecs[0].max_call_time: must be at least 0.001s',
    "P.codecs[0].max_memory_bytes: 268500992 is beyond this build's limit of 268435456"]);
  t.same(errors(...Array.from({ length: 17 }, (_, index) => ({ ...mine, name: `c${index}` }))), [
    'P.codecs: more than 16']);
});

t.test('other extensions of the bootstrap', async (t) => {
  const extensions = (...bootstrap_extensions: Tree[]) => errorsOf(bootstrap([], [], { bootstrap_extensions }));
  t.match(extensions({ name: 'x', typed_config: { '@type': typeUrl('envoy.extensions.bootstrap.x.v3.X') } }), [
    /^bootstrap_extensions\[0\].typed_config: not implemented: envoy.extensions.bootstrap.x.v3.X$/]);
  t.same(extensions({ name: 'x' }), ['bootstrap_extensions[0].typed_config: required']);
  t.same(extensions(extension(mine), extension({ ...mine, name: 'another' })), [
    'bootstrap_extensions[1].typed_config: a second weft.extensions.bootstrap.rpc_codecs.v1.RpcCodecs']);
});

t.test('who names them', async (t) => {
  const proxy = (custom_protocol: string): Tree => listener({}, { custom_protocol, stat_prefix: 'rpc',
    '@type': typeUrl('weft.extensions.filters.network.rpc_proxy.v1.RpcProxy'), http_filters: [router()],
    route_config: { name: 'local', virtual_hosts: [virtualHost()] } });
  const NAME = 'weft.extensions.upstreams.rpc.v1.RpcProtocolOptions';
  const backend = (custom_protocol: string): Tree => cluster({ typed_extension_protocol_options: { [NAME]: {
    '@type': typeUrl(NAME), custom_protocol } } });
  const good = tree([mine], [proxy('mine')], [backend('mine')]);
  t.equal(configOf<ListenerConfig>(good, 'listener').filterChains[0].hcm!.rpc!.protocol, 'mine');
  t.equal(configOf<ClusterConfig>(good, 'cluster').rpc!.protocol, 'mine');
  t.same(errorsOf(tree([mine], [proxy('yours')], [backend('theirs')])), [
    `static_resources.clusters[0].typed_extension_protocol_options["${NAME}"].custom_protocol: unknown codec 'theirs'`,
    "static_resources.listeners[0].filter_chains[0].filters[0].typed_config.custom_protocol: unknown codec 'yours'"]);
});
