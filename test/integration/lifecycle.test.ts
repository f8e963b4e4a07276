// The whole process from outside: what it prints and how it exits when it cannot start, when it is told to stop, and
// how requests under way fare meanwhile.
import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, request } from 'node:http';
import { Agent } from 'node:http';
import { createServer as createTcpServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import type { Test } from 'tap';
import { repositoryRoot } from '../support/root.js';

const hcmType = 'type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager';
const routerType = 'type.googleapis.com/envoy.extensions.filters.http.router.v3.Router';
const socketAddress = (port: number) => ({ socket_address: { address: '127.0.0.1', port_value: port } });
const routeTo = (cluster: string) => ({ virtual_hosts: [{ name: 'all', domains: ['*'],
  routes: [{ match: { prefix: '/' }, route: { cluster } }] }] });
const listener = (name: string, port: number, cluster: string) =>
  ({ name, address: socketAddress(port), filter_chains: [{ filters: [{
  name: 'http', typed_config: { '@type': hcmType, stat_prefix: name, route_config: routeTo(cluster),
    http_filters: [{ name: 'router', typed_config: { '@type': routerType } }] } }] }] });
const cluster = (name: string, port: number) => ({ name, type: 'STATIC', load_assignment: { cluster_name: name,
  endpoints: [{ lb_endpoints: [{ endpoint: { address: socketAddress(port) } }] }] } });
const bootstrap = (port: number, upstream: number) => ({ admin: { address: socketAddress(0) },
  static_resources: { listeners: [listener('main', port, 'up')], clusters: [cluster('up', upstream)] } });

/** One run of the program. */
class Run {
  output = '';
  readonly exited: Promise<number | null>;
  readonly folder = mkdtempSync(join(tmpdir(), 'weft-lifecycle-'));
  private readonly child;

  constructor(t: Test, config: object, ...flags: string[]) {
    writeFileSync(join(this.folder, 'b.json'), JSON.stringify(config));
    const args = [join(repositoryRoot, 'dist/bundle/main.js'), '-c', join(this.folder, 'b.json'), '--concurrency', '2',
      '--admin-address-path', join(this.folder, 'admin'), ...flags];
    this.child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'pipe'] });
    for (const stream of [this.child.stdout, this.child.stderr]) stream.on('data', (data) => { this.output += data; });
    this.exited = new Promise((resolve) => this.child.on('close', resolve));
    t.teardown(async () => {
      this.child.kill('SIGKILL');
      await this.exited;
      rmSync(this.folder, { recursive: true });
    });
  }
  kill(signal: NodeJS.Signals): void { this.child.kill(signal); }
  /** Waits for a line of the log. */
  async says(pattern: RegExp): Promise<boolean> {
    for (const end = Date.now() + 15_000; Date.now() < end;) {
      if (pattern.test(this.output)) return true;
      await pause(10);
    }
    return false;
  }
  async ready(): Promise<this> {
    if (!await this.says(/all workers serve/)) throw new Error(`not ready:\n${this.output}`);
    return this;
  }
  /** Port that a listener got. */
  async port(name: string): Promise<number> {
    const adminPort = Number(readFileSync(join(this.folder, 'admin'), 'utf8').split(':').pop());
    const { body } = await get(adminPort, '/listeners');
    return Number(new RegExp(`^${name}::.*:(\\d+)$`, 'm').exec(body)?.[1]);
  }
}

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));
function get(port: number, path: string, agent?: Agent): Promise<{ status: number; body: string;
  connection: string | undefined }> {
  return new Promise((resolve, reject) => {
    const call = request({ port, path, host: '127.0.0.1', agent: agent ?? false }, (response) => {
      let body = '';
      response.on('data', (data) => { body += data; });
      response.on('end', () => resolve({ status: response.statusCode!, body,
        connection: response.headers.connection }));
      response.on('error', reject);
    });
    call.on('error', reject);
    call.end();
  });
}

/** An upstream that answers `/slow` after half a second, everything else at once with its name. */
async function upstream(t: Test, name: string): Promise<number> {
  const server = createServer((incoming, response) => {
    setTimeout(() => response.end(name), incoming.url === '/slow' ? 500 : 0);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.teardown(() => { server.closeAllConnections(); server.close(); });
  return (server.address() as AddressInfo).port;
}

t.test('SIGTERM: a request under way is answered, idle connections leave, exit code 0', async (t) => {
  const run = await new Run(t, bootstrap(0, await upstream(t, 'one')), '--drain-time-s', '20').ready();
  const port = await run.port('main');
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  t.teardown(() => agent.destroy());
  t.equal((await get(port, '/', agent)).body, 'one');
  const slow = get(port, '/slow');
  await pause(100);
  const start = Date.now();
  run.kill('SIGTERM');
  t.match(await slow, { status: 200, body: 'one' });
  t.equal(await run.exited, 0);
  t.ok(Date.now() - start < 10_000, 'well before the drain time is over');
});

t.test('SIGINT and a second SIGTERM end at once, whatever is under way', async (t) => {
  const up = await upstream(t, 'one');
  const interrupted = await new Run(t, bootstrap(0, up)).ready();
  const slow = get(await interrupted.port('main'), '/slow').catch(() => 'cut');
  await pause(100);
  interrupted.kill('SIGINT');
  t.equal(await interrupted.exited, 0);
  t.equal(await slow, 'cut');
  const twice = await new Run(t, bootstrap(0, up)).ready();
  get(await twice.port('main'), '/slow').catch(() => 'cut');
  await pause(100);
  twice.kill('SIGTERM');
  twice.kill('SIGHUP');
  await twice.says(/draining/);
  twice.kill('SIGTERM');
  t.equal(await twice.exited, 0);
  t.match(twice.output, /a second SIGTERM/);
});

t.test('a port that is taken, a bad file, a bad flag: one clear line each, exit code 1', async (t) => {
  const taken = createTcpServer();
  await new Promise<void>((resolve) => taken.listen(0, '127.0.0.1', resolve));
  t.teardown(() => taken.close());
  const port = (taken.address() as AddressInfo).port;
  const busy = new Run(t, bootstrap(port, 1));
  t.equal(await busy.exited, 1);
  t.ok(busy.output.includes(`weft: listener main: cannot bind 127.0.0.1:${port}: Address already in use (EADDRINUSE)`));
  const bad = new Run(t, { static_resources: { listeners: [{ nam: 'x' }] } });
  t.equal(await bad.exited, 1);
  t.match(bad.output, /b\.json: static_resources\.listeners\[0\]\.nam: unknown field/);
  const flag = new Run(t, {}, '--concurrency', 'many');
  t.equal(await flag.exited, 1);
  t.match(flag.output, /weft: --concurrency must be a whole number/);
});

t.test('--mode validate starts nothing; --mode init_only binds and leaves', async (t) => {
  const good = new Run(t, bootstrap(0, 1), '--mode', 'validate');
  t.equal(await good.exited, 0);
  t.match(good.output, /configuration '.*b\.json' OK/);
  const bad = new Run(t, { admin: { adress: {} } }, '--mode', 'validate');
  t.equal(await bad.exited, 1);
  t.match(bad.output, /admin\.adress: unknown field/);
  const once = new Run(t, bootstrap(0, 1), '--mode', 'init_only');
  t.equal(await once.exited, 0);
});

t.test('file configuration: a moved file changes routes under a connection that stays; a bad one changes nothing',
  async (t) => {
  const [one, two] = [await upstream(t, 'one'), await upstream(t, 'two')];
  const folder = mkdtempSync(join(tmpdir(), 'weft-files-'));
  t.teardown(() => rmSync(folder, { recursive: true }));
  const put = (name: string, version: string, type: string, resource: object) => {
    writeFileSync(join(folder, 'new'), JSON.stringify({ version_info: version,
      resources: [{ '@type': `type.googleapis.com/envoy.config.${type}`, ...resource }] }));
    renameSync(join(folder, 'new'), join(folder, name));
  };
  put('cds.json', '1', 'cluster.v3.Cluster', cluster('up', one));
  put('lds.json', '1', 'listener.v3.Listener', listener('main', 0, 'up'));
  const source = (name: string) => ({ resource_api_version: 'V3', path_config_source: { path: join(folder, name) } });
  const run = await new Run(t, { admin: { address: socketAddress(0) }, node: { id: 'n', cluster: 'c' },
    dynamic_resources: { lds_config: source('lds.json'), cds_config: source('cds.json') } }).ready();
  const port = await run.port('main');
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  t.teardown(() => agent.destroy());
  let connections = 0;
  const counted = async () => {
    const answer = await get(port, '/', agent);
    connections = Object.values(agent.freeSockets).flat().length;
    return answer.body;
  };
  t.equal(await counted(), 'one');
  put('cds.json', '2', 'cluster.v3.Cluster', cluster('up', two));
  for (let tries = 0; tries < 200 && await counted() !== 'two'; tries++) await pause(20);
  t.equal(await counted(), 'two');
  t.equal(connections, 1);
  put('cds.json', '3', 'cluster.v3.Cluster', { ...cluster('up', one), type: 'NONSENSE' });
  t.ok(await run.says(/NONSENSE/));
  t.equal(await counted(), 'two', 'the last good state stays');
});

t.test('unix sockets and exact balance serve as well', async (t) => {
  const config = bootstrap(0, await upstream(t, 'one'));
  const folder = mkdtempSync(join(tmpdir(), 'weft-unix-'));
  t.teardown(() => rmSync(folder, { recursive: true }));
  const path = join(folder, 's');
  const [main] = config.static_resources.listeners;
  const pipe = { ...listener('pipe', 0, 'up'), address: { pipe: { path, mode: 0o600 } } };
  const exact = { ...main!, connection_balance_config: { exact_balance: {} } };
  const run = await new Run(t, { ...config, static_resources: { ...config.static_resources,
    listeners: [exact, pipe] } }).ready();
  t.ok(existsSync(path));
  for (let n = 0; n < 6; n++) t.equal((await get(await run.port('main'), '/')).body, 'one');
  const body = await new Promise((resolve, reject) => {
    request({ socketPath: path, path: '/' }, (response) => response.on('data',
      (data) => resolve(String(data)))).on('error', reject).end();
  });
  t.equal(body, 'one');
});
