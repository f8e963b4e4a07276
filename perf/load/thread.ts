// Small GETs on kept connections from a thread, while this one measures something else.
import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import type { EngineResult, LoadOptions } from './engine.js';

export type SmallLoad = Omit<LoadOptions, 'method' | 'bodyBytes' | 'close'>;

export async function loadInThread(load: SmallLoad): Promise<EngineResult> {
  const options: LoadOptions = { method: 'GET', bodyBytes: 0, close: false, ...load };
  const thread = new Worker(new URL('thread-entry.js', import.meta.url), { workerData: options });
  const [result] = await once(thread, 'message') as [EngineResult];
  await thread.terminate();
  return result;
}
