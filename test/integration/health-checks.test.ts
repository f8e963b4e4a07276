// Active health checks: what is asked, when an endpoint leaves and comes back, what /clusters, statistics and the event
// log say. The same tests run on Envoy (WEFT_TEST_KINDS=envoy).
import { createServer } from 'node:http2';
import { existsSync, readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import type { ClusterSpec } from '../support/bootstrap.js';
import { exchange } from '../support/client.js';
import { forEachProxy } from '../support/fixture.js';
import type { Fixture } from '../support/fixture.js';
import { headerOf, statusOf } from '../support/message.js';
import { freePort } from '../support/ports.js';
import { weftKinds } from '../support/proxy.js';
import type { Answer } from '../support/upstream.js';

const onEnvoy = process.env.WEFT_TEST_KINDS === 'envoy';
const GET = 'GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n';
const quick = { timeout: '1s', interval: '0.05s', no_traffic_interval: '0.05s', unhealthy_threshold: 2,
  healthy_threshold: 2 };
const http = (path: string, more: object = {}, check: object = {}) =>
  [{ ...quick, ...more, http_health_check: { path, ...check } }];
const pool = (name: string, ports: readonly number[], fields: Record<string, unknown>): ClusterSpec =>
  ({ name, ports: [...ports], fields: { common_lb_config: { update_merge_window: '0s' }, ...fields } });
const to = (name: string): object => ({ match: { prefix: '/', headers: [{ name: 'x-to',
  string_match: { exact: name } }] }, route: { cluster: name } });
const reply = (status: number, body = '', ...lines: string[]): string =>
  [`HTTP/1.1 ${status} X`, `content-length: ${body.length}`, ...lines, '', body].join('\r\n');

/** Answers checks by path, requests with the upstream's name. */
const answering = (name: string, checks: Record<string, string>): Answer => (request) =>
  checks[request.start.split(' ')[1]] ?? reply(200, name);

const flagsOf = async ({ proxy }: Fixture, cluster: string, port: number): Promise<string> =>
  new RegExp(`^${cluster}::127.0.0.1:${port}::health_flags::(.*)$`, 'm')
    .exec((await proxy.admin('/clusters')).body)?.[1] ?? 'absent';
async function untilFlags(fixture: Fixture, cluster: string, port: number, flags: string): Promise<string> {
  for (const end = Date.now() + 3000; Date.now() < end; await sleep(10))
    if (await flagsOf(fixture, cluster, port) === flags) break;
  if (onEnvoy) await sleep(50);               // its workers hear of it later than /clusters
  return flagsOf(fixture, cluster, port);
}

const folder = mkdtempSync(join(tmpdir(), 'weft-health-'));
const eventLog = join(folder, 'events.log');
let grpcPort = 0;
let grpcStatus = 1;
const grpc = createServer();
grpc.on('stream', (stream, headers) => {
  stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true });
  stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }));
  const served = headers[':path'] === '/grpc.health.v1.Health/Check';
  stream.on('data', () => {}).on('end', () => stream.end(Buffer.from([0, 0, 0, 0, 2, 8, served ? grpcStatus : 2])));
});

t.before(async () => {
  grpcPort = await freePort();
  await new Promise<void>((resolve) => { grpc.listen(grpcPort, '127.0.0.1', resolve); });
});
t.teardown(() => grpc.close());

const names = ['http', 'status', 'body', 'named', 'tcp', 'talk', 'grpc', 'passive', 'degraded', 'disabled', 'late'];
t.test('health checks', (t) => forEachProxy(t, {
  upstreams: ['one', 'two'],
  listeners: [{ name: 'main', routes: names.filter((name) => !onEnvoy || name !== 'grpc').map(to) }],
  more: (ports) => {
    const both = [ports.one, ports.two];
    return [
      pool('http', both, { health_checks: http('/http', { event_log_path: eventLog }) }),
      pool('status', both, { health_checks: http('/status', {}, { expected_statuses: [{ start: 200, end: 300 }],
        retriable_statuses: [{ start: 503, end: 504 }], host: 'checked.example', method: 'HEAD',
        request_headers_to_add: [{ header: { key: 'x-check', value: 'yes' } }] }) }),
      pool('body', [ports.one], { health_checks: http('/body', {}, { method: 'POST', send: { text: '6869' },
        receive: [{ text: '6f6b' }, { text: '21' }] }) }),
      pool('named', [ports.one], { health_checks: http('/named', {}, {
        service_name_matcher: { prefix: 'locations' } }) }),
      pool('tcp', [ports.one, 1], { health_checks: [{ ...quick, tcp_health_check: {} }] }),
      pool('talk', [ports.one], { health_checks: [{ ...quick, reuse_connection: false,
        timeout: '0.3s', tcp_health_check: {
        send: { text: Buffer.from('GET /talk HTTP/1.1\r\nhost: a\r\n\r\n').toString('hex') },
        receive: [{ text: Buffer.from('well').toString('hex') }] } }] }),
      ...(onEnvoy ? [] : [pool('grpc', [grpcPort], { health_checks: [{ ...quick,
        grpc_health_check: { service_name: 'a.b' } }] })]),
      pool('passive', both, { health_checks: http('/passive', { interval: '60s', no_traffic_interval: '60s' }) }),
      pool('degraded', both, { health_checks: http('/degraded') }),
      pool('late', [ports.one], { health_checks: http('/late', { timeout: '0.05s', unhealthy_threshold: 1 }) }),
      { name: 'disabled', ports: [], fields: { health_checks: http('/disabled'), load_assignment: {
        cluster_name: 'disabled', endpoints: [{ lb_endpoints: [
          { endpoint: { address: { socket_address: { address: '127.0.0.1', port_value: ports.one } },
            health_check_config: { disable_active_health_check: true } } },
          { endpoint: { address: { socket_address: { address: '127.0.0.2', port_value: ports.two } },
            health_check_config: { hostname: 'own.example', address: { socket_address: { address: '127.0.0.1',
              port_value: ports.two } } } } }] }] } } },
    ];
  },
}, async (t, fixture) => {
  const { proxy, upstream, port } = fixture;
  const ask = (name: string) => exchange(port.main, GET.replace('Host: a', `Host: a\r\nx-to: ${name}`));
  const answers = async (name: string, count = 6): Promise<Set<string>> => {
    const seen = new Set<string>();
    for (let i = 0; i < count; i++) {
      const answer = await ask(name);
      seen.add(`${statusOf(answer)} ${answer.body}`);
    }
    return seen;
  };
  const checks = { one: {} as Record<string, string>, two: {} as Record<string, string> };
  upstream.one.answer = answering('one', checks.one);
  upstream.two.answer = answering('two', checks.two);
  const flags = (name: string, of: 'one' | 'two', wanted: string) =>
    untilFlags(fixture, name, upstream[of].port, wanted);

  await t.test('an endpoint that answers otherwise leaves at once, and comes back after its threshold', async (t) => {
    t.same(await answers('http'), new Set(['200 one', '200 two']));
    checks.two['/http'] = reply(500);
    t.equal(await flags('http', 'two', '/failed_active_hc'), '/failed_active_hc');
    t.same(await answers('http'), new Set(['200 one']));
    t.equal(await proxy.stat('cluster.http.membership_healthy'), 1);
    t.equal(await proxy.stat('cluster.http.health_check.healthy'), 1);
    delete checks.two['/http'];
    t.equal(await flags('http', 'two', 'healthy'), 'healthy');
    t.same(await answers('http'), new Set(['200 one', '200 two']));
    const asked = upstream.one.requests.find(({ start }) => start.includes(' /http '))!;
    t.same([asked.start, asked.headers], ['GET /http HTTP/1.1', [['host', 'http'], ['user-agent', 'Envoy/HC']]]);
  });

  await t.test('JSON of /clusters', async (t) => {
    checks.two['/http'] = reply(500);
    await flags('http', 'two', '/failed_active_hc');
    const { body } = await proxy.admin('/clusters?format=json');
    const found = JSON.parse(body).cluster_statuses.find(({ name }: { name: string }) => name === 'http');
    t.same(found.host_statuses.map(({ health_status: status }: { health_status: object }) => status),
      [{ eds_health_status: 'HEALTHY' }, { failed_active_health_check: true, eds_health_status: 'HEALTHY' }]);
    delete checks.two['/http'];
    await flags('http', 'two', 'healthy');
  });

  await t.test('statuses that are expected, and those that are tried again', async (t) => {
    checks.two['/status'] = reply(204);
    t.equal(await flags('status', 'two', 'healthy'), 'healthy');
    const asked = upstream.one.requests.find(({ start }) => start.includes(' /status '))!;
    t.same([asked.start, headerOf(asked, 'host'), headerOf(asked, 'x-check')],
      ['HEAD /status HTTP/1.1', 'checked.example', 'yes']);
    checks.two['/status'] = reply(503).replace('content-length: 0\r\n', '');
    t.equal(await flags('status', 'two', '/failed_active_hc'), '/failed_active_hc');
  });

  await t.test('payloads', async (t) => {
    t.equal(await flags('body', 'one', '/failed_active_hc'), '/failed_active_hc');
    checks.one['/body'] = reply(200, '--ok--!--');
    t.equal(await flags('body', 'one', 'healthy'), 'healthy');
    const asked = upstream.one.requests.find(({ start }) => start.includes(' /body '))!;
    t.same([asked.start, asked.body, headerOf(asked, 'content-length')], ['POST /body HTTP/1.1', 'hi', '2']);
  });

  await t.test('the service says its name', async (t) => {
    t.equal(await flags('named', 'one', '/failed_active_hc'), '/failed_active_hc');
    checks.one['/named'] = reply(200, '', 'x-envoy-upstream-healthchecked-cluster: locations-7');
    t.equal(await flags('named', 'one', 'healthy'), 'healthy');
    t.ok(await proxy.stat('cluster.named.health_check.verify_cluster') > 0);
  });

  await t.test('TCP: connecting, and talking', async (t) => {
    t.equal(await flags('tcp', 'one', 'healthy'), 'healthy');
    t.equal(await untilFlags(fixture, 'tcp', 1, '/failed_active_hc'), '/failed_active_hc');
    t.ok(await proxy.stat('cluster.tcp.health_check.network_failure') > 0);
    t.equal(await flags('talk', 'one', '/failed_active_hc/active_hc_timeout'), '/failed_active_hc/active_hc_timeout');
    checks.one['/talk'] = reply(200, 'well');
    t.equal(await flags('talk', 'one', 'healthy'), 'healthy');
  });

  if (!onEnvoy) await t.test('gRPC', async (t) => {
    grpcStatus = 1;
    t.equal(await untilFlags(fixture, 'grpc', grpcPort, 'healthy'), 'healthy');
    grpcStatus = 2;
    t.equal(await untilFlags(fixture, 'grpc', grpcPort, '/failed_active_hc'), '/failed_active_hc');
    grpcStatus = 1;
    t.equal(await untilFlags(fixture, 'grpc', grpcPort, 'healthy'), 'healthy');
  });

  await t.test('an answer takes its endpoint out of service', async (t) => {
    upstream.two.answer = () => reply(200, 'leaving', 'x-envoy-immediate-health-check-fail: 1');
    await answers('passive', 3);
    const out = '/failed_active_hc/excluded_via_immediate_hc_fail';
    t.equal(await flags('passive', 'two', out), out);
    t.same(await answers('passive'), new Set(['200 one']));
    t.equal(await proxy.stat('cluster.passive.health_check.passive_failure'), 1);
    t.equal(await proxy.stat('cluster.passive.membership_excluded'), 1);
    upstream.two.answer = answering('two', checks.two);
  });

  await t.test('a degraded endpoint takes what the healthy ones are too few for', async (t) => {
    checks.two['/degraded'] = reply(200, '', 'x-envoy-degraded: 1');
    t.equal(await flags('degraded', 'two', '/degraded_active_hc'), '/degraded_active_hc');
    t.equal(await proxy.stat('cluster.degraded.membership_degraded'), 1);
    checks.one['/degraded'] = reply(500);
    t.equal(await flags('degraded', 'one', '/failed_active_hc'), '/failed_active_hc');
    t.same(await answers('degraded'), new Set(['200 two']));
  });

  await t.test('an answer that is late', async (t) => {
    upstream.one.answer = async (request) => {
      if (request.start.includes(' /late ')) await sleep(100);
      return answering('one', checks.one)(request);
    };
    const late = '/failed_active_hc/active_hc_timeout';
    t.equal(await flags('late', 'one', late), late);
    upstream.one.answer = answering('one', checks.one);
    t.equal(await flags('late', 'one', 'healthy'), 'healthy');
  });

  await t.test('endpoints with a check of their own, or none', async (t) => {
    const { requests } = upstream.two;
    await upstream.two.until(() => requests.some(({ start }) => start.includes(' /disabled ')));
    t.equal(headerOf(requests.find(({ start }) => start.includes(' /disabled '))!, 'host'), 'own.example');
    t.notOk(upstream.one.requests.some(({ start }) => start.includes(' /disabled ')));
  });

  await t.test('events', async (t) => {
    for (let tries = 0; tries < 100 && !existsSync(eventLog); tries++) await sleep(20);
    await sleep(100);
    const events = readFileSync(eventLog, 'utf8').trim().split('\n').map((line) => JSON.parse(line));
    const kinds = events.map((event) => Object.keys(event).find((key) => /_event$|_host$/.test(key)));
    t.ok(kinds.includes('add_healthy_event') && kinds.includes('eject_unhealthy_event'), kinds.join());
    t.same(Object.keys(events[0]), ['health_checker_type', 'host', 'cluster_name', 'add_healthy_event', 'timestamp',
      'locality']);
    t.match(events[0], { health_checker_type: 'HTTP', cluster_name: 'http', host: { socket_address: {
      protocol: 'TCP', address: '127.0.0.1', resolver_name: '', ipv4_compat: false } } });
  });
}).then(() => t.ok(weftKinds.length > 0)));
