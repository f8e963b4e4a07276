import t from 'tap';
import { ClusterStat, HttpStat, histogramBucket, histogramCell, ListenerStat } from '../../src/telemetry/schema.js';
import type { Hashing } from '../../src/config/types.js';
import { configForms } from '../../src/xds/store.js';
import { clusterScope } from '../../src/telemetry/scopes.js';
import { ask, FakeBackend, map, startAdmin } from './fixture.js';
import { freePort } from '../support/ports.js';

const PORT = await freePort();
const backend = new FakeBackend();
const { statistics } = backend;
const server = await startAdmin(backend, PORT);
t.teardown(() => server.close());

backend.addListener('l1', 10000, 'ingress');
backend.addListener('named', 10001, 'in.with.dots');
backend.addCluster('c1', 3, [{ weight: 5 }, { health: 'unhealthy' }]);
backend.addCluster('unused', 4);
const listener = statistics.listenerScope('127.0.0.1_10000');
const http = statistics.httpScope('ingress');
const cluster = clusterScope(new Int32Array(backend.memory), map, 3);
backend.count(0, listener, ListenerStat.downstream_cx_total, 3);
backend.count(1, listener, ListenerStat.downstream_cx_total, 4);
backend.count(0, listener, ListenerStat.downstream_cx_active, 1);
backend.count(1, http, HttpStat.downstream_rq_2xx, 10);
backend.count(1, http, HttpStat.downstream_rq_total, 10);
backend.count(0, cluster, ClusterStat.upstream_rq_200, 9);
backend.count(0, cluster, ClusterStat.upstream_rq_2xx, 9);
backend.count(0, cluster, ClusterStat.upstream_rq_total, 9);
const timeCell = histogramCell('http', 1);
backend.count(0, http, timeCell + histogramBucket(0), 9);
backend.count(1, http, timeCell + histogramBucket(2), 1);
backend.count(1, http, timeCell - 1, 2);
const cds = backend.store.subscription('cluster_manager.cds.');
cds.version_text = 'v"1';
cds.update_success = 1;
statistics.addSource(() => [
  
  
  
  { name: 'http.ingress.rds.r.1.update_success', value: 2, type: 'counter' },
]);

const lines = async (query: string) =>
  (await ask(PORT, `/stats${query}`)).body.split('\n').filter((line) => line !== '');

t.test('text: sums over workers, texts first, sorted values, then histograms', async (t) => {
  const all = await lines('');
  t.equal(all[0], 'cluster_manager.cds.version_text: "v"1"');
  t.ok(all.includes('listener.127.0.0.1_10000.downstream_cx_total: 7'));
  t.ok(all.includes('listener.127.0.0.1_10000.worker_1.downstream_cx_total: 4'));
  t.ok(all.includes('listener.127.0.0.1_10000.http.ingress.downstream_rq_2xx: 10'));
  t.ok(all.includes('cluster.c1.membership_total: 2'));
  t.ok(all.includes('cluster.c1.membership_healthy: 1'));
  t.ok(all.includes('cluster.c1.max_host_weight: 5'));
  t.ok(all.includes('cluster.c1.circuit_breakers.default.rq_open: 0'));
  t.notOk(all.some((line) => line.includes('.remaining_')), 'only where the cluster tracks it');
  t.ok(all.includes('cluster.unused.upstream_rq_total: 0'));
  t.notOk(
    all.some((line) => line.startsWith('cluster.unused.upstream_rq_200')),
    'a status code appears with its first response',
  );
  t.equal(all[all.length - 1], 'listener.127.0.0.1_10001.downstream_cx_length_ms: No recorded values');
});

t.test('what Envoy counts once for the process is summed over connection managers', async (t) => {
  backend.count(0, http, HttpStat['http1.response_flood'], 2);
  backend.count(1, statistics.httpScope('in.with.dots'), HttpStat['http1.response_flood'], 3);
  t.same(await lines('?filter=response_flood'), ['http1.response_flood: 5']);
});

t.test("histograms have Envoy's quantiles; no whole interval yet", async (t) => {
  t.same(await lines('?filter=ingress.downstream_rq_time$'), [
    'http.ingress.downstream_rq_time: P0(nan,0) P25(nan,0) P50(nan,0) ' +
      'P75(nan,0) P90(nan,0) P95(nan,2.05) P99(nan,2.05) P99.5(nan,2.05) P99.9(nan,2.05) P100(nan,2.05)',
  ]);
});

t.test('histogram buckets, cumulative and disjoint', async (t) => {
  const filter = '&filter=ingress.downstream_rq_time$';
  t.match(await lines(`?histogram_buckets=cumulative${filter}`), [
    /: B0\.5\(0,9\) B1\(0,9\) B5\(0,10\).* B600000\(0,10\) B1\.8e\+06\(0,10\)/,
  ]);
  t.match(await lines(`?histogram_buckets=disjoint${filter}`), [/: B0\.5\(0,9\) B1\(0,0\) B5\(0,1\) B10\(0,0\)/]);
  t.match((await lines(`?histogram_buckets=detailed${filter}`))[1], '  totals=0,0:9, 2,0.1:1');
});

t.test('the raw expression that pilot-agent sends', async (t) => {
  const query =
    '?usedonly&filter=^(cluster_manager\\.cds|listener_manager\\.lds)\\.(update_success|update_rejected)$';
  t.same(await lines(query), ['cluster_manager.cds.update_success: 1']);
  t.same(await lines('?usedonly&filter=^(server\\.state|listener_manager\\.workers_started)'), [
    'listener_manager.workers_started: 1',
    'server.state: 0',
  ]);
  t.same(await lines('?usedonly&filter=downstream_cx_active%24'), [
    'http.admin.downstream_cx_active: 1',
    'listener.127.0.0.1_10000.downstream_cx_active: 1',
    'listener.127.0.0.1_10000.worker_0.downstream_cx_active: 1',
    'listener.127.0.0.1_10000.worker_1.downstream_cx_active: 0',
    'listener.admin.downstream_cx_active: 1',
  ]);
});

t.test('clusters are passed over by the names of their statistics', async (t) => {
  backend.addCluster('a "quoted" one', -1, [], 'static', { altStatName: 'c1x' });
  backend.addCluster('of another name', -1, [{}], 'static', { altStatName: 'else' });
  t.same(await lines('?filter=^cluster\\.c1(x)?\\.membership_total$'),
    ['cluster.c1.membership_total: 2', 'cluster.c1x.membership_total: 0']);
  t.same(await lines('?filter=^cluster\\.else\\.membership_total$'), ['cluster.else.membership_total: 1']);
  t.same(await lines('?filter=^cluster\\.of%20another%20name\\.membership'), []);
  for (const name of ['a "quoted" one', 'of another name'])
    backend.store.apply([{ kind: 'cluster', name, record: null }]);
});

t.test('sizes of hash tables follow what changes', async (t) => {
  const hashing: Hashing = { table: { kind: 'maglev', size: 11 }, byName: false, boundPercent: 0, policies: [] };
  const balancing = { ...configForms.cluster.usual.balancing, hashing };
  backend.addCluster('m', -1, [{ weight: 1 }, { weight: 10 }], 'static', { balancing });
  const filter = '?filter=^cluster\\.m\\.maglev_lb';
  const sizes = (most: number, least: number): string[] => [`cluster.m.maglev_lb.max_entries_per_host: ${most}`,
    `cluster.m.maglev_lb.min_entries_per_host: ${least}`];
  t.same([await lines(filter), await lines(filter)], [sizes(9, 2), sizes(9, 2)]);
  backend.hosts.get('m')![0].health = 'unhealthy';
  t.same(await lines(filter), sizes(1, 1), 'one endpoint: the table is not filled');
  backend.store.apply([{ kind: 'cluster', name: 'm', record: null }]);
});

t.test('usedonly leaves out what was never counted', async (t) => {
  const used = await lines('?usedonly');
  t.ok(used.includes('cluster.c1.upstream_rq_total: 9'));
  t.notOk(used.some((line) => / 0$/.test(line) && line.includes('upstream_cx')));
  t.notOk(used.some((line) => line.startsWith('cluster.unused.upstream')));
  t.notOk(used.some((line) => line.includes('No recorded')));
});

t.test('types, and what cannot be answered', async (t) => {
  t.ok((await lines('?type=Gauges')).every((line) => !line.includes('downstream_cx_total')));
  t.same(await lines('?type=TextReadouts'), ['cluster_manager.cds.version_text: "v"1"']);
  t.ok((await lines('?type=Histograms')).every((line) => /_ms:|_time:/.test(line)));
  for (const query of [
    'filter=[',
    'format=xml',
    'type=Things',
    'histogram_buckets=round',
    `filter=${'a'.repeat(5000)}`,
  ]) {
    t.equal((await ask(PORT, `/stats?${query}`)).status, 400, query.slice(0, 30));
  }
  t.match((await ask(PORT, '/stats?filter=[')).body, /^Invalid re2 regex: missing/);
});

t.test('json', async (t) => {
  const { headers, body } = await ask(PORT, '/stats?format=json');
  t.equal(headers['content-type'], 'application/json');
  const { stats } = JSON.parse(body);
  t.ok(
    stats.some(
      (stat: { name: string; value: unknown }) => stat.name === 'cluster.c1.upstream_rq_total' && stat.value === 9,
    ),
  );
  const { histograms } = stats.at(-1);
  t.same(histograms.supported_quantiles, [0, 25, 50, 75, 90, 95, 99, 99.5, 99.9, 100]);
  const time = histograms.computed_quantiles.find(
    ({ name }: { name: string }) => name === 'http.ingress.downstream_rq_time',
  );
  t.same(time.values[9], { cumulative: 2.05, interval: null });
  const { stats: buckets } = JSON.parse(
    (await ask(PORT, '/stats?format=json&histogram_buckets=cumulative&filter=ingress.*rq_time$')).body,
  );
  t.same(buckets[0].histograms[0].buckets[2], { upper_bound: 5, interval: 0, cumulative: 10 });
  t.same(JSON.parse((await ask(PORT, '/stats?format=json&filter=nothing_has_this')).body), { stats: [] });
});

t.test('prometheus', async (t) => {
  const { headers, body } = await ask(PORT, '/stats/prometheus');
  t.equal(headers['content-type'], 'text/plain; charset=UTF-8');
  const all = body.split('\n');
  for (const line of [
    '# TYPE envoy_cluster_upstream_rq_total counter',
    'envoy_cluster_upstream_rq_total{envoy_cluster_name="c1"} 9',
    'envoy_cluster_upstream_rq{envoy_response_code="200",envoy_cluster_name="c1"} 9',
    'envoy_cluster_upstream_rq_xx{envoy_response_code_class="2",envoy_cluster_name="c1"} 9',
    'envoy_http_downstream_rq_xx{envoy_response_code_class="2",envoy_http_conn_manager_prefix="ingress"} 10',
    'envoy_http_downstream_rq_total{envoy_http_conn_manager_prefix="in.with.dots"} 0',
    'envoy_listener_downstream_cx_total{envoy_listener_address="127.0.0.1_10000"} 7',
    'envoy_listener_worker_downstream_cx_total{envoy_worker_id="1",envoy_listener_address="127.0.0.1_10000"} 4',
    'envoy_listener_http_downstream_rq_xx{envoy_response_code_class="2",envoy_http_conn_manager_prefix="ingress",' +
      'envoy_listener_address="127.0.0.1_10000"} 10',
    'envoy_http_rds_update_success{envoy_rds_route_config="r.1",envoy_http_conn_manager_prefix="ingress"} 2',
    'envoy_server_state{} 0',
    '# TYPE envoy_cluster_membership_total gauge',
    'envoy_cluster_membership_total{envoy_cluster_name="c1"} 2',
    '# TYPE envoy_http_downstream_rq_time histogram',
    'envoy_http_downstream_rq_time_bucket{envoy_http_conn_manager_prefix="ingress",le="5"} 10',
    'envoy_http_downstream_rq_time_bucket{envoy_http_conn_manager_prefix="ingress",le="+Inf"} 10',
    'envoy_http_downstream_rq_time_sum{envoy_http_conn_manager_prefix="ingress"} 2',
    'envoy_http_downstream_rq_time_count{envoy_http_conn_manager_prefix="ingress"} 10',
  ])
    t.ok(all.includes(line), line);
  const types = all.filter((line) => line.startsWith('# TYPE'));
  t.equal(new Set(types.map((line) => line.split(' ')[2])).size, types.length, 'each metric has one TYPE');
});

t.test('prometheus with usedonly, a filter and text readouts', async (t) => {
  const { body } = await ask(PORT, '/stats/prometheus?usedonly&text_readouts&filter=cds');
  t.equal(
    body,
    '# TYPE envoy_cluster_manager_cds_update_success counter\nenvoy_cluster_manager_cds_update_success{} 1\n' +
      '# TYPE envoy_cluster_manager_cds_version_text gauge\n' +
      'envoy_cluster_manager_cds_version_text{text_value="v\\"1"} 0\n',
  );
});

t.test('reset_counters leaves gauges and histograms', async (t) => {
  await ask(PORT, '/reset_counters', 'POST');
  t.same(await lines('?filter=^listener.127.0.0.1_10000.downstream_cx_(total|active)$'), [
    'listener.127.0.0.1_10000.downstream_cx_active: 1',
    'listener.127.0.0.1_10000.downstream_cx_total: 0',
  ]);
  t.same(await lines('?filter=^cluster.c1.upstream_rq_total'), ['cluster.c1.upstream_rq_total: 0']);
  t.match(await lines('?filter=ingress.downstream_rq_time$'), [/P100\(nan,2.05\)/]);
});
