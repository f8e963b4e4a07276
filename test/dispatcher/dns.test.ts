// STRICT_DNS with a resolver that says what the test wants: all addresses, last good ones, back-off, families.
import t from 'tap';
import type { ClusterConfig, EndpointAssignment } from '../../src/config/types.js';
import { Log, LogSink } from '../../src/core/log.js';
import { DnsClusters, chooseFamily } from '../../src/dispatcher/dns.js';
import type { Resolution } from '../../src/dispatcher/dns.js';
import { cluster, endpoint, policy } from '../config/snapshot/fixtures.js';

const log = new Log(new LogSink('off'), 'upstream');
const dnsOptions = { refreshRateMs: 20, family: 'auto', respectTtl: false, failureRefreshBaseMs: 5,
  failureRefreshMaxMs: 10 } as const;
const named = (...hosts: string[]): ClusterConfig => cluster('c', { type: 'strictDns', dns: dnsOptions,
  loadAssignment: { clusterName: 'c', endpoints: hosts.map((host) => endpoint(host, 80)), policy } });
const hostsOf = (assignment: EndpointAssignment) => assignment.endpoints.map((e) =>
  (e.address.kind === 'ip' ? e.address.host : ''));
const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

t.test('every address of every name is an endpoint, and a change of them is published once', async (t) => {
  let answer: Resolution = { addresses: ['10.0.0.2', '10.0.0.1'], ttlMs: 0 };
  const seen: string[][] = [];
  const dns = new DnsClusters((_name, assignment) => seen.push(hostsOf(assignment)), log, async () => answer);
  t.teardown(() => dns.end());
  dns.watch(named('a.example', '192.0.2.9'));
  await pause(60);
  answer = { addresses: ['10.0.0.3'], ttlMs: 0 };
  await pause(60);
  t.same(seen, [['10.0.0.1', '10.0.0.2', '192.0.2.9'], ['10.0.0.3', '192.0.2.9']]);
});

t.test('a name that fails keeps its last good addresses and does not hold the others back', async (t) => {
  let broken = false;
  const seen: string[][] = [];
  const dns = new DnsClusters((_name, assignment) => seen.push(hostsOf(assignment)), log, async (host) => {
    if (host === 'never.example' || broken) throw new Error('ENOTFOUND');
    return { addresses: ['10.0.0.1'], ttlMs: 0 };
  });
  t.teardown(() => dns.end());
  dns.watch(named('good.example', 'never.example'));
  await pause(30);
  broken = true;
  await pause(40);
  t.same(seen, [['10.0.0.1']]);
  t.ok(dns.counts.get('c')!.failure > 2, 'asked again with back-off');
});

t.test('a cluster that is no longer watched is not resolved and not published', async (t) => {
  let asked = 0;
  let published = 0;
  const dns = new DnsClusters(() => published++, log, async () => { asked++;
    return { addresses: ['10.0.0.1'], ttlMs: 0 }; });
  dns.watch(named('a.example'));
  dns.unwatch('c');
  await pause(50);
  t.same([asked, published], [1, 0]);
});

t.test('families are chosen as dns_lookup_family says', async (t) => {
  const both = ['10.0.0.1', '::1'];
  t.same(chooseFamily(both, 'auto'), ['::1']);
  t.same(chooseFamily(['10.0.0.1'], 'auto'), ['10.0.0.1']);
  t.same(chooseFamily(both, 'v4Preferred'), ['10.0.0.1']);
  t.same(chooseFamily(both, 'v4Only'), ['10.0.0.1']);
  t.same(chooseFamily(['10.0.0.1'], 'v6Only'), []);
  t.same(chooseFamily(both, 'all'), both);
});
