// One port for everything (protocol AUTO): HTTP/1.1, HTTP/2, TLS, Bolt v1 and v2, Dubbo, and what nobody knows, which
// goes on as bytes. The first bytes decide, however they come; endpoints are spoken to in what the client speaks.
import { connect, createServer } from 'node:net';
import type { Server, Socket } from 'node:net';
import { connect as connectTls, createServer as createTlsServer } from 'node:tls';
import { setTimeout as sleep } from 'node:timers/promises';
import t from 'tap';
import { hessianCall, hex, SERVICE } from '../protocols/rpc/dubbo-frames.js';
import { BoltClient, BoltServer, boltFrame, sofaHeaders } from '../support/bolt.js';
import { bootstrap, routeTo } from '../support/bootstrap.js';
import { ByFirstByte } from '../support/by-first-byte.js';
import { issue, root } from '../support/certificates.js';
import { RawClient } from '../support/client.js';
import { DubboClient, DubboServer } from '../support/dubbo.js';
import { Http2Client, Http2Upstream } from '../support/http2.js';
import { statusOf } from '../support/message.js';
import { freePort } from '../support/ports.js';
import { Proxy, weftKinds } from '../support/proxy.js';
import { Upstream } from '../support/upstream.js';

const TYPE = 'type.googleapis.com/weft.extensions.';
const LISTENER = `${TYPE}filters.network.rpc_proxy.v1.RpcProxy`;
const OK = 20, TIMEOUT_MS = 10_000;
const authority = root();
const server = issue({ name: 'server', issuer: authority, sans: ['DNS:localhost'] });
const tls = { name: 'envoy.transport_sockets.tls', typed_config: {
  '@type': 'type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext',
  common_tls_context: { alpn_protocols: ['h2'], tls_certificates: [{
    certificate_chain: { inline_string: server.chainPem }, private_key: { inline_string: server.keyPem } }] } } };
const speaking = (protocol: object): Record<string, unknown> => ({ typed_extension_protocol_options: {
  'weft.extensions.upstreams.rpc.v1.RpcProtocolOptions': { '@type': `${TYPE}upstreams.rpc.v1.RpcProtocolOptions`,
    ...protocol } } });
const get = (path: string, headers = ''): string => `GET ${path} HTTP/1.1\r\nHost: a\r\n${headers}\r\n`;

/** What a raw client has got; resolves when `wanted` holds of it, or the connection is closed. */
async function talk(port: number, said: Buffer | null, wanted: (got: Buffer) => boolean, half = false):
  Promise<{ got: Buffer; closed: boolean; socket: Socket }> {
  const socket = connect({ port, host: '127.0.0.1', noDelay: true, allowHalfOpen: true });
  let got = Buffer.alloc(0), closed = false;
  await new Promise<void>((resolve, reject) => {
    const timer = setTimeout(() => { reject(new Error(`nothing came but ${got.toString('hex')}`)); }, TIMEOUT_MS);
    const done = (): void => { clearTimeout(timer); resolve(); };
    socket.on('connect', () => {
      if (said !== null) socket.write(said);
      if (half) socket.end();
    });
    socket.on('data', (data) => { got = Buffer.concat([got, data]); if (wanted(got)) done(); });
    socket.on('error', () => undefined).on('end', () => { closed = true; done(); })
      .on('close', () => { closed = true; done(); });
  });
  return { got, closed, socket };
}

for (const kind of weftKinds) {
  t.test(kind, async (t) => {
    const bolt = await BoltServer.start(await freePort()), dubbo = await DubboServer.start(await freePort());
    const http = await Upstream.start(await freePort()), http2 = await Http2Upstream.start(await freePort());
    dubbo.serve = (_frame, answer) => { answer(OK, hex('91026869')); };
    const endpoint = await ByFirstByte.start(await freePort(), (first) =>
      first === 1 || first === 2 ? bolt.port : first === 0xda ? dubbo.port : first === 80 ? http2.port : http.port);
    // Speaks first, then sends back what it hears; one that speaks TLS.
    const legacy: Server = createServer({ allowHalfOpen: true }, (socket) => {
      socket.on('error', () => undefined).write('220 ready\r\n');
      socket.pipe(socket);
    });
    const secure = createTlsServer({ cert: server.chainPem, key: server.keyPem }, (socket) => { socket.pipe(socket); });
    const legacyPort = await freePort(), securePort = await freePort();
    legacy.listen(legacyPort, '127.0.0.1');
    secure.listen(securePort, '127.0.0.1');
    const [port, strict, ended, passing, adminPort] = [await freePort(), await freePort(), await freePort(),
      await freePort(), await freePort()];
    const routes = [{ match: { prefix: '/mismatch' }, route: { cluster: 'bolt' } },
      { match: { prefix: '/', headers: [{ name: 'x-method', string_match: { exact: 'toHttp' } }] },
        route: { cluster: 'http' } },
      routeTo('any')];
    const auto = { '@type': LISTENER, protocol: 'AUTO' };
    const proxy = await Proxy.start(kind, adminPort, (folder) => bootstrap(adminPort, [
      { name: 'any', port, logFile: `${folder}/any.log`, routes, manager: { ...auto, detection_timeout: '0.3s',
        unknown_protocol: { stat_prefix: 'legacy', cluster: 'legacy' } } },
      { name: 'strict', port: strict, routes, manager: { ...auto, common_http_protocol_options: {
        idle_timeout: '0.4s' } } },
      { name: 'ended', port: ended, logFile: `${folder}/ended.log`, routes, manager: auto, transportSocket: tls },
      { name: 'passing', port: passing, routes, manager: { ...auto,
        unknown_protocol: { stat_prefix: 'secure', cluster: 'secure' } } },
    ], [{ name: 'any', ports: [endpoint.port], fields: speaking({ use_downstream_protocol: {} }) },
      { name: 'bolt', ports: [bolt.port], fields: speaking({ protocol: 'BOLT' }) },
      { name: 'http', ports: [http.port] },
      { name: 'legacy', ports: [legacyPort] }, { name: 'secure', ports: [securePort] }]));
    t.teardown(async () => {
      await proxy.stop();
      for (const one of [bolt, dubbo, http, http2, endpoint]) await one.stop();
      legacy.close();
      secure.close();
    });
    const calls = [
      { name: 'Bolt', bytes: boltFrame({ id: 7, headers: sofaHeaders('S:1.0', 'm'), content: Buffer.from('one') }) },
      { name: 'Bolt', bytes: boltFrame({ proto: 2, id: 8, headers: sofaHeaders('S:1.0', 'm'),
        content: Buffer.from('two') }) },
      { name: 'Dubbo', bytes: hessianCall({ id: 9n }) },
      { name: 'HTTP/1.1', bytes: Buffer.from(get('/plain')) },
    ];
    const answered = (name: string) => (got: Buffer): boolean => name === 'HTTP/1.1'
      ? got.includes('GET 0') : name === 'Dubbo' ? got.length >= 20 : got.includes('Answer');

    await t.test('each protocol is told by its first bytes, and its endpoint is spoken to in it', async (t) => {
      for (const { name, bytes } of calls) {
        const { got, closed, socket } = await talk(port, bytes, answered(name));
        t.notOk(closed, name);
        t.equal(got[0], name === 'HTTP/1.1' ? 72 : bytes[0], name);
        socket.destroy();
      }
      const client = await Http2Client.open(port);
      t.match(await client.ask({ ':path': '/two', ':authority': 'a' }), { status: 200, headers: { 'x-path': '/two' } });
      client.close();
      t.equal(bolt.requests.length, 2);
      t.equal(dubbo.requests.length, 1);
      t.equal(http.requests.length, 1);
      t.equal(http2.requests.length, 1);
      const lines = (await proxy.logLines('any', 5)).map((line) => line.split('|').slice(1, 5).join(' '));
      t.same(lines, ['/S/m Bolt 200 -', '/S/m Bolt 200 -', `/${SERVICE}/sayHello Dubbo 200 -`, '/plain HTTP/1.1 200 -',
        '/two HTTP/2 200 -']);
    });

    await t.test('bytes that come one by one', async (t) => {
      for (const { name, bytes } of calls) {
        const socket = connect({ port, host: '127.0.0.1', noDelay: true });
        const answer = new Promise<Buffer>((resolve) => {
          let got = Buffer.alloc(0);
          socket.on('data', (data) => { got = Buffer.concat([got, data]); if (answered(name)(got)) resolve(got); });
        });
        for (let at = 0; at < Math.min(bytes.length, 30); at++) {
          socket.write(bytes.subarray(at, at + 1));
          await sleep(1);
        }
        socket.write(bytes.subarray(30));
        t.ok(answered(name)(await answer), name);
        socket.destroy();
      }
    });

    await t.test('what nobody knows goes on as bytes, without delay', async (t) => {
      for (const said of ['\0\0\0\x0cthrift', 'HELO me\r\n', '*1\r\n$4\r\nPING\r\n', '\x02\x09\x09\x09\x09\x09']) {
        const { got, socket } = await talk(port, Buffer.from(said, 'latin1'),
          (bytes) => bytes.length >= 11 + said.length);
        t.equal(got.toString('latin1'), `220 ready\r\n${said}`);
        socket.destroy();
      }
    });

    await t.test('a client that waits for its server to speak, and one that says too little', async (t) => {
      const silent = await talk(port, null, (bytes) => bytes.length >= 11);
      t.equal(silent.got.toString(), '220 ready\r\n');
      silent.socket.destroy();
      const short = await talk(port, Buffer.from('G'), (bytes) => bytes.includes('G'));
      t.equal(short.got.toString(), '220 ready\r\nG');
      short.socket.destroy();
      const gone = await talk(passing, Buffer.from([0xda]), () => false, true);
      t.ok(gone.closed, 'a FIN behind it decides too');
    });

    await t.test('TLS goes on unopened where its chain has no certificate', async (t) => {
      const socket = connectTls({ port: passing, host: '127.0.0.1', ca: authority.certPem, servername: 'localhost' });
      socket.write('hello');
      t.equal(String(await new Promise((resolve) => socket.once('data', resolve))), 'hello');
      socket.destroy();
    });

    await t.test('and is ended where it has: the bytes inside decide', async (t) => {
      for (const { name, bytes } of calls) {
        const socket = connectTls({ port: ended, host: '127.0.0.1', ca: authority.certPem, servername: 'localhost' });
        socket.write(bytes);
        let got = Buffer.alloc(0);
        await new Promise<void>((resolve) => socket.on('data', (data: Buffer) => {
          got = Buffer.concat([got, data]);
          if (answered(name)(got)) resolve();
        }));
        t.ok(answered(name)(got), name);
        socket.destroy();
      }
      const lines = (await proxy.logLines('ended', 4)).map((line) => line.split('|')[2]);
      t.same(lines, ['Bolt', 'Bolt', 'Dubbo', 'HTTP/1.1']);
    });

    await t.test('without a cluster for the unknown, such a connection is closed and counted', async (t) => {
      const { got, closed } = await talk(strict, Buffer.from('HELO me\r\n'), () => true);
      t.equal(got.length, 0);
      t.ok(closed);
      t.equal(await proxy.untilStat('http.strict.downstream_cx_protocol_error', 1), 1);
    });

    await t.test('a client that says nothing leaves after the idle timeout', async (t) => {
      const { closed } = await talk(strict, null, () => true);
      t.ok(closed);
      t.equal(await proxy.untilStat('http.strict.downstream_cx_idle_timeout', 1), 1);
    });

    await t.test('a cluster of another protocol than the client\'s is not spoken to', async (t) => {
      const before = [bolt.requests.length, http.requests.length];
      const raw = await RawClient.open(port);
      raw.send(get('/mismatch', 'weft-frame: 0101000101000000000700000bb8\r\nx-service: S\r\nx-method: m\r\n'));
      t.equal(statusOf(await raw.response()), 502);
      raw.close();
      const client = await BoltClient.open(port);
      t.equal((await client.ask({ id: 1, headers: sofaHeaders('S', 'toHttp') })).status, 3);
      client.close();
      t.same([bolt.requests.length, http.requests.length], before);
      const lines = (await proxy.logLines('any', 11)).slice(-2).map((line) => line.split('|').slice(1, 6).join(' '));
      t.same(lines, ['/mismatch HTTP/1.1 502 UPE protocol_mismatch', '/S/toHttp Bolt 502 UPE protocol_mismatch']);
    });

    await t.test('many of all kinds at a time, on endpoints\' connections of their own', async (t) => {
      bolt.requests.length = dubbo.requests.length = http.requests.length = http2.requests.length = 0;
      for (const socket of endpoint.sockets) socket.destroy();
      const h2 = await Http2Client.open(port);
      const bolts = await BoltClient.open(port), dubbos = await DubboClient.open(port);
      await Promise.all(Array.from({ length: 50 }, async (_, i) => {
        await Promise.all([
          bolts.ask({ id: 100 + i, headers: sofaHeaders('S:1.0', 'm') }).then(({ status }) => t.equal(status, 0)),
          dubbos.ask(hessianCall({ id: BigInt(100 + i) })).then(({ status }) => t.equal(status, OK)),
          h2.ask({ ':path': '/two', ':authority': 'a' }).then(({ status }) => t.equal(status, 200)),
          talk(port, Buffer.from(get('/plain')), answered('HTTP/1.1')).then(({ socket }) => socket.destroy())]);
      }));
      t.same([bolt, dubbo, http, http2].map(({ requests }) => requests.length), [50, 50, 50, 50]);
      h2.close();
      bolts.close();
      dubbos.close();
    });

    await t.test('nothing is left open, and nothing went wrong', async (t) => {
      for (const name of [`listener.127.0.0.1_${port}`, `listener.127.0.0.1_${strict}`])
        t.equal(await proxy.untilStat(`${name}.downstream_cx_active`, 0), 0);
      t.equal(await proxy.untilStat('http.any.downstream_rq_active', 0), 0);
      t.equal(await proxy.untilStat('cluster.any.upstream_rq_active', 0), 0);
      t.notMatch(proxy.output, /exception|TypeError/);
    });
  });
}
