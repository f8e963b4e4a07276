// npm run h2spec [-- --peer envoy]: h2spec's generic, HPACK and http2 groups against our server side: over TLS by ALPN,
// in plain bytes by prior knowledge, and where the protocol is found out by its first bytes; on both drivers.
import { execFile } from 'node:child_process';
import { parseArgs } from 'node:util';
import { bootstrap, routeTo, type ListenerSpec } from '../support/bootstrap.js';
import { issue, root } from '../support/certificates.js';
import { freePort } from '../support/ports.js';
import { Proxy, weftKinds, type ProxyKind } from '../support/proxy.js';
import { Upstream } from '../support/upstream.js';
import { downstreamTls } from './tls.js';
import { goProgram } from './go-program.js';

const { values: flags } = parseArgs({ options: { peer: { type: 'string' }, verbose: { type: 'boolean' } } });
const kinds = flags.peer === undefined ? weftKinds : [flags.peer as ProxyKind];
const authority = root();
const identity = issue({ name: 'localhost', issuer: authority, sans: ['DNS:localhost', 'IP:127.0.0.1'] });

/**
 * What is known to differ. Bytes that are no preface make a connection that finds out its protocol one of HTTP/1.1,
 * whose error is 400; so does Envoy.
 */
const explained: Readonly<Record<string, number>> = { 'plain, found out': 1 };

async function run(program: string, port: number, name: string): Promise<boolean> {
  const options = ['-h', '127.0.0.1', '-p', String(port), '-o', '5', ...name === 'TLS' ? ['-t', '-k'] : []];
  // It ends with 1 when anything failed; what did is in its output.
  const stdout = await new Promise<string>((resolve) => {
    execFile(program, options, { timeout: 600_000, maxBuffer: 1 << 26 }, (_error, output) => { resolve(output); });
  });
  const counts = /(\d+) tests, (\d+) passed, (\d+) skipped, (\d+) failed/.exec(stdout);
  if (counts === null) throw new Error(`h2spec ended without its counts:\n${stdout.slice(-2000)}`);
  const failed = Number(counts[4]), known = explained[name] ?? 0;
  process.stdout.write(`  ${name}: ${counts[2]} passed, ${counts[3]} skipped, ${failed} failed`
    + `${known > 0 ? ` (${known} explained)` : ''}\n`);
  if (flags.verbose || failed > known) process.stdout.write(stdout.slice(stdout.indexOf('Failures:')));
  return failed <= known;
}

async function onOne(program: string, kind: ProxyKind): Promise<boolean> {
  const upstream = await Upstream.start(await freePort());
  const adminPort = await freePort();
  const listeners: ListenerSpec[] = [];
  for (const [name, more] of [
    ['TLS', { transportSocket: downstreamTls(identity, { alpn_protocols: ['h2'] }) }],
    ['plain', { manager: { codec_type: 'HTTP2' } }], ['plain, found out', {}]] as const)
    listeners.push({ name, port: await freePort(), routes: [routeTo('a')], ...more });
  const proxy = await Proxy.start(kind, adminPort, () => bootstrap(adminPort, listeners,
    [{ name: 'a', ports: [upstream.port] }]));
  process.stdout.write(`${kind}\n`);
  try {
    let good = true;
    for (const { name, port } of listeners) good = await run(program, port, name) && good;
    return good;
  } finally {
    await proxy.stop();
    await upstream.stop();
  }
}

const program = goProgram('github.com/summerwind/h2spec/cmd/h2spec', 'latest', 'H2SPEC_BIN');
let good = true;
for (const kind of kinds) good = await onOne(program, kind) && good;
process.stdout.write(good ? 'ok\n' : 'NOT OK\n');
process.exit(good ? 0 : 1);
