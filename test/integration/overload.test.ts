// Overload: what each action does to clients while a pressure lasts, and that it ends. The pressure is a file.
import { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import t from 'tap';
import { bootstrap, type ListenerSpec } from '../support/bootstrap.js';
import { exchange, RawClient } from '../support/client.js';
import { headerOf, statusOf } from '../support/message.js';
import { freePort } from '../support/ports.js';
import { Proxy, weftKinds } from '../support/proxy.js';

const GET = 'GET / HTTP/1.1\r\nHost: a\r\n\r\n';
const TYPE = 'type.googleapis.com/envoy.extensions.resource_monitors.';
const injected = 'envoy.resource_monitors.injected_resource';
const limit = 'envoy.resource_monitors.global_downstream_max_connections';
const routes = [{ match: { prefix: '/' }, direct_response: { status: 200, body: { inline_string: 'ok' } } }];
const action = (name: string, more: object = {}) =>
  ({ name: `envoy.overload_actions.${name}`, triggers: [{ name: injected, threshold: { value: 0.5 } }], ...more });

for (const kind of weftKinds) {
  t.test(kind, async (t) => {
    const folder = mkdtempSync(join(tmpdir(), 'weft-overload-'));
    t.teardown(() => rmSync(folder, { recursive: true }));
    const press = (pressure: string): void => {
      writeFileSync(join(folder, 'next'), pressure);
      renameSync(join(folder, 'next'), join(folder, 'pressure'));
    };
    const run = async (actions: object[], more: Partial<ListenerSpec> = {}, monitors: object[] = []) => {
      press('0');
      const [port, adminPort] = [await freePort(), await freePort()];
      const proxy = await Proxy.start(kind, adminPort, () => ({
        ...bootstrap(adminPort, [{ name: 'main', port, routes, ...more }], []),
        overload_manager: { refresh_interval: '0.02s', actions, resource_monitors: [{ name: injected,
          typed_config: { '@type': `${TYPE}injected_resource.v3.InjectedResourceConfig`,
            filename: join(folder, 'pressure') } }, ...monitors] },
      }), ['--concurrency', '2']);
      t.teardown(() => proxy.stop());
      const stat = (name: string, value: number) => proxy.untilStat(name, value);
      const until = async (name: string, pressure: string, active: number) => {
        press(pressure);
        t.equal(await stat(`overload.envoy.overload_actions.${name}.active`, active), active);
        await sleep(20);
      };
      return { proxy, port, stat, until };
    };

    await t.test('requests are answered 503, and keep-alive ends', async (t) => {
      const { port, stat, until, proxy } = await run([action('stop_accepting_requests'),
        action('disable_http_keepalive', { triggers: [{ name: injected, threshold: { value: 0.2 } }] })]);
      await until('disable_http_keepalive', '0.3', 1);
      const last = await exchange(port, GET);
      t.same([statusOf(last), headerOf(last, 'connection')], [200, 'close']);
      await until('stop_accepting_requests', '0.5', 1);
      const shed = await exchange(port, GET);
      t.same([statusOf(shed), shed.body], [503, 'envoy overloaded']);
      t.equal(await stat('http.main.downstream_rq_overload_close', 1), 1);
      await until('disable_http_keepalive', '0', 0);
      const calm = await exchange(port, GET);
      t.same([statusOf(calm), headerOf(calm, 'connection')], [200, undefined]);
      await proxy.stop();
    });

    await t.test('a pressure that cannot be read leaves the last one', async (t) => {
      const { port, until, proxy } = await run([action('stop_accepting_requests')]);
      await until('stop_accepting_requests', '0.9', 1);
      press('nonsense');
      await sleep(80);
      t.equal(statusOf(await exchange(port, GET)), 503);
      t.ok(await proxy.stat(`overload.${injected}.failed_updates`) > 0);
      await proxy.stop();
    });

    for (const reusePort of [true, false]) {
      await t.test(`connections wait while accepting stops, reuse port ${reusePort}`, async (t) => {
        const { port, until, proxy } = await run([action('stop_accepting_connections')],
          { listener: { enable_reuse_port: reusePort } });
        await until('stop_accepting_connections', '0.9', 1);
        const client = await RawClient.open(port);
        client.send(GET);
        await sleep(100);
        t.equal(client.received, '', 'nobody answers');
        await until('stop_accepting_connections', '0', 0);
        t.equal(statusOf(await client.response()), 200, 'it is answered afterwards');
        client.close();
        await proxy.stop();
      });
    }

    await t.test('connections are rejected', async (t) => {
      const { port, until, stat, proxy } = await run([action('reject_incoming_connections')]);
      await until('reject_incoming_connections', '1', 1);
      const client = await RawClient.open(port);
      await client.end();
      t.equal(client.received, '');
      t.equal(await stat(`listener.127.0.0.1_${port}.downstream_cx_overload_reject`, 1), 1);
      await proxy.stop();
    });

    await t.test('the limit of connections holds for the process', async (t) => {
      const { port, stat, proxy } = await run([], {}, [{ name: limit, typed_config: {
        '@type': `${TYPE}downstream_connections.v3.DownstreamConnectionsConfig`,
        max_active_downstream_connections: 3 } }]);
      const clients = await Promise.all([1, 2, 3].map(() => RawClient.open(port)));
      for (const client of clients) { client.send(GET); await client.response(); }
      const fourth = await RawClient.open(port);
      await fourth.end();
      t.equal(await stat(`listener.127.0.0.1_${port}.downstream_global_cx_overflow`, 1), 1);
      clients[0].close();
      await sleep(50);
      t.equal(statusOf(await exchange(port, GET)), 200, 'a place that becomes free is used');
      for (const client of clients) client.close();
      await proxy.stop();
    });

    await t.test('idle connections end sooner, those that are open already too', async (t) => {
      const { port, until, proxy } = await run([action('reduce_timeouts', {
        triggers: [{ name: injected, scaled: { scaling_threshold: 0.2, saturation_threshold: 0.8 } }],
        typed_config: { '@type': 'type.googleapis.com/envoy.config.overload.v3.ScaleTimersOverloadActionConfig',
          timer_scale_factors: [{ timer: 'HTTP_DOWNSTREAM_CONNECTION_IDLE', min_timeout: '0.1s' }] } })]);
      const client = await RawClient.open(port);
      client.send(GET);
      await client.response();
      await until('reduce_timeouts', '0.8', 1);
      await client.end();
      t.ok(client.ended);
      client.close();
      await proxy.stop();
    });
  });
}
