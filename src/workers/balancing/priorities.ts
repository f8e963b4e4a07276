// Load spread over priorities, and inside each over its healthy and its degraded endpoints: a number from 1 to 100 by
// chance, and whose share of the percentages it falls into. Retries may leave priorities out that were tried.
import type { Engine } from '../engine.js';
import type { Endpoint } from '../upstream/endpoint.js';
import { loadsWithout } from './levels.js';
import type { Availability, Loads } from './levels.js';
import type { Picker, PickRequest } from './picker.js';
import { below } from './unweighted.js';

/** Priorities that a request's attempts went to (retry_priority previous_priorities). */
export interface TriedPriorities {
  /** After so many attempts, and again after as many more, what was tried is left out. */
  readonly every: number;
  /** By attempt. */
  readonly attempts: number[];
  excluded: boolean[];
  loads: Pick<Loads, 'healthy' | 'degraded'> | null;
}

export class ByPriority implements Picker {
  panic = false;
  /** By priority: the one for its healthy endpoints, then the one for its degraded ones. Made when first needed. */
  private readonly pickers: (Picker | null)[];

  constructor(private readonly engine: Engine, private readonly loads: Loads,
      private readonly availability: Availability,
      private readonly over: (priority: number, degraded: boolean) => Picker) {
    this.pickers = loads.healthy.flatMap(() => [null, null]);
  }

  pick(request: PickRequest): Endpoint | null {
    const tried = request.triedPriorities;
    const { healthy, degraded } = tried === null ? this.loads : this.loadsFor(tried);
    if (healthy[0] === 100) return this.from(0, 0, request);
    let left = below(this.engine, 100);
    for (let i = 0; i < healthy.length; i++) {
      if (left < healthy[i]) return this.from(i, 0, request);
      left -= healthy[i];
    }
    for (let i = 0; i < degraded.length; i++) {
      if (left < degraded[i]) return this.from(i, 1, request);
      left -= degraded[i];
    }
    return this.from(0, 0, request);
  }

  private from(priority: number, degraded: 0 | 1, request: PickRequest): Endpoint | null {
    const index = 2 * priority + degraded;
    const picker = this.pickers[index] ??= this.over(priority, degraded === 1);
    const endpoint = picker.pick(request);
    this.panic = picker.panic;
    return endpoint;
  }

  /** Leaves out what was tried; when all was, it begins anew, as in Envoy. */
  private loadsFor(tried: TriedPriorities): Pick<Loads, 'healthy' | 'degraded'> {
    const { attempts, every } = tried;
    if (attempts.length < every) return this.loads;
    if (attempts.length % every !== 0) return tried.loads ?? this.loads;
    for (const priority of attempts) tried.excluded[priority] = true;
    tried.loads = loadsWithout(this.availability, tried.excluded);
    if (tried.loads === null) {
      tried.excluded = [];
      attempts.length = 0;
      tried.loads = loadsWithout(this.availability, tried.excluded);
    }
    return tried.loads ?? this.loads;
  }
}
