// envoy.filters.http.fault: delays requests, aborts them, slows responses down; by chance, or by what a request's
// headers ask for, at most as often as the percentage allows.
import type { FaultFilter as Config } from '../../config/http-filters.js';
import type { FractionCell, NumberCell } from '../../config/runtime-cells.js';
import type { RuntimeFraction } from '../../config/runtime.js';
import { ResponseFlag, detail } from '../../core/response-flags.js';
import { FaultStat } from '../../telemetry/schema.js';
import type { Engine } from '../engine.js';
import type { Stream } from '../proxy/stream.js';
import { HeaderCondition } from '../routing/header-condition.js';
import { recordHeader } from '../routing/regex.js';
import { CONTINUE } from './filter.js';
import type { Actions, HttpFilter } from './filter.js';

const KIB = 1024;

export class FaultFilter implements HttpFilter {
  private readonly headers: readonly HeaderCondition[];
  private readonly delayShare: Share | null;
  private readonly abortShare: Share | null;
  private readonly limitShare: Share | null;
  private readonly delayMs: NumberCell | null;
  private readonly status: NumberCell | null;
  private readonly grpcStatus: NumberCell | null;
  private readonly activeMax: NumberCell;

  constructor(private readonly engine: Engine, private readonly config: Config, private readonly scope: number) {
    const { delay, abort, responseRateLimit } = config;
    const number = (from: Parameters<Engine['runtime']['number']>[0] | null | undefined): NumberCell | null =>
      from === null || from === undefined ? null : engine.runtime.number(from);
    this.headers = config.headers.map((matcher) => new HeaderCondition(engine, matcher));
    this.delayShare = delay === null ? null : new Share(engine, delay.percentage);
    this.abortShare = abort === null ? null : new Share(engine, abort.percentage);
    this.limitShare = responseRateLimit === null ? null : new Share(engine, responseRateLimit.percentage);
    this.delayMs = number(delay?.fixedMs);
    this.status = number(abort?.status);
    this.grpcStatus = number(abort?.grpcStatus);
    this.activeMax = engine.runtime.number(config.maxActiveFaults);
  }

  onRequest(stream: Stream, actions: Actions): number {
    if (!this.concerns(stream)) return CONTINUE;
    if (this.limitShare !== null) this.limitResponse(stream, actions);
    const delayMs = this.delayShare === null ? 0 : this.delay();
    if (delayMs > 0 && this.begin(stream)) {
      this.engine.count(this.scope, FaultStat.delays_injected);
      stream.flags |= ResponseFlag.DI;
      return actions.wait(stream, delayMs);
    }
    return this.abort(stream, actions);
  }

  onResume(stream: Stream, actions: Actions): number {
    this.leave(stream);
    return this.abort(stream, actions);
  }

  onEnd(stream: Stream): void { if (stream.faultActive) this.leave(stream); }
  release(): void { for (const condition of this.headers) condition.release(); }

  private concerns(stream: Stream): boolean {
    const { engine, config } = this;
    if (config.upstreamCluster !== '' && stream.choice?.name !== config.upstreamCluster) return false;
    for (const condition of this.headers) if (!condition.holds(engine.requestRecord)) return false;
    if (config.downstreamNodes.length === 0) return true;
    const node = recordHeader(engine, engine.requestRecord, 'x-envoy-downstream-service-node');
    return node !== null && config.downstreamNodes.includes(node);
  }

  private delay(): number {
    if (this.delayMs !== null) return this.delayShare!.holds() ? this.delayMs.value : 0;
    const milliseconds = this.header('x-envoy-fault-delay-request');
    return milliseconds > 0 && this.delayShare!.holds(this.header('x-envoy-fault-delay-request-percentage'))
      ? milliseconds : 0;
  }

  private abort(stream: Stream, actions: Actions): number {
    const { abortShare } = this;
    if (abortShare === null) return CONTINUE;
    let status = -1;
    if (this.config.abort!.byHeader) {
      const asked = this.header('x-envoy-fault-abort-request');
      const grpc = this.header('x-envoy-fault-abort-grpc-request');
      status = asked >= 200 && asked < 600 ? asked : grpc >= 0 ? 200 : -1;
      if (status < 0 || !abortShare.holds(this.header('x-envoy-fault-abort-request-percentage'))) return CONTINUE;
    } else {
      if (!abortShare.holds()) return CONTINUE;
      status = this.grpcStatus !== null ? 200 : this.status!.value;
    }
    this.engine.count(this.scope, FaultStat.aborts_injected);
    return actions.reply(stream, status, ResponseFlag.FI, detail('fault_filter_abort'), 'fault filter abort');
  }

  private limitResponse(stream: Stream, actions: Actions): void {
    const fixed = this.config.responseRateLimit!.kibPerSecond;
    const asked = fixed ?? this.header('x-envoy-fault-throughput-response');
    const share = fixed !== null ? -1 : this.header('x-envoy-fault-throughput-response-percentage');
    if (asked <= 0 || !this.limitShare!.holds(share) || !this.begin(stream)) return;
    this.engine.count(this.scope, FaultStat.response_rl_injected);
    actions.limitResponse(stream, asked * KIB);
  }

  /** Counts a fault as active, unless there are too many. */
  private begin(stream: Stream): boolean {
    if (stream.faultActive) return true;
    const { engine } = this;
    const active = this.scope + FaultStat.active_faults;
    if (engine.f64[active] >= this.activeMax.value) {
      engine.count(this.scope, FaultStat.faults_overflow);
      return false;
    }
    engine.f64[active] += 1;
    return stream.faultActive = true;
  }
  private leave(stream: Stream): void {
    stream.faultActive = false;
    this.engine.f64[this.scope + FaultStat.active_faults] -= 1;
  }

  /** A number in a header of the request; -1 = none. */
  private header(name: string): number {
    const text = recordHeader(this.engine, this.engine.requestRecord, name);
    return text !== null && /^\d{1,9}$/.test(text) ? Number(text) : -1;
  }
}

/** A percentage, of which a request's header may ask for less. */
class Share {
  private readonly cell: FractionCell;
  constructor(private readonly engine: Engine, private readonly from: RuntimeFraction) {
    this.cell = engine.runtime.fraction(from);
  }

  /** `asked`: the numerator that the request asks for; -1 = it does not. */
  holds(asked = -1): boolean {
    const random = this.engine.codecs.nextRandom(this.engine.randomState);
    if (!this.cell.holds(random)) return false;
    return asked < 0 || (random >>> 0) % this.from.denominator < asked;
  }
}
