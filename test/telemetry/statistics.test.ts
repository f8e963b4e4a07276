import t from 'tap';
import { memoryMap, workerStats } from '../../src/core/memory-map.js';
import { HistogramIntervals } from '../../src/telemetry/histogram-intervals.js';
import { bucketBounds, countsBelowBounds, quantileValues } from '../../src/telemetry/quantiles.js';
import {
  ClusterStat,
  HISTOGRAM_BUCKETS,
  histogramBucket,
  histogramCell,
  HttpStat,
  ListenerStat,
  TlsStat,
} from '../../src/telemetry/schema.js';
import { clusterScope, DISCARD_SCOPE } from '../../src/telemetry/scopes.js';
import { addServerStatistics } from '../../src/telemetry/server-statistics.js';
import { Statistics } from '../../src/telemetry/statistics.js';

const map = memoryMap(160, 2);
function fresh() {
  const memory = new SharedArrayBuffer(map.perWorker + 2 * map.perWorkerBytes);
  const cells = new Float64Array(memory);
  const statistics = new Statistics(memory, map);
  const count = (worker: number, scope: number, cell: number, value = 1) => {
    cells[((workerStats(map, worker) + scope) >> 3) + cell] += value;
  };
  return { statistics, count, words: new Int32Array(memory) };
}
const filled = (values: number[]) => {
  const counts = new Float64Array(HISTOGRAM_BUCKETS);
  for (const value of values) counts[histogramBucket(value)]++;
  return counts;
};

t.test('connection managers with one prefix share a scope', async (t) => {
  const { statistics } = fresh();
  t.equal(statistics.httpScope('a'), statistics.httpScope('a'));
  t.not(statistics.httpScope('a'), statistics.httpScope('b'));
  t.not(statistics.httpScope('a'), statistics.listenerScope('a'));
});

t.test('a worker that died loses its gauges and keeps its counters', async (t) => {
  const { statistics, count, words } = fresh();
  const http = statistics.httpScope('a');
  const cluster = clusterScope(words, map, 77);
  for (const worker of [0, 1]) {
    count(worker, http, HttpStat.downstream_cx_active, 3);
    count(worker, http, HttpStat.downstream_cx_total, 9);
    count(worker, cluster, ClusterStat.upstream_cx_active, 2);
  }
  statistics.workerDied(0);
  t.equal(statistics.cell('http', http, 'downstream_cx_active'), 3);
  t.equal(statistics.cell('http', http, 'downstream_cx_total'), 18);
  t.equal(statistics.cell('cluster', cluster, 'upstream_cx_active'), 2);
});

t.test('a scope is used again when its listener has gone, from zero', async (t) => {
  const { statistics, count } = fresh();
  const first = statistics.listenerScope('x');
  count(1, first, ListenerStat.downstream_cx_total, 5);
  count(1, first, ListenerStat.downstream_cx_active, 1);
  statistics.release(new Set(), new Set());
  t.equal(statistics.scopeOf('listener', 'x'), first, 'a connection is still open');
  count(1, first, ListenerStat.downstream_cx_active, -1);
  statistics.release(new Set(), new Set());
  t.equal(statistics.scopeOf('listener', 'x'), -1);
  t.equal(statistics.listenerScope('y'), first);
  t.equal(statistics.cell('listener', first, 'downstream_cx_total'), 0);
});

t.test('a cluster slot that gets another name starts from zero', async (t) => {
  const { statistics, count, words } = fresh();
  const scope = clusterScope(words, map, 5);
  count(0, scope, ClusterStat.upstream_rq_total, 5);
  statistics.clusterRecycled(5, 'old');
  statistics.clusterRecycled(6, 'never used');
  t.equal(statistics.clusterScope(5), scope);
  t.equal(statistics.cell('cluster', scope, 'upstream_rq_total'), 0);
});

t.test('no room is -1', async (t) => {
  const { statistics } = fresh();
  let taken = 0;
  while (statistics.httpScope(`p${taken}`) >= 0) taken++;
  t.ok(taken > 100);
  t.equal(statistics.httpScope('more'), -1);
  t.ok(statistics.httpScope('p0') >= 0);
});

t.test('quantiles agree with Envoy for small integers', async (t) => {
  t.same(
    quantileValues(filled(Array(10).fill(1)), 10)
      .slice(0, 5)
      .map((value) => value.toFixed(6)),
    ['1.009091', '1.027273', '1.045455', '1.072727', '1.081818'],
  );
  t.same(quantileValues(filled([17]), 1), Array(10).fill(17.5));
  t.ok(quantileValues(filled([]), 0).every(Number.isNaN));
});

t.test('quantiles of a wide distribution are within a bucket of the truth', async (t) => {
  const values = Array.from({ length: 10000 }, (_, i) => Math.floor(1.0013 ** i));
  const found = quantileValues(filled(values), values.length, [0.5, 0.9, 0.99]);
  [0.5, 0.9, 0.99].forEach((quantile, i) => {
    const truth = values[Math.ceil(quantile * values.length) - 1];
    t.ok(Math.abs(found[i] - truth) <= truth / 14, `${quantile}: ${found[i]} for ${truth}`);
  });
});

t.test('counts below bounds include the bound, grow, and never pass the total', async (t) => {
  t.same(countsBelowBounds(filled([0, 1, 5, 6, 10, 240, 1_611_394])).slice(0, 8), [1, 2, 3, 5, 5, 5, 5, 6]);
  const values = Array.from({ length: 5000 }, (_, i) => Math.min(4194303, Math.floor(1.003 ** i)));
  const below = countsBelowBounds(filled(values));
  below.forEach((count, i) => {
    const truth = values.filter((value) => value <= bucketBounds[i]).length;
    t.ok(
      Math.abs(count - truth) <= 30 && (i === 0 || count >= below[i - 1]),
      `${bucketBounds[i]}: ${count} for ${truth}`,
    );
  });
  t.equal(below.at(-1), values.filter((value) => value <= 3600000).length);
});

t.test('an interval is what came between two flushes', async (t) => {
  const { statistics, count } = fresh();
  const http = statistics.httpScope('a');
  const intervals = new HistogramIntervals(statistics, () => statistics.scopes());
  t.teardown(() => intervals.stop());
  const record = (value: number) => {
    count(1, http, HttpStat.downstream_rq_total);
    count(1, http, histogramCell('http', 1) + histogramBucket(value));
  };
  record(5);
  intervals.touch();
  t.equal(intervals.interval(http, 1), null, 'nobody knows when those came');
  record(7);
  record(7);
  intervals.flush();
  t.equal(intervals.interval(http, 1)?.total, 2);
  t.equal(intervals.interval(http, 1)?.counts[7], 2);
  intervals.flush();
  t.equal(intervals.interval(http, 1)?.total, 0);
  const later = statistics.httpScope('b');
  count(0, later, HttpStat.downstream_rq_total);
  count(0, later, histogramCell('http', 1) + 3);
  intervals.flush();
  t.equal(intervals.interval(later, 1)?.total, 1, 'a scope that appeared began with nothing');
});

t.test('server statistics', async (t) => {
  const { statistics } = fresh();
  addServerStatistics(statistics, {
    state: () => 0,
    uptimeMs: () => 12_345,
    concurrency: 2,
    connections: () => 7,
    workerDeaths: () => 1,
    restartEpoch: 0, parentConnections: () => 0, listenersWarming: () => 0,
    listenersDraining: () => 0,
    daysUntilFirstCertificateExpires: () => null,
    version: 1,
  });
  const found = Object.fromEntries([...statistics.computed()].map(({ name, value }) => [name, value]));
  t.match(found, {
    'server.state': 0,
    'server.live': 1,
    'server.uptime': 12,
    'server.total_connections': 7,
    'server.weft_worker_deaths': 1,
    'server.days_until_first_cert_expiring': 4294967295,
  });
  t.ok(statistics.counters.has('listener_manager.listener_in_place_updated'));
});

t.test('TLS has cells of its own: of a listener by name, of a cluster once a worker counts', async (t) => {
  const { statistics, count, words } = fresh();
  const scope = statistics.listenerTlsScope('0.0.0.0_443');
  count(0, scope, TlsStat['ssl.handshake'], 2);
  count(1, scope, TlsStat['ssl.handshake']);
  t.equal(statistics.cell('listenerTls', scope, 'ssl.handshake'), 3);
  count(0, scope, TlsStat.downstream_context_secrets_not_ready);
  t.equal(statistics.cell('listenerTls', scope, 'server_ssl_socket_factory.downstream_context_secrets_not_ready'), 1);
  t.match([...statistics.scopes()].find(({ kind }) => kind === 'listenerTls'), { prefix: 'listener.0.0.0.0_443.' });
  t.equal(statistics.clusterScope(7, 'clusterTls'), -1);
  const cluster = clusterScope(words, map, 7, 'clusterTls');
  t.equal(statistics.clusterScope(7), -1, 'its other statistics are apart');
  count(0, cluster, TlsStat['ssl.fail_verify_san']);
  t.equal(statistics.cell('clusterTls', statistics.clusterScope(7, 'clusterTls'), 'ssl.fail_verify_san'), 1);
  statistics.clusterRecycled(7, 'gone');
  t.equal(statistics.cell('clusterTls', cluster, 'ssl.fail_verify_san'), 0);
  count(0, scope, TlsStat['ssl.session_reused']);
  statistics.release(new Set(), new Set());
  t.equal(statistics.cell('listenerTls', statistics.listenerTlsScope('other'), 'ssl.session_reused'), 0);
});

t.test('what no configuration wants of a cluster\'s TLS takes no room', async (t) => {
  const { statistics, words } = fresh();
  statistics.configure({ tags: [], matcher: { kind: 'include',
    patterns: [{ kind: 'suffix', value: '.upstream_rq_total', ignoreCase: false }] } });
  statistics.clusterBound(3, 'c');
  t.not(clusterScope(words, map, 3), DISCARD_SCOPE);
  t.equal(clusterScope(words, map, 3, 'clusterTls'), DISCARD_SCOPE);
});
