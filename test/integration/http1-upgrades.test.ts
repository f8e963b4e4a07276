// Upgrades and CONNECT: a connection that stops being HTTP, and everything that must not become one.
import t from 'tap';
import { routeTo } from '../support/bootstrap.js';
import { RawClient } from '../support/client.js';
import { forEachProxy } from '../support/fixture.js';
import { headerOf, statusOf } from '../support/message.js';

const UPGRADE =
  'GET /chat HTTP/1.1\r\nHost: a.example\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: k\r\n\r\n';
const CONNECT = 'CONNECT b.example:443 HTTP/1.1\r\nHost: b.example:443\r\n\r\n';
const SWITCHING =
  'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: a\r\n\r\n';

void forEachProxy(
  t,
  {
    upstreams: ['up'],
    listeners: [
      { name: 'plain', routes: [routeTo('up')] },
      {
        name: 'ws',
        routes: [
          {
            match: { prefix: '/closed' },
            route: { cluster: 'up', upgrade_configs: [{ upgrade_type: 'websocket', enabled: false }] },
          },
          routeTo('up'),
        ],
        manager: { upgrade_configs: [{ upgrade_type: 'websocket' }] },
      },
      {
        name: 'tunnel',
        routes: [
          {
            match: { connect_matcher: {} },
            route: { cluster: 'up', upgrade_configs: [{ upgrade_type: 'CONNECT', connect_config: {} }] },
          },
          routeTo('up'),
        ],
        manager: { upgrade_configs: [{ upgrade_type: 'CONNECT' }] },
      },
      {
        name: 'forward',
        routes: [
          { match: { connect_matcher: {} }, route: { cluster: 'up', upgrade_configs: [{ upgrade_type: 'CONNECT' }] } },
          routeTo('up'),
        ],
        manager: { upgrade_configs: [{ upgrade_type: 'CONNECT' }] },
      },
    ],
  },
  async (t, { proxy, upstream: { up }, port }) => {
    t.beforeEach(() => {
      up.dropConnections();
      up.reset();
    });
    /** The upstream sends `first`, then echoes whatever comes behind the request head, in capitals. */
    const echo = (first: string): void => {
      up.onRaw = (socket, connection) => {
        let headSeen = false;
        socket.on('data', () => {
          const at = up.raw[connection].indexOf('\r\n\r\n');
          if (at < 0 && first !== '' && !headSeen) return;
          if (!headSeen && first !== '') {
            headSeen = true;
            socket.write(first);
            up.raw[connection] = up.raw[connection].slice(at + 4);
          }
          if (up.raw[connection] !== '') {
            socket.write(up.raw[connection].toUpperCase());
            up.raw[connection] = '';
          }
        });
      };
    };

    await t.test('a WebSocket passes both ways', async (t) => {
      echo(SWITCHING);
      const client = await RawClient.open(port.ws);
      client.send(UPGRADE);
      const response = await client.response();
      t.equal(statusOf(response), 101);
      t.equal(headerOf(response, 'upgrade'), 'websocket');
      t.match(headerOf(response, 'connection'), /upgrade/i);
      t.equal(headerOf(response, 'sec-websocket-accept'), 'a');
      client.send('frame one');
      await client.until(() => client.rest === 'FRAME ONE');
      client.take(9);
      client.send('x'.repeat(300_000));
      await client.until(() => client.rest.length === 300_000);
      t.equal(await proxy.untilStat('http.ws.downstream_cx_upgrades_active', 1), 1);
      client.close();
      t.equal(await proxy.untilStat('http.ws.downstream_cx_upgrades_active', 0), 0);
    });
    await t.test('what the upstream sees of an upgrade', async (t) => {
      let head = '';
      up.onRaw = (socket) => {
        socket.on('data', (data) => {
          head += data.toString('latin1');
          if (head.includes('\r\n\r\n')) socket.write(SWITCHING);
        });
      };
      const client = await RawClient.open(port.ws);
      client.send(UPGRADE);
      await client.response();
      client.close();
      t.match(head, /\r\nconnection: upgrade\r\n/i);
      t.match(head, /\r\nupgrade: websocket\r\n/i);
      t.match(head, /\r\nsec-websocket-key: k\r\n/i);
    });
    await t.test('bytes that come with the upgrade are not lost', async (t) => {
      echo(SWITCHING);
      const client = await RawClient.open(port.ws);
      client.send(`${UPGRADE}early`);
      t.equal(statusOf(await client.response()), 101);
      await client.until(() => client.rest === 'EARLY');
      client.close();
      t.pass();
    });
    await t.test('the upstream refuses: an ordinary response, and the connection goes on', async (t) => {
      up.answer = () => 'HTTP/1.1 403 Forbidden\r\ncontent-length: 2\r\n\r\nno';
      const client = await RawClient.open(port.ws);
      client.send(UPGRADE);
      const response = await client.response();
      t.equal(statusOf(response), 403);
      t.equal(response.body, 'no');
      client.close();
    });
    await t.test('an upgrade that is not configured is refused', async (t) => {
      const client = await RawClient.open(port.plain);
      client.send(UPGRADE);
      t.equal(statusOf(await client.response()), 403);
      client.close();
      t.equal(up.requests.length, 0);
    });
    await t.test('an upgrade that the route switches off is refused', async (t) => {
      const client = await RawClient.open(port.ws);
      client.send(UPGRADE.replace('/chat', '/closed'));
      t.equal(statusOf(await client.response()), 403);
      client.close();
    });
    await t.test('h2c is not smuggled', async (t) => {
      for (const listener of ['plain', 'ws']) {
        const client = await RawClient.open(port[listener]);
        client.send(
          'GET / HTTP/1.1\r\nHost: a.example\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n' +
            'HTTP2-Settings: AAMAAABkAAQCAAAAAAIAAAAA\r\n\r\n',
        );
        const response = await client.response();
        t.not(statusOf(response), 101);
        client.close();
        for (const seen of up.requests) t.equal(headerOf(seen, 'upgrade'), undefined);
      }
    });
    await t.test('an Upgrade header without Connection: Upgrade is dropped', async (t) => {
      const client = await RawClient.open(port.ws);
      client.send('GET / HTTP/1.1\r\nHost: a.example\r\nUpgrade: websocket\r\n\r\n');
      t.equal(statusOf(await client.response()), 200);
      client.close();
      t.equal(headerOf(up.requests[0], 'upgrade'), undefined);
    });
    await t.test('CONNECT is terminated: bytes go to the upstream bare', async (t) => {
      echo('');
      const client = await RawClient.open(port.tunnel);
      client.send(CONNECT);
      t.equal(statusOf(await client.response(true)), 200);
      client.send('hello');
      await client.until(() => client.rest === 'HELLO');
      client.close();
      t.pass();
    });
    await t.test('CONNECT is passed on', async (t) => {
      echo('HTTP/1.1 200 OK\r\n\r\n');
      const client = await RawClient.open(port.forward);
      client.send(CONNECT);
      t.equal(statusOf(await client.response(true)), 200);
      client.send('hello');
      await client.until(() => client.rest === 'HELLO');
      client.close();
      t.pass();
    });
    await t.test('CONNECT without a route for it is refused', async (t) => {
      const client = await RawClient.open(port.plain);
      client.send(CONNECT);
      t.match(String(statusOf(await client.response())), /^40[34]$/);
      client.close();
      t.equal(up.requests.length, 0);
    });
    await t.test('the end of a tunnel travels to the other side', async (t) => {
      up.onRaw = (socket) => {
        socket.on('data', () => socket.end(`${SWITCHING}bye`));
      };
      const client = await RawClient.open(port.ws);
      client.send(UPGRADE);
      t.equal(statusOf(await client.response()), 101);
      await client.end();
      t.equal(client.rest, 'bye');
      client.close();
    });
  },
);
