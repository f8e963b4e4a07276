// Client-side weighted round robin: reports in each form, what they make of weights, and when those count.
import t from 'tap';
import { LoadReports, readReport } from '../../../src/workers/balancing/load-reports.js';
import type { LoadReport } from '../../../src/workers/balancing/load-reports.js';
import { createPicker } from '../../../src/workers/balancing/picker.js';
import type { Endpoint } from '../../../src/workers/upstream/endpoint.js';
import { balancing, cluster, policy } from '../../config/snapshot/fixtures.js';
import { counts, endpoints, world } from './endpoints.js';

const { engine } = world;
const rules = { blackoutMs: 10_000, expirationMs: 60_000, updateMs: 1000, errorPenalty: 1, metrics: [] as string[] };
const pickerOf = (list: Endpoint[]) => createPicker(engine, cluster('c', { lbPolicy: 'clientSideWeightedRoundRobin',
  balancing: { ...balancing, clientWeights: rules } }), [list], policy)!;
const report = (requests: number, errors: number, cpu: number, application: number): LoadReport => new Map([
  ['rps_fractional', requests], ['eps', errors], ['cpu_utilization', cpu], ['application_utilization', application]]);
const passes = (ms: number): void => { engine.nowMs += ms; engine.wallMs += ms; };

const read = (value: string, isBinary: boolean) => {
  const report = readReport(value, isBinary);
  return report === null ? null : Object.fromEntries(report);
};
const double = (field: number, value: number): Buffer => {
  const bytes = Buffer.alloc(9);
  bytes[0] = (field << 3) | 1;
  bytes.writeDoubleLE(value, 1);
  return bytes;
};
const message = (field: number, content: Buffer): Buffer => {
  const length = content.length < 128 ? [content.length] : [content.length & 127 | 128, content.length >> 7];
  return Buffer.concat([Buffer.from([(field << 3) | 2, ...length]), content]);
};
const entry = (field: number, key: string, value: number): Buffer =>
  message(field, Buffer.concat([message(1, Buffer.from(key)), double(2, value)]));

t.test('reports', async (t) => {
  const wanted = { rps_fractional: 100, eps: 2, cpu_utilization: 0.5, application_utilization: 0.25,
    'named_metrics.queue': 0.75 };
  const text = 'cpu_utilization=0.5,application_utilization=0.25, rps_fractional=100,eps=2,named_metrics.queue=0.75';
  t.same(read(text, false), wanted);
  t.same(read(`TEXT ${text.replaceAll('=', ':')}`, false), wanted);
  t.same(read(`JSON {"cpu_utilization":0.5,"applicationUtilization":0.25,"rpsFractional":100,"eps":2,
    "named_metrics":{"queue":0.75}}`, false), wanted);
  const long = 'q'.repeat(200);
  const bytes = Buffer.concat([double(1, 0.5), entry(8, 'queue', 0.75), double(2, 0.9), double(6, 100),
    Buffer.from([0x18, 0x80, 1]), double(7, 2), double(9, 0.25), entry(4, long, 3), entry(5, 'disk', 0.1)]);
  const whole = { ...wanted, mem_utilization: 0.9, [`request_cost.${long}`]: 3, 'utilization.disk': 0.1 };
  t.same(read(bytes.toString('base64'), true), whole);
  t.same(read(`BIN ${bytes.toString('base64')}`, false), whole);
  for (let end = 0; end < bytes.length; end++) readReport(bytes.subarray(0, end).toString('base64'), true);
  for (const other of [[0x42, 255, 255, 255, 255, 15], [0x0d, 1, 2, 3, 4], [0x0b], [0x88, 1, 1]])
    t.equal(readReport(Buffer.from(other).toString('base64'), true), null, other.join());
  for (const text of ['', 'x', 'cpu_utilization=', 'cpu_utilization=1,cpu_utilization=2', 'cpu_utilization=NaN',
    'JSON {', 'BIN !', `cpu_utilization=${'1'.repeat(5000)}`]) {
    const report = readReport(text, false);
    t.ok(report === null || report.get('cpu_utilization') === 0, JSON.stringify(text.slice(0, 40)));
  }
});

t.test('weights count after the blackout, with the median for who has none, until they are too old', async (t) => {
  const list = endpoints(1, 1, 1), reports = new LoadReports(engine, rules);
  const say = (): void => {
    reports.take(list[0]!, report(100, 0, 0.5, 0));       // 200
    reports.take(list[1]!, report(100, 0, 0.9, 0.25));    // 400
  };
  const picker = pickerOf(list);
  say();
  passes(1000);
  t.same(counts(picker, list, 300), [100, 100, 100], 'too new');
  for (let second = 0; second < 11; second++) { passes(1000); say(); picker.pick({} as never); }
  passes(1000);
  const found = counts(picker, list, 10_000);
  [2000, 4000, 4000].forEach((wanted, i) => t.ok(Math.abs(found[i]! - wanted) <= 10, `${found[i]} of ${wanted}`));
  passes(61_000);
  const old = counts(picker, list, 300);
  for (const count of old) t.ok(Math.abs(count - 100) <= 2, `${count}: too old`);
});

t.test('errors weigh; nonsense does not', async (t) => {
  const list = endpoints(1, 1), reports = new LoadReports(engine, { ...rules, errorPenalty: 2 });
  reports.take(list[0]!, report(100, 25, 0.5, 0));        // 100 / (0.5 + 2 / 4)
  t.equal(engine.f32[list[0]!.state + 12], 100);
  for (const [requests, cpu] of [[0, 1], [-1, 1], [1, 0], [NaN, 1], [1, NaN]] as const)
    reports.take(list[1]!, report(requests, 0, cpu, 0));
  t.equal(engine.f32[list[1]!.state + 12], 0);
});

t.test('utilisation of the metrics that are named, before the application\'s and the processor\'s', async (t) => {
  const list = endpoints(1), said = new Map([...report(100, 0, 0.5, 0.25),
    ['named_metrics.queue', 0.8], ['named_metrics.disk', 0.1], ['utilization.gpu', 2], ['mem_utilization', 0.4]]);
  const weightBy = (metrics: string[], values: LoadReport = said): number => {
    new LoadReports(engine, { ...rules, metrics }).take(list[0]!, values);
    return engine.f32[list[0]!.state + 12]!;
  };
  t.equal(weightBy([]), 400, 'application_utilization');
  t.equal(weightBy(['named_metrics.queue']), 125);
  t.equal(weightBy(['named_metrics.disk', 'mem_utilization', 'named_metrics.none']), 250, 'the greatest');
  t.equal(weightBy(['named_metrics.*']), 125);
  t.equal(weightBy(['utilization.*', 'named_metrics.*']), 50);
  t.equal(weightBy(['named_metrics.none', 'cost']), 400, 'none of them');
  t.equal(weightBy(['named_metrics.none'], report(100, 0, 0.5, 0)), 200, 'cpu_utilization');
});
