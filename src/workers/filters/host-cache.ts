// Names that a worker knows the address of, for the dynamic forward proxy: a copy of what main's DNS cache said, good
// for as long as main said. Who asks for an unknown name waits; who asks for one that is no longer fresh gets the old
// address, and a new one is asked for.
import type { DnsCacheConfig } from '../../config/http-filters.js';
import type { Answer } from '../../config/questions.js';
import type { Asker } from '../asks.js';
import type { Engine } from '../engine.js';
import type { Stream } from '../proxy/stream.js';
import type { Actions } from './filter.js';

interface Waiting { stream: Stream; id: number; actions: Actions }

export class KnownHost implements Asker {
  /** '' = there is none, for the reason below. */
  address = '';
  reason = '';
  known = false;
  private freshUntilMs = 0;
  private asked = false;
  private waiting: Waiting[] = [];

  constructor(private readonly engine: Engine, private readonly cache: DnsCacheConfig, private readonly host: string) {}

  /** Asks main unless what is known is fresh. False: too many questions are open. */
  refresh(): boolean {
    if (this.asked || (this.known && this.engine.nowMs < this.freshUntilMs)) return true;
    return this.asked = this.engine.asks.ask({ kind: 'resolve', cache: this.cache, host: this.host }, this);
  }

  /** The stream is resumed when the answer is there. */
  await(stream: Stream, actions: Actions): void { this.waiting.push({ stream, id: stream.id, actions }); }

  answered(answer: Answer): void {
    if (answer.kind !== 'resolved') return;
    this.asked = false;
    this.known = true;
    this.address = answer.address;
    this.reason = answer.reason;
    this.freshUntilMs = this.engine.nowMs + answer.ttlMs;
    const waiting = this.waiting;
    this.waiting = [];
    for (const { stream, id, actions } of waiting) if (stream.id === id && stream.suspended) actions.resume(stream);
  }

  /** Nobody waits, and what is known is old. */
  get isStale(): boolean { return this.waiting.length === 0 && !this.asked && this.engine.nowMs > this.freshUntilMs; }
}

const byEngine = new WeakMap<Engine, Map<string, HostCache>>();

export class HostCache {
  private readonly hosts = new Map<string, KnownHost>();

  private constructor(private readonly engine: Engine, private readonly config: DnsCacheConfig) {}

  /** The worker's cache of that name; filters that name the same one share it. */
  static of(engine: Engine, config: DnsCacheConfig): HostCache {
    const caches = byEngine.get(engine) ?? new Map<string, HostCache>();
    byEngine.set(engine, caches);
    const cache = caches.get(config.name) ?? new HostCache(engine, config);
    caches.set(config.name, cache);
    return cache;
  }

  /** Null when the cache is full of names that are in use. */
  host(name: string): KnownHost | null {
    let host = this.hosts.get(name);
    if (host !== undefined) return host;
    if (this.hosts.size >= this.config.maxHosts) {
      for (const [known, entry] of this.hosts) if (entry.isStale) this.hosts.delete(known);
      if (this.hosts.size >= this.config.maxHosts) return null;
    }
    host = new KnownHost(this.engine, this.config, name);
    this.hosts.set(name, host);
    return host;
  }
}
