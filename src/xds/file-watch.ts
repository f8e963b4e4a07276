// Tells when files have been replaced. A directory's moves are the announcement, as with Envoy: atomic renames, and the
// swap of the '..data' link by which Kubernetes updates a mounted volume. A slow poll finds what no event announced; a
// file that was written in place is only believed once it has been still for a while, because it may be half written.
import { statSync, watch } from 'node:fs';
import type { FSWatcher } from 'node:fs';
import { basename, dirname } from 'node:path';
import { limits } from '../core/limits.js';

interface Watched {
  path: string;
  directory: string;
  /** Identity and state of the file when it was last announced; null: it was not there. */
  seen: string | null;
  /** A state that the poll found and that must still hold at the next poll. */
  pending: string | null;
  changed: () => void;
}

/** dev and inode say which file it is; size and time say which contents. */
function stateOf(path: string): { file: string; contents: string } | null {
  const stat = statSync(path, { bigint: true, throwIfNoEntry: false });
  return stat === undefined ? null : { file: `${stat.dev}:${stat.ino}`, contents: `${stat.size}:${stat.mtimeNs}` };
}

const textOf = (state: { file: string; contents: string } | null): string | null =>
  state === null ? null : `${state.file}:${state.contents}`;

/** Watches any number of files. Callbacks come from timers, never from inside a call. */
export class FileWatch {
  readonly #files = new Set<Watched>();
  readonly #directories = new Map<string,
    { watcher: FSWatcher | null; files: Set<Watched>; timer: NodeJS.Timeout | null }>();
  #poll: NodeJS.Timeout | null = null;
  #cursor: Watched[] = [];

  /** Calls `changed` after each change of the file from now on; the result ends that. */
  add(path: string, watchedDirectory: string | null, changed: () => void): () => void {
    const watched: Watched = { path, directory: watchedDirectory ?? dirname(path), seen: safeState(path),
      pending: null, changed };
    this.#files.add(watched);
    this.#watchDirectory(watched);
    this.#poll ??= setInterval(() => this.#pollSome(), limits.subscriptionPollMs).unref();
    return () => this.#remove(watched);
  }

  close(): void {
    for (const watched of [...this.#files]) this.#remove(watched);
  }

  #remove(watched: Watched): void {
    this.#files.delete(watched);
    const directory = this.#directories.get(watched.directory);
    directory?.files.delete(watched);
    if (directory !== undefined && directory.files.size === 0) {
      directory.watcher?.close();
      if (directory.timer !== null) clearTimeout(directory.timer);
      this.#directories.delete(watched.directory);
    }
    if (this.#files.size === 0 && this.#poll !== null) {
      clearInterval(this.#poll);
      this.#poll = null;
    }
  }

  #watchDirectory(watched: Watched): void {
    const known = this.#directories.get(watched.directory);
    if (known !== undefined) {
      known.files.add(watched);
      return;
    }
    const directory = { watcher: null as FSWatcher | null, files: new Set([watched]),
      timer: null as NodeJS.Timeout | null };
    this.#directories.set(watched.directory, directory);
    const settle = (): void => {
      directory.timer ??= setTimeout(() => {
        directory.timer = null;
        for (const file of [...directory.files]) this.#check(file, true);
      }, limits.subscriptionSettleMs).unref();
    };
    try {
      directory.watcher = watch(watched.directory, { persistent: false }, (event, name) => {
        // Only moves, creations and removals announce a version; writes are left to the poll.
        if (event === 'rename' && this.#concerns(directory.files, name)) settle();
      });
      directory.watcher.on('error', () => {
        directory.watcher?.close();      // the poll goes on alone
        directory.watcher = null;
      });
    } catch {
      directory.watcher = null;          // no such directory, or no inotify instance left: the poll goes on alone
    }
  }

  /** A directory full of other files moves often; a watched one announces with whatever moves in it. */
  #concerns(files: Set<Watched>, name: string | null): boolean {
    if (name === null || files.size > 64) return true;
    for (const file of files) {
      if (file.directory !== dirname(file.path) || basename(file.path) === name || name.startsWith('..')) return true;
    }
    return false;
  }

  #pollSome(): void {
    if (this.#cursor.length === 0) this.#cursor = [...this.#files];
    for (const watched of this.#cursor.splice(0, limits.subscriptionStatsPerPollMax)) {
      if (this.#files.has(watched)) this.#check(watched, false);
    }
  }

  #check(watched: Watched, announced: boolean): void {
    const now = safeState(watched.path);
    if (now === watched.seen || now === null) {
      watched.pending = null;
      if (now !== null || watched.seen === null) return;
      watched.seen = null;               // removed: what is in force stays, and whatever appears here next is new
      return;
    }
    const replaced = watched.seen === null || fileOf(now) !== fileOf(watched.seen);
    if (replaced && announced || now === watched.pending) {
      watched.seen = now;
      watched.pending = null;
      watched.changed();
    } else {
      watched.pending = now;
    }
  }
}

const fileOf = (state: string): string => state.split(':', 2).join(':');

function safeState(path: string): string | null {
  try {
    return textOf(stateOf(path));
  } catch {
    return null;      // a directory on the way is not readable, or a link leads in a circle
  }
}
