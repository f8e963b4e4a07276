// Handshakes that fail, and connections that TLS ends: what the client is told, what is counted, and what the log of
// the listener says of it, which is all that an operator has.
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { connect as connectPlain, createServer, type AddressInfo, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { connect, type ConnectionOptions, type TLSSocket } from 'node:tls';
import t from 'tap';
import { routeTo } from '../support/bootstrap.js';
import { issue, root, type Issued } from '../support/certificates.js';
import { exchange } from '../support/client.js';
import { forEachProxy } from '../support/fixture.js';
import { HANG_MS } from '../support/hang.js';

const TYPE = 'type.googleapis.com/envoy.extensions.';
const inline = (text: string) => ({ inline_string: text });
const authority = root();
const server = issue({ name: 'server', issuer: authority, sans: ['DNS:localhost'] });
const days = (from: number, to: number) => ({ notBefore: new Date(Date.now() + from * 86_400_000),
  notAfter: new Date(Date.now() + to * 86_400_000) });
const client = issue({ name: 'client', issuer: authority, sans: ['URI:spiffe://td/client'] });
const stranger = issue({ name: 'stranger', issuer: authority, sans: ['URI:spiffe://td/stranger'] });
const expired = issue({ name: 'client', issuer: authority, sans: ['URI:spiffe://td/client'], ...days(-9, -1) });
const early = issue({ name: 'client', issuer: authority, sans: ['URI:spiffe://td/client'], ...days(1, 9) });

const FORMAT = '%DOWNSTREAM_TRANSPORT_FAILURE_REASON% %DOWNSTREAM_PEER_URI_SAN% %RESPONSE_FLAGS% '
  + '%CONNECTION_TERMINATION_DETAILS%\n';
const folder = mkdtempSync(join(tmpdir(), 'weft-tls-failures-'));
t.teardown(() => rmSync(folder, { recursive: true }));
const fileLog = (name: string, format: string) => ({ name: 'envoy.access_loggers.file', typed_config: {
  '@type': `${TYPE}access_loggers.file.v3.FileAccessLog`, path: join(folder, name),
  log_format: { text_format_source: inline(format) } } });
const listener = (name: string, common: object, timeout = '10s') => ({ name, routes: [], listener: {
  access_log: [fileLog(name, FORMAT)],
  filter_chains: [{ transport_socket_connect_timeout: timeout, filters: [{ name: 'tcp', typed_config: {
    '@type': `${TYPE}filters.network.tcp_proxy.v3.TcpProxy`, stat_prefix: 'tcp', cluster: 'a' } }],
  transport_socket: { name: 'envoy.transport_sockets.tls', typed_config: {
    '@type': `${TYPE}transport_sockets.tls.v3.DownstreamTlsContext`, common_tls_context: { ...common,
      tls_certificates: [{ certificate_chain: inline(server.chainPem), private_key: inline(server.keyPem) }] } } } }],
} });
const trusted_ca = inline(authority.certPem);

void forEachProxy(t, {
  upstreams: ['a'],
  listeners: [
    listener('plain', {}), listener('slow', {}, '0.3s'),
    // neither asks for a certificate in so many words
    listener('named', { validation_context: { trusted_ca, match_typed_subject_alt_names: [{ san_type: 'URI',
      matcher: { exact: 'spiffe://td/client' } }] } }),
    listener('trusting', { validation_context: { trusted_ca } }),
    { name: 'out', routes: [routeTo('secure')], manager: { access_log: [fileLog('out', '%RESPONSE_FLAGS% '
      + '%UPSTREAM_TRANSPORT_FAILURE_REASON% %RESPONSE_CODE_DETAILS%\n')] } },
  ],
  // an endpoint that is plain
  more: ({ a }) => [{ name: 'secure', ports: [a!], fields: { connect_timeout: '0.5s', transport_socket: {
    name: 'envoy.transport_sockets.tls', typed_config: {
      '@type': `${TYPE}transport_sockets.tls.v3.UpstreamTlsContext` } } } }],
}, async (t, { proxy, port, upstream }) => {
  upstream.a!.onRaw = (socket) => { socket.write('hello'); };
  const stat = (name: string, of: string): string => `listener.127.0.0.1_${port[name]}.${of}`;
  /** Lines of the log that were not there before. */
  const linesAfter = async (name: string, act: () => Promise<unknown>): Promise<string[]> => {
    const file = join(folder, name);
    const lines = () => existsSync(file) ? readFileSync(file, 'utf8').split('\n').slice(0, -1) : [];
    const before = lines().length;
    await act();
    const end = performance.now() + HANG_MS;
    while (lines().length === before && performance.now() < end) await sleep(10);
    return lines().slice(before);
  };
  /** The first bytes, or why there are none. */
  const shows = async (name: string, identity: Issued | null, options: ConnectionOptions = {}): Promise<string> => {
    const socket = connect({ host: '127.0.0.1', port: port[name]!, rejectUnauthorized: false, ...options,
      ...identity === null ? {} : { cert: identity.chainPem, key: identity.keyPem } });
    try {
      const [data] = await once(socket, 'data') as [Buffer];
      return String(data);
    } catch (error) { return (error as NodeJS.ErrnoException).code ?? String(error); } finally { socket.destroy(); }
  };

  for (const maxVersion of ['TLSv1.2', 'TLSv1.3'] as const) {
    await t.test(`${maxVersion}: a certificate has to be shown where its name is asked for`, async (t) => {
      const before = await proxy.stat(stat('named', 'ssl.fail_verify_no_cert'));
      const lines = await linesAfter('named', () => shows('named', null, { maxVersion }));
      t.match(lines, [/_DID_NOT_RETURN_A_CERTIFICATE:peer_did_not_provide_required_client_certificate:\S+ - - -$/]);
      t.equal(await proxy.stat(stat('named', 'ssl.fail_verify_no_cert')), before + 1);
      await linesAfter('named', async () => t.equal(await shows('named', client, { maxVersion }), 'hello'));
      await linesAfter('trusting', async () => t.equal(await shows('trusting', null, { maxVersion }), 'hello',
        'where only a root is named, it need not be'));
    });

    await t.test(`${maxVersion}: who is refused, and why, stands in the log`, async (t) => {
      for (const [identity, alert, reason] of [
        [stranger, 'CERTIFICATE_UNKNOWN', 'SAN_matcher,_certificate_SANs_are_[spiffe://td/stranger]'],
        [expired, 'CERTIFICATE_EXPIRED', 'certificate_verification_error_at_depth_0:_certificate_has_expired'],
        [early, 'CERTIFICATE_EXPIRED', 'certificate_verification_error_at_depth_0:_certificate_is_not_yet_valid'],
      ] as const) {
        const [total, ended] = await Promise.all(['downstream_cx_total', 'downstream_cx_destroy'].map((name) =>
          proxy.stat(stat('named', name))));
        let told = '';
        const [line] = await linesAfter('named', async () => {
          told = await shows('named', identity, { maxVersion });
        });
        t.match(told, new RegExp(`${alert}|ECONNRESET`));
        t.ok(line!.includes(':CERTIFICATE_VERIFY_FAILED:verify_cert_failed:_'), line);
        t.ok(line!.includes(`${reason}:TLS_error_end`), line);
        t.ok(line!.endsWith(`${identity === stranger ? 'spiffe://td/stranger' : 'spiffe://td/client'} - -`), line);
        t.equal(await proxy.untilStat(stat('named', 'downstream_cx_total'), total! + 1), total! + 1);
        t.equal(await proxy.untilStat(stat('named', 'downstream_cx_destroy'), ended! + 1), ended! + 1);
      }
    });
  }

  await t.test('verdicts on clients that come at once are each one\'s own', async (t) => {
    const lines = await linesAfter('trusting', async () => {
      const all = Array.from({ length: 30 }, (_, i) => shows('trusting', [client, expired, null][i % 3]!,
        { maxVersion: i % 2 === 0 ? 'TLSv1.2' : 'TLSv1.3' }));
      const answers = await Promise.all(all);
      t.ok(answers.every((answer, i) => (answer === 'hello') === (i % 3 !== 1)), answers.join());
    });
    for (let tries = 0; lines.length < 30 && tries < 200; tries++)
      lines.push(...await linesAfter('trusting', () => sleep(20)));
    t.equal(lines.filter((line) => line.includes('certificate_has_expired')).length, 10);
    t.equal(lines.filter((line) => line.startsWith('- -')).length, 10, lines.join('\n'));
  });

  await t.test('a handshake that takes too long', async (t) => {
    const errors = await proxy.stat(stat('slow', 'ssl.connection_error'));
    const timeouts = stat('slow', 'downstream_cx_transport_socket_connect_timeout');
    for (const [index, bytes] of ['', '160301020001'].entries()) {
      const lines = await linesAfter('slow', async () => {
        const socket = connectPlain(port.slow!, '127.0.0.1');
        socket.on('error', () => undefined).resume().write(Buffer.from(bytes, 'hex'));
        await once(socket, 'close');
      });
      t.match(lines, [/^- - - transport socket timeout was reached$/]);
      t.equal(await proxy.untilStat(timeouts, index + 1), index + 1);
    }
    t.equal(await proxy.stat(stat('slow', 'ssl.connection_error')), errors, 'it is no error of TLS');
  });

  await t.test('what is no TLS behind a handshake ends the connection', async (t) => {
    const errors = await proxy.stat(stat('plain', 'ssl.connection_error'));
    const lines = await linesAfter('plain', async () => {
      const { raw } = await secured(port.plain!);
      raw.write(Buffer.concat([Buffer.from('1703030040', 'hex'), Buffer.alloc(64, 'x')]));
      await once(raw, 'close');
    });
    t.match(lines, [/:DECRYPTION_FAILED_OR_BAD_RECORD_MAC:TLS_error_end - - -$/]);
    t.equal(await proxy.untilStat(stat('plain', 'ssl.connection_error'), errors + 1), errors + 1);
  });

  await t.test('a handshake in the middle of a connection ends it', async (t) => {
    const errors = await proxy.stat(stat('plain', 'ssl.connection_error'));
    const lines = await linesAfter('plain', async () => {
      const socket = connect({ host: '127.0.0.1', port: port.plain!, rejectUnauthorized: false,
        maxVersion: 'TLSv1.2' });
      socket.on('error', () => undefined);
      await once(socket, 'data');
      socket.renegotiate({}, () => undefined);
      await new Promise((resolve) => { socket.once('close', resolve); });
    });
    t.match(lines, [/:NO_RENEGOTIATION:TLS_error_end/]);
    t.ok(await proxy.stat(stat('plain', 'ssl.connection_error')) > errors);
  });

  const program = spawnSync('openssl', ['version']).status === 0;
  await t.test('so says openssl s_client', { skip: program ? false : 'no openssl' }, async (t) => {
    const lines = await linesAfter('plain', async () => {
      const client = spawn('openssl', ['s_client', '-connect', `127.0.0.1:${port.plain}`, '-tls1_2']);
      let text = '';
      const heard = (data: Buffer): void => {
        if (!text.includes('hello') && (text + String(data)).includes('hello')) client.stdin.write('R\n');
        text += String(data);
      };
      client.stdin.on('error', () => undefined);
      client.stdout.on('data', heard);
      client.stderr.on('data', heard);
      await once(client, 'close');
      t.match(text, /RENEGOTIATING[^]*(no renegotiation|handshake failure)/i);
    });
    t.match(lines, [/:NO_RENEGOTIATION:TLS_error_end/]);
  });

  await t.test('why an endpoint could not be spoken to stands in the log of requests', async (t) => {
    const before = upstream.a!.onRaw, started = 'upstream_reset_before_response_started';
    const reset = 'TLS_error:|33554536:system_library:OPENSSL_internal:Connection_reset_by_peer:TLS_error_end';
    for (const [act, reason, details] of [
      [(socket: Socket) => socket.end('HTTP/1.1 200 OK\r\n\r\n'), 'WRONG_VERSION_NUMBER', 'WRONG_VERSION_NUMBER'],
      [(socket: Socket) => socket.end(), '- ', '{remote_connection_failure}'],
      [(socket: Socket) => socket.once('data', () => socket.resetAndDestroy()), reset, `failure|${reset}}`],
      [() => undefined, '- ', '{connection_timeout}'],
    ] as const) {
      upstream.a!.onRaw = (socket) => { act(socket); };
      const [line] = await linesAfter('out', () => exchange(port.out!, 'GET / HTTP/1.1\r\nhost: x\r\n\r\n'));
      const [told, why] = line!.split(` ${started}`);
      t.ok(told!.startsWith('UF ') && `${told} `.includes(reason) && why!.includes(details), line);
    }
    upstream.a!.onRaw = before;
  });

  await t.test('an end without close_notify is no end of the bytes', async (t) => {
    const ends: string[] = [];
    upstream.a!.onRaw = (socket) => {
      socket.write('hello');
      socket.on('end', () => ends.push('FIN')).on('error', (error: NodeJS.ErrnoException) => ends.push(error.code!));
    };
    for (const [index, end] of [({ tls }: Ends) => tls.end(), ({ raw }: Ends) => raw.end()].entries()) {
      end(await secured(port.plain!));
      for (let tries = 0; ends.length <= index && tries < 400; tries++) await sleep(5);
    }
    t.same(ends, ['FIN', 'ECONNRESET']);
  });
});

interface Ends { tls: TLSSocket; raw: Socket }
/** A connection that has had its first bytes, and the socket under it, through a relay: Node hides its own. */
async function secured(port: number): Promise<Ends> {
  const raw = connectPlain({ port, host: '127.0.0.1', allowHalfOpen: true });
  raw.on('error', () => undefined);
  const relay = createServer((near) => {
    near.on('error', () => undefined).on('data', (data) => raw.write(data)).on('end', () => raw.end());
    raw.on('data', (data) => near.write(data)).on('end', () => near.end());
  });
  await once(relay.listen(0, '127.0.0.1'), 'listening');
  const tls = connect({ port: (relay.address() as AddressInfo).port, host: '127.0.0.1', rejectUnauthorized: false });
  tls.on('error', () => undefined);
  await once(tls, 'data');
  relay.close();
  return { tls, raw };
}
