// Dubbo 2 through the proxy, on real sockets, with bodies of hessian2 and of fastjson2: routes by what attachments say,
// attachments that routes add, failures as statuses, events, one-way, large calls, and the end of a listener.
import { setTimeout as sleep } from 'node:timers/promises';
import t from 'tap';
import { fastjsonCall, frame, hessianCall, hex, hmap, hs, item, jmap, js, SERVICE }
  from '../protocols/rpc/dubbo-frames.js';
import { bootstrap, routeTo } from '../support/bootstrap.js';
import { DubboClient, DubboServer } from '../support/dubbo.js';
import { freePort } from '../support/ports.js';
import { Proxy, weftKinds } from '../support/proxy.js';

const TYPE = 'type.googleapis.com/weft.extensions.';
const spoken = { typed_extension_protocol_options: {
  'weft.extensions.upstreams.rpc.v1.RpcProtocolOptions': { '@type': `${TYPE}upstreams.rpc.v1.RpcProtocolOptions`,
    protocol: 'DUBBO', heartbeat: { interval: '0.8s', timeout: '0.8s' } } } };
const OK = 20, hi = hex('91026869'), jsonHi = Buffer.concat([item(hex('bd01')), item(js('hi'))]);

for (const kind of weftKinds) {
  t.test(kind, async (t) => {
    const [a, b] = [await DubboServer.start(await freePort()), await DubboServer.start(await freePort())];
    const port = await freePort(), adminPort = await freePort();
    const proxy = await Proxy.start(kind, adminPort, (folder) => bootstrap(adminPort, [{ name: 'in', port,
      logFile: `${folder}/in.log`,
      manager: { '@type': `${TYPE}filters.network.rpc_proxy.v1.RpcProxy`, protocol: 'DUBBO' },
      virtualHosts: [{ name: 'demo', domains: [SERVICE], routes: [
        { match: { prefix: '/', headers: [{ name: 'x-group', string_match: { exact: 'blue' } }] },
          route: { cluster: 'b' } },
        { match: { path: `/${SERVICE}/edited` }, route: { cluster: 'a' },
          request_headers_to_add: [{ header: { key: 'traceparent', value: '00-1' } }],
          request_headers_to_remove: ['dubbo.tag'] },
        { match: { path: `/${SERVICE}/denied` }, direct_response: { status: 403 } },
        routeTo('a')] }] }],
    [{ name: 'a', ports: [a.port], fields: { ...spoken, circuit_breakers: { thresholds: [{ max_requests: 5000,
      max_pending_requests: 5000 }] } } }, { name: 'b', ports: [b.port], fields: spoken }]));
    const client = await DubboClient.open(port);
    t.teardown(async () => {
      client.close();
      await proxy.stop();
      await a.stop();
      await b.stop();
    });
    const reset = (): void => {
      for (const one of [a, b]) {
        one.requests.length = 0;
        one.serve = ({ flags }, answer) => { answer(OK, (flags & 31) === 2 ? hi : jsonHi); };
      }
    };
    reset();

    await t.test('a call goes there and back unaltered, in both serializations', async (t) => {
      for (const [id, call] of [[0xfedcba9876543210n, hessianCall], [7n, fastjsonCall]] as const) {
        const bytes = call({ id });
        t.match(await client.ask(bytes), { status: OK, id, body: call === hessianCall ? hi : jsonHi });
        t.ok(a.requests[0]!.body.equals(bytes.subarray(16)));
        t.equal(a.requests[0]!.flags, bytes[2]);
        reset();
      }
      t.match((await proxy.logLines('in', 1))[0],
        new RegExp(`POST\\|/${SERVICE}/sayHello\\|Dubbo\\|200\\|-\\|via_upstream`));
    });

    await t.test('routes choose by the group, which attachments alone say', async (t) => {
      for (const [id, bytes] of [[1n, hessianCall({ map: hmap(['group', 'blue']), id: 1n })],
        [2n, fastjsonCall({ map: jmap(['group', 'blue']), id: 2n })]] as const)
        t.match(await client.ask(bytes), { status: OK, id });
      t.equal(b.requests.length, 2);
      reset();
    });

    await t.test('attachments are added and taken away at the end of the body', async (t) => {
      await client.ask(hessianCall({ id: 3n, method: 'edited', map: hmap(['group', 'g1'], ['dubbo.tag', 'gray']) }));
      const wanted = hessianCall({ method: 'edited', map: hmap(['group', 'g1'], ['traceparent', '00-1']) });
      t.equal(a.requests[0]!.body.toString('hex'), wanted.subarray(16).toString('hex'));
      await client.ask(fastjsonCall({ id: 4n, method: 'edited', map: jmap(['dubbo.tag', 'gray']) }));
      t.equal(a.requests[1]!.body.toString('hex'),
        fastjsonCall({ method: 'edited', map: jmap(['traceparent', '00-1']) }).subarray(16).toString('hex'));
      reset();
    });

    await t.test('failures are statuses, with a message in the caller\'s serialization', async (t) => {
      const unknown = await client.ask(hessianCall({ id: 10n, service: 'com.x.Unknown' }));
      t.equal(unknown.status, 60);
      t.equal(unknown.body[0], unknown.body.length - 1, 'a string of hessian2');
      const json = await client.ask(fastjsonCall({ id: 11n, service: 'com.x.Unknown' }));
      t.same([json.status, json.body.readUInt32BE(0)], [60, json.body.length - 4]);
      t.equal((await client.ask(hessianCall({ id: 12n, method: 'denied' }))).status, 80);
      a.serve = () => undefined;
      t.equal((await client.ask(hessianCall({ id: 13n, map: hmap(['timeout', '150']) }))).status, 31);
      a.serve = () => { a.dropConnections(); };
      t.equal((await client.ask(hessianCall({ id: 14n }))).status, 35);
      a.serve = (_frame, answer) => { answer(70, hs('thrown')); };
      t.match(await client.ask(hessianCall({ id: 15n })), { status: 70, body: hs('thrown') });
      reset();
    });

    await t.test('events: heartbeats are answered here, and ours by endpoints', async (t) => {
      client.send(frame(0xe2, 0, 20n, hex('4e')), frame(0xf7, 0, 21n, hex('00000001af')));
      t.match(await client.frame(({ id }) => id === 20n), { flags: 0x22, status: OK, body: hex('4e') });
      t.match(await client.frame(({ id }) => id === 21n), { flags: 0x37, status: OK, body: hex('00000001af') });
      const before = a.events;
      for (let tries = 0; a.events < before + 2 && tries < 500; tries++) await sleep(10);
      t.ok(a.events >= before + 2);
      t.equal(a.requests.length, 0);
    });

    await t.test('one-way calls are passed on, and never answered', async (t) => {
      client.send(hessianCall({ id: 30n, flags: 0x82 }));
      await client.ask(hessianCall({ id: 31n }));
      for (let tries = 0; a.requests.length < 2 && tries < 100; tries++) await sleep(10);
      t.same(a.requests.map(({ flags }) => flags).sort(), [0x82, 0xc2]);
      t.notOk(client.frames.some(({ id }) => id === 30n));
      reset();
    });

    await t.test('a call of two MiB, and two thousand at a time', async (t) => {
      const large = fastjsonCall({ id: 40n, values: [js('x'.repeat(2 << 20))] });
      t.match(await client.ask(large), { status: OK });
      t.ok(a.requests[0]!.body.equals(large.subarray(16)));
      a.requests.length = 0;
      const many = Array.from({ length: 2000 }, (_, i) => hessianCall({ id: BigInt(1000 + i), values: [hs(`v${i}`)],
        map: hmap(['group', 'g1']) }));
      a.serve = (request, answer) => {
        const value = /v\d+/.exec(request.body.toString('latin1'))![0];
        setTimeout(() => { answer(OK, Buffer.concat([hex('91'), hs(value)])); }, 20);
      };
      client.send(...many);
      for (let i = 0; i < 2000; i++) {
        const { body } = await client.frame(({ id }) => id === BigInt(1000 + i));
        if (!body.equals(Buffer.concat([hex('91'), hs(`v${i}`)]))) { t.fail(`call ${i}: ${body.toString()}`); break; }
      }
      reset();
    });

    await t.test('what is not Dubbo is refused', async (t) => {
      const telnet = await DubboClient.open(port);
      telnet.send(Buffer.from('ls\r\n'));
      for (let tries = 0; !telnet.closed && tries < 200; tries++) await sleep(10);
      t.ok(telnet.closed);
      t.match(await client.ask(hessianCall({ id: 50n })), { status: OK });
      t.equal(await proxy.stat('server.weft.exceptions'), 0);
    });

    await t.test('consumers are told of a drain', async (t) => {
      void fetch(`http://127.0.0.1:${adminPort}/drain_listeners`, { method: 'POST' }).catch(() => undefined);
      const told = await client.frame(({ flags }) => (flags & 0xe0) === 0xa0);
      t.same([told.flags, told.body], [0xa2, hs('R')]);
    });
  });
}
