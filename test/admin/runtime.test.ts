// /runtime and /runtime_modify in Envoy's words, and what the bootstrap may say of layers.
import t from 'tap';
import { bootstrap, compile, errorsOf } from '../xds/examples.js';
import { ask, FakeBackend, startAdmin } from './fixture.js';
import { freePort } from '../support/ports.js';

const port = await freePort();
const server = await startAdmin(new FakeBackend(), port);
t.teardown(() => server.close());

t.test('overrides are set, shown and removed', async (t) => {
  const set = await ask(port, '/runtime_modify?a.b=5&c=x', 'POST');
  t.same([set.status, set.body], [200, 'OK\n']);
  const shown = await ask(port, '/runtime');
  t.equal(shown.headers['content-type'], 'application/json');
  t.same(JSON.parse(shown.body), { layers: ['base', 'admin'], entries: {
    'a.b': { final_value: '5', layer_values: ['', '5'] }, c: { final_value: 'x', layer_values: ['', 'x'] } } });
  await ask(port, '/runtime_modify?a.b=&c=', 'POST');
  t.same(JSON.parse((await ask(port, '/runtime')).body).entries, {});
});

t.test('a call without values, and one that is no POST', async (t) => {
  const usage = await ask(port, '/runtime_modify', 'POST');
  t.equal(usage.status, 400);
  t.match(usage.body, /^usage: \/runtime_modify\?key1=value1/);
  t.equal((await ask(port, '/runtime_modify?a=1')).status, 405);
});

const layers = (...list: object[]) => bootstrap(undefined, undefined, { layered_runtime: { layers: list } });

t.test('layers of the bootstrap', async (t) => {
  const result = compile(layers({ name: 'a', static_layer: { x: { y: 1, f: { numerator: 3 } }, 'p.q': true } },
    { name: 'b', disk_layer: { symlink_root: '/r', subdirectory: 's', append_service_cluster: true } },
    { name: 'c', admin_layer: {} }));
  t.same(result.ok && result.bootstrap.runtimeLayers, [
    { name: 'a', kind: 'static', entries: [['x.y', { text: '1', fraction: null }],
      ['x.f', { text: '{"numerator":3}', fraction: { numerator: 3, denominator: 100 } }],
      ['p.q', { text: 'true', fraction: null }]] },
    { name: 'b', kind: 'disk', root: '/r', subdirectory: 's', appendServiceCluster: true },
    { name: 'c', kind: 'admin' }]);
  const none = compile(bootstrap());
  t.same(none.ok && none.bootstrap.runtimeLayers, [{ name: '', kind: 'admin' }], 'none: one for the admin server');
});

t.test('bad layers are refused', async (t) => {
  t.match(errorsOf(layers({ name: 'a', static_layer: { x: [1] } }))[0], /invalid runtime entry value for x/);
  t.match(errorsOf(layers({ name: 'a', admin_layer: {} }, { name: 'a', admin_layer: {} })), [/duplicate layer name 'a'/,
    /too many admin layers/]);
  t.match(errorsOf(layers({ name: 'a', rtds_layer: { name: 'x' } }))[0], /not implemented/);
  t.match(errorsOf(layers({ name: 'a', disk_layer: {} }))[0], /symlink_root: required/);
});
