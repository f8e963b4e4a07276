// Loaded into a Weft before its main module (--import): on SIGUSR2 it begins to sample what workers allocate, on the
// next one it writes each worker's V8 profile into the file that WEFT_ALLOCATIONS_FILE names, as a JSON array.
import { Session } from 'node:inspector';
import { renameSync, writeFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { isMainThread } from 'node:worker_threads';

/** On average one sample for so many bytes. */
const INTERVAL_BYTES = 256;
const ATTACH_MS = 300;

interface Answer { id: number; result: { profile?: unknown } }

class Sampler {
  private readonly session = new Session();
  private readonly workers = new Set<string>();
  private readonly waiting = new Map<number, (result: Answer['result']) => void>();
  private lastId = 0;

  async begin(): Promise<void> {
    this.session.on('NodeWorker.attachedToWorker', ({ params }) => { this.workers.add(params.sessionId); });
    this.session.on('NodeWorker.receivedMessageFromWorker', ({ params }) => {
      const { id, result } = JSON.parse(params.message) as Answer;
      this.waiting.get(id)?.(result);
    });
    this.session.connect();
    this.session.post('NodeWorker.enable', { waitForDebuggerOnStart: false });
    await sleep(ATTACH_MS);
    for (const worker of this.workers) {
      await this.call(worker, 'HeapProfiler.startSampling', { samplingInterval: INTERVAL_BYTES,
        includeObjectsCollectedByMajorGC: true, includeObjectsCollectedByMinorGC: true });
    }
  }

  async end(file: string): Promise<void> {
    const profiles: unknown[] = [];
    for (const worker of this.workers)
      profiles.push((await this.call(worker, 'HeapProfiler.stopSampling', {})).profile);
    writeFileSync(`${file}.part`, JSON.stringify(profiles));
    renameSync(`${file}.part`, file);
  }

  private call(worker: string, method: string, params: object): Promise<Answer['result']> {
    const id = ++this.lastId;
    return new Promise((resolve) => {
      this.waiting.set(id, resolve);
      this.session.post('NodeWorker.sendMessageToWorker',
        { sessionId: worker, message: JSON.stringify({ id, method, params }) });
    });
  }
}

if (isMainThread) {
  let sampler: Sampler | null = null;
  process.on('SIGUSR2', () => {
    if (sampler === null) void (sampler = new Sampler()).begin();
    else void sampler.end(process.env.WEFT_ALLOCATIONS_FILE!);
  });
}
