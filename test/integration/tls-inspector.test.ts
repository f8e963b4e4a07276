// What the TLS inspector tells of clients: fingerprints of hellos of OpenSSL, curl, Node, Python and Go, and of some
// made by hand. JA3 and JA4 of each were computed by other programs (scapy's dissector and ja4plus 1.4.0 of PyPI);
// for a protocol that is not text the two schools differ, and Envoy's is taken.
import { readFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import t from 'tap';
import { forEachProxy } from '../support/fixture.js';
import { HANG_MS } from '../support/hang.js';
import { repositoryRoot } from '../support/root.js';

interface Vector { name: string; hello: string; ja3: string; ja4: string }
const vectors = JSON.parse(readFileSync(join(repositoryRoot, 'test/workers/listener/client-hellos.json'), 'utf8')) as
  Vector[];
const TYPE = 'type.googleapis.com/envoy.extensions.filters.';
const listener = (name: string, inspector: object) => ({ name, listener: {
  listener_filters: [{ name: 'envoy.filters.listener.tls_inspector', typed_config: {
    '@type': `${TYPE}listener.tls_inspector.v3.TlsInspector`, ...inspector } }],
  filter_chains: [{ filters: [{ name: 'tcp', typed_config: { '@type': `${TYPE}network.tcp_proxy.v3.TcpProxy`,
    stat_prefix: name, cluster: 'a', access_log: [{ name: 'envoy.access_loggers.stdout', typed_config: {
      '@type': 'type.googleapis.com/envoy.extensions.access_loggers.stream.v3.StdoutAccessLog',
      log_format: { text_format_source: { inline_string: `LOG ${name} %TLS_JA3_FINGERPRINT% %TLS_JA4_FINGERPRINT% `
        + '%REQUESTED_SERVER_NAME%\n' } } } }] } }] }] } });

const whole = (hello: Buffer): Buffer[] => [hello];
const bytewise = (hello: Buffer): Buffer[] => Array.from(hello, (_, at) => hello.subarray(at, at + 1));
/** As three records, each in two pieces. */
function records(hello: Buffer): Buffer[] {
  const message = hello.subarray(5), third = Math.ceil(message.length / 3);
  return [0, 1, 2].flatMap((part) => {
    const body = message.subarray(part * third, (part + 1) * third);
    const header = Buffer.from(hello.subarray(0, 5));
    header.writeUInt16BE(body.length, 3);
    return [Buffer.concat([header, body.subarray(0, 3)]), body.subarray(3)];
  });
}

void forEachProxy(t, {
  upstreams: ['a'],
  listeners: [listener('both', { enable_ja3_fingerprinting: true, enable_ja4_fingerprinting: true }),
    listener('small', { enable_ja3_fingerprinting: true, enable_ja4_fingerprinting: true,
      initial_read_buffer_size: 256 }),
    listener('one', { enable_ja3_fingerprinting: true }), listener('none', {})],
}, async (t, { kind, proxy, port, upstream }) => {
  upstream.a!.onRaw = (socket) => { socket.end('seen'); };
  /** The line that the connection leaves. */
  const logged = async (name: string, pieces: readonly Buffer[]): Promise<string> => {
    const lines = (): string[] => proxy.output.split('\n').filter((line) => line.startsWith(`LOG ${name} `));
    const before = lines().length;
    const socket = connect({ port: port[name]!, host: '127.0.0.1', noDelay: true });
    socket.on('error', () => undefined).on('data', () => socket.end());
    for (const [index, piece] of pieces.entries()) {
      socket.write(piece);
      if (pieces.length < 10 || index % 16 === 0) await sleep(1);
      else await new Promise(setImmediate);
    }
    const end = performance.now() + HANG_MS;
    while (lines().length === before && performance.now() < end) await sleep(5);
    socket.destroy();
    return lines().at(-1)!.slice(`LOG ${name} `.length);
  };

  await t.test('fingerprints, however the hello comes', async (t) => {
    for (const { name, hello, ja3, ja4 } of vectors) {
      if (kind === 'envoy' && name === 'made-up values') continue;   // it counts those among the groups
      const bytes = Buffer.from(hello, 'hex');
      const ways = bytes.length > 200 ? { whole, records } : { whole, records, bytewise };
      for (const [way, cut] of Object.entries(ways))
        t.match(await logged('both', cut(bytes)), `${ja3} ${ja4} `, `${name} ${way}`);
      t.match(await logged('small', [bytes.subarray(0, 130), bytes.subarray(130)]), `${ja3} ${ja4} `,
        `${name} into a small buffer`);
    }
  });

  await t.test('only those that are wanted', async (t) => {
    const { hello, ja3 } = vectors[0]!;
    t.equal(await logged('one', [Buffer.from(hello, 'hex')]), `${ja3} - a.example`);
    t.equal(await logged('none', [Buffer.from(hello, 'hex')]), '- - a.example');
  });
});
