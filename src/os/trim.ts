// Gives memory back that only start-up needed: pages of the node binary and its libraries that were touched once
// (module loading, compilers, initialisation), and what malloc keeps free. Nothing is lost: a read-only page of a file
// that nobody wrote to is dropped from this process and mapped again from the page cache if it is ever needed.
import { readFileSync } from 'node:fs';
import { collectGarbage } from '../core/collect-garbage.js';
import { MADV_DONTNEED } from './constants.js';
import { ffi, madvise } from './libc.js';

/** Bytes of read-only, file-backed, unmodified mappings in a /proc/<pid>/smaps text, as [address, bytes]. */
function droppableMappings(smaps: string): [number, number][] {
  const found: [number, number][] = [];
  for (const entry of smaps.split(/\n(?=[0-9a-f]+-[0-9a-f]+ )/)) {
    const head = /^([0-9a-f]+)-([0-9a-f]+) r-[x-]p \S+ \S+ (\d+) +\/(?!memfd|dev\/)/.exec(entry);
    if (head === null || head[3] === '0') continue;
    // Relocated pages (RELRO) look read-only too, but are this process's own copies: they count as anonymous.
    if (!/^Anonymous: +0 kB$/m.test(entry) || /^Rss: +0 kB$/m.test(entry)) continue;
    const start = parseInt(head[1]!, 16);
    found.push([start, parseInt(head[2]!, 16) - start]);
  }
  return found;
}

/** Gives back what malloc keeps free. */
export function giveBackPages(): void {
  try {
    ffi.load(null).func('int malloc_trim(size_t)')(0);
  } catch { /* musl has none */ }
}

/** V8 frees array buffers and pages behind a collection on threads of its own. */
const FREED_AFTER_MS = 250;

/** Gives back what start-up, or a large change, has left: garbage, then pages. */
export function giveBackMemory(): void {
  collectGarbage();
  setTimeout(dropStartPages, FREED_AFTER_MS).unref();
}

/** Failing costs nothing but the memory. */
function dropStartPages(): void {
  try {
    for (const [address, bytes] of droppableMappings(readFileSync('/proc/self/smaps', 'utf8'))) madvise(address, bytes,
      MADV_DONTNEED);
    giveBackPages();
  } catch {
    // No smaps (hidden /proc) or no malloc_trim (musl): the pages stay.
  }
}
