// Handshakes that break anywhere leave nothing behind: clients that stop, reset, end or talk nonsense at a random byte,
// and servers that do. Each OpenSSL session that stayed would be 10 KiB or more. `WEFT_TLS_BREAKS=20000` for more of
// them than there is time for in a test run.
import { readFileSync } from 'node:fs';
import { Agent, request } from 'node:http';
import { connect, createServer } from 'node:net';
import type { AddressInfo, Socket } from 'node:net';
import { join } from 'node:path';
import { connect as connectTls, TLSSocket } from 'node:tls';
import t from 'tap';
import { Random } from '../fuzz/random.js';
import { routeTo } from '../support/bootstrap.js';
import { issue, root } from '../support/certificates.js';
import { forEachProxy } from '../support/fixture.js';
import { repositoryRoot } from '../support/root.js';

const BREAKS = Number(process.env.WEFT_TLS_BREAKS ?? 1500);
const AT_ONCE = 40;
const TYPE = 'type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.';
const inline = (text: string) => ({ inline_string: text });
const authority = root();
const server = issue({ name: 'server', issuer: authority, sans: ['DNS:localhost'] });
const stranger = issue({ name: 'stranger', issuer: root('Another root') });
const certificates = [{ certificate_chain: inline(server.chainPem), private_key: inline(server.keyPem) }];
const validation_context = { trusted_ca: inline(authority.certPem) };
const hellos = (JSON.parse(readFileSync(join(repositoryRoot, 'test/workers/listener/client-hellos.json'), 'utf8')) as
  { hello: string }[]).map(({ hello }) => Buffer.from(hello, 'hex'));
const random = new Random(11);

function leave(socket: Socket): void {
  const way = random.below(3);
  if (way === 0 && !(socket instanceof TLSSocket)) socket.resetAndDestroy();
  else if (way === 1) socket.end();
  else socket.destroy();
}

/** A server's or client's side of a conversation that nobody understands. */
function nonsense(socket: Socket): void {
  const bytes = Buffer.from(Array.from({ length: random.below(200) }, () => random.below(256)));
  if (bytes.length > 5 && random.below(2) === 0) bytes.set([22, 3, 3, 0, bytes.length - 5]);
  socket.write(bytes);
}

/** One client that does not come through, or goes at once when it has. */
function breakIn(port: number): Promise<void> {
  return new Promise((resolve) => {
    if (random.below(12) === 0) {
      const socket = connectTls({ port, host: '127.0.0.1', rejectUnauthorized: false,
        maxVersion: random.below(2) === 0 ? 'TLSv1.2' : 'TLSv1.3',
        ...random.below(2) === 0 ? { cert: stranger.chainPem, key: stranger.keyPem } : {} });
      socket.on('error', () => undefined).on('close', () => resolve());
      socket.once('secureConnect', () => leave(socket));
      return;
    }
    const hello = hellos[random.below(hellos.length)]!;
    const cut = random.below(2) === 0 ? hello.length : random.below(hello.length);
    const socket = connect({ port, host: '127.0.0.1' });
    socket.on('error', () => undefined).on('close', () => resolve());
    socket.on('end', () => socket.destroy());
    socket.write(hello.subarray(0, cut));
    if (cut < hello.length) { setTimeout(() => leave(socket), random.below(3)); return; }
    socket.once('data', () => {
      if (random.below(2) === 0) nonsense(socket);
      setTimeout(() => leave(socket), random.below(3));
    });
  });
}

/** Servers that break: at the first byte, with nonsense, or in the middle of what another server said. */
const broken = createServer((socket) => {
  socket.on('error', () => undefined);
  socket.once('data', () => {
    if (random.below(3) > 0) nonsense(socket);
    setTimeout(() => leave(socket), random.below(3));
  });
});
broken.listen(0, '127.0.0.1');
t.teardown(() => broken.close());
await new Promise((resolve) => { broken.once('listening', resolve); });

const agent = new Agent({ keepAlive: true, maxSockets: AT_ONCE });
t.teardown(() => agent.destroy());
const breakOut = (port: number): Promise<void> => new Promise((resolve) => {
  const call = request({ host: '127.0.0.1', port, agent }, (answer) => { answer.resume().on('end', () => resolve()); });
  call.on('error', () => resolve()).end();
});

async function many(count: number, one: () => Promise<void>): Promise<void> {
  let left = count;
  await Promise.all(Array.from({ length: AT_ONCE }, async () => { while (left-- > 0) await one(); }));
}

const residentKiB = (pid: number): number =>
  Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))![1]);

const tls = (kind: 'Downstream' | 'Upstream', more: object) => ({ name: 'envoy.transport_sockets.tls', typed_config: {
  '@type': `${TYPE}${kind}TlsContext`, ...more } });
const LEAST_LEAK_KIB = 4096 + BREAKS * 0.5;
void forEachProxy(t, {
  upstreams: ['a'],
  listeners: [
    { name: 'in', routes: [routeTo('a')], transportSocket: tls('Downstream', { common_tls_context: {
      tls_certificates: certificates, validation_context } }) },
    { name: 'out', routes: [routeTo('broken')] },
  ],
  more: () => [{ name: 'broken', ports: [(broken.address() as AddressInfo).port], fields: {
    circuit_breakers: { thresholds: [{ max_connections: 1000, max_pending_requests: 1000, max_requests: 1000 }] },
    transport_socket: tls('Upstream', { common_tls_context: { tls_certificates: certificates,
      validation_context } }) } }],
}, async (t, { kind, proxy, port }) => {
  for (const [name, one] of [['clients', () => breakIn(port.in!)], ['servers', () => breakOut(port.out!)]] as const) {
    await t.test(`handshakes that ${name} break`, async (t) => {
      await many(BREAKS, one);                           // what is kept for ever is kept now
      // What leaks grows each time; what the collector has not looked at yet does not.
      let grown = Infinity;
      for (let times = 0; times < 4 && grown > LEAST_LEAK_KIB; times++) {
        const before = residentKiB(proxy.child.pid!);
        await many(BREAKS, one);
        grown = residentKiB(proxy.child.pid!) - before;
      }
      t.comment(`${kind}: ${BREAKS} handshakes that ${name} break, ${grown} KiB more than after as many before`);
      t.ok(grown < LEAST_LEAK_KIB, `${grown} KiB more`);
      const active = `listener.127.0.0.1_${port.in!}.downstream_cx_active`;
      t.equal(await proxy.untilStat(active, 0), 0);
    });
  }
});
