// Where access-log lines end up: files, standard output, standard error. Each target has one sink with a bounded
// queue and at most one write under way, on Node's thread pool; a sink that does not take its bytes fills its queue,
// then drops and counts. Nothing here waits, and nothing here keeps the process alive.
import { closeSync, constants, open, openSync, write } from 'node:fs';
import { errorText } from '../core/errors.js';
import { openStandard } from '../core/standard-stream.js';
import { limits } from '../core/limits.js';
import type { Statistics } from './statistics.js';

export type SinkTarget = { kind: 'file'; path: string } | { kind: 'stdout' } | { kind: 'stderr' };

/** Counters by Envoy's names, below `filesystem.`. */
interface Counts {
  buffered: () => void;
  completed: () => void;
  failed: (text: string) => void;
  reopenFailed: (text: string) => void;
}

const STDOUT = 1;
const STDERR = 2;
const FILE_MODE = 0o644;

export class LogSink {
  readonly target: SinkTarget;
  /** Lines that found the queue full. */
  dropped = 0;
  readonly #counts: Counts;
  #fd: number;
  #queue: Buffer[] = [];
  #queuedBytes = 0;
  #filling: Buffer = NOTHING;
  #filled = 0;
  #writing = false;
  #reopening = false;
  #closed = false;
  /** Descriptor that takes over when the writes under way are done, -1 = none. */
  #afterWrite = -1;
  readonly #idle: (() => void)[] = [];

  constructor(target: SinkTarget, fd: number, counts: Counts) {
    this.target = target;
    this.#fd = fd;
    this.#counts = counts;
  }

  /** Bytes that wait. */
  get queuedBytes(): number {
    return this.#queuedBytes;
  }

  /** Takes a copy of a line, or drops it. */
  append(line: Uint8Array): boolean {
    if (this.#closed || this.#queuedBytes + line.length > limits.logSinkQueueBytes) {
      this.dropped++;
      return false;
    }
    if (this.#filled + line.length > this.#filling.length) {
      this.#seal();
      this.#filling = Buffer.allocUnsafeSlow(Math.max(limits.logSinkPieceBytes, line.length));
    }
    this.#filling.set(line, this.#filled);
    this.#filled += line.length;
    this.#queuedBytes += line.length;
    this.#counts.buffered();
    return true;
  }

  /** Starts a write of what waits, unless one is under way. */
  flush(): void {
    if (this.#writing || this.#reopening || this.#queuedBytes === 0 || this.#fd < 0) return;
    this.#seal();
    this.#next();
  }

  /** Opens the file anew, for one that was moved away. Lines keep going to the old file until the new one is open. */
  reopen(): void {
    if (this.target.kind !== 'file' || this.#reopening || this.#closed) return;
    this.#reopening = true;
    open(this.target.path, 'a', FILE_MODE, (error, fd) => {
      this.#reopening = false;
      if (error !== null) {
        this.#counts.reopenFailed(`${this.#name}: ${errorText(error)}`);
      } else if (this.#closed) {
        closeSync(fd);
      } else if (this.#writing) {
        this.#afterWrite = fd;
      } else {
        this.#replace(fd);
      }
      this.flush();
    });
  }

  /** Writes what waits and closes. Gives up after `waitMs` with a sink that does not take its bytes. */
  async close(waitMs: number): Promise<void> {
    this.flush();
    if (this.#queuedBytes > 0) {
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, waitMs); // holds the process: what waits should still be written
        this.#idle.push(() => {
          clearTimeout(timer);
          resolve();
        });
      });
    }
    this.#closed = true;
    // With a write under way the descriptor stays open: its number must not go to another file meanwhile.
    if (this.target.kind === 'file' && !this.#writing && this.#fd >= 0) {
      closeSync(this.#fd);
      this.#fd = -1;
    }
  }

  get #name(): string {
    return this.target.kind === 'file' ? this.target.path : this.target.kind;
  }

  #replace(fd: number): void {
    closeSync(this.#fd);
    this.#fd = fd;
  }

  #seal(): void {
    if (this.#filled > 0) this.#queue.push(this.#filling.subarray(0, this.#filled));
    this.#filling = NOTHING;
    this.#filled = 0;
  }

  #next(): void {
    const piece = this.#queue[0];
    this.#writing = true;
    write(this.#fd, piece, 0, piece.length, null, (error, bytes) => this.#wrote(error, bytes, piece.length));
  }

  #wrote(error: NodeJS.ErrnoException | null, bytes: number, asked: number): void {
    this.#writing = false;
    if (this.#afterWrite >= 0 && (error !== null || bytes === asked)) {
      this.#replace(this.#afterWrite);
      this.#afterWrite = -1;
    }
    if (error !== null) {
      if (error.code === 'EAGAIN') return this.#later();
      this.#counts.failed(`${this.#name}: ${errorText(error)}`);
      this.#take(asked); // these lines are lost; the next ones may go
    } else {
      this.#counts.completed();
      this.#take(bytes);
    }
    if (this.#queue.length > 0) return this.#next();
    if (this.#filled > 0 && this.#idle.length > 0) {
      this.#seal();
      return this.#next();
    }
    for (const resolve of this.#idle.splice(0)) resolve();
    if (this.#closed && this.target.kind === 'file' && this.#fd >= 0) {
      closeSync(this.#fd);
      this.#fd = -1;
    }
  }

  #take(bytes: number): void {
    this.#queuedBytes -= bytes;
    if (bytes >= this.#queue[0].length) this.#queue.shift();
    else this.#queue[0] = this.#queue[0].subarray(bytes);
  }

  /** A non-blocking pipe that is full: asked again soon, with the same bytes. */
  #later(): void {
    setTimeout(() => {
      if (!this.#closed && !this.#writing && this.#queue.length > 0) this.#next();
    }, limits.logPumpIntervalMs).unref();
  }
}

const NOTHING = Buffer.alloc(0);

/** All sinks of the process, by small ids that travel through the workers' rings. One sink for each target. */
export class LogSinks {
  readonly #sinks: LogSink[] = [];
  readonly #byKey = new Map<string, number>();
  readonly #counts: Counts;
  /** Called at most once a minute with what went wrong. */
  onTrouble: (text: string) => void = () => {};
  #toldMs = -Infinity;

  constructor(statistics: Statistics) {
    const counter = (name: string) => statistics.counter(`filesystem.${name}`);
    const [buffered, completed, failed, reopenFailed] = [
      'write_buffered',
      'write_completed',
      'write_failed',
      'reopen_failed',
    ].map(counter);
    counter('flushed_by_timer');
    this.#counts = {
      buffered: () => buffered.add(),
      completed: () => completed.add(),
      failed: (text) => {
        failed.add();
        this.#tell(text);
      },
      reopenFailed: (text) => {
        reopenFailed.add();
        this.#tell(text);
      },
    };
    statistics.addSource(() => [
      {
        name: 'filesystem.write_total_buffered',
        value: this.#sinks.reduce((sum, sink) => sum + sink.queuedBytes, 0),
        type: 'gauge',
      },
      {
        name: 'filesystem.weft_lines_dropped',
        value: this.#sinks.reduce((sum, sink) => sum + sink.dropped, 0),
        type: 'counter',
      },
    ]);
  }

  /**
   * Id of the sink for this target, which is opened when it is new. -1 when there are too many. Throws when a file
   * cannot be opened: the configuration that names it is rejected with the reason.
   */
  sink(target: SinkTarget): number {
    const device = target.kind === 'file' ? { '/dev/stdout': STDOUT, '/dev/stderr': STDERR }[target.path] : undefined;
    const kind: SinkTarget = device === STDOUT ? { kind: 'stdout' } : device === STDERR ? { kind: 'stderr' } : target;
    const key = kind.kind === 'file' ? `file ${kind.path}` : kind.kind;
    const known = this.#byKey.get(key);
    if (known !== undefined) return known;
    if (this.#sinks.length >= limits.logSinksMax) return -1;
    const fd = kind.kind === 'file' ? openLog(kind.path) : openStandard(kind.kind === 'stdout' ? STDOUT : STDERR);
    this.#sinks.push(new LogSink(kind, fd, this.#counts));
    this.#byKey.set(key, this.#sinks.length - 1);
    return this.#sinks.length - 1;
  }

  /** Hands a line to its sink. False: dropped. An unknown id is dropped too. */
  append(sink: number, line: Uint8Array): boolean {
    return this.#sinks[sink]?.append(line) ?? false;
  }
  /** Starts writing what waits in sinks that have at least `bytesMin`. Returns how many had. */
  flush(bytesMin = 1): number {
    let flushed = 0;
    for (const sink of this.#sinks) {
      if (sink.queuedBytes < bytesMin) continue;
      sink.flush();
      flushed++;
    }
    return flushed;
  }
  reopen(): void {
    for (const sink of this.#sinks) sink.reopen();
  }

  /** Writes what waits, closes everything. A sink that does not take its bytes is left after `waitMs`. */
  async close(waitMs = 1000): Promise<void> {
    await Promise.all(this.#sinks.map((sink) => sink.close(waitMs)));
  }

  #tell(text: string): void {
    if (performance.now() - this.#toldMs < 60_000) return;
    this.#toldMs = performance.now();
    this.onTrouble(`access log ${text}`);
  }
}

/**
 * Opens without waiting: a FIFO that nobody reads, or whose reader stopped, must not hold a thread of Node's pool.
 * Such writes answer EAGAIN instead. Regular files do not care.
 */
function openLog(path: string): number {
  const flags = constants.O_APPEND | constants.O_CREAT | constants.O_NONBLOCK | constants.O_NOCTTY;
  try {
    return openSync(path, flags | constants.O_WRONLY, FILE_MODE);
  } catch (error) {
    // A FIFO without a reader: with a reading end of our own it takes what fits into the pipe.
    if ((error as NodeJS.ErrnoException).code === 'ENXIO')
      return openSync(path, constants.O_RDWR | constants.O_NONBLOCK);
    throw new Error(`access log ${path}: ${errorText(error)}`);
  }
}
