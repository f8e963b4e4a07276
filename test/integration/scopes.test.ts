// Statistics of listeners that are gone: they are forgotten once their last connection is, and their room is used
// again.
import { renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import t from 'tap';
import { bootstrap } from '../support/bootstrap.js';
import { RawClient } from '../support/client.js';
import { freePort } from '../support/ports.js';
import { Proxy, weftKinds } from '../support/proxy.js';

const GET = 'GET / HTTP/1.1\r\nHost: a\r\n\r\n';
const routes = [{ match: { prefix: '/' }, direct_response: { status: 200 } }];

t.test('a listener that is gone', async (t) => {
  const [adminPort, port] = [await freePort(), await freePort()];
  const write = (folder: string, names: readonly string[]): string => {
    const made = bootstrap(adminPort, names.map((name) => ({ name, port, routes,
      manager: { drain_timeout: '0.1s' } })), []) as { static_resources: { listeners: object[] } };
    const file = join(folder, 'lds.json');
    writeFileSync(`${file}.new`, JSON.stringify({ resources: made.static_resources.listeners.map((listener) =>
      ({ '@type': 'type.googleapis.com/envoy.config.listener.v3.Listener', ...listener })) }));
    renameSync(`${file}.new`, file);
    return file;
  };
  const proxy = await Proxy.start(weftKinds[0], adminPort, (folder) => ({
    ...bootstrap(adminPort, [], []),
    dynamic_resources: { lds_config: { path_config_source: { path: write(folder, ['one']) } } },
  }), ['--drain-time-s', '1']);
  t.teardown(() => proxy.stop());
  const client = await RawClient.open(port);
  client.send(GET);
  await client.response();
  t.equal(await proxy.untilStat('http.one.downstream_rq_total', 1), 1);
  write(proxy.folder, []);
  await client.end();
  const until = async (name: string, there: boolean): Promise<boolean> => {
    for (let tries = 0; tries < 300 && (await proxy.stats()).has(name) !== there; tries++) await sleep(20);
    return (await proxy.stats()).has(name) === there;
  };
  t.ok(await until('http.one.downstream_rq_total', false), 'it has no statistics');
  write(proxy.folder, ['two']);
  t.ok(await until('http.two.downstream_rq_total', true));
  const again = await RawClient.open(port);
  again.send(GET);
  await again.response();
  t.equal(await proxy.untilStat('http.two.downstream_rq_total', 1), 1, 'another one in its place begins at zero');
  again.close();
});
