// The example protocol through the proxy, on real sockets: what a protocol's test has to show at least. Bolt's and
// Dubbo's show more, which is theirs.
import t from 'tap';
import { bootstrap, routeTo } from '../support/bootstrap.js';
import { GO_AWAY, HEARTBEAT, HEARTBEAT_REPLY, ONEWAY, REQUEST, answerExample, askExample as ask, exampleFrame,
  openExample, serveExample } from '../support/example-protocol.js';
import { freePort } from '../support/ports.js';
import { Proxy, weftKinds } from '../support/proxy.js';

const TYPE = 'type.googleapis.com/weft.extensions.';
const spoken = (more: object = {}): Record<string, unknown> => ({ typed_extension_protocol_options: {
  'weft.extensions.upstreams.rpc.v1.RpcProtocolOptions': { '@type': `${TYPE}upstreams.rpc.v1.RpcProtocolOptions`,
    protocol: 'EXAMPLE', ...more } } });
const manager = { '@type': `${TYPE}filters.network.rpc_proxy.v1.RpcProxy`, protocol: 'EXAMPLE' };
const heartbeat = { interval: '0.2s', timeout: '0.1s', failures: 2 };
const call = (id: number, service = 'shop', method = 'buy', body = 'hello') => ({ id, service, method, body });

for (const kind of weftKinds) {
  t.test(kind, async (t) => {
    const [a, b] = [await serveExample(await freePort()), await serveExample(await freePort())];
    const [port, adminPort] = [await freePort(), await freePort()];
    const [nowhere, beating] = [await freePort(), await freePort()];
    const proxy = await Proxy.start(kind, adminPort, (folder) => bootstrap(adminPort, [{ name: 'in', port,
      logFile: `${folder}/in.log`,
      manager,
      virtualHosts: [
        { name: 'shop', domains: ['shop'], routes: [
          { match: { path: '/shop/slow' }, route: { cluster: 'a', timeout: '0.2s' } },
          { match: { path: '/shop/again' }, route: { cluster: 'a', retry_policy: { retry_on: 'reset',
            num_retries: 2 } } }, routeTo('a')] },
        { name: 'other', domains: ['other'], routes: [routeTo('b')] },
        { name: 'gone', domains: ['gone'], routes: [routeTo('gone')] },
        { name: 'full', domains: ['full'], routes: [routeTo('full')] }] },
    { name: 'beating', port: beating, routes: [routeTo('a')], manager: { ...manager, heartbeat } }],
    [{ name: 'a', ports: [a.port], fields: spoken() }, { name: 'b', ports: [b.port], fields: spoken({ heartbeat }) },
      { name: 'gone', ports: [nowhere], fields: spoken() }, { name: 'full', ports: [a.port], fields: { ...spoken(),
        circuit_breakers: { thresholds: [{ max_requests: 0 }] } } }]));
    const client = await openExample(port);
    t.teardown(async () => {
      client.close();
      await proxy.stop();
      await a.stop();
      await b.stop();
    });

    await t.test('a call goes where its service says, and back', async (t) => {
      t.match(await ask(client, call(7)), { status: 0, body: 'hello' });
      t.match(a.requests, [{ kind: REQUEST, service: 'shop', method: 'buy', body: 'hello' }]);
      t.match(await ask(client, call(8, 'other')), { status: 0 });
      t.equal(b.requests.length, 1);
      t.match((await proxy.logLines('in', 1))[0], /^"?POST\|\/shop\/buy\|Example\|200\|-\|via_upstream\|5\|5\|a\|/);
      a.reset();
    });

    await t.test('many calls at a time, answered in any order', async (t) => {
      const held: (() => void)[] = [];
      a.serve = (frame, socket) => {
        held.push(() => { answerExample(frame, socket); });
        if (held.length === 100) for (const one of held.reverse()) one();
      };
      client.frames.length = 0;
      client.send(...Array.from({ length: 100 }, (_, i) => exampleFrame(call(i, 'shop', 'buy', `${i}`))));
      for (let i = 0; i < 100; i++) t.equal((await client.frame(({ id }) => id === i)).body, `${i}`);
      client.frames.length = 0;
      a.reset();
    });

    await t.test('failures are statuses of the protocol', async (t) => {
      t.match(await ask(client, call(200, 'unknown')), { status: 2, body: '' });
      t.match(await ask(client, call(201, 'gone')), { status: 4 });
      t.match(await ask(client, call(202, 'full')), { status: 4 });
      a.serve = () => undefined;
      t.match(await ask(client, call(203, 'shop', 'slow')), { status: 5 });
      a.serve = (frame, socket) => { answerExample(frame, socket, { status: 3, body: 'thrown' }); };
      t.match(await ask(client, call(204)), { status: 3, body: 'thrown' }, "the server's own goes on as it is");
      let times = 0;
      a.serve = (frame, socket) => { if (++times < 3) socket.destroy(); else answerExample(frame, socket); };
      t.match(await ask(client, call(205, 'shop', 'again')), { status: 0 });
      a.reset();
    });

    await t.test('one-way calls, and heartbeats from and to clients', async (t) => {
      client.send(exampleFrame({ ...call(300), kind: ONEWAY }), exampleFrame({ kind: HEARTBEAT, id: 301 }));
      t.match(await client.frame(({ kind, id }) => kind === HEARTBEAT_REPLY && id === 301), { id: 301 });
      await ask(client, call(302));
      t.match(a.requests, [{ kind: ONEWAY }, { kind: REQUEST }]);
      const quiet = await openExample(beating);
      await quiet.frame(({ kind }) => kind === HEARTBEAT);
      await quiet.end();
      t.ok(quiet.closed, 'a client that answers none is gone');
      a.reset();
    });

    await t.test('what is broken loses its connection, and only that', async (t) => {
      for (const bytes of [Buffer.from('WXP2'), exampleFrame({ kind: 9 }), exampleFrame({ kind: 0 })]) {
        const other = await openExample(port);
        other.send(bytes);
        await other.end();
        t.ok(other.closed);
      }
      const other = await openExample(port);
      other.send(exampleFrame(call(400, 's'.repeat(60_000), 'm'.repeat(60_000))), exampleFrame(call(401)));
      t.match(await other.frame(({ id }) => id === 400), { status: 1 }, 'names that are too long');
      t.match(await other.frame(({ id }) => id === 401), { status: 0 });
      other.close();
    });

    await t.test('an endpoint that wants no more gets no more', async (t) => {
      a.serve = (frame, socket) => {
        socket.write(exampleFrame({ kind: GO_AWAY, id: 1 }));
        answerExample(frame, socket);
      };
      const other = await openExample(port);
      t.match(await ask(other, call(500)), { status: 0 });
      t.equal(await proxy.untilStat('cluster.a.upstream_cx_close_notify', 1), 1);
      a.reset();
      t.match(await ask(other, call(501)), { status: 0 }, 'on another connection');
      other.close();
    });
  });
}
