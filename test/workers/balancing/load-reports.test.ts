// Client-side weighted round robin: reports in each form, what they make of weights, and when those count.
import t from 'tap';
import { LoadReports, readReport } from '../../../src/workers/balancing/load-reports.js';
import { createPicker } from '../../../src/workers/balancing/picker.js';
import type { Endpoint } from '../../../src/workers/upstream/endpoint.js';
import { balancing, cluster, policy } from '../../config/snapshot/fixtures.js';
import { counts, endpoints, world } from './endpoints.js';

const { engine } = world;
const rules = { blackoutMs: 10_000, expirationMs: 60_000, updateMs: 1000, errorPenalty: 1 };
const pickerOf = (list: Endpoint[]) => createPicker(engine, cluster('c', { lbPolicy: 'clientSideWeightedRoundRobin',
  balancing: { ...balancing, clientWeights: rules } }), [list], policy)!;
const passes = (ms: number): void => { engine.nowMs += ms; engine.wallMs += ms; };

t.test('reports', async (t) => {
  const wanted = { requests: 100, errors: 2, cpu: 0.5, application: 0.25 };
  t.same(readReport('cpu_utilization=0.5,application_utilization=0.25, rps_fractional=100,eps=2', false), wanted);
  t.same(readReport('TEXT cpu_utilization:0.5,application_utilization:0.25,rps_fractional:100,eps:2', false), wanted);
  t.same(readReport('JSON {"cpu_utilization":0.5,"applicationUtilization":0.25,"rpsFractional":100,"eps":2,"x":1}',
    false), wanted);
  const double = (field: number, value: number): Buffer => {
    const bytes = Buffer.alloc(9);
    bytes[0] = (field << 3) | 1;
    bytes.writeDoubleLE(value, 1);
    return bytes;
  };
  const named = Buffer.from([0x42, 3, 1, 2, 3]), whole = Buffer.from([0x18, 0x80, 1]);
  const message = Buffer.concat([double(1, 0.5), named, double(2, 0.9), double(6, 100), whole, double(7, 2),
    double(9, 0.25)]).toString('base64');
  t.same(readReport(message, true), wanted);
  t.same(readReport(`BIN ${message}`, false), wanted);
  for (const text of ['', 'x', 'cpu_utilization=', 'cpu_utilization=1,cpu_utilization=2', 'cpu_utilization=NaN',
    'JSON {', 'BIN !', `cpu_utilization=${'1'.repeat(5000)}`]) {
    const report = readReport(text, false);
    t.ok(report === null || report.cpu === 0, JSON.stringify(text.slice(0, 40)));
  }
});

t.test('weights count after the blackout, with the median for who has none, until they are too old', async (t) => {
  const list = endpoints(1, 1, 1), reports = new LoadReports(engine, rules);
  const say = (): void => {
    reports.take(list[0]!, { requests: 100, errors: 0, cpu: 0.5, application: 0 });       // 200
    reports.take(list[1]!, { requests: 100, errors: 0, cpu: 0.9, application: 0.25 });    // 400
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
  reports.take(list[0]!, { requests: 100, errors: 25, cpu: 0.5, application: 0 });        // 100 / (0.5 + 2 / 4)
  t.equal(engine.f32[list[0]!.state + 12], 100);
  for (const [requests, cpu] of [[0, 1], [-1, 1], [1, 0], [NaN, 1], [1, NaN]] as const)
    reports.take(list[1]!, { requests, errors: 0, cpu, application: 0 });
  t.equal(engine.f32[list[1]!.state + 12], 0);
});
