// What routes and clusters say of HTTP holds for calls of RPC protocols too: weights, hashes of pairs and attachments,
// faults, limits, outlier detection, statistics of virtual clusters, formats of logs.
import t from 'tap';
import { hessianCall, hex, hmap, SERVICE } from '../protocols/rpc/dubbo-frames.js';
import { BoltClient, BoltServer, sofaHeaders } from '../support/bolt.js';
import type { BoltFrame } from '../support/bolt.js';
import { bootstrap } from '../support/bootstrap.js';
import { DubboClient, DubboServer } from '../support/dubbo.js';
import { freePort } from '../support/ports.js';
import { Proxy, weftKinds } from '../support/proxy.js';

const TYPE = 'type.googleapis.com/weft.extensions.', ENVOY = 'type.googleapis.com/envoy.extensions.';
const spoken = { typed_extension_protocol_options: {
  'weft.extensions.upstreams.rpc.v1.RpcProtocolOptions': { '@type': `${TYPE}upstreams.rpc.v1.RpcProtocolOptions`,
    use_downstream_protocol: {} } } };
const filter = (name: string, type: string, config: object = {}): object =>
  ({ name, typed_config: { '@type': `${ENVOY}filters.http.${type}`, ...config } });
const always = { default_value: { numerator: 100 } };
const limit = { stat_prefix: 'limit', token_bucket: { max_tokens: 2, tokens_per_fill: 2, fill_interval: '60s' },
  filter_enabled: always, filter_enforced: always };
const fault = (config: object): object =>
  ({ typed_per_filter_config: { fault: { '@type': `${ENVOY}filters.http.fault.v3.HTTPFault`, ...config } } });
const OK = 20, hi = hex('91026869');

/** A route of one method, by its path's end. */
const of = (method: string, action: object, more: object = {}): object =>
  ({ match: { safe_regex: { regex: `.*/${method}` } }, route: action, ...more });
const routes = (toBolt: string, toOther: string): object[] => [
  of('delayed', { cluster: toBolt }, fault({ delay: { fixed_delay: '0.15s', percentage: { numerator: 100 } } })),
  of('aborted', { cluster: toBolt }, fault({ abort: { http_status: 503, percentage: { numerator: 100 } } })),
  of('limited', { cluster: toBolt }, { typed_per_filter_config: { limit: {
    '@type': `${ENVOY}filters.http.local_ratelimit.v3.LocalRateLimit`, ...limit } } }),
  of('weighted', { weighted_clusters: { clusters: [{ name: toBolt, weight: 0 }, { name: toOther, weight: 100 }] } }),
  of('hashed', { cluster: 'ring', hash_policy: [{ header: { header_name: 'user' } }] }),
  of('failing', { cluster: 'failing' }),
  of('.*', { cluster: toBolt })];

for (const kind of weftKinds) {
  t.test(kind, async (t) => {
    const [a, b] = [await BoltServer.start(await freePort()), await BoltServer.start(await freePort())];
    const [c, d] = [await DubboServer.start(await freePort()), await DubboServer.start(await freePort())];
    const [port, adminPort] = [await freePort(), await freePort()];
    const filters = [filter('fault', 'fault.v3.HTTPFault'),
      filter('limit', 'local_ratelimit.v3.LocalRateLimit', { stat_prefix: 'limit' }),
      filter('router', 'router.v3.Router')];
    const format = '%PROTOCOL% %REQ(:PATH)% %REQ(user)% %RESPONSE_CODE% %RESPONSE_FLAGS% %RESPONSE_CODE_DETAILS%\n';
    const proxy = await Proxy.start(kind, adminPort, (folder) => bootstrap(adminPort, [{ name: 'in', port,
      virtualHosts: [{ name: 'bolt', domains: ['S'], routes: routes('a', 'b'),
        virtual_clusters: [{ name: 'limited', headers: [{ name: 'x-method', string_match: { exact: 'limited' } }] }] },
      { name: 'dubbo', domains: [SERVICE], routes: routes('c', 'd') }],
      manager: { '@type': `${TYPE}filters.network.rpc_proxy.v1.RpcProxy`, protocol: 'AUTO', http_filters: filters,
        access_log: [{ name: 'file', typed_config: { '@type': `${ENVOY}access_loggers.file.v3.FileAccessLog`,
          path: `${folder}/in.log`, log_format: { text_format_source: { inline_string: format } } } }] } }],
    [{ name: 'a', ports: [a.port], fields: spoken }, { name: 'b', ports: [b.port], fields: spoken },
      { name: 'c', ports: [c.port], fields: spoken }, { name: 'd', ports: [d.port], fields: spoken },
      { name: 'ring', ports: [a.port, b.port], fields: { ...spoken, lb_policy: 'RING_HASH' } },
      { name: 'failing', ports: [a.port, b.port], fields: { ...spoken, outlier_detection: {
        consecutive_5xx: 3, interval: '60s', base_ejection_time: '60s', max_ejection_percent: 50 } } }]));
    const bolt = await BoltClient.open(port), dubbo = await DubboClient.open(port);
    t.teardown(async () => {
      bolt.close();
      dubbo.close();
      await proxy.stop();
      for (const one of [a, b, c, d]) await one.stop();
    });
    for (const one of [c, d]) one.serve = (_frame, answer) => { answer(OK, hi); };
    let id = 0;
    const askBolt = (method: string, pairs: [string, string][] = []): Promise<BoltFrame> =>
      bolt.ask({ id: ++id, headers: sofaHeaders('S', method, pairs) });
    const askDubbo = async (method: string, ...pairs: [string, string][]): Promise<number> =>
      (await dubbo.ask(hessianCall({ id: BigInt(++id), method, map: hmap(['path', SERVICE], ...pairs) }))).status;

    await t.test('faults: a delay, and an abort as the protocol says it', async (t) => {
      const begun = performance.now();
      t.equal((await askBolt('delayed')).status, 0);
      t.equal(await askDubbo('delayed'), OK);
      t.ok(performance.now() - begun > 290);
      t.equal((await askBolt('aborted')).status, 4);
      t.equal(await askDubbo('aborted'), 35);
    });

    await t.test('a local limit: too many are told that their server is busy', async (t) => {
      const statuses = [];
      for (let i = 0; i < 3; i++) statuses.push((await askBolt('limited')).status);
      t.same(statuses, [0, 0, 4]);
      const others = [];
      for (let i = 0; i < 3; i++) others.push(await askDubbo('limited'));
      t.same(others, [OK, OK, 100]);
      t.equal(await proxy.stat('vhost.bolt.vcluster.limited.upstream_rq_total'), 2);
    });

    await t.test('weights', async (t) => {
      b.requests.length = d.requests.length = 0;
      await askBolt('weighted');
      await askDubbo('weighted');
      t.same([b.requests.length, d.requests.length], [1, 1]);
    });

    await t.test('a pair says which endpoint', async (t) => {
      const seen = (): number[] => [a, b].map(({ requests }) => requests.length);
      a.requests.length = b.requests.length = 0;
      for (let i = 0; i < 8; i++) await askBolt('hashed', [['user', 'u1']]);
      t.ok(seen().includes(8), `one has all: ${seen().join()}`);
    });

    await t.test('an endpoint whose answers are errors is taken out', async (t) => {
      a.requests.length = b.requests.length = 0;
      a.serve = ({ answer }) => { answer({ status: 2 }); };
      const ejections = 'cluster.failing.outlier_detection.ejections_enforced_consecutive_5xx';
      for (let i = 0; i < 20 || (i < 500 && await proxy.stat(ejections) === 0); i++) await askBolt('failing');
      t.equal(await proxy.stat(ejections), 1);
      // Main decides, and calls go on until it has.
      const before = a.requests.length;
      t.ok(before >= 3);
      for (let i = 0; i < 10; i++) await askBolt('failing');
      t.equal(a.requests.length, before);
    });

    await t.test('logs name what frames say', async (t) => {
      await askBolt('plain', [['user', 'u7']]);
      await askDubbo('plain', ['user', 'u8']);
      const lines = (await proxy.logLines('in', id)).slice(-2);
      t.same(lines, ['Bolt /S/plain u7 500 - via_upstream', `Dubbo /${SERVICE}/plain u8 200 - via_upstream`]);
    });
  });
}
