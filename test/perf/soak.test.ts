// The soak's accounts: which failures are excused, and how counters are compared with them.
import t from 'tap';
import { checkExact, checkMemory, checkStatistics, parseStatistics } from '../../perf/soak/checks.js';
import { Ledger, type RequestEnd } from '../../perf/soak/ledger.js';
import { Random } from '../../perf/soak/random.js';

const end = (fields: Partial<RequestEnd>): RequestEnd =>
  ({ listener: 'main', cluster: 'steady-0', startMs: 0, endMs: performance.now(), status: 200, fault: '', ...fields });

t.test('a failure is excused only while its own upstream or a worker was broken', async (t) => {
  const ledger = new Ledger();
  t.equal(ledger.end(end({})), 'answered');
  t.equal(ledger.end(end({ status: 503, fault: 'status 503' })), 'failed');
  ledger.open('upstream', 'abrupt').until(Infinity);
  const now = performance.now();
  t.equal(ledger.end(end({ startMs: now, status: 503, fault: 'status 503' })), 'failed', 'another cluster');
  t.equal(ledger.end(end({ startMs: now, cluster: 'abrupt', status: 503, fault: 'status 503' })), 'excused');
  t.equal(ledger.end(end({ startMs: now, cluster: 'abrupt', status: 404, fault: 'status 404' })), 'failed',
    'not the kill\'s doing');
  t.equal(ledger.end(end({ startMs: now, cluster: 'abrupt', status: 200, fault: 'wrong body' })), 'failed');
  ledger.open('worker', '').until(Infinity);
  t.equal(ledger.end(end({ startMs: now, status: 0, fault: 'ECONNRESET' })), 'excused');
  t.equal(ledger.end(end({ startMs: now, status: 503, fault: 'status 503' })), 'failed',
    'a dead worker answers nothing');
  t.same([ledger.answered, ledger.excused, ledger.failed], [1, 2, 5]);
});

t.test('a window that has passed excuses nothing', async (t) => {
  const ledger = new Ledger();
  ledger.open('upstream', 'abrupt').until(performance.now());
  const later = performance.now() + 10;
  t.equal(ledger.end(end({ startMs: later, endMs: later + 1, cluster: 'abrupt', status: 503, fault: 'x' })), 'failed');
});

t.test('counters must agree, up to attempts that had no answer', async (t) => {
  const ledger = new Ledger();
  for (let index = 0; index < 3; index++) ledger.countSent('main', 'steady-0');
  ledger.countConnection('main');
  ledger.countBroken('main', 'steady-0');
  ledger.end(end({}));
  ledger.end(end({}));
  const text = (total: number, good: number): string =>
    `http.main.downstream_rq_total: ${total}\nhttp.main.downstream_rq_2xx: ${good}\n` +
    'http.main.downstream_rq_4xx: 0\nhttp.main.downstream_rq_5xx: 0\nhttp.main.downstream_cx_total: 1\n' +
    'http.main.downstream_cx_active: 0\n';
  const judge = (total: number, good: number): boolean =>
    checkStatistics(ledger, new Map(), parseStatistics(text(total, good)))
    .filter((check) => check.name.startsWith('http.main')).every((check) => check.passed);
  t.ok(judge(2, 2));
  t.ok(judge(3, 3));
  t.notOk(judge(4, 2));
  t.notOk(judge(3, 1));
});

t.test('a missing counter is a failure', async (t) => {
  t.ok(checkExact(10, 1, ['a'], new Map(), new Map()).every((check) => !check.passed));
});

t.test('memory that keeps growing is noticed', async (t) => {
  const samples = (growth: number) => Array.from({ length: 30 }, (_, index) =>
    ({ seconds: index, rssKiB: 60_000 + index * growth, fds: 10, threads: 5 }));
  t.ok(checkMemory(samples(0)).passed);
  t.notOk(checkMemory(samples(1000)).passed);
});

t.test('a seed gives the same choices again', async (t) => {
  const draw = () => { const random = new Random(7); return Array.from({ length: 20 }, () => random.whole(3, 5)); };
  t.same(draw(), draw());
  t.ok(draw().every((value) => value >= 3 && value <= 5));
  t.match(new Random(0).mark(), /^[0-9a-z]{8}$/);
});
