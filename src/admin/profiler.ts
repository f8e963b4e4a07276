// /cpuprofiler: V8 profiles of every worker and of the main thread, taken together, written to files that Chrome's
// developer tools and speedscope open. A profile that nobody stops is stopped after limits.cpuProfileSecondsMax.
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { errorText } from '../core/errors.js';
import { limits } from '../core/limits.js';
import { textAnswer } from './answer.js';
import type { Answer, Handlers } from './answer.js';
import type { AdminBackend } from './backend.js';
import type { Query } from './query.js';

type Session = import('node:inspector/promises').Session;

export function profilerHandlers(backend: AdminBackend, directory: string): Handlers {
  const profiler = new Profiler(backend, directory);
  return { '/cpuprofiler': (query) => profiler.answer(query) };
}

class Profiler {
  readonly #backend: AdminBackend;
  readonly #directory: string;
  #running = false;
  #session: Session | null = null;
  #timer: NodeJS.Timeout | null = null;

  constructor(backend: AdminBackend, directory: string) {
    this.#backend = backend;
    this.#directory = directory;
  }

  async answer(query: Query): Promise<Answer> {
    const enable = query.get('enable');
    if (enable !== 'y' && enable !== 'n') return textAnswer('?enable=<y|n>\n', 400);
    if (enable === 'y') return this.#start();
    if (!this.#running) return textAnswer('the profiler is not running\n', 400);
    return textAnswer(`OK\n${(await this.#stop()).join('')}`);
  }

  async #start(): Promise<Answer> {
    if (this.#running) return textAnswer('the profiler is running already\n', 400);
    this.#running = true;
    const failed: string[] = [];
    for (const [worker, result] of (await this.#all(true)).entries()) {
      if (result.status === 'rejected') failed.push(`worker ${worker}: ${errorText(result.reason)}\n`);
    }
    await this.#startMain();
    this.#timer = setTimeout(() => {
      this.#stop().catch(() => {});
    }, limits.cpuProfileSecondsMax * 1000);
    this.#timer.unref();
    return textAnswer(`OK\n${failed.join('')}`);
  }

  async #stop(): Promise<string[]> {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#running = false;
    const lines: string[] = [];
    const stamp = new Date().toISOString().replace(/[:.]/g, '-');
    await mkdir(this.#directory, { recursive: true });
    for (const [worker, result] of (await this.#all(false)).entries()) {
      if (result.status === 'rejected') lines.push(`worker ${worker}: ${errorText(result.reason)}\n`);
      else if (result.value !== null)
        lines.push(await this.#write(`weft-${stamp}-worker-${worker}.cpuprofile`, result.value));
    }
    const main = await this.#stopMain();
    if (main !== null) lines.push(await this.#write(`weft-${stamp}-main.cpuprofile`, main));
    return lines;
  }

  #all(start: boolean): Promise<PromiseSettledResult<string | null>[]> {
    const workers = Array.from({ length: this.#backend.workers }, (_, worker) => worker);
    return Promise.allSettled(workers.map(async (worker) => this.#backend.cpuProfile(worker, start)));
  }

  async #startMain(): Promise<void> {
    const { Session } = await import('node:inspector/promises');
    this.#session = new Session();
    this.#session.connect();
    await this.#session.post('Profiler.enable');
    await this.#session.post('Profiler.start');
  }

  async #stopMain(): Promise<string | null> {
    const session = this.#session;
    this.#session = null;
    if (session === null) return null;
    const { profile } = await session.post('Profiler.stop');
    session.disconnect();
    return JSON.stringify(profile);
  }

  async #write(name: string, text: string): Promise<string> {
    const path = join(this.#directory, name);
    try {
      await writeFile(path, text, { mode: 0o600 });
      return `${path}\n`;
    } catch (error) {
      return `${path}: ${errorText(error)}\n`;
    }
  }
}
