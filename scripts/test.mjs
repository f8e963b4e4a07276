// Builds, then runs every compiled test file in a process of its own, several at a time, and adds up their TAP.
// The files are plain TAP programs (`node dist/test/x.test.js` runs one); this reads them with tap's own parser.
// Usage: npm test [-- part of a file name ...]
import { spawn } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Parser } from 'tap-parser';
import { build } from './build.mjs';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
/** Two more than the processors: half of the time of most files is waiting for clocks and peers. */
const JOBS = Math.min(4, availableParallelism() + 2);
/** Whole proxies are started in these, which takes long: what is short fills the gaps at the end. */
const LONG = /dist\/test\/(differential|integration)\//;
/** Of a file that hangs, and of each test in it: how long one takes is the machine's load more than its own doing. */
const FILE_SECONDS_MAX = 300;
const running = new Set();
// Whoever ends this run ends the tests with it, and they their proxies, whose ports others would meet.
for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP']) {
  process.once(signal, () => {
    for (const child of running) child.kill('SIGTERM');
    process.kill(process.pid, signal);
  });
}

function testFiles(filters) {
  const found = [];
  const visit = (folder) => {
    for (const entry of readdirSync(folder, { withFileTypes: true })) {
      const path = join(folder, entry.name);
      if (entry.isDirectory()) visit(path);
      // A compiled file whose source is gone must not run for ever.
      else if (entry.name.endsWith('.test.js') && existsSync(sourceOf(path))) found.push(path);
    }
  };
  visit(join(root, 'dist/test'));
  const wanted = found.sort()
    .filter((path) => filters.length === 0 || filters.some((filter) => path.includes(filter)));
  return [...wanted.filter((path) => LONG.test(path)), ...wanted.filter((path) => !LONG.test(path))];
}

const sourceOf = (path) => join(root, relative(join(root, 'dist'), path).replace(/\.js$/, '.ts'));

/** Runs one file. Never rejects: whatever goes wrong is a failure of that file. */
function runFile(path) {
  return new Promise((resolve) => {
    const start = performance.now();
    const name = relative(join(root, 'dist/test'), path);
    const failures = [];
    let errors = '';
    const parser = new Parser({}, (results) => finish(results));
    const counts = { pass: 0, fail: 0, skip: 0 };
    /**
     * Counts assertions where they stand; the line that sums up a subtest counts only if it fails for a reason of its
     * own.
     */
    const watch = (level, titles) => {
      let failsBeforeSubtest = -1;
      level.on('child', (subtest) => {
        failsBeforeSubtest = counts.fail;
        watch(subtest, [...titles, subtest.name]);
      });
      level.on('assert', (assert) => {
        const sumsUp = failsBeforeSubtest >= 0;
        const known = sumsUp && counts.fail > failsBeforeSubtest;
        failsBeforeSubtest = -1;
        if (assert.skip) counts.skip++;
        if (assert.skip || assert.todo || (sumsUp && assert.ok) || known) return;
        if (assert.ok) { counts.pass++; return; }
        counts.fail++;
        failures.push({ at: [...titles, assert.name].filter((title) => title !== '').join(' > '), diag: assert.diag });
      });
    };
    watch(parser, [name]);
    const child = spawn(process.execPath, ['--enable-source-maps', path],
      { cwd: root, stdio: ['ignore', 'pipe', 'pipe'],
        env: { ...process.env, TAP: '1', TAP_TIMEOUT: String(FILE_SECONDS_MAX) } });
    const timer = setTimeout(() => {
      failures.push({ at: `${name} > took more than ${FILE_SECONDS_MAX} s` });
      counts.fail++;
      child.kill('SIGTERM');                           // it ends what it started (test/support/proxy.ts)
      setTimeout(() => child.kill('SIGKILL'), 2000).unref();
    }, FILE_SECONDS_MAX * 1000);
    running.add(child);
    let exit = null;
    let parsed = null;
    child.stdout.on('data', (data) => parser.write(data));
    child.stderr.on('data', (data) => { errors += data; });
    child.on('close', (code, signal) => {
      clearTimeout(timer);
      running.delete(child);
      exit = { code, signal };
      parser.end();
      done();
    });
    const finish = (results) => { parsed = results; done(); };
    const done = () => {
      if (exit === null || parsed === null) return;
      if (counts.fail === 0 && (exit.code !== 0 || !parsed.ok || counts.pass + counts.skip === 0)) {
        counts.fail++;
        failures.push({ at: `${name} > exit code ${exit.code}${exit.signal === null ? '' : `, ${exit.signal}`}, ` +
          `${counts.pass} assertions passed` });
      }
      resolve({ name, ...counts, failures, errors: failures.length > 0 ? errors : '', ms: performance.now() - start });
    };
  });
}

async function main() {
  const start = performance.now();
  const filters = process.argv.slice(2).filter((argument) => !argument.startsWith('-'));
  await build({ quiet: false });
  const queue = testFiles(filters);
  if (queue.length === 0) throw new Error('no test file matches');
  let pass = 0;
  let fail = 0;
  const next = async () => {
    for (let path = queue.shift(); path !== undefined; path = queue.shift()) {
      const result = await runFile(path);
      pass += result.pass;
      fail += result.fail;
      const verdict = result.fail === 0 ? 'ok    ' : 'FAILED';
      const others = ['fail', 'skip'].filter((kind) => result[kind] > 0)
        .map((kind) => `, ${result[kind]} ${kind === 'fail' ? 'failed' : 'skipped'}`).join('');
      console.log(`${verdict} ${result.name} (${result.pass} passed${others}, ${(result.ms / 1000).toFixed(1)} s)`);
      for (const { at, diag } of result.failures) {
        console.log(`  not ok: ${at}`);
        if (diag !== undefined && diag !== null) console.log(JSON.stringify(diag, null, 2).replace(/^/gm, '    '));
      }
      if (result.errors !== '') console.log(result.errors.replace(/^/gm, '    '));
    }
  };
  await Promise.all(Array.from({ length: JOBS }, next));
  console.log(`# ${((performance.now() - start) / 1000).toFixed(1)} s`);
  console.log(`${pass} passed, ${fail} failed`);
  process.exit(fail === 0 ? 0 : 1);
}

main().catch((error) => {
  console.error(error.message);
  console.log('0 passed, 1 failed');
  process.exit(1);
});
