// Ten thousand changes of configuration: every one is adopted, and neither the arena, nor the snapshot heap, nor
// the buffers grow.
import t from 'tap';
import type { RouteConfig } from '../../../src/config/types.js';
import { assignment, cluster, httpChain, listener, routes } from '../../config/snapshot/fixtures.js';
import { World } from '../../sim/world.js';

const FORMAT = '%START_TIME% %REQ(X-ID?:PATH)% %RESP(SERVER)% %RESPONSE_CODE%\n';

function routeConfig(version: number): RouteConfig {
  const config = routes('routes', 'one');
  config.requestHeaders = {
    add: [
      {
        name: `x-version-${version}`, spelling: `x-version-${version}`,
        value: `v${version} %REQ(x-id)% %PROTOCOL%`,
        action: 'append',
        keepEmptyValue: false,
      },
    ],
    remove: ['x-gone'],
  };
  config.responseHeaders = {
    add: [{ name: 'x-host', spelling: 'x-host', value: `%UPSTREAM_HOST% ${version}`,
      action: 'overwrite', keepEmptyValue: true }],
    remove: [],
  };
  return config;
}
const listenerOf = (version: number) =>
  listener('main', 1, {
    filterChains: [
      httpChain({
        serverName: `weft-${version}`,
        via: `1.1 weft${version % 10}`,
        accessLogs: [{ sink: { kind: 'stdout' }, filter: null,
          format: { kind: 'text', format: FORMAT, omitEmptyValues: false } }],
      }),
    ],
  });

t.test('ten thousand changes with a request between them', (t) => {
  const world = new World(4);
  let served = 0;
  for (let port = 1; port <= 4; port++) {
    world.network.serve(`127.0.0.1:${port}`, (peer) => {
      peer.onReadable = () => {
        if (peer.read().length > 0)
          peer.write(Buffer.from('HTTP/1.1 200 OK\r\ncontent-length: 2\r\nserver: s\r\n\r\nok'));
      };
    });
  }
  world.configure([
    { kind: 'cluster', name: 'one', value: cluster('one') },
    { kind: 'assignment', name: 'one', value: assignment('one', 1) },
    { kind: 'route', name: 'routes', value: routeConfig(0) },
    { kind: 'listener', name: 'main', value: listenerOf(0) },
  ]);
  world.listen('main');
  let heapBytes = 0,
    snapshotBytes = 0;
  for (let version = 1; version <= 10_000; version++) {
    const what = version % 4;
    world.configure([
      what === 0
        ? { kind: 'route', name: 'routes', value: routeConfig(version) }
        : what === 1
          ? { kind: 'listener', name: 'main', value: listenerOf(version) }
          : what === 2
            ? {
                kind: 'assignment',
                name: 'one',
                value: assignment('one', 1 + (version % 4), 1 + ((version >> 2) % 4)),
              }
            : { kind: 'cluster', name: 'one', value: cluster('one', { connectTimeoutMs: 1000 + (version % 7) }) },
    ]);
    if (version % 5 === 0) {
      const client = world.arrive('main');
      client.write(Buffer.from('GET / HTTP/1.1\r\nHost: a\r\nX-Id: 7\r\nConnection: close\r\n\r\n'));
      let answer = '';
      client.onReadable = () => {
        answer += Buffer.from(client.read()).toString('latin1');
      };
      world.run(200, () => client.ended);
      if (answer.startsWith('HTTP/1.1 200') && answer.endsWith('ok')) served++;
      else {
        t.fail(`version ${version}: ${answer}`);
        break;
      }
      client.close();
    } else world.turn();
    if (version === 1000) {
      heapBytes = world.engine.heap.liveBytes;
      snapshotBytes = world.publisher.usage().usedBytes;
    }
  }
  world.run(5000);
  world.reclaim();
  t.equal(served, 2000);
  t.ok(
    world.engine.heap.liveBytes <= heapBytes + 2048,
    `arena: ${heapBytes} bytes after 1,000 changes, ${world.engine.heap.liveBytes} after 10,000`,
  );
  t.ok(
    world.publisher.usage().usedBytes <= snapshotBytes + 65536,
    `snapshot: ${snapshotBytes}, then ${world.publisher.usage().usedBytes}`,
  );
  t.same(world.errors, []);
  t.equal(world.proxy.streams.active, 0);
  t.end();
});
