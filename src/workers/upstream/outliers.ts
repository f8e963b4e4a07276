// Results of a cluster's requests as outlier detection wants them: runs of failures and counts of the interval, in the
// words that all workers share. A worker that ends a run asks main to eject; main owns ejections (dispatcher/health/).
//
// An interval's counts are two halves of a word: answers of the endpoint below, what happened on the way to it above. A
// half that is full counts no further, so its success rate is that of the interval's first requests.
import type { EjectionType, OutlierDetection } from '../../config/health.js';
import type { NumberCell } from '../../config/runtime-cells.js';
import { EndpointState } from '../../core/memory-map.js';
import { limits } from '../../core/limits.js';
import type { Engine } from '../engine.js';
import type { Endpoint } from './endpoint.js';

const HALF = 0xffff;
const LOCAL = 16;

export class Outliers {
  private readonly most5xx: NumberCell;
  private readonly mostGateway: NumberCell;
  private readonly mostLocal: NumberCell;

  constructor(private readonly engine: Engine, private readonly cluster: number,
      private readonly config: OutlierDetection) {
    const cell = (key: string, defaultValue: number): NumberCell =>
      engine.runtime.number({ runtimeKey: `outlier_detection.consecutive_${key}`, defaultValue });
    this.most5xx = cell('5xx', config.consecutive5xx);
    this.mostGateway = cell('gateway_failure', config.consecutiveGatewayFailures);
    this.mostLocal = cell('local_origin_failure', config.consecutiveLocalFailures);
  }

  /** The endpoint answered. */
  answered(endpoint: Endpoint, status: number): void {
    if (status < 500) {
      this.note(endpoint, true, 0);
      this.clear(endpoint, EndpointState.consecutive5xx);
      this.clear(endpoint, EndpointState.consecutiveGatewayFailures);
      return;
    }
    this.note(endpoint, false, 0);
    if (status >= 502 && status <= 504) {
      this.fails(endpoint, EndpointState.consecutiveGatewayFailures, this.mostGateway, 'CONSECUTIVE_GATEWAY_FAILURE');
    } else this.clear(endpoint, EndpointState.consecutiveGatewayFailures);
    this.fails(endpoint, EndpointState.consecutive5xx, this.most5xx, 'CONSECUTIVE_5XX');
  }

  /** It could not be asked, ended the connection, or (`timedOut`) did not answer in time. */
  failed(endpoint: Endpoint, timedOut: boolean): void {
    if (!this.config.splitLocalErrors) { this.answered(endpoint, timedOut ? 504 : 503); return; }
    this.note(endpoint, false, LOCAL);
    this.fails(endpoint, EndpointState.consecutiveLocalFailures, this.mostLocal, 'CONSECUTIVE_LOCAL_ORIGIN_FAILURE');
  }

  /** There is a connection to it. */
  connected(endpoint: Endpoint): void {
    if (!this.config.splitLocalErrors) return;
    this.note(endpoint, true, LOCAL);
    this.clear(endpoint, EndpointState.consecutiveLocalFailures);
  }

  private note({ state }: Endpoint, success: boolean, half: number): void {
    const { i32 } = this.engine;
    const requests = state + EndpointState.intervalRequests;
    if (((Atomics.load(i32, requests) >>> half) & HALF) >= limits.outlierRequestsMax) return;
    Atomics.add(i32, requests, 1 << half);
    if (success) Atomics.add(i32, state + EndpointState.intervalSuccesses, 1 << half);
  }

  private fails(endpoint: Endpoint, word: number, most: NumberCell, ejection: EjectionType): void {
    if (Atomics.add(this.engine.i32, endpoint.state + word, 1) + 1 !== most.value) return;
    this.engine.post({ kind: 'outlier', cluster: this.cluster, state: endpoint.stateIndex, ejection });
  }

  private clear({ state }: Endpoint, word: number): void {
    const { i32 } = this.engine;
    if (Atomics.load(i32, state + word) !== 0) Atomics.store(i32, state + word, 0);
  }
}
