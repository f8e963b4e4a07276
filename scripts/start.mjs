// `npm start`: installs what is missing, builds what is stale, and runs Weft. Without arguments it runs
// examples/quickstart.yaml with a demo upstream of its own and says what to try; `npm start -- -c my.yaml` runs your
// file.
import { fork, spawn, spawnSync } from 'node:child_process';
import { existsSync, statSync, utimesSync } from 'node:fs';
import { connect } from 'node:net';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const started = performance.now();

/** npm writes node_modules/.package-lock.json last: older than the lock file means missing or of another version. */
function install() {
  const installed = join(root, 'node_modules/.package-lock.json');
  if (existsSync(installed) && statSync(installed).mtimeMs >= statSync(join(root, 'package-lock.json')).mtimeMs) return;
  console.log('installing dependencies (npm ci)...');
  const { status } = spawnSync('npm', ['ci', '--no-audit', '--no-fund', '--prefer-offline', '--loglevel=error'],
    { cwd: root, stdio: 'inherit' });
  if (status !== 0) throw new Error('npm ci failed');
  utimesSync(installed, new Date(), new Date());
}

function answers(port) {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1',
      () => socket.write('GET / HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n'));
    socket.setTimeout(1000, () => socket.destroy());
    socket.once('data', (data) => { resolve(data.toString('latin1').startsWith('HTTP/1.1 200')); socket.destroy(); });
    socket.once('error', () => resolve(false));
    socket.once('close', () => resolve(false));
  });
}

async function sayWhatToTry() {
  for (let tries = 0; !(await answers(10000)); tries++) {
    if (tries === 100) {
      console.log('the proxy does not answer on port 10000 yet; its log says why');
      return;
    }
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  console.log(`
Weft answers on http://127.0.0.1:10000 (${((performance.now() - started) / 1000).toFixed(1)} s after npm start). Try

  curl -v http://127.0.0.1:10000/hello              a request through the proxy to the demo upstream
  curl http://127.0.0.1:9901/stats?usedonly         what was counted
  curl http://127.0.0.1:9901/clusters               where requests went
  curl http://127.0.0.1:9901/config_dump            the configuration in force
  npm start -- -c examples/virtual-hosts.yaml       the next example; --help lists the flags

Ctrl-C ends it.
`);
}

/** Runs the proxy in the foreground; ends as it ends. */
function run(args, onEnd) {
  const child = spawn(process.execPath, ['--max-semi-space-size=1', join(root, 'bin/weft.mjs'), ...args],
    { stdio: 'inherit' });
  for (const signal of ['SIGTERM', 'SIGUSR1', 'SIGHUP']) process.on(signal, () => child.kill(signal));
  process.on('SIGINT', () => {});         // a terminal sends it to the child too; wait for that
  child.on('exit', (code, signal) => {
    onEnd();
    process.exit(code ?? (signal === null ? 0 : 1));
  });
}

try {
  install();
  const { build } = await import('./build.mjs');
  await build({ runtimeOnly: true });
  const args = process.argv.slice(2);
  if (args.length > 0) {
    run(args, () => {});
  } else {
    const upstream = fork(join(root, 'examples/demo-upstream.mjs'), ['10001'], { stdio: 'inherit' });
    run(['-c', join(root, 'examples/quickstart.yaml')], () => upstream.kill());
    await sayWhatToTry();
  }
} catch (error) {
  console.error(error.message);
  process.exit(1);
}
