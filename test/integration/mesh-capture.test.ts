// The mesh's capture as Istio makes it: two hosts (network namespaces), iptables sends what leaves to port 15001 and
// what comes in to port 15006 of a proxy beside the application, by REDIRECT and by TPROXY. Client and server know
// nothing of it. HTTP is routed and logged as HTTP, all else goes through as bytes; both end at the address that the
// client asked for.
import { spawn, type ChildProcess } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import t, { type Test } from 'tap';
import { Namespaces, type Host } from '../support/namespaces.js';
import { Proxy, weftKinds, type ProxyKind } from '../support/proxy.js';

const GROUP = 1337;
const HTTP_PORT = 8080;
const TCP_PORT = 9000;
const SPEAKS_FIRST_PORT = 9001;

const serverProgram = `
const http = require('node:http'), net = require('node:net');
http.createServer((request, response) => {
  let body = '';
  request.on('data', (data) => { body += data; }).on('end', () => {
    response.setHeader('x-server', 'plain');
    response.end(JSON.stringify({ method: request.method, url: request.url, headers: request.headers, body,
      peer: request.socket.remoteAddress }));
  });
}).listen(${HTTP_PORT}, '::');
net.createServer({ allowHalfOpen: true }, (socket) => { socket.on('error', () => {}); socket.pipe(socket); })
  .listen(${TCP_PORT}, '::');
net.createServer((socket) => { socket.on('error', () => {}); socket.end('welcome'); }).listen(${SPEAKS_FIRST_PORT},
  '::');
console.log('ready');
`;
const httpClient = `
const http = require('node:http');
const [host, count] = process.argv.slice(1);
const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
const ask = (n) => new Promise((resolve, reject) => {
  const request = http.request({ host, port: ${HTTP_PORT}, path: '/path?' + n, method: 'POST', agent,
    headers: { host: 'service.example' } }, (response) => {
    let text = '';
    response.on('data', (data) => { text += data; })
      .on('end', () => resolve({ status: response.statusCode, headers: response.headers, seen: JSON.parse(text) }));
  });
  request.on('error', reject).end('body ' + n);
});
(async () => {
  const answers = [];
  for (let n = 0; n < Number(count); n++) answers.push(await ask(n));
  console.log(JSON.stringify(answers));
  agent.destroy();
})();
`;
const tcpClient = `
const net = require('node:net');
const [host, port, say] = process.argv.slice(1);
const socket = net.connect({ host, port: Number(port) });
let text = '', peer = '';
socket.on('connect', () => { peer = socket.remoteAddress; });
socket.on('data', (data) => { text += data; }).on('error', (error) => { console.log('error ' + error.code); })
  .on('end', () => { console.log(JSON.stringify({ text, peer })); socket.end(); });
if (say !== '') socket.end(say);
`;

const TYPE = 'type.googleapis.com/envoy.extensions.';
const filter = (name: string, type: string): object => ({ name, typed_config: {
  '@type': `${TYPE}filters.listener.${type}` } });
const originalDst = filter('original_dst', 'original_dst.v3.OriginalDst');
const httpInspector = filter('http_inspector', 'http_inspector.v3.HttpInspector');
const log = (path: string, format: string): object[] => [{ name: 'file', typed_config: {
  '@type': `${TYPE}access_loggers.file.v3.FileAccessLog`, path,
  log_format: { text_format_source: { inline_string: `${format}\n` } } } }];
const manager = (prefix: string, path: string, cluster: string): object => ({ name: 'http', typed_config: {
  '@type': `${TYPE}filters.network.http_connection_manager.v3.HttpConnectionManager`, stat_prefix: prefix,
  access_log: log(path, '%REQ(:METHOD)% %REQ(:PATH)% %RESPONSE_CODE% %DOWNSTREAM_LOCAL_ADDRESS% %UPSTREAM_HOST%'),
  http_filters: [{ name: 'router', typed_config: { '@type': `${TYPE}filters.http.router.v3.Router` } }],
  route_config: { virtual_hosts: [{ name: 'all', domains: ['*'], routes: [{ match: { prefix: '/' }, route: { cluster },
    request_headers_to_add: [{ header: { key: `x-${prefix}`, value: '%DOWNSTREAM_LOCAL_ADDRESS%' } }] }] }] } } });
const bytes = (prefix: string, path: string, cluster: string): object => ({ name: 'tcp', typed_config: {
  '@type': `${TYPE}filters.network.tcp_proxy.v3.TcpProxy`, stat_prefix: prefix, cluster,
  access_log: log(path, '%PROTOCOL% %BYTES_RECEIVED% %BYTES_SENT% %DOWNSTREAM_LOCAL_ADDRESS% %UPSTREAM_HOST%') } });
const passthrough = (name: string): object => ({ name, type: 'ORIGINAL_DST', lb_policy: 'CLUSTER_PROVIDED',
  connect_timeout: '2s' });
const at = (host: string, port: number): object => ({ socket_address: { address: host, port_value: port,
  ...(host === '::' ? { ipv4_compat: true } : {}) } });

/** The proxy beside the client: HTTP by the port's own listener, the rest by the virtual one. */
const outbound = (path: string): object => ({
  admin: { address: { pipe: { path: `${path}/admin` } } },
  static_resources: {
    listeners: [
      { name: 'virtualOutbound', address: at('::', 15001), use_original_dst: true, traffic_direction: 'OUTBOUND',
        filter_chains: [
          { filter_chain_match: { destination_port: 15001 }, filters: [bytes('blackhole', `${path}/blackhole`,
            'none')] },
          { filters: [bytes('outbound-tcp', `${path}/tcp`, 'PassthroughCluster')] }] },
      { name: '0.0.0.0_8080', address: at('0.0.0.0', HTTP_PORT), bind_to_port: false, traffic_direction: 'OUTBOUND',
        filter_chains: [{ filters: [manager('outbound', `${path}/http`, 'PassthroughCluster')] }] },
      { name: '[::]_8080', address: { socket_address: { address: '::', port_value: HTTP_PORT } }, bind_to_port: false,
        filter_chains: [{ filters: [manager('outbound', `${path}/http`, 'PassthroughCluster')] }] },
    ],
    clusters: [passthrough('PassthroughCluster')],
  },
});

/** The proxy beside the server: what looks like HTTP is HTTP. */
const inbound = (path: string, transparent = false): object => ({
  admin: { address: { pipe: { path: `${path}/admin` } } },
  static_resources: {
    listeners: [{ name: 'virtualInbound', address: at(transparent ? '0.0.0.0' : '::', 15006), transparent,
      traffic_direction: 'INBOUND',
      listener_filters: [originalDst, { ...httpInspector as object, filter_disabled: { destination_port_range: {
        start: SPEAKS_FIRST_PORT, end: SPEAKS_FIRST_PORT + 1 } } }],
      listener_filters_timeout: '2s', continue_on_listener_filters_timeout: true,
      filter_chains: [
        { filter_chain_match: { destination_port: 15006 }, filters: [bytes('blackhole', `${path}/blackhole`, 'none')] },
        { filter_chain_match: { application_protocols: ['http/1.1', 'h2c'], transport_protocol: 'raw_buffer' },
          filters: [manager('inbound', `${path}/http`, 'InboundPassthroughCluster')] },
        { filter_chain_match: { transport_protocol: 'raw_buffer' }, filters: [bytes('inbound-tcp', `${path}/tcp`,
          'InboundPassthroughCluster')] }] }],
    clusters: [passthrough('InboundPassthroughCluster')],
  },
});

function capture(namespaces: Namespaces): void {
  for (const host of [namespaces.left, namespaces.right]) {
    namespaces.redirect(host, '-A', 'OUTPUT', '-p', 'tcp', '!', '-o', 'lo', '-m', 'owner', '!', '--gid-owner',
      `${GROUP}`, '-j', 'REDIRECT', '--to-ports', '15001');
    namespaces.redirect(host, '-A', 'PREROUTING', '-p', 'tcp', '!', '-i', 'lo', '-j', 'REDIRECT', '--to-ports',
      '15006');
  }
}

/** Runs a program of Node there and gives what it printed. */
function ask(host: Host, program: string, ...words: string[]): Promise<string> {
  return new Promise((resolve, reject) => {
    const [command, ...rest] = Namespaces.inside(host, null, [process.execPath, '-e', program, ...words]);
    const child = spawn(command, rest, { timeout: 10_000 });
    let output = '', errors = '';
    child.stdout.on('data', (data) => { output += data; });
    child.stderr.on('data', (data) => { errors += data; });
    child.on('error', reject).on('close', (code) => {
      if (code === 0) resolve(output.trim()); else reject(new Error(`${code}: ${output}${errors}`));
    });
  });
}

const namespaces = Namespaces.make();
if (typeof namespaces === 'string') {
  t.test('capture by iptables', { skip: namespaces }, () => undefined);
} else {
  t.teardown(() => namespaces.remove());
  process.on('exit', () => namespaces.remove());
  capture(namespaces);
  for (const kind of weftKinds) t.test(kind, (t) => captured(t, kind, namespaces));
  t.test('TPROXY', async (t) => {
    const missing = namespaces.intercept(namespaces.right, 15006);
    for (const kind of weftKinds)
      await t.test(kind, missing === null ? {} : { skip: missing }, (t) => captured(t, kind, namespaces, true));
  });
}

/** The server, once it listens. */
function serve(host: Host): Promise<ChildProcess> {
  const [command, ...rest] = Namespaces.inside(host, null, [process.execPath, '-e', serverProgram]);
  const child = spawn(command, rest, { stdio: ['ignore', 'pipe', 'inherit'] });
  return new Promise((resolve, reject) => {
    child.stdout.once('data', () => resolve(child));
    child.once('exit', (code) => reject(new Error(`the server ended with ${code}`)));
  });
}

async function captured(t: Test, kind: ProxyKind, { left, right, ip6tables }: Namespaces,
  transparent = false): Promise<void> {
  const place = (host: Host) => ({ adminPath: 'admin',
    inside: (command: readonly string[]) => Namespaces.inside(host, GROUP, command) });
  const server = await serve(right);
  const out = await Proxy.start(kind, 0, outbound, [], place(left));
  const into = await Proxy.start(kind, 0, (path) => inbound(path, transparent), [], place(right));
  try {
    await exchanges(t, left, right.ipv4, out, into);
    if (ip6tables !== null && !transparent) await exchanges(t, left, `[${right.ipv6}]`, out, into);
  } finally {
    server.kill('SIGKILL');
    await out.stop();
    await into.stop();
  }
}

interface Answer { status: number; headers: Record<string, string>;
  seen: { method: string; url: string; headers: Record<string, string>; body: string } }

async function exchanges(t: Test, left: Host, address: string, out: Proxy, into: Proxy): Promise<void> {
  const host = address.replace(/[[\]]/g, '');
  const to = (port: number): string => `${address}:${port}`;

  await t.test(`HTTP to ${address}`, async (t) => {
    const before = { out: await lines(out, 'http'), into: await lines(into, 'http') };
    const answers = JSON.parse(await ask(left, httpClient, host, '3')) as Answer[];
    t.same(answers.map(({ status, headers, seen }) => [status, headers['x-server'], seen.method, seen.url, seen.body,
      seen.headers.host]), [0, 1, 2].map((n) => [200, 'plain', 'POST', `/path?${n}`, `body ${n}`, 'service.example']));
    t.same(answers[0].seen.headers['x-outbound'], to(HTTP_PORT), 'the first proxy knew where the client wanted to go');
    t.same(answers[0].seen.headers['x-inbound'], to(HTTP_PORT), 'and so did the second one');
    const line = (n: number): string => `POST /path?${n} 200 ${to(HTTP_PORT)} ${to(HTTP_PORT)}`;
    t.same((await lines(out, 'http', before.out.length + 3)).slice(-3), [0, 1, 2].map(line));
    t.same((await lines(into, 'http', before.into.length + 3)).slice(-3), [0, 1, 2].map(line));
  });

  await t.test(`bytes to ${address}`, async (t) => {
    const before = { out: await lines(out, 'tcp'), into: await lines(into, 'tcp') };
    t.match(JSON.parse(await ask(left, tcpClient, host, String(TCP_PORT), 'hello')), { text: 'hello', peer: host });
    t.match(JSON.parse(await ask(left, tcpClient, host, String(SPEAKS_FIRST_PORT), '')), { text: 'welcome' });
    const expected = [`- 5 5 ${to(TCP_PORT)} ${to(TCP_PORT)}`,
      `- 0 7 ${to(SPEAKS_FIRST_PORT)} ${to(SPEAKS_FIRST_PORT)}`];
    t.same((await lines(out, 'tcp', before.out.length + 2)).slice(-2), expected);
    t.same((await lines(into, 'tcp', before.into.length + 2)).slice(-2), expected);
  });

  await t.test(`nobody listens at ${address}`, async (t) => {
    const answer = await ask(left, tcpClient, host, '9002', 'x');
    t.ok(/"text":""|error ECONNRESET/.test(answer), answer);
  });
}

/** Lines of a log file; waits until there are `count`. */
async function lines(proxy: Proxy, name: string, count = 0): Promise<string[]> {
  const file = join(proxy.folder, name);
  for (let tries = 0; ; tries++) {
    const found = existsSync(file) ? readFileSync(file, 'utf8').split('\n').slice(0, -1) : [];
    if (found.length >= count || tries === 100) return found;
    await sleep(20);
  }
}
