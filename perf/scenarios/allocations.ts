// What workers allocate under load, by the place in the source: V8's sampling heap profiler, which costs enough that
// nothing else is measured meanwhile.
import { existsSync, readFileSync } from 'node:fs';
import { basename } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Running } from '../process/launch.js';

interface Node { callFrame: { functionName: string; url: string; lineNumber: number }; selfSize: number;
  children: Node[] }
export interface Site { place: string; bytesPerRequest: number }

const ATTACH_MS = 1500, WRITE_MS_MAX = 10_000, DEPTH = 3;
/** Below this a site is not one of requests. */
const LEAST = 0.5;

/** Samples while `load` runs, which resolves to how many requests it made. Places read "callee < caller < caller". */
export async function sampleAllocations({ pid }: Running, file: string,
    load: () => Promise<number>): Promise<Site[]> {
  process.kill(pid, 'SIGUSR2');
  await sleep(ATTACH_MS);
  const requests = await load();
  process.kill(pid, 'SIGUSR2');
  for (let waited = 0; !existsSync(file); waited += 50) {
    if (waited > WRITE_MS_MAX) throw new Error(`${file}: no profile was written`);
    await sleep(50);
  }
  const bytes = new Map<string, number>();
  for (const { head } of JSON.parse(readFileSync(file, 'utf8')) as { head: Node }[]) walk(head, [], bytes);
  return [...bytes].map(([place, total]) => ({ place, bytesPerRequest: total / requests }))
    .filter(({ bytesPerRequest }) => bytesPerRequest >= LEAST).sort((a, b) => b.bytesPerRequest - a.bytesPerRequest);
}

function walk({ callFrame, selfSize, children }: Node, above: readonly string[], bytes: Map<string, number>): void {
  const { functionName, url, lineNumber } = callFrame;
  const here = [`${functionName || '(anonymous)'} ${basename(url)}:${lineNumber + 1}`, ...above].slice(0, DEPTH);
  if (selfSize > 0) bytes.set(here.join(' < '), (bytes.get(here.join(' < ')) ?? 0) + selfSize);
  for (const child of children) walk(child, here, bytes);
}
