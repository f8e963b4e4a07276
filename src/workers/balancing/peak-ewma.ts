// Peak EWMA: of two random endpoints the one that is expected to answer sooner. What is expected of an endpoint is a
// moving average of its response times, kept in its process-wide state, times its requests in progress and one more.
// The average is cautious: a longer time counts at once and in full, shorter ones weigh by the time since the last, and
// without answers it fades, so that an endpoint that was slow is tried again.
//
//   average' = max(time, average * w + time * (1 - w)),  w = e ^ (-since / decay)
import type { PeakEwma } from '../../config/types.js';
import { EndpointState } from '../../core/memory-map.js';
import type { Engine } from '../engine.js';
import type { Endpoint } from '../upstream/endpoint.js';
import type { Picker } from './picker.js';
import { below } from './unweighted.js';

/** Below this nothing is known any more. */
const FORGOTTEN_MS = 1e-3;
// A failure counts as an answer after so long, or after so many times what was expected: who refuses at once must not
// look fast, and who does it again and again is asked less and less.
const FAILED_MS_MIN = 50, FAILED_MS_MAX = 60_000, FAILED_FACTOR = 4;

/** Response times of a cluster's endpoints. Two workers may write at once: one of the two times is lost then. */
export class Latencies {
  constructor(private readonly engine: Engine, private readonly decayMs: number) {}

  /** An endpoint answered after so long. */
  observe(endpoint: Endpoint, tookMs: number): void {
    const { f32, i32, wallMs } = this.engine;
    const at = endpoint.state + EndpointState.latency;
    const kept = this.keptPart(endpoint);
    const average = f32[at] * kept + tookMs * (1 - kept);
    f32[at] = Math.max(tookMs, average, 2 * FORGOTTEN_MS);
    i32[endpoint.state + EndpointState.latencySeen] = wallMs | 0;
  }

  /** It failed without an answer. */
  failed(endpoint: Endpoint): void {
    this.observe(endpoint, Math.min(FAILED_MS_MAX, Math.max(FAILED_MS_MIN, FAILED_FACTOR * this.of(endpoint))));
  }

  /** Expected milliseconds; 0: nothing is known. */
  of(endpoint: Endpoint): number {
    const average = this.engine.f32[endpoint.state + EndpointState.latency];
    if (average === 0) return 0;
    const faded = average * this.keptPart(endpoint);
    return faded < FORGOTTEN_MS ? 0 : faded;
  }

  /** Wall-clock time, for monotonic clocks of workers differ; its lower 32 bits. */
  private keptPart(endpoint: Endpoint): number {
    const { i32, wallMs } = this.engine;
    const sinceMs = ((wallMs | 0) - i32[endpoint.state + EndpointState.latencySeen]) | 0;
    return sinceMs <= 0 ? 1 : Math.exp(-sinceMs / this.decayMs);
  }
}

export class PeakEwmaPicker implements Picker {
  private readonly latencies: Latencies;

  constructor(private readonly engine: Engine, private readonly endpoints: readonly Endpoint[], readonly panic: boolean,
      private readonly rules: PeakEwma) {
    this.latencies = new Latencies(engine, rules.decayMs);
  }

  pick(): Endpoint {
    const { engine, endpoints } = this;
    const first = below(engine, endpoints.length);
    let second = below(engine, endpoints.length - 1);
    if (second >= first) second++;
    return this.cost(endpoints[second]) < this.cost(endpoints[first]) ? endpoints[second] : endpoints[first];
  }

  private cost(endpoint: Endpoint): number {
    const expectedMs = this.latencies.of(endpoint);
    const active = endpoint.activeRequests();
    // Nobody asks it: it is tried at once. Asked and never answered: it may be dead.
    if (expectedMs === 0) return active === 0 ? 0 : (this.rules.penalty + active) / endpoint.weight;
    return expectedMs * (active + 1) / endpoint.weight;
  }
}
