// npm run grpc-interop [-- --peer envoy]: gRPC's own interoperability client and server (grpc-go) through us: plain
// HTTP/2, TLS from the client, and mutual TLS between two of our listeners as between two sidecars; on both drivers.
import { spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { bootstrap, routeTo } from '../support/bootstrap.js';
import { issue, root } from '../support/certificates.js';
import { freePort } from '../support/ports.js';
import { Proxy, weftKinds, type ProxyKind } from '../support/proxy.js';
import { goProgram } from './go-program.js';
import { downstreamTls, upstreamTls } from './tls.js';

const { values: flags } = parseArgs({ options: { peer: { type: 'string' } } });
const kinds = flags.peer === undefined ? weftKinds : [flags.peer as ProxyKind];
const VERSION = 'v1.67.1';
/** All that need no credentials of a cloud. */
const CASES = ['empty_unary', 'large_unary', 'client_streaming', 'server_streaming', 'ping_pong', 'empty_stream',
  'timeout_on_sleeping_server', 'cancel_after_begin', 'cancel_after_first_response', 'status_code_and_message',
  'special_status_message', 'custom_metadata', 'unimplemented_method', 'unimplemented_service'];

const authority = root();
const server = issue({ name: 'localhost', issuer: authority, sans: ['DNS:localhost',
  'URI:spiffe://cluster.local/ns/a/sa/server'] });
const client = issue({ name: 'client', issuer: authority, sans: ['URI:spiffe://cluster.local/ns/a/sa/client'] });
const trusts = (who: string) => ({ validation_context: { trusted_ca: { inline_string: authority.certPem },
  match_typed_subject_alt_names: [{ san_type: 'URI',
    matcher: { exact: `spiffe://cluster.local/ns/a/sa/${who}` } }] } });
const http2 = { typed_extension_protocol_options: { 'envoy.extensions.upstreams.http.v3.HttpProtocolOptions': {
  '@type': 'type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions',
  explicit_http_config: { http2_protocol_options: {} } } } };

async function untilListening(port: number): Promise<void> {
  for (let tries = 0; tries < 500; tries++) {
    const open = await new Promise<boolean>((resolve) => {
      const socket = connect(port, '127.0.0.1');
      socket.on('connect', () => { socket.destroy(); resolve(true); }).on('error', () => resolve(false));
    });
    if (open) return;
    await sleep(20);
  }
  throw new Error(`nothing listens on ${port}`);
}

interface Way { name: string; port: number; options: string[] }

function runCases(program: string, ways: readonly Way[]): number {
  let failed = 0;
  for (const { name, port, options } of ways) {
    const wrong = CASES.filter((testCase) => {
      const { status, stderr } = spawnSync(program, ['--server_host', '127.0.0.1', '--server_port', String(port),
        '--test_case', testCase, ...options], { encoding: 'utf8', timeout: 30_000 });
      if (status !== 0) process.stdout.write(`    ${testCase}: ${stderr.trim().split('\n').at(-1)}\n`);
      return status !== 0;
    });
    failed += wrong.length;
    process.stdout.write(`  ${name}: ${CASES.length - wrong.length} passed, ${wrong.length} failed\n`);
  }
  return failed;
}

async function onOne(program: string, kind: ProxyKind, behind: number, caFile: string): Promise<number> {
  const [adminPort, plain, tls, mesh, inbound] = [await freePort(), await freePort(), await freePort(),
    await freePort(), await freePort()];
  const proxy = await Proxy.start(kind, adminPort, () => bootstrap(adminPort, [
    { name: 'plain', port: plain, routes: [routeTo('server', { timeout: '0s' })] },
    { name: 'tls', port: tls, routes: [routeTo('server', { timeout: '0s' })],
      transportSocket: downstreamTls(server, { alpn_protocols: ['h2'] }) },
    { name: 'outbound', port: mesh, routes: [routeTo('sidecar', { timeout: '0s' })] },
    { name: 'inbound', port: inbound, routes: [routeTo('server', { timeout: '0s' })],
      transportSocket: downstreamTls(server, { alpn_protocols: ['h2'], ...trusts('client') },
        { require_client_certificate: true }) },
  ], [{ name: 'server', ports: [behind], fields: http2 },
    { name: 'sidecar', ports: [inbound], fields: { ...http2, transport_socket: upstreamTls(client,
      { alpn_protocols: ['h2'], ...trusts('server') }, { sni: 'localhost' }) } }]));
  process.stdout.write(`${kind}\n`);
  try {
    return runCases(program, [{ name: 'plain', port: plain, options: [] },
      { name: 'TLS', port: tls, options: ['--use_tls', '--use_test_ca', '--server_host_override', 'localhost',
        '--ca_file', caFile] },
      { name: 'mutual TLS between sidecars', port: mesh, options: [] }]);
  } finally { await proxy.stop(); }
}

const program = goProgram('google.golang.org/grpc/interop/client', VERSION, 'GRPC_INTEROP_CLIENT');
const folder = mkdtempSync(join(tmpdir(), 'weft-interop-'));
const caFile = join(folder, 'ca.pem');
writeFileSync(caFile, authority.certPem);
const behind = await freePort();
const running = spawn(goProgram('google.golang.org/grpc/interop/server', VERSION, 'GRPC_INTEROP_SERVER'),
  ['--port', String(behind)], { stdio: 'ignore' });
let failed = 0;
try {
  await untilListening(behind);
  for (const kind of kinds) failed += await onOne(program, kind, behind, caFile);
} finally {
  running.kill();
  rmSync(folder, { recursive: true });
}
process.stdout.write(failed === 0 ? 'ok\n' : `NOT OK: ${failed} failed\n`);
process.exit(failed === 0 ? 0 : 1);
