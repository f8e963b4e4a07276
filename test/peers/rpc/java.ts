// Clients and servers in Java (java/): built by Maven into a cache folder, each a process that takes commands as lines.
import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { repositoryRoot } from '../../support/root.js';
import type { Caller, Many, Outcome, Peer, Served } from './peer.js';

const sources = join(repositoryRoot, 'test/peers/rpc/java');
const cache = join(repositoryRoot, 'perf/results/cache/maven');
/** A command that is not answered by then is an error. */
const ANSWER_MS = 120_000;

export interface JavaPeer extends Pick<Peer, 'name' | 'protocol' | 'load' | 'errors'> {
  /** Folder of its sources, and what Maven is told. */
  project: 'sofa' | 'dubbo';
  maven: readonly string[];
  /** What the virtual machine is told. */
  options: readonly string[];
}

/** Folder with classes and dependencies; throws one line where they cannot be had. */
function built({ project, maven }: JavaPeer): string {
  const hash = createHash('sha256').update(maven.join(' '));
  for (const folder of ['shared', project]) {
    for (const file of readdirSync(join(sources, folder), { withFileTypes: true }))
      if (file.isFile()) hash.update(readFileSync(join(sources, folder, file.name)));
  }
  const folder = join(cache, `${project}-${hash.digest('hex').slice(0, 12)}`), done = join(folder, 'built');
  if (spawnSync('java', ['-version']).status !== 0) throw new Error('there is no Java');
  if (existsSync(done)) return folder;
  mkdirSync(folder, { recursive: true });
  process.stderr.write(`building Java's ${project} ${maven.join(' ')}\n`);
  const run = spawnSync('mvn', ['-B', '-q', '-f', join(sources, project, 'pom.xml'), `-Dbuild.to=${folder}`, ...maven,
    'compile', 'dependency:copy-dependencies', '-DincludeScope=runtime'], { encoding: 'utf8', timeout: 600_000 });
  if (run.status !== 0) {
    const said = `${run.stdout ?? ''}${run.stderr ?? ''}`.split('\n').find((line) => line.includes('[ERROR]'));
    throw new Error(`Maven cannot build it (${run.error?.message ?? said ?? `status ${run.status}`})`);
  }
  writeFileSync(done, '');
  return folder;
}

/** Serializations look into these. */
const OPENED = ['lang', 'math'].map((name) => `--add-opens=java.base/java.${name}=ALL-UNNAMED`);

type Line = Record<string, string | number | boolean>;

class Java {
  private readonly lines: Line[] = [];
  private wake: () => void = () => undefined;
  private ended = false;
  private constructor(private readonly child: ChildProcess) {
    createInterface({ input: child.stdout! }).on('line', (line) => {
      this.lines.push(JSON.parse(line) as Line);
      this.wake();
    });
    for (const over of ['exit', 'error']) child.on(over, () => { this.ended = true; this.wake(); });
    child.stdin!.on('error', () => undefined);
  }

  static async start(peer: JavaPeer, folder: string, main: 'Client' | 'Server', ...words: string[]): Promise<Java> {
    const log = process.env.PEERS_LOG === undefined ? 'ignore' : 'inherit';
    const child = spawn('java', ['-XX:TieredStopAtLevel=1', '-Xmx1g', ...OPENED, `-Duser.home=${folder}`,
      ...peer.options, '-cp', `${join(folder, 'classes')}:${join(folder, 'dependency')}/*`,
      `com.weft.peers.${main}`, ...words],
    { stdio: ['pipe', 'pipe', log], cwd: folder });
    const java = new Java(child);
    await java.until('ready');
    return java;
  }

  /** What it says until it says that it is done. */
  async ask(...words: (string | number)[]): Promise<Line[]> {
    this.child.stdin!.write(`${words.join(' ')}\n`);
    return await this.until('done');
  }

  private async until(word: string): Promise<Line[]> {
    for (const end = performance.now() + ANSWER_MS; ;) {
      const last = this.lines.findIndex((line) => word in line || 'failed' in line);
      if (last >= 0) {
        const said = this.lines.splice(0, last + 1);
        if ('failed' in said[last]!) throw new Error(String(said[last]!.failed));
        return said.slice(0, -1);
      }
      if (this.ended) throw new Error('Java has ended');
      if (performance.now() > end) throw new Error('Java does not answer');
      await new Promise<void>((resolve) => {
        this.wake = resolve;
        setTimeout(resolve, 1000).unref();
      });
    }
  }

  /** Until it has ended: SIGKILL is a machine that is lost, SIGTERM asks it to end. */
  async end(signal: 'SIGKILL' | 'SIGTERM'): Promise<void> {
    if (this.ended) return;
    this.child.kill(signal);
    while (!this.ended) await new Promise<void>((resolve) => { this.wake = resolve; });
  }
}

const outcome = (line: Line): Outcome => ({ said: String(line.said), right: line.right === true });

/** Throws one line where it cannot be built. */
export function javaPeer(java: JavaPeer): Peer {
  const running = new Set<Java>(), folder = built(java);
  const start = async (main: 'Client' | 'Server', ...words: string[]): Promise<Java> => {
    const started = await Java.start(java, folder, main, ...words);
    running.add(started);
    return started;
  };
  const serve = async (port: number): Promise<Served> => {
    const server = await start('Server', String(port));
    let facts = { calls: 0, notes: 0 }, dead = false;
    const asked = async (): Promise<typeof facts> => {
      if (dead) return facts;
      const [line] = await server.ask('facts');
      facts = { calls: Number(line!.calls), notes: Number(line!.notes) };
      return facts;
    };
    return { facts: asked, die: async () => { await asked(); dead = true; await server.end('SIGKILL'); },
      leave: async () => { await asked(); dead = true; await server.end('SIGTERM'); } };
  };
  const call = async (port: number): Promise<Caller> => {
    const client = await start('Client');
    await client.ask('open', port);
    return {
      all: async () => new Map((await client.ask('calls')).map((line) => [String(line.name), outcome(line)])),
      special: async (name, times) => (await client.ask('special', name, times)).map(outcome),
      edited: async (wanted) => outcome((await client.ask('edited', wanted))[0]!),
      many: async (count, atOnce, tookMs) => {
        const [line] = await client.ask('many', count, atOnce, tookMs);
        return line as unknown as Many;
      },
      notes: async (count) => { await client.ask('notes', count); },
      close: async () => { await client.end('SIGKILL'); },
    };
  };
  return { name: java.name, protocol: java.protocol, load: java.load, connections: 1, errors: java.errors, serve,
    call, close: () => { for (const one of running) void one.end('SIGKILL'); } };
}
