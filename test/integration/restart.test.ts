// Restarts of the binary: the next process takes the listening sockets over, no connection is refused, no request of a
// client that stays is lost; a successor that fails changes nothing.
import { spawn, type ChildProcess } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { get } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import t, { type Test } from 'tap';
import { bootstrap, routeTo } from '../support/bootstrap.js';
import { exchange, RawClient } from '../support/client.js';
import { statusOf } from '../support/message.js';
import { freePort } from '../support/ports.js';
import { weftKinds } from '../support/proxy.js';
import { repositoryRoot } from '../support/root.js';
import { Upstream } from '../support/upstream.js';

const GET = 'GET / HTTP/1.1\r\nHost: a\r\n\r\n';
const running = new Set<ChildProcess>();
process.on('exit', () => { for (const child of running) child.kill('SIGKILL'); });

interface Epoch { child: ChildProcess; output: string; exited: Promise<number | null> }

/** Starts the process of an epoch; resolves when it serves or has ended. */
async function start(file: string, io: string, baseId: number, epoch: number, ...flags: string[]): Promise<Epoch> {
  const child = spawn(process.execPath, [join(repositoryRoot, 'dist/bundle/main.js'), '-c', file, '--io', io,
    '--base-id',
    String(baseId), '--restart-epoch', String(epoch), ...flags], { stdio: ['ignore', 'pipe', 'pipe'] });
  running.add(child);
  const result: Epoch = { child, output: '',
    exited: new Promise((resolve) => child.on('exit', (code) => { running.delete(child); resolve(code); })) };
  for (const stream of [child.stdout, child.stderr]) stream!.on('data', (data) => { result.output += data; });
  for (let tries = 0; tries < 1000 && !/all workers serve/.test(result.output) && running.has(child); tries++)
    await sleep(10);
  return result;
}

const admin = (port: number, path: string): Promise<string> => new Promise((resolve, reject) => {
  get({ host: '127.0.0.1', port, path, agent: false }, (response) => {
    let body = '';
    response.on('data', (data) => { body += data; }).on('end', () => resolve(body));
  }).on('error', reject);
});

/** Asks until an answer closes the connection: the process hears of its successor a moment after that serves. */
async function toldToLeave(t: Test, client: RawClient): Promise<boolean> {
  for (let tries = 0; tries < 200; tries++) {
    client.send(GET);
    const answer = await client.response();
    t.equal(statusOf(answer), 200);
    if (answer.headers.some(([name, value]) => name === 'connection' && value === 'close')) return true;
    await sleep(10);
  }
  return false;
}

for (const kind of weftKinds) {
  t.test(kind, async (t) => {
    const io = kind.slice(5);
    const baseId = process.pid * 2 + (io === 'uring' ? 1 : 0);
    const upstream = await Upstream.start(await freePort());
    const [port, adminPort] = [await freePort(), await freePort()];
    const folder = mkdtempSync(join(tmpdir(), 'weft-restart-'));
    const file = join(folder, 'b.json');
    writeFileSync(file, JSON.stringify(bootstrap(adminPort, [{ name: 'main', port, routes: [routeTo('up')] }],
      [{ name: 'up', ports: [upstream.port] }])));
    t.teardown(async () => {
      for (const child of running) child.kill('SIGKILL');
      await upstream.stop();
      rmSync(folder, { recursive: true });
    });

    const drain = ['--drain-time-s', '1', '--drain-strategy', 'immediate'];
    const first = await start(file, io, baseId, 0, '--concurrency', '2', ...drain);
    t.match(first.output, /all workers serve/);
    const idle = await RawClient.open(port);
    idle.send(GET);
    await idle.response();

    // A client that connects anew for each request, all the time.
    const outcome = { answered: 0, failed: [] as string[] };
    let loading = true;
    const load = Promise.all([1, 2, 3, 4].map(async () => {
      while (loading) {
        const message = await exchange(port, GET).catch((error: Error) => error);
        if (message instanceof Error) outcome.failed.push(message.message);
        else if (statusOf(message) !== 200) outcome.failed.push(message.start);
        else outcome.answered++;
      }
    }));

    await t.test('the next epoch takes over', async (t) => {
      const second = await start(file, io, baseId, 1, '--concurrency', '1', ...drain);
      t.match(second.output, /took 2 listening sockets/);
      t.ok(await toldToLeave(t, idle), 'an idle connection of the old process is told to leave with an answer');
      t.equal(await first.exited, 0, 'the old process ends when its last connection is gone');
      const stats = await admin(adminPort, '/stats?filter=restart');
      t.match(stats, /server\.hot_restart_epoch: 1/);
      t.match(await admin(adminPort, '/server_info'), /"restart_epoch": 1/);
    });

    await t.test('more workers than sockets', async (t) => {
      const third = await start(file, io, baseId, 2, '--concurrency', '4', ...drain);
      t.match(third.output, /took 2 listening sockets/);
      t.match(third.output, /all workers serve/);
    });

    await t.test('a successor with a bad configuration changes nothing', async (t) => {
      const bad = join(folder, 'bad.json');
      writeFileSync(bad, '{"static_resources": {"clusters": [{"name": 1}]}}');
      const failed = await start(bad, io, baseId, 3);
      t.equal(await failed.exited, 1);
      t.equal(statusOf(await exchange(port, GET)), 200);
      t.match(await admin(adminPort, '/ready'), /LIVE/);
    });

    await t.test('an epoch without a process before it does not start, or only if told so', async (t) => {
      const orphan = await start(file, io, baseId + 100_000, 5);
      t.equal(await orphan.exited, 1);
      t.match(orphan.output, /no process of epoch 4/);
    });

    loading = false;
    await load;
    t.same(outcome.failed, [], 'no request failed');
    t.ok(outcome.answered > 100, `${outcome.answered} requests`);
    idle.close();
  });
}
