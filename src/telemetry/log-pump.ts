// Carries access-log lines from the workers' rings to their sinks. Looks at the rings on a timer that does not keep
// the process alive; writes when enough has gathered for a sink, and everything once per flush interval, as Envoy
// does.
import { limits } from '../core/limits.js';
import type { MemoryMap } from '../core/memory-map.js';
import { LogRingReader } from './log-ring.js';
import type { LogSinks } from './log-sinks.js';
import type { Statistics } from './statistics.js';

export interface LogPumpOptions {
  memory: ArrayBufferLike;
  map: MemoryMap;
  sinks: LogSinks;
  statistics: Statistics;
  /** --file-flush-interval-msec, Envoy's default 10000. */
  flushIntervalMs: number;
  /** --file-flush-min-size-kb in bytes, Envoy's default 64 KiB. */
  flushMinBytes: number;
}

export class LogPump {
  readonly #options: LogPumpOptions;
  readonly #rings: LogRingReader[];
  #timer: NodeJS.Timeout | null = null;
  #flushedMs = performance.now();

  constructor(options: LogPumpOptions) {
    this.#options = options;
    this.#rings = Array.from(
      { length: options.map.workers },
      (_, worker) => new LogRingReader(options.memory, options.map, worker),
    );
    options.statistics.addSource(() => [
      {
        name: 'filesystem.weft_ring_dropped',
        value: this.#rings.reduce((sum, ring) => sum + ring.dropped(), 0),
        type: 'counter',
      },
      {
        name: 'filesystem.weft_ring_corrupted',
        value: this.#rings.reduce((sum, ring) => sum + ring.corrupted, 0),
        type: 'counter',
      },
    ]);
  }

  start(): void {
    this.#again(limits.logPumpIntervalMs);
  }

  /** Takes what is in the rings now, and writes what is due. Returns the most bytes that one ring had. */
  pump(): number {
    const { sinks, statistics, flushIntervalMs, flushMinBytes } = this.#options;
    let most = 0;
    for (const ring of this.#rings) {
      if (ring.pending() === 0) continue;
      most = Math.max(
        most,
        ring.drain((sink, text) => {
          sinks.append(sink, text);
        }),
      );
    }
    if (performance.now() - this.#flushedMs >= flushIntervalMs) {
      this.#flushedMs = performance.now();
      statistics.counter('filesystem.flushed_by_timer').add(sinks.flush());
    } else {
      sinks.flush(flushMinBytes);
    }
    return most;
  }

  /**
   * Takes the last lines, writes everything, closes the sinks. Workers have ended, or what they still write is lost.
   */
  async close(waitMs?: number): Promise<void> {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.pump();
    await this.#options.sinks.close(waitMs);
  }

  #again(delayMs: number): void {
    this.#timer = setTimeout(() => {
      const most = this.pump();
      this.#again(most > limits.logRingBytes / 4 ? limits.logPumpBusyIntervalMs : limits.logPumpIntervalMs);
    }, delayMs);
    this.#timer.unref();
  }
}
