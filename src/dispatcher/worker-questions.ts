// Questions that main asks a worker and that it answers by message: a CPU profile, a description of itself. Each has a
// number and a time limit: a worker that is busy or dead must not keep an admin request waiting for ever.
import { limits } from '../core/limits.js';
import type { FromWorker, ToWorker } from '../workers/messages.js';

interface Pending { worker: number; resolve(text: string | null): void; reject(error: Error): void;
  timer: NodeJS.Timeout }

const ANSWER_MS = 5000;
/** Stopping the profiler of a worker serialises megabytes. */
const PROFILE_MS = 30_000;

export class WorkerQuestions {
  private readonly pending = new Map<number, Pending>();
  private nextId = 1;

  constructor(private readonly post: (worker: number, message: ToWorker) => void) {}

  describe(worker: number): Promise<string> {
    return this.ask(worker, ANSWER_MS, (id) => ({ kind: 'describe', id })).then((text) => text ?? '');
  }

  cpuProfile(worker: number, start: boolean): Promise<string | null> {
    return this.ask(worker, PROFILE_MS, (id) => ({ kind: 'cpuProfile', start, id }));
  }

  answered(message: FromWorker): void {
    if (message.kind === 'described') this.take(message.id)?.resolve(message.text);
    if (message.kind !== 'cpuProfile') return;
    const pending = this.take(message.id);
    if (message.error === null) pending?.resolve(message.profile);
    else pending?.reject(new Error(message.error));
  }

  workerDied(worker: number): void {
    for (const [id, pending] of this.pending) {
      if (pending.worker === worker) this.take(id)?.reject(new Error(`worker ${worker} died`));
    }
  }

  private ask(worker: number, waitMs: number, message: (id: number) => ToWorker): Promise<string | null> {
    if (this.pending.size >= limits.workerQuestionsMax) return Promise.reject(new Error('too many questions are open'));
    return new Promise((resolve, reject) => {
      const id = this.nextId++;
      const late = new Error(`worker ${worker} did not answer in ${waitMs} ms`);
      const timer = setTimeout(() => this.take(id)?.reject(late), waitMs);
      timer.unref();
      this.pending.set(id, { worker, resolve, reject, timer });
      this.post(worker, message(id));
    });
  }

  private take(id: number): Pending | undefined {
    const pending = this.pending.get(id);
    if (pending !== undefined) clearTimeout(pending.timer);
    this.pending.delete(id);
    return pending;
  }
}
