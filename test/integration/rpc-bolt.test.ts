// Bolt through the proxy, on real sockets: routes by service, method and pairs, many requests on one connection, every
// failure as a status, one-way, heartbeats, checksums, large bodies, versions mixed, what is broken.
import { setTimeout as sleep } from 'node:timers/promises';
import t from 'tap';
import { bootstrap, routeTo } from '../support/bootstrap.js';
import { BoltClient, boltFrame, BoltServer, sofaHeaders } from '../support/bolt.js';
import type { BoltFrame } from '../support/bolt.js';
import { freePort } from '../support/ports.js';
import { Proxy, weftKinds } from '../support/proxy.js';

const TYPE = 'type.googleapis.com/weft.extensions.';
const spoken = (more: object = {}): Record<string, unknown> => ({ typed_extension_protocol_options: {
  'weft.extensions.upstreams.rpc.v1.RpcProtocolOptions': { '@type': `${TYPE}upstreams.rpc.v1.RpcProtocolOptions`,
    protocol: 'BOLT', ...more } } });
const CLASS = 'com.alipay.sofa.rpc.core.request.SofaRequest';
const request = (id: number, content = 'hello', more: Partial<BoltFrame> = {}, service = 'com.x.Svc:1.0',
  method = 'plus', pairs: [string, string][] = []): Partial<BoltFrame> & { id: number } =>
  ({ id, className: CLASS, headers: sofaHeaders(service, method, pairs), content: Buffer.from(content), ...more });

for (const kind of weftKinds) {
  t.test(kind, async (t) => {
    const [a, b] = [await BoltServer.start(await freePort()), await BoltServer.start(await freePort())];
    const port = await freePort(), adminPort = await freePort(), nowhere = await freePort();
    const quiet = await freePort(), beating = await freePort();
    const heartbeat = { interval: '0.2s', timeout: '0.1s', failures: 2 };
    const proxy = await Proxy.start(kind, adminPort, (folder) => bootstrap(adminPort, [{ name: 'in', port,
      logFile: `${folder}/in.log`,
      manager: { '@type': `${TYPE}filters.network.rpc_proxy.v1.RpcProxy`, protocol: 'BOLT' },
      virtualHosts: [
        { name: 'svc', domains: ['com.x.Svc'], routes: [
          { match: { prefix: '/', headers: [{ name: 'x-group', string_match: { exact: 'blue' } }] },
            route: { cluster: 'b' } },
          { match: { path: '/com.x.Svc/denied' }, direct_response: { status: 403 } },
          { match: { path: '/com.x.Svc/slow' }, route: { cluster: 'a', timeout: '0.2s' } },
          { match: { path: '/com.x.Svc/again' }, route: { cluster: 'a', retry_policy: { retry_on: '5xx,reset',
            num_retries: 2 } } },
          { match: { path: '/com.x.Svc/edited' }, route: { cluster: 'a' },
            request_headers_to_add: [{ header: { key: 'X-Added', value: 'yes' } }],
            request_headers_to_remove: ['drop'], response_headers_to_add: [{ header: { key: 'seen', value: 'yes' } }] },
          { match: { path: '/com.x.Svc/grown' }, route: { cluster: 'a' },
            request_headers_to_add: [{ header: { key: 'grown', value: 'v'.repeat(8000) } }] },
          { match: { path: '/com.x.Svc/mirrored' }, route: { cluster: 'a',
            request_mirror_policies: [{ cluster: 'b' }] } },
          routeTo('a')] },
        { name: 'gone', domains: ['com.x.Gone'], routes: [routeTo('gone')] },
        { name: 'full', domains: ['com.x.Full'], routes: [routeTo('full')] }] },
    // Without a log, which would have it keep the head of each request.
    { name: 'beating', port: beating, routes: [routeTo('b')],
      manager: { '@type': `${TYPE}filters.network.rpc_proxy.v1.RpcProxy`, protocol: 'BOLT', heartbeat } },
    { name: 'quiet', port: quiet, routes: [routeTo('a')],
      manager: { '@type': `${TYPE}filters.network.rpc_proxy.v1.RpcProxy`, protocol: 'BOLT' } }],
    [{ name: 'a', ports: [a.port], fields: { ...spoken(), circuit_breakers: { thresholds: [{ max_requests: 20_000,
      max_pending_requests: 20_000 }] } } }, { name: 'b', ports: [b.port], fields: spoken({ heartbeat }) },
      { name: 'gone', ports: [nowhere], fields: spoken() },
      { name: 'full', ports: [a.port], fields: { ...spoken(),
        circuit_breakers: { thresholds: [{ max_requests: 0 }] } } }]));
    const client = await BoltClient.open(port);
    t.teardown(async () => {
      client.close();
      await proxy.stop();
      await a.stop();
      await b.stop();
    });

    await t.test('a call goes there and back unaltered', async (t) => {
      const answer = await client.ask(request(77));
      t.match(answer, { proto: 1, type: 0, status: 0, id: 77, className: 'Answer', codec: 1 });
      t.equal(answer.content.toString(), 'hello');
      t.match(a.requests[0], { className: CLASS, timeout: 3000, headers: sofaHeaders('com.x.Svc:1.0', 'plus') });
      t.match((await proxy.logLines('in', 1))[0], /^"?POST\|\/com.x.Svc\/plus\|Bolt\|200\|-\|via_upstream\|5\|5\|a\|/);
      a.reset();
    });

    await t.test('routes choose by the unique id, and edit pairs', async (t) => {
      await client.ask(request(1, 'x', {}, 'com.x.Svc:1.0:blue'));
      t.equal(b.requests.length, 1);
      a.serve = ({ answer }) => { answer({ headers: [['own', 'v']] }); };
      const answer = await client.ask(request(2, 'x', {}, 'com.x.Svc:1.0', 'edited', [['drop', 'me'], ['Keep', 'me']]));
      t.same(a.requests[0]!.headers, sofaHeaders('com.x.Svc:1.0', 'edited', [['Keep', 'me'], ['X-Added', 'yes']]));
      t.same(answer.headers, [['own', 'v'], ['seen', 'yes']]);
      a.reset();
      b.reset();
    });

    await t.test('a header map that edits would make longer than a frame can say is refused', async (t) => {
      const large = (bytes: number): [string, string][] => [['large', 'l'.repeat(bytes)]];
      t.match(await client.ask(request(3, 'x', {}, 'com.x.Svc:1.0', 'grown', large(20_000))), { status: 0 });
      t.same(a.requests[0]!.headers.at(-1), ['grown', 'v'.repeat(8000)]);
      t.match(await client.ask(request(4, 'x', {}, 'com.x.Svc:1.0', 'grown', large(30_000))), { status: 5 });
      t.match(await client.ask(request(5)), { status: 0 }, 'the connection goes on');
      t.equal(a.requests.length, 2);
      a.reset();
    });

    await t.test('a mirror is the same frame', async (t) => {
      await client.ask(request(6, 'x', {}, 'com.x.Svc:1.0', 'mirrored', [['Own', 'v']]));
      for (let tries = 0; b.requests.length === 0 && tries < 400; tries++) await sleep(10);
      const { id: _a, ...sent } = a.requests[0]!, { id: _b, ...mirrored } = b.requests[0]!;
      t.same(mirrored, sent);
      a.reset();
      b.reset();
    });

    await t.test('ten thousand calls at a time on one connection, answered in any order', async (t) => {
      const held: (() => void)[] = [];
      const many = await BoltClient.open(quiet);
      a.serve = ({ answer }) => { answer(); };
      await many.ask(request(0));                          // there is a connection now: nobody waits for one
      many.frames.length = 0;
      a.serve = ({ answer }) => {
        held.push(answer);
        if (held.length === 10_000) for (const one of held.splice(0).reverse()) one();
      };
      many.send(...Array.from({ length: 10_000 }, (_, i) => boltFrame(request(i + 1, `body ${i + 1}`,
        { timeout: 60_000 }))));
      for (let tries = 0; many.frames.length < 10_000 && tries < 2000; tries++) await sleep(25);
      t.equal(new Set(many.frames.map(({ id }) => id)).size, 10_000);
      t.ok(many.frames.every(({ id, content, status }) => status === 0 && content.toString() === `body ${id}`));
      t.equal(a.sockets.size, 1, 'one connection carried them');
      many.close();
      a.reset();
    });

    await t.test('failures are statuses that clients know', async (t) => {
      t.match(await client.ask(request(10, 'x', {}, 'com.x.Unknown:1.0')), { status: 6, content: Buffer.alloc(0) });
      t.match(await client.ask(request(11, 'x', {}, 'com.x.Gone:1.0')), { status: 5 });
      t.match(await client.ask(request(12, 'x', {}, 'com.x.Full:1.0')), { status: 4 });
      t.match(await client.ask(request(13, 'x', {}, 'com.x.Svc:1.0', 'denied')), { status: 2 });
      a.serve = () => undefined;
      t.match(await client.ask(request(14, 'x', { timeout: 150 })), { status: 7 }, "the frame's own timeout");
      t.match(await client.ask(request(15, 'x', { timeout: 0 }, 'com.x.Svc:1.0', 'slow')), { status: 7 });
      a.serve = ({ socket }) => { socket.destroy(); };
      t.match(await client.ask(request(16)), { status: 5 });
      a.serve = ({ answer }) => { answer({ status: 2, content: Buffer.from('thrown') }); };
      const thrown = await client.ask(request(17));
      t.match([thrown.status, thrown.content.toString()], [2, 'thrown'], "the server's own goes on as it is");
      t.notOk(client.closed);
      a.reset();
    });

    await t.test('a call whose endpoint fails is sent again', async (t) => {
      let times = 0;
      a.serve = ({ socket, answer }) => { if (++times < 3) socket.destroy(); else answer(); };
      t.match(await client.ask(request(20, 'x', {}, 'com.x.Svc:1.0', 'again')), { status: 0 });
      t.equal(times, 3);
      a.reset();
    });

    await t.test('one-way calls are passed on, and never answered', async (t) => {
      client.send(boltFrame(request(30, 'one', { type: 2, timeout: -1 })),
        boltFrame(request(31, 'one', { type: 2 }, 'com.x.Unknown:1.0')));
      await client.ask(request(32));
      for (let tries = 0; a.requests.length < 2 && tries < 100; tries++) await sleep(10);
      t.same(a.requests.map(({ type }) => type).sort(), [1, 2]);
      t.notOk(client.frames.some(({ id }) => id === 30 || id === 31));
      t.equal(await proxy.untilStat('http.in.downstream_rq_active', 0), 0);
      a.reset();
    });

    await t.test('heartbeats are answered here', async (t) => {
      client.send(boltFrame({ id: 40, command: 0 }), boltFrame({ id: 41, command: 0, proto: 2, ver1: 1 }));
      t.match(await client.frame(({ id }) => id === 40), { type: 0, command: 0, status: 0, proto: 1 });
      t.match(await client.frame(({ id }) => id === 41), { type: 0, command: 0, status: 0, proto: 2, ver1: 1 });
      t.equal(a.requests.length, 0);
    });

    await t.test('version 2 with a checksum, beside version 1: a new one on each side', async (t) => {
      const checked = { proto: 2, ver1: 2, switchByte: 1 };
      const [two, one] = await Promise.all([client.ask(request(50, 'y'.repeat(20_000), checked)),
        client.ask(request(51))]);
      t.match(two, { proto: 2, ver1: 2, checksum: 'right', status: 0 });
      t.equal(two.content.toString(), 'y'.repeat(20_000));
      t.match(one, { proto: 1, status: 0 });
      t.same(a.requests.map(({ checksum }) => checksum).sort(), ['none', 'right']);
      t.match(await client.ask(request(52, 'z', { ...checked, checksum: 'wrong' })), { status: 9 });
      t.equal(a.requests.length, 2, 'what is altered goes nowhere');
      a.reset();
    });

    await t.test('a body of eight MiB goes through in pieces', async (t) => {
      const body = 'z'.repeat(8 << 20);
      const answer = await client.ask(request(60, body, { proto: 2, ver1: 2, switchByte: 1, timeout: 60_000 }));
      t.equal(answer.content.length, body.length);
      t.equal(answer.checksum, 'right');
      a.reset();
    });

    await t.test('requests that stall, or are given up in their middle, hold nobody up', async (t) => {
      const stalled = await Promise.all(Array.from({ length: 10 }, () => BoltClient.open(quiet)));
      const whole = boltFrame(request(1, 's'.repeat(60_000)));
      for (const one of stalled) one.send(whole.subarray(0, 40_000));
      const other = await BoltClient.open(quiet);
      for (let id = 1; id <= 10; id++) {
        t.match(await other.ask(request(id)), { status: 0 });
        if (id > 5) stalled[id - 1]!.socket.resetAndDestroy();
      }
      stalled[0]!.send(whole.subarray(40_000));
      t.match(await stalled[0]!.frame(({ type }) => type === 0), { status: 0, content: Buffer.alloc(60_000, 's') });
      for (const one of [...stalled, other]) one.close();
      a.reset();
    });

    await t.test('what is no frame ends the connection, and nobody else', async (t) => {
      const odd = await BoltClient.open(port);
      odd.send(boltFrame(request(1)).fill(9, 0, 1));
      for (let tries = 0; !odd.closed && tries < 200; tries++) await sleep(10);
      t.ok(odd.closed);
      const cut = await BoltClient.open(port);
      const map = boltFrame(request(3));
      map.writeUInt32BE(9999, 22 + CLASS.length);
      cut.send(map, boltFrame(request(4)));
      t.match(await cut.frame(({ id }) => id === 3), { status: 9 });
      t.match(await cut.frame(({ id }) => id === 4), { status: 0 }, 'the next one is understood');
      cut.close();
      t.match(await client.ask(request(70)), { status: 0 });
    });

    await t.test('heartbeats of ours: to an endpoint, and to a client that does not answer', async (t) => {
      const beaten = await BoltClient.open(beating);
      t.match(await beaten.ask(request(90)), { status: 0 });
      for (let tries = 0; b.heartbeats < 2 && tries < 100; tries++) await sleep(20);
      t.ok(b.heartbeats >= 2, 'and they are answered, so the connection stays');
      t.equal(b.sockets.size, 1);
      b.answersHeartbeats = false;
      for (let tries = 0; b.sockets.size > 0 && tries < 150; tries++) await sleep(20);
      t.equal(b.sockets.size, 0);
      t.ok(beaten.frames.filter(({ command, type }) => command === 0 && type === 1).length >= 2);
      for (let tries = 0; !beaten.closed && tries < 150; tries++) await sleep(20);
      t.ok(beaten.closed);
      b.reset();
    });

    await t.test('late answers are nobody else\'s', async (t) => {
      const held: (() => void)[] = [];
      a.serve = ({ answer, frame }) => { if (frame.content.toString() === 'late') held.push(answer); else answer(); };
      t.match(await client.ask(request(80, 'late', { timeout: 100 })), { status: 7 });
      const next = client.ask(request(81, 'next'));
      for (const answer of held) answer();
      t.equal((await next).content.toString(), 'next');
      a.reset();
    });

    await t.test('everything is given back', async (t) => {
      t.equal(await proxy.untilStat('cluster.a.upstream_rq_active', 0), 0);
      t.equal(await proxy.untilStat('http.in.downstream_rq_active', 0), 0);
      t.equal(await proxy.stat('server.weft.exceptions'), 0);
    });
  });
}
