// Outlier detection: who is ejected for what, who is not, who comes back; counted for the process, whichever worker
// sees the failures. The same tests run on Envoy (WEFT_TEST_KINDS=envoy).
import { mkdtempSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import t from 'tap';
import { exchange } from '../support/client.js';
import { startFixture, stopFixture } from '../support/fixture.js';
import { statusOf } from '../support/message.js';
import { weftKinds, type ProxyKind } from '../support/proxy.js';

const kinds = process.env.WEFT_TEST_KINDS === undefined ? weftKinds : ['envoy' as ProxyKind];
const eventLog = join(mkdtempSync(join(tmpdir(), 'weft-outlier-')), 'events.log');
/** Nothing ejects but what a test asks for, and nobody comes back by time. */
const nothing = { consecutive_5xx: 1000, consecutive_gateway_failure: 1000, max_ejection_percent: 100,
  base_ejection_time: '100s', interval: '100s', success_rate_minimum_hosts: 1000 };
const detections: Record<string, object> = {
  five: { ...nothing, consecutive_5xx: 3 },
  back: { ...nothing, consecutive_5xx: 2, base_ejection_time: '0.05s', interval: '0.05s' },
  gateway: { ...nothing, consecutive_gateway_failure: 2, enforcing_consecutive_gateway_failure: 100 },
  idle: { ...nothing, consecutive_gateway_failure: 2 },
  alone: { ...nothing, consecutive_5xx: 2 },
  half: { ...nothing, consecutive_5xx: 2, max_ejection_percent: 50 },
  one: { ...nothing, consecutive_5xx: 2, max_ejection_percent: 0, always_eject_one_host: true },
  share: { ...nothing, interval: '0.2s', failure_percentage_minimum_hosts: 2, failure_percentage_request_volume: 4,
    failure_percentage_threshold: 60, enforcing_failure_percentage: 100 },
  rate: { ...nothing, interval: '0.2s', success_rate_minimum_hosts: 2, success_rate_request_volume: 4,
    success_rate_stdev_factor: 900 },
  time: { ...nothing, consecutive_gateway_failure: 2, enforcing_consecutive_gateway_failure: 100 },
  local: { ...nothing, split_external_local_origin_errors: true, consecutive_local_origin_failure: 2 },
  together: { ...nothing, consecutive_5xx: 2 },
  checked: { ...nothing, consecutive_5xx: 2 },
  calls: { ...nothing, consecutive_gateway_failure: 2, enforcing_consecutive_gateway_failure: 100 },
};
const names = Object.keys(detections);
const check = { timeout: '1s', interval: '0.05s', no_traffic_interval: '0.05s', unhealthy_threshold: 1,
  healthy_threshold: 1, tcp_health_check: {} };
const route = (name: string): object => ({ match: { prefix: '/', headers: [{ name: 'x-to',
  string_match: { exact: name } }] }, route: { cluster: name, timeout: '0.1s' } });

for (const kind of kinds) {
  t.test(kind, async (t) => {
    const fixture = await startFixture(kind, { upstreams: ['a', 'b'], listeners: [{ name: 'main',
      routes: names.map(route) }], more: (ports) => names.map((name) => ({ name,
        ports: name === 'local' || name === 'together' ? [ports.a, 1] : name === 'alone' ? [ports.a]
          : [ports.a, ports.b],
        fields: { outlier_detection: detections[name], common_lb_config: { update_merge_window: '0s',
          healthy_panic_threshold: { value: 0 } }, ...(name === 'checked' && { health_checks: [check] }) } })),
    bootstrap: { cluster_manager: { outlier_detection: { event_log_path: eventLog } } },
    });
    t.teardown(() => stopFixture(fixture));
    const { proxy, upstream, port } = fixture;
    const status = { a: 200, b: 200 };
    const grpc: { [name: string]: number | null } = { a: null, b: null };
    for (const name of ['a', 'b'] as const) {
      upstream[name].answer = async () => {
        if (status[name] === 0) { await sleep(300); return null; }
        return grpc[name] === null ? `HTTP/1.1 ${status[name]} X\r\ncontent-length: 1\r\n\r\n${name}`
          : ['HTTP/1.1 200 OK', 'content-type: application/grpc', `grpc-status: ${grpc[name]}`, 'content-length: 0', '',
            ''].join('\r\n');
      };
    }
    t.beforeEach(() => { status.a = status.b = 200; });
    const ask = async (name: string): Promise<string> => {
      const answer = await exchange(port.main, ['GET / HTTP/1.1', 'Host: x', `x-to: ${name}`, 'Connection: close',
        ...(name === 'calls' ? ['content-type: application/grpc'] : []), '', ''].join('\r\n'));
      return `${statusOf(answer)} ${answer.body}`;
    };
    const askTimes = async (name: string, count: number): Promise<string[]> => {
      const seen: string[] = [];
      for (let i = 0; i < count; i++) seen.push(await ask(name));
      return seen;
    };
    const stat = (name: string, which: string) => proxy.stat(`cluster.${name}.outlier_detection.${which}`);
    const untilStat = (name: string, which: string, value: number) =>
      proxy.untilStat(`cluster.${name}.outlier_detection.${which}`, value);
    const settled = () => sleep(kind === 'envoy' ? 60 : 30);

    await t.test('gRPC calls fail by their own status', async (t) => {
      grpc.a = 0;
      grpc.b = 12;                                        // 501 is no failure of a gateway
      await askTimes('calls', 8);
      t.equal(await stat('calls', 'ejections_active'), 0);
      grpc.b = 14;
      await askTimes('calls', 4);
      await untilStat('calls', 'ejections_active', 1);
      grpc.a = grpc.b = null;
      const { body } = await proxy.admin('/clusters');
      const counts = ['rq_error', 'rq_success'].map((name) => [...body.matchAll(new RegExp(
        `^calls::[^:]*:\\d+::${name}::(\\d+)`, 'gm'))].map(([, count]) => count).sort().join());
      t.same(counts, ['0,6', '0,6']);
    });

    await t.test('consecutive 5xx', async (t) => {
      status.b = 500;
      const before = await askTimes('five', 4);
      t.equal(await stat('five', 'ejections_active'), 0, before.join());
      await askTimes('five', 2);
      t.equal(await untilStat('five', 'ejections_active', 1), 1);
      await settled();
      t.same(new Set(await askTimes('five', 6)), new Set(['200 a']));
      t.equal(await stat('five', 'ejections_enforced_consecutive_5xx'), 1);
      t.equal(await proxy.stat('cluster.five.membership_healthy'), 1);
      const { body } = await proxy.admin('/clusters');
      t.match(body, new RegExp(`five::127.0.0.1:${upstream.b.port}::health_flags::/failed_outlier_check\n`));
      t.match(body, /five::outlier::success_rate_average::-1\n/);
    });

    await t.test('a good answer begins anew', async (t) => {
      for (let i = 0; i < 5; i++) { status.a = i % 2 === 0 ? 500 : 200; await ask('alone'); }
      t.equal(await stat('alone', 'ejections_detected_consecutive_5xx'), 0);
    });

    await t.test('back after its time', async (t) => {
      status.b = 503;
      await askTimes('back', 4);
      t.equal(await untilStat('back', 'ejections_enforced_total', 1), 1);
      status.b = 200;
      t.equal(await untilStat('back', 'ejections_active', 0), 0);
      await settled();
      t.same(new Set(await askTimes('back', 4)), new Set(['200 a', '200 b']));
    });

    await t.test('gateway failures, which are not enforced by default', async (t) => {
      status.b = 500;
      await askTimes('gateway', 6);
      status.b = 502;
      await askTimes('gateway', 4);
      await askTimes('idle', 4);
      t.equal(await untilStat('gateway', 'ejections_enforced_consecutive_gateway_failure', 1), 1);
      t.equal(await untilStat('idle', 'ejections_detected_consecutive_gateway_failure', 1), 1);
      t.equal(await stat('idle', 'ejections_active'), 0);
    });

    await t.test('no more than a share of the endpoints, or one all the same', async (t) => {
      status.a = status.b = 500;
      await askTimes('half', 8);
      t.equal(await untilStat('half', 'ejections_active', 1), 1);
      t.ok(await stat('half', 'ejections_overflow') > 0);
      await askTimes('one', 8);
      t.equal(await untilStat('one', 'ejections_active', 1), 1);
    });

    await t.test('failure percentage', async (t) => {
      status.b = 500;
      for (let tries = 0; tries < 20 && await stat('share', 'ejections_active') === 0; tries++)
        await Promise.all([askTimes('share', 12), sleep(50)]);
      t.ok(await stat('share', 'ejections_enforced_failure_percentage') > 0);
      t.match((await proxy.admin('/clusters')).body,
        new RegExp(`share::127.0.0.1:${upstream.b.port}::health_flags::/failed_outlier_check`));
    });

    await t.test('success rate', async (t) => {
      status.b = 500;
      for (let tries = 0; tries < 20 && await stat('rate', 'ejections_active') === 0; tries++)
        await Promise.all([askTimes('rate', 12), sleep(50)]);
      t.ok(await stat('rate', 'ejections_enforced_success_rate') > 0);
      await sleep(150);
      const line = readLog().find(({ cluster_name: name, type }) => name === 'rate' && type === 'SUCCESS_RATE');
      t.match(line, { action: 'EJECT', enforced: true, num_ejections: 1, eject_success_rate_event: {
        host_success_rate: 0, cluster_average_success_rate: 50 } });
    });

    await t.test('answers that do not come are gateway failures', async (t) => {
      status.b = 0;
      await askTimes('time', 4);
      t.equal(await untilStat('time', 'ejections_enforced_consecutive_gateway_failure', 1), 1);
    });

    await t.test('connections that fail: apart, or as 5xx', async (t) => {
      await askTimes('local', 6);
      t.equal(await untilStat('local', 'ejections_enforced_consecutive_local_origin_failure', 1), 1);
      t.equal(await stat('local', 'ejections_detected_consecutive_5xx'), 0);
      await askTimes('together', 6);
      t.equal(await untilStat('together', 'ejections_enforced_consecutive_5xx', 1), 1);
    });

    await t.test('an active check brings it back', async (t) => {
      status.b = 500;
      await askTimes('checked', 4);
      t.equal(await untilStat('checked', 'ejections_enforced_total', 1), 1);
      status.b = 200;
      t.equal(await untilStat('checked', 'ejections_active', 0), 0);
    });

    await t.test('the log', async (t) => {
      const lines = readLog();
      const first = lines.find(({ cluster_name: name }) => name === 'five')!;
      t.same(Object.keys(first), ['type', 'timestamp', 'cluster_name', 'upstream_url', 'action', 'num_ejections',
        'enforced', 'eject_consecutive_event']);
      t.match(lines.filter(({ cluster_name: name }) => name === 'back').slice(0, 2), [
        { type: 'CONSECUTIVE_5XX', action: 'EJECT', enforced: true, eject_consecutive_event: {} },
        { action: 'UNEJECT', secs_since_last_action: '0', num_ejections: 1, enforced: false }]);
    });
  });
}

t.test('all workers count together', async (t) => {
  for (const kind of weftKinds) {
    const fixture = await startFixture(kind, { upstreams: ['a', 'b'], options: ['--concurrency', '4'],
      listeners: [{ name: 'main', routes: [{ match: { prefix: '/' }, route: { cluster: 'both' } }] }],
      more: (ports) => [{ name: 'both', ports: [ports.a, ports.b], fields: {
        outlier_detection: { ...nothing, consecutive_5xx: 8 } } }] });
    const { proxy, upstream, port } = fixture;
    upstream.b.answer = () => 'HTTP/1.1 500 X\r\ncontent-length: 0\r\n\r\n';
    for (let i = 0; i < 80; i++) await exchange(port.main, 'GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n');
    t.equal(await proxy.untilStat('cluster.both.outlier_detection.ejections_active', 1), 1);
    t.ok(upstream.b.requests.length < 30, `${upstream.b.requests.length} requests until it was ejected`);
    await stopFixture(fixture);
  }
});

function readLog(): Record<string, unknown>[] {
  return readFileSync(eventLog, 'utf8').trim().split('\n').map((line) => JSON.parse(line) as Record<string, unknown>);
}
