// STRICT_DNS with a resolver that says what the test wants: all addresses, last good ones, back-off, families.
import { createSocket } from 'node:dgram';
import t from 'tap';
import type { ClusterConfig, EndpointAssignment } from '../../src/config/types.js';
import { Log, LogSink } from '../../src/core/log.js';
import { DnsClusters } from '../../src/dispatcher/dns.js';
import { chooseFamily, resolveHost } from '../../src/dispatcher/resolve.js';
import type { Resolution } from '../../src/dispatcher/resolve.js';
import { cluster, endpoint, policy } from '../config/snapshot/fixtures.js';

const log = new Log(new LogSink('off'), 'upstream');
const dnsOptions = { refreshRateMs: 20, family: 'auto', respectTtl: false, failureRefreshBaseMs: 5,
  failureRefreshMaxMs: 10, jitterMs: 0, waitAtStart: true, resolver: null } as const;
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

t.test('LOGICAL_DNS: one endpoint that follows its name', async (t) => {
  let answer: Resolution = { addresses: ['10.0.0.2', '10.0.0.1'], ttlMs: 0 };
  const seen: EndpointAssignment[] = [];
  const dns = new DnsClusters((_name, assignment) => seen.push(assignment), log, async () => answer);
  t.teardown(() => dns.end());
  dns.watch({ ...named('a.example'), type: 'logicalDns', dns: { ...dnsOptions, family: 'all' } });
  await pause(30);
  answer = { addresses: ['10.0.0.1'], ttlMs: 0 };
  await pause(40);
  t.same(seen.map(hostsOf), [['10.0.0.2'], ['10.0.0.1']]);
  t.same(seen[0].endpoints[0].additionalAddresses, [{ kind: 'ip', host: '10.0.0.1', port: 80, ipv4Compat: false }]);
  t.equal(seen[0].endpoints[0].hostname, 'a.example');
  t.ok(dns.counts.get('c')!.no_rebuild > 0);
});

t.test('name servers of the configuration', async (t) => {
  const server = createSocket('udp4');
  server.on('message', (query, from) => server.send(answerA(query, '10.9.8.7'), from.port, from.address));
  await new Promise<void>((resolve) => { server.bind(0, '127.0.0.1', resolve); });
  t.teardown(() => server.close());
  const resolver = { servers: [`127.0.0.1:${server.address().port}`], serversOnlyAsFallback: false,
    searchDomains: false,
    filterUnroutable: false, timeoutMs: 1000, tries: 1 };
  t.same(await resolveHost('a.example', 'v4Only', true, resolver), { addresses: ['10.9.8.7'], ttlMs: 7000 });
  t.same(await resolveHost('localhost', 'v4Only', false, { ...resolver, serversOnlyAsFallback: true }),
    { addresses: ['127.0.0.1'], ttlMs: 0 }, 'the system knew it');
  await t.rejects(resolveHost('a.example', 'v4Only', false, { ...resolver, servers: ['127.0.0.1:1'], timeoutMs: 50 }));
});

/** The answer to a DNS query of type A, with a time to live of seven seconds. */
function answerA(query: Buffer, address: string): Buffer {
  const header = Buffer.from(query.subarray(0, 12));
  header.writeUInt16BE(0x8180, 2);
  header.writeUInt16BE(1, 6);
  header.writeUInt16BE(0, 8);
  header.writeUInt16BE(0, 10);
  const question = query.subarray(12, query.indexOf(0, 12) + 5);
  return Buffer.concat([header, question, Buffer.from([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 7, 0, 4,
    ...address.split('.').map(Number)])]);
}
