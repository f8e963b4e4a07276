import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { readFile, rename } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import t from 'tap';
import { limits } from '../../src/core/limits.js';
import { memoryMap } from '../../src/core/memory-map.js';
import { LogPump } from '../../src/telemetry/log-pump.js';
import { writeRecord } from '../../src/telemetry/log-ring.js';
import { LogSinks } from '../../src/telemetry/log-sinks.js';
import { Statistics } from '../../src/telemetry/statistics.js';

const directory = mkdtempSync(join(tmpdir(), 'weft-log-'));
t.teardown(() => rmSync(directory, { recursive: true }));
const map = memoryMap(160, 2);
const memory = new SharedArrayBuffer(map.perWorker + 2 * map.perWorkerBytes);
const text = (s: string) => new TextEncoder().encode(s);

function fresh() {
  const statistics = new Statistics(memory, map);
  const sinks = new LogSinks(statistics);
  const pump = new LogPump({ memory, map, sinks, statistics, flushIntervalMs: 10, flushMinBytes: 65536 });
  const computed = (name: string) =>
    [...statistics.computed()].find((stat) => stat.name === `filesystem.${name}`)?.value;
  return {
    statistics,
    sinks,
    pump,
    computed,
    count: (name: string) => statistics.counter(`filesystem.${name}`).value,
  };
}

t.test('lines of all workers reach their files', async (t) => {
  const { sinks, pump, count } = fresh();
  const [a, b] = ['a.log', 'b.log'].map((name) => sinks.sink({ kind: 'file', path: join(directory, name) }));
  t.equal(sinks.sink({ kind: 'file', path: join(directory, 'a.log') }), a, 'one sink for each path');
  writeRecord(memory, map, 0, a, text('one\n'));
  writeRecord(memory, map, 1, a, text('two\n'));
  writeRecord(memory, map, 1, b, text('three\n'));
  writeRecord(memory, map, 1, 99, text('nobody\n'));
  pump.start();
  for (let tries = 0; count('write_completed') < 2 && tries < 250; tries++) await sleep(20);
  t.equal(readFileSync(join(directory, 'a.log'), 'utf8'), 'one\ntwo\n');
  t.equal(readFileSync(join(directory, 'b.log'), 'utf8'), 'three\n');
  t.equal(count('write_buffered'), 3);
  t.equal(count('write_completed'), 2);
  t.equal(count('flushed_by_timer'), 2);
  await pump.close();
});

t.test('what waits is written at the end', async (t) => {
  const { sinks, pump } = fresh();
  const path = join(directory, 'end.log');
  const id = sinks.sink({ kind: 'file', path });
  for (let i = 0; i < 5000; i++) writeRecord(memory, map, 0, id, text(`line number ${i}\n`));
  await pump.close();
  t.equal(readFileSync(path, 'utf8').split('\n').length, 5001);
});

t.test('a FIFO that nobody reads fills its queue, then drops and counts, and holds nobody', async (t) => {
  const { sinks, computed, count } = fresh();
  const path = join(directory, 'fifo');
  execFileSync('mkfifo', [path]);
  const ids = [sinks.sink({ kind: 'file', path })];
  for (let i = 0; i < 5; i++) {
    execFileSync('mkfifo', [`${path}${i}`]);
    ids.push(sinks.sink({ kind: 'file', path: `${path}${i}` }));
  }
  const line = new Uint8Array(16000).fill(120);
  const started = performance.now();
  let taken = 0;
  for (let i = 0; i < 400; i++) {
    for (const id of ids) if (sinks.append(id, line)) taken++;
    sinks.flush();
  }
  t.ok(performance.now() - started < 1000);
  t.ok(taken <= 6 * (limits.logSinkQueueBytes / 16000 + 1));
  t.ok(Number(computed('weft_lines_dropped')) > 100);
  // More sinks are blocked than Node's pool has threads, and files still work.
  await sleep(50);
  await Promise.race([
    readFile('/proc/self/stat'),
    sleep(2000).then(() => {
      throw new Error('the pool is blocked');
    }),
  ]);
  t.equal(count('write_failed'), 0);
  const before = performance.now();
  await sinks.close(100);
  t.ok(performance.now() - before < 1000);
});

t.test('a FIFO goes on where it stopped when somebody reads', async (t) => {
  const { sinks } = fresh();
  const path = join(directory, 'read-later');
  execFileSync('mkfifo', [path]);
  const id = sinks.sink({ kind: 'file', path });
  for (let i = 0; i < 2000; i++) sinks.append(id, text(`${String(i).padStart(99, '0')}\n`));
  sinks.flush();
  await sleep(50);
  const reader = spawn('head', ['-c', '200000', path]);
  let got = '';
  reader.stdout.on('data', (part) => {
    got += part;
  });
  await once(reader, 'close');
  t.same(
    got.trim().split('\n').map(Number),
    Array.from({ length: 2000 }, (_, i) => i),
  );
  await sinks.close(100);
});

t.test('reopen moves on to a new file, without losing or repeating a line', async (t) => {
  const { sinks, count } = fresh();
  const path = join(directory, 'rotated.log');
  const id = sinks.sink({ kind: 'file', path });
  const expected: string[] = [];
  for (let i = 0; i < 60; i++) {
    for (let j = 0; j < 50; j++) {
      expected.push(`${i}-${j}`);
      sinks.append(id, text(`${i}-${j}\n`));
    }
    sinks.flush();
    if (i === 30) {
      await rename(path, `${path}.1`);
      sinks.reopen();
    }
    if (i % 5 === 0) await sleep(2);
  }
  await sinks.close();
  t.same((readFileSync(`${path}.1`, 'utf8') + readFileSync(path, 'utf8')).trim().split('\n'), expected);
  t.equal(count('reopen_failed'), 0);
});

t.test('a reopen that fails is counted and the old file stays in use', async (t) => {
  const { sinks, count } = fresh();
  const inner = mkdtempSync(join(directory, 'gone-'));
  const id = sinks.sink({ kind: 'file', path: join(inner, 'x.log') });
  renameSync(inner, `${inner}-moved`);
  const troubles: string[] = [];
  sinks.onTrouble = (what) => troubles.push(what);
  sinks.reopen();
  await sleep(30);
  sinks.append(id, text('still\n'));
  await sinks.close();
  t.equal(count('reopen_failed'), 1);
  t.match(troubles, [/x\.log: .*ENOENT/]);
  t.equal(readFileSync(join(`${inner}-moved`, 'x.log'), 'utf8'), 'still\n');
});

t.test('write errors are counted', async (t) => {
  const { sinks, count } = fresh();
  const id = sinks.sink({ kind: 'file', path: '/dev/full' });
  sinks.append(id, text('x\n'));
  await sinks.close();
  t.equal(count('write_failed'), 1);
});

t.test('a file that cannot be opened is an error with its path', async (t) => {
  const { sinks } = fresh();
  t.throws(
    () => sinks.sink({ kind: 'file', path: join(directory, 'no', 'such.log') }),
    /access log .*such\.log: .*ENOENT/,
  );
});

t.test('standard output, under its several names, and the process may end', async (t) => {
  const modules = [
    '../../src/telemetry/log-sinks.js',
    '../../src/telemetry/statistics.js',
    '../../src/core/memory-map.js',
  ].map((path) => new URL(path, import.meta.url).href);
  const program = `const [{ LogSinks }, { Statistics }, { memoryMap }] = await Promise.all([
    ${modules.map((m) => `import('${m}')`)}]);
    const map = memoryMap(160, 2);
    const sinks = new LogSinks(new Statistics(new SharedArrayBuffer(map.perWorker + 2 * map.perWorkerBytes), map));
    const id = sinks.sink({ kind: 'stdout' });
    if (sinks.sink({ kind: 'file', path: '/dev/stdout' }) !== id) throw new Error('two sinks');
    sinks.append(id, Buffer.from('hello\\n')); await sinks.close();`;
  const { stdout, stderr, status } = spawnSync(process.execPath, ['--input-type=module', '-e', program], {
    encoding: 'utf8',
    timeout: 5000,
  });
  t.equal(stdout, 'hello\n', stderr);
  t.equal(status, 0);
});
