// Full collections of this thread's heap, on demand. V8 keeps a heap that a burst has grown until something makes it
// look again, and a process that has read a large configuration then idles has nothing that would.
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

let collect: (() => void) | null = null;

/**
 * Collects now: tens of milliseconds for tens of megabytes, on the calling thread only. For the time of the
 * collections V8 prefers size to speed: it empties half-full pages and shrinks the young generation to what is in it,
 * which otherwise stays at the 32 MiB that the burst made of it. The second one takes what the first one moved.
 */
export function collectGarbage(): void {
  if (collect === null) {
    setFlagsFromString('--expose-gc');
    collect = runInNewContext('gc') as () => void;
    setFlagsFromString('--no-expose-gc');
  }
  setFlagsFromString('--optimize-for-size');
  collect();
  collect();
  setFlagsFromString('--no-optimize-for-size');
}
