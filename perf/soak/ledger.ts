// The soak's accounts: what was sent and what came of it, and when something was broken on purpose. A failure is
// excused only when no correct proxy could have served the request: its upstream was killed under it, or the worker
// that held it was.
export interface Window { what: 'upstream' | 'worker'; cluster: string; fromMs: number; toMs: number }

export type Outcome = 'answered' | 'excused' | 'failed';
export interface RequestEnd {
  listener: 'main' | 'turning' | 'secure' | 'garbage';
  cluster: string;
  startMs: number; endMs: number;
  /** 0: no response, or an incomplete one. */
  status: number;
  /** What was wrong; empty when the right answer came whole. */
  fault: string;
}

export class Ledger {
  // "listener" and "listener cluster" to requests, retries included
  readonly sent = new Map<string, number>();
  readonly received = new Map<string, number>();           // the same keys, with " 2xx" or another class
  readonly broken = new Map<string, number>();             // the same keys: attempts that got no whole answer
  readonly connections = new Map<string, number>();        // listener to connections opened
  readonly failures: string[] = [];
  answered = 0; excused = 0; failed = 0; retried = 0;
  /** Connections of the unchanged listener that the proxy closed although nothing concerned them. */
  closedWithoutReason = 0;
  private readonly windows: Window[] = [];

  /** Notes that something is broken from now on; `until` says when it is whole again. */
  open(what: Window['what'], cluster: string): { until(toMs: number): void } {
    const window: Window = { what, cluster, fromMs: performance.now(), toMs: Infinity };
    this.windows.push(window);
    return { until: (toMs) => { window.toMs = toMs; } };
  }

  countSent(listener: string, cluster: string): void {
    for (const key of [listener, `${listener} ${cluster}`]) add(this.sent, key);
  }

  /** An attempt that got no whole answer: the proxy may or may not have counted it. */
  countBroken(listener: string, cluster: string): void {
    for (const key of [listener, `${listener} ${cluster}`]) add(this.broken, key);
  }

  countConnection(listener: string): void { add(this.connections, listener); }

  /** The end of one attempt. */
  end(request: RequestEnd): Outcome {
    if (request.status > 0) {
      for (const key of [request.listener, `${request.listener} ${request.cluster}`]) {
        add(this.received, `${key} ${Math.floor(request.status / 100)}xx`);
      }
    }
    if (request.fault === '') {
      this.answered += 1;
      return 'answered';
    }
    if (this.excuse(request)) {
      this.excused += 1;
      return 'excused';
    }
    this.failed += 1;
    if (this.failures.length < FAILURES_KEPT) {
      this.failures.push(`${request.listener} ${request.cluster} at ${(request.startMs / 1000).toFixed(3)} s after ` +
        `${(request.endMs - request.startMs).toFixed(0)} ms: ${request.fault}`);
    }
    return 'failed';
  }

  /** True when a worker was being killed at that time. */
  /** Did a worker or an upstream of the cluster die between these times? */
  disturbed(cluster: string, fromMs: number, toMs: number): boolean {
    return this.overlaps('worker', '', fromMs, toMs) || this.overlaps('upstream', cluster, fromMs, toMs);
  }
  workerKilledAround(atMs: number): boolean { return this.overlaps('worker', '', atMs, atMs); }
  /** True when an upstream of the cluster was down at that time. */
  upstreamDownAround(cluster: string, atMs: number): boolean { return this.overlaps('upstream', cluster, atMs, atMs); }

  /**
   * A dead upstream excuses any failure of its cluster; a killed worker only lost connections, never a wrong answer.
   */
  private excuse(request: RequestEnd): boolean {
    if (this.overlaps('upstream', request.cluster, request.startMs, request.endMs)) return request.status === 0 ||
      request.status >= 500;
    return request.status === 0 && this.overlaps('worker', '', request.startMs, request.endMs);
  }

  private overlaps(what: Window['what'], cluster: string, fromMs: number, toMs: number): boolean {
    return this.windows.some((window) => window.what === what && window.cluster === cluster &&
      fromMs <= window.toMs && toMs >= window.fromMs);
  }
}

const FAILURES_KEPT = 40;
function add(map: Map<string, number>, key: string): void { map.set(key, (map.get(key) ?? 0) + 1); }
