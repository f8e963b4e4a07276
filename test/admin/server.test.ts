import { mkdtempSync, readFileSync, statSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { ask, FakeBackend, startAdmin } from './fixture.js';
import { freePort } from '../support/ports.js';

const PORT = await freePort();
const backend = new FakeBackend();
const directory = mkdtempSync(join(tmpdir(), 'weft-admin-'));
const server = await startAdmin(backend, PORT, {
  addressPath: join(directory, 'address'),
  profileDirectory: directory,
});
t.teardown(() => server.close());

t.test('the bound address is written for agents', async (t) => {
  t.equal(readFileSync(join(directory, 'address'), 'utf8'), `127.0.0.1:${PORT}`);
});

t.test("answers carry Envoy's headers", async (t) => {
  const { status, headers, body } = await ask(PORT, '/ready');
  t.equal(status, 200);
  t.equal(body, 'LIVE\n');
  t.equal(headers['content-type'], 'text/plain; charset=UTF-8');
  t.equal(headers['cache-control'], 'no-cache, max-age=0');
  t.equal(headers['x-content-type-options'], 'nosniff');
  t.equal(headers.server, 'envoy');
});

t.test('a process that is not live is not ready', async (t) => {
  backend.current = 'PRE_INITIALIZING';
  const { status, body } = await ask(PORT, '/ready');
  backend.current = 'LIVE';
  t.equal(status, 503);
  t.equal(body, 'PRE_INITIALIZING\n');
});

t.test('what changes something takes POST only', async (t) => {
  const refused = await ask(PORT, '/quitquitquit');
  t.equal(refused.status, 405);
  t.equal(refused.body, 'Method GET not allowed, POST required.');
  t.same(backend.did, []);
  const done = await ask(PORT, '/quitquitquit', 'POST');
  t.equal(done.body, 'OK\n');
  t.same(backend.did.splice(0), ['quit']);
});

t.test('drain passes its parameters', async (t) => {
  await ask(PORT, '/drain_listeners?inboundonly&graceful', 'POST');
  await ask(PORT, '/drain_listeners?skip_exit', 'POST');
  t.same(backend.did.splice(0), [
    'drain {"inboundOnly":true,"graceful":true,"skipExit":false}',
    'drain {"inboundOnly":false,"graceful":false,"skipExit":true}',
  ]);
});

t.test('health checks and logs', async (t) => {
  for (const path of ['/healthcheck/fail', '/healthcheck/ok', '/reopen_logs'])
    t.equal((await ask(PORT, path, 'POST')).body, 'OK\n');
  t.same(backend.did.splice(0), ['fail true', 'fail false', 'reopen']);
});

t.test(
  "an unknown path is answered with the list of commands, one that shows nothing here as an Envoy without it answers",
  async (t) => {
    const unknown = await ask(PORT, '/nope');
    t.equal(unknown.status, 404);
    t.match(unknown.body, /admin commands are:\n  \/: Admin home page/);
    const certs = await ask(PORT, '/certs');
    t.same(JSON.parse(certs.body), { certificates: [] });
    t.equal((await ask(PORT, '/init_dump')).body, '{}\n');
    t.match((await ask(PORT, '/contention')).body, /^Mutex contention tracing is not enabled/);
    t.equal((await ask(PORT, '/heapprofiler?enable=y', 'POST')).status, 501);
    t.match((await ask(PORT, '/stats/recentlookups')).body, /^Lookup tracking is not enabled/);
    t.equal((await ask(PORT, '/stats/recentlookups/enable')).status, 405);
  },
);

t.test('help and home page list the endpoints', async (t) => {
  t.match((await ask(PORT, '/help')).body, '  /drain_listeners (POST): drain listeners\n');
  const home = await ask(PORT, '/');
  t.equal(home.headers['content-type'], 'text/html; charset=UTF-8');
  t.match(home.body, 'action="stats/prometheus"');
  t.match(home.headers['content-security-policy'], /^default-src 'none'; script-src 'self'/);
  for (const name of ['style.css', 'script.js', 'dom.js', 'flame.js'])
    t.equal((await ask(PORT, `/weft/${name}`)).status, 200);
});

t.test("server_info has Envoy's fields", async (t) => {
  const info = JSON.parse((await ask(PORT, '/server_info')).body);
  t.match(info, {
    state: 'LIVE',
    uptime_current_epoch: '65s',
    hot_restart_version: 'weft.1',
    node: { id: 'n1' },
    command_line_options: { concurrency: 2, config_path: 'x.yaml', drain_time: '600s', mode: 'Serve' },
  });
});

t.test('memory has 64-bit numbers as strings', async (t) => {
  const memory = JSON.parse((await ask(PORT, '/memory')).body);
  t.same(Object.keys(memory), [
    'allocated',
    'heap_size',
    'pageheap_unmapped',
    'pageheap_free',
    'total_thread_cache',
    'total_physical_bytes',
  ]);
  t.ok(Number(memory.total_physical_bytes) > 1e6);
});

t.test('workers describe themselves', async (t) => {
  t.same(JSON.parse((await ask(PORT, '/workers')).body), {
    workers: [
      { worker: 0, state: { pools: 0 } },
      { worker: 1, state: { pools: 1 } },
    ],
  });
});

t.test('logging lists, changes one, several and all, and refuses as a whole', async (t) => {
  t.equal((await ask(PORT, '/logging', 'POST')).body, 'active loggers:\n  main: info\n  http: info\n\n');
  t.match((await ask(PORT, '/logging?http=debug', 'POST')).body, '  http: debug\n');
  const bad = await ask(PORT, '/logging?paths=main:trace,nobody:info', 'POST');
  t.equal(bad.status, 400);
  t.match(bad.body, /^error: unknown logger name\n\nusage: /);
  t.equal(backend.levels.get('main'), 'info');
  await ask(PORT, '/logging?paths=main:trace,http:off', 'POST');
  t.same([...backend.levels.values()], ['trace', 'off']);
  t.equal((await ask(PORT, '/logging?level=loud', 'POST')).status, 400);
  await ask(PORT, '/logging?level=warning', 'POST');
  t.same([...backend.levels.values()], ['warning', 'warning']);
  t.equal((await ask(PORT, '/logging?level=info')).status, 405);
  t.equal((await ask(PORT, '/logging')).status, 405);
});

t.test(
  'the profiler writes one file per worker and one for main, and tells of a worker that could not',
  async (t) => {
    t.equal((await ask(PORT, '/cpuprofiler?enable=n', 'POST')).status, 400);
    t.equal((await ask(PORT, '/cpuprofiler', 'POST')).body, '?enable=<y|n>\n');
    t.equal((await ask(PORT, '/cpuprofiler?enable=y', 'POST')).body, 'OK\nworker 1: worker is starting\n');
    t.equal((await ask(PORT, '/cpuprofiler?enable=y', 'POST')).status, 400);
    const [ok, ...paths] = (await ask(PORT, '/cpuprofiler?enable=n', 'POST')).body.trim().split('\n');
    t.equal(ok, 'OK');
    t.equal(paths.length, 3);
    for (const path of paths) t.ok(JSON.parse(readFileSync(path, 'utf8')).nodes);
  },
);

t.test('a request for nothing but the head', async (t) => {
  const { status, body } = await ask(PORT, '/stats', 'HEAD');
  t.equal(status, 200);
  t.equal(body, '');
});

t.test('a handler that fails is a 500, and the server lives', async (t) => {
  const errors: string[] = [];
  const failing = new FakeBackend();
  failing.state = () => {
    throw new Error('broken');
  };
  const other = await startAdmin(failing, PORT + 1, { onError: (path, text) => errors.push(`${path} ${text}`) });
  t.equal((await ask(PORT + 1, '/ready')).status, 500);
  t.same(errors, ['/ready broken']);
  t.equal((await ask(PORT + 1, '/help')).status, 200);
  await other.close();
});

t.test('a client that goes away in the middle of an answer costs nothing', async (t) => {
  for (let i = 0; i < 300; i++) backend.addCluster(`many-${i}`, i);
  const socket = connect(PORT, '127.0.0.1', () => socket.write('GET /stats HTTP/1.1\r\nhost: a\r\n\r\n'));
  await new Promise((resolve) => socket.once('data', resolve));
  socket.destroy();
  t.equal((await ask(PORT, '/ready')).status, 200);
});

t.test('listens on a socket file with its mode', async (t) => {
  const path = join(directory, 'admin.sock');
  const other = await startAdmin(new FakeBackend(), 0, { address: { kind: 'pipe', path, mode: 0o600 } });
  t.equal(statSync(path).mode & 0o777, 0o600);
  await other.close();
});

t.test('a port that is taken is an error with the address', async (t) => {
  await t.rejects(startAdmin(new FakeBackend(), PORT),
    new RegExp(`admin address 127\\.0\\.0\\.1:${PORT}: .*EADDRINUSE`));
});

t.test('the admin server counts itself', async (t) => {
  const { body } = await ask(PORT, '/stats?filter=admin');
  t.match(body, /^http\.admin\.downstream_rq_2xx: [1-9]/m);
  t.match(body, /^listener\.admin\.downstream_cx_active: [1-9]/m);
});
