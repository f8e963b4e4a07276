// DNS caches of the dynamic forward proxy: who is asked, how long an answer is good, and what a failure leaves.
import t from 'tap';
import type { DnsCacheConfig } from '../../src/config/http-filters.js';
import { HostResolver } from '../../src/dispatcher/host-resolver.js';

const config: DnsCacheConfig = { name: 'c', family: 'auto', refreshMs: 60_000, failureRefreshMs: 5000,
  failureRefreshMaxMs: 8000,
  hostTtlMs: 300_000, queryTimeoutMs: 50, maxHosts: 2 };

function setup(answers: Record<string, string[] | Error | 'silence'>) {
  const asked: string[] = [];
  let nowMs = 1000;
  const resolver = new HostResolver(async (host) => {
    asked.push(host);
    const answer = answers[host] ?? new Error('ENOTFOUND');
    if (answer instanceof Error) throw answer;
    return answer === 'silence' ? new Promise(() => undefined) : { addresses: answer, ttlMs: 0 };
  }, () => nowMs);
  const stat = (name: string) => [...resolver.statistics()].find((one) => one.name === `dns_cache.c.${name}`)?.value;
  return { asked, answers, stat, later: (ms: number) => { nowMs += ms; },
    ask: (host: string) => resolver.answer(config, host) };
}

t.test('an answer is good for its time, and asked for once', async (t) => {
  const { ask, asked, later, stat } = setup({ a: ['10.0.0.1'] });
  const [first, second] = await Promise.all([ask('a'), ask('a')]);
  t.match(first, { address: '10.0.0.1', ttlMs: 60_000 });
  t.match(second, { address: '10.0.0.1' });
  later(59_000);
  t.match(await ask('a'), { ttlMs: 1000 });
  t.same(asked, ['a']);
  later(2000);
  await ask('a');
  t.same(asked, ['a', 'a']);
  t.equal(stat('dns_query_success'), 2);
});

t.test('a failure keeps the last good address', async (t) => {
  const { ask, answers, later, stat } = setup({ a: ['10.0.0.1'] });
  await ask('a');
  answers.a = new Error('SERVFAIL');
  later(61_000);
  t.match(await ask('a'), { address: '10.0.0.1', reason: 'SERVFAIL', ttlMs: 5000 });
  later(5000);
  t.match(await ask('a'), { address: '10.0.0.1', ttlMs: 8000 });
  answers.a = ['10.0.0.2'];
  later(8000);
  t.match(await ask('a'), { address: '10.0.0.2', reason: '' });
  t.equal(stat('host_address_changed'), 1);
});

t.test('a name that is none has no address', async (t) => {
  const { ask, stat } = setup({});
  t.match(await ask('none'), { address: '', reason: 'ENOTFOUND', ttlMs: 5000 });
  t.equal(stat('dns_query_failure'), 1);
});

t.test('a resolver that says nothing is not waited for', async (t) => {
  const { ask, stat } = setup({ a: 'silence' });
  t.match(await ask('a'), { address: '', reason: 'no answer in time' });
  t.equal(stat('dns_query_timeout'), 1);
});

t.test('a full cache refuses further names until one was unused for host_ttl', async (t) => {
  const { ask, later, stat } = setup({ a: ['1.1.1.1'], b: ['1.1.1.2'], c: ['1.1.1.3'] });
  await ask('a');
  await ask('b');
  t.match(await ask('c'), { address: '', reason: 'the cache is full' });
  t.equal(stat('host_overflow'), 1);
  later(300_001);
  t.match(await ask('c'), { address: '1.1.1.3' });
  t.equal(stat('host_removed'), 2);
});
