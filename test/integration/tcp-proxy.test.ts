// Connections proxied as bytes, with real sockets: long ones, slow readers, ends on either side, and where a cluster of
// the type ORIGINAL_DST sends them.
import { createHash } from 'node:crypto';
import { connect } from 'node:net';
import type { Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import t from 'tap';
import { clientHello, proxyV2 } from '../support/client-hello.js';
import { RawClient } from '../support/client.js';
import { forEachProxy } from '../support/fixture.js';

const TYPE = 'type.googleapis.com/envoy.extensions.filters.';
const chain = (config: object): object => ({ filters: [{ name: 'tcp', typed_config: {
  '@type': `${TYPE}network.tcp_proxy.v3.TcpProxy`, stat_prefix: 'tcp', ...config } }] });
const listener = (name: string, config: object, more: object = {}) =>
  ({ name, routes: [], listener: { filter_chains: [chain(config)], ...more } });
const filter = (name: string): object => ({ name, typed_config: { '@type': `${TYPE}listener.${name}` } });
const MEBIBYTES = 40;
const block = Buffer.from(Array.from({ length: 1 << 20 }, (_, index) => (index * 31) & 255));
const digestOf = (blocks: number): string => {
  const hash = createHash('sha256');
  for (let n = 0; n < blocks; n++) hash.update(block);
  return hash.digest('hex');
};
const read = (socket: Socket): Promise<string> => new Promise((resolve, reject) => {
  const hash = createHash('sha256');
  socket.on('data', (data) => hash.update(data)).on('end', () => resolve(hash.digest('hex'))).on('error', reject);
});

void forEachProxy(t, {
  upstreams: ['one', 'two'],
  listeners: [listener('plain', { cluster: 'one' }), listener('destination', { cluster: 'there' },
    { listener_filters: [filter('proxy_protocol.v3.ProxyProtocol')] }),
  listener('names', { cluster: 'one' }, { listener_filters: [filter('tls_inspector.v3.TlsInspector')] }),
  listener('shares', { weighted_clusters: { clusters: [
    { name: 'one', weight: 1 }, { name: 'two', weight: 3 }] } })],
  more: () => [{ name: 'there', ports: [], fields: { type: 'ORIGINAL_DST', lb_policy: 'CLUSTER_PROVIDED',
    load_assignment: undefined } }],
}, async (t, { proxy, upstream, port }) => {
  await t.test('many bytes each way at once, unchanged', async (t) => {
    upstream.one.onRaw = (socket) => { socket.pipe(socket); };
    const socket = connect({ port: port.plain, host: '127.0.0.1', allowHalfOpen: true });
    const digest = read(socket);
    for (let n = 0; n < MEBIBYTES; n++) if (!socket.write(block)) await new Promise((done) => socket.once('drain',
      done));
    socket.end();
    t.equal(await digest, digestOf(MEBIBYTES));
    t.equal(await proxy.untilStat('tcp.tcp.downstream_cx_rx_bytes_total', MEBIBYTES << 20), MEBIBYTES << 20);
    upstream.one.reset();
  });

  await t.test('a reset of the client is the server\'s', async (t) => {
    let error = '';
    upstream.one.onRaw = (socket) => { socket.on('error', (one: NodeJS.ErrnoException) => { error = one.code!; }); };
    const client = await RawClient.open(port.plain!);
    client.send('bytes');
    while (upstream.one.raw.at(-1) !== 'bytes') await sleep(5);
    client.reset();
    for (let tries = 0; tries < 400 && error === ''; tries++) await sleep(5);
    t.equal(error, 'ECONNRESET');
    upstream.one.reset();
  });

  await t.test('a client that does not read stops the server, and gets all of it in the end', async (t) => {
    let written = 0;
    upstream.one.onRaw = (socket) => {
      const more = (): void => {
        while (written < MEBIBYTES) { written++; if (!socket.write(block)) { socket.once('drain', more); return; } }
        socket.end();
      };
      more();
    };
    const socket = connect({ port: port.plain, host: '127.0.0.1', allowHalfOpen: true });
    socket.pause();
    for (let last = -1; last !== written;) { last = written; await sleep(300); }
    t.ok(written < MEBIBYTES, `stopped after ${written} MiB`);
    t.equal(await read(socket.resume()), digestOf(MEBIBYTES));
    socket.end();
    t.ok(await proxy.stat('cluster.one.upstream_flow_control_paused_reading_total') > 0);
    upstream.one.reset();
  });

  await t.test('a server that does not read stops the client', async (t) => {
    let held: Socket | null = null;
    upstream.one.onRaw = (socket) => { held = socket; socket.removeAllListeners('data'); socket.pause(); };
    const socket = connect({ port: port.plain, host: '127.0.0.1', allowHalfOpen: true });
    let flushed = 0;
    for (let n = 0; n < MEBIBYTES; n++) socket.write(block, () => { flushed++; });
    for (let last = -1; last !== flushed || held === null;) { last = flushed; await sleep(300); }
    t.ok(flushed < MEBIBYTES, `stopped after ${flushed} MiB`);
    socket.end();
    const got = read(held!);
    (held as unknown as Socket).resume();
    t.equal(await got, digestOf(MEBIBYTES));
    t.ok(await proxy.stat('tcp.tcp.downstream_flow_control_paused_reading_total') > 0);
    upstream.one.reset();
  });

  await t.test('what the client sent before it went away reaches the server', async (t) => {
    let bytes = 0;
    const ended = new Promise<void>((resolve) => {
      upstream.one.onRaw = (socket) => {
        socket.pause();
        socket.removeAllListeners('data');
        socket.on('data', (data) => { bytes += data.length; }).on('close', () => resolve());
        setTimeout(() => socket.resume(), 200);
      };
    });
    const client = await RawClient.open(port.plain);
    client.send(block);
    await sleep(100);
    client.close();
    await ended;
    t.equal(bytes, block.length);
    upstream.one.reset();
  });

  await t.test('where a PROXY header says that the client wanted to go', async (t) => {
    upstream.two.onRaw = (socket) => { socket.write('two'); };
    const client = await RawClient.open(port.destination);
    client.send(proxyV2('1.2.3.4', 5, '127.0.0.1', upstream.two.port));
    await client.until(() => client.rest === 'two');
    client.close();
    const lost = await RawClient.open(port.destination);
    lost.send(proxyV2('', 0, '', 0, { command: 0x20, family: 0 }));
    await lost.end();
    t.equal(await proxy.stat('cluster.there.upstream_cx_none_healthy'), 1);
    upstream.two.reset();
  });

  await t.test('bytes that an inspector held are the first that the server gets', async (t) => {
    upstream.one.onRaw = () => undefined;
    const before = upstream.one.raw.length;
    const client = await RawClient.open(port.names);
    const hello = clientHello('a.example');
    for (const piece of [hello.slice(0, 3), hello.slice(3, 80), `${hello.slice(80)}and more`]) {
      client.send(piece);
      await sleep(20);
    }
    await upstream.one.until(() => upstream.one.raw[before] === `${hello}and more`);
    t.pass('in order');
    client.close();
    upstream.one.reset();
  });

  await t.test('clusters by weight', async (t) => {
    const seen = { one: 0, two: 0 };
    for (const name of ['one', 'two'] as const) upstream[name].onRaw = (socket) => { seen[name]++; socket.end('x'); };
    for (let n = 0; n < 200; n++) {
      const client = await RawClient.open(port.shares);
      await client.end();
      client.close();
    }
    t.ok(seen.one > 20 && seen.one < 85, `${seen.one} of 200 for a quarter`);
    t.equal(seen.one + seen.two, 200);
    upstream.one.reset();
    upstream.two.reset();
  });
});
