// Garbage under load: Weft is started with V8's --trace-gc, the collections of each isolate are counted over at least
// half a million requests, and then what workers allocate is sampled for some more. The isolate that collects first is
// main's: workers do not exist yet then.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { closedLoad } from '../load/closed.js';
import { markdownTable } from '../report.js';
import type { Session } from '../session.js';
import { sampleAllocations } from './allocations.js';
import type { Measured } from './memory.js';
import type { CpuScenario } from './cpu-scenario.js';

const CHUNK_SECONDS = 5;
const SAMPLER = new URL('../process/allocation-sampler.js', import.meta.url).pathname;

export interface Collections { isolate: string; young: number; full: number }

/** Collections per isolate in the text of --trace-gc, in the order of their first appearance. */
function countCollections(text: string): Collections[] {
  const isolates = new Map<string, Collections>();
  for (const [, isolate, kind] of text.matchAll(/\[\d+:(0x[0-9a-f]+)[^\]]*\]\s+\d+ ms: ([A-Z][A-Za-z-]+)/g)) {
    const entry = isolates.get(isolate) ?? { isolate, young: 0, full: 0 };
    isolates.set(isolate, entry);
    if (kind === 'Scavenge') entry.young += 1;
    else entry.full += 1;
  }
  return [...isolates.values()];
}

/** Of the small GET, or of another scenario's traffic. */
export async function runCollections(session: Session, scenario: CpuScenario,
  say: (text: string) => void): Promise<Measured> {
  const { shape, traffic } = scenario.variants[0];
  const rows: string[][] = [], sites: string[][] = [], samples: unknown[] = [];
  const flags = process.env.WEFT_NODE_FLAGS;
  process.env.WEFT_NODE_FLAGS = `--trace-gc --import ${SAMPLER} ${flags ?? ''}`;
  for (const peer of session.peers.filter((entry) => entry.name.startsWith('weft'))) {
    const file = join(session.work, `allocations-${scenario.name}-${peer.name}.json`);
    process.env.WEFT_ALLOCATIONS_FILE = file;
    const started = await session.start(peer, shape);
    const load = (seconds: number): ReturnType<typeof closedLoad> =>
      closedLoad(session.root, started.ports.listener, traffic, seconds, session.options.loadCore);
    await load(Math.max(1, session.options.warmSeconds));
    const before = readFileSync(started.running.logFile, 'utf8').length;
    let requests = 0;
    while (requests < session.options.collectionRequests) requests += (await load(CHUNK_SECONDS)).requests;
    const text = readFileSync(started.running.logFile, 'utf8');
    const during = new Map(countCollections(text.slice(before)).map((entry) => [entry.isolate, entry]));
    const all = countCollections(text);
    all.forEach(({ isolate }, index) => {
      const { young, full } = during.get(isolate) ?? { young: 0, full: 0 };
      rows.push([`${peer.name} ${index === 0 ? 'main' : `worker ${isolate}`}`, String(requests), String(young),
        String(full)]);
    });
    if (all.length < 2) rows.push([`${peer.name} workers`, String(requests), '0', '0']);
    const allocations = await sampleAllocations(started.running, file,
      async () => (await load(CHUNK_SECONDS)).requests);
    for (const { place, bytesPerRequest } of allocations) sites.push([peer.name, bytesPerRequest.toFixed(1), place]);
    samples.push({ peer: peer.name, requests, all, during: [...during.values()], allocations });
    say(`  ${peer.name}: ${requests} requests`);
    await started.running.stop();
  }
  if (flags === undefined) delete process.env.WEFT_NODE_FLAGS;
  else process.env.WEFT_NODE_FLAGS = flags;
  return { title: `Garbage collections per isolate, after the warm-up: ${scenario.title}.`, samples,
    table: `${markdownTable(['isolate', 'requests', 'young', 'full'], rows)}\n\n${
      markdownTable(['peer', 'bytes a request', 'allocated by'], sites)}` };
}
