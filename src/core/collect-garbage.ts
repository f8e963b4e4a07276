// One full collection of this thread's heap, on demand. V8 keeps a heap that a burst has grown until something makes it
// look again, and a process that has read a large configuration then idles has nothing that would.
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

let collect: (() => void) | null = null;

/** Collects now: tens of milliseconds for tens of megabytes, on the calling thread only. */
export function collectGarbage(): void {
  if (collect === null) {
    setFlagsFromString('--expose-gc');
    collect = runInNewContext('gc') as () => void;
    setFlagsFromString('--no-expose-gc');
  }
  collect();
}
