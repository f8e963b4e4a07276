// Access-log filters, compiled: which entries a log gets. Judged per entry without allocating, except that a regular
// expression makes a string. The same conditions choose local reply mappers.
import { Header } from '../../core/generated/layouts.js';
import { ResponseFlag } from '../../core/response-flags.js';
import type { MetadataMatcher } from '../../config/metadata-matcher.js';
import type { AccessLogFilter } from '../../config/types.js';
import type { FractionCell, NumberCell } from '../../config/runtime-cells.js';
import type { Engine } from '../engine.js';
import { HeaderCondition } from '../routing/header-condition.js';
import { metadataAt, valueHolds } from '../routing/metadata-condition.js';
import { grpcStatusOfHttp } from '../../core/grpc-status.js';
import { trailersRecord } from './kept-trailers.js';
import type { Stream } from './stream.js';

/** Moments at which a request is logged, by Envoy's names. */
export type LogType = 'NotSet' | 'TcpUpstreamConnected' | 'TcpPeriodic' | 'TcpConnectionEnd'
  | 'DownstreamStart' | 'DownstreamPeriodic' | 'DownstreamEnd'
  | 'DownstreamTunnelSuccessfullyEstablished';

export interface LogFilter {
  /** It looks at the heads, which are then decoded before it is asked. */
  readonly needsHeads: boolean;
  /** It looks at trailers. */
  readonly needsTrailers?: boolean;
  /** `request` and `response` are Head records or 0. */
  admits(stream: Stream, logType: LogType, request: number, response: number): boolean;
}

export function compileLogFilter(engine: Engine, filter: AccessLogFilter): LogFilter {
  switch (filter.kind) {
    case 'statusCode': return new NumberFilter(engine, false, filter.comparison, engine.runtime.number(filter.value));
    case 'duration': return new NumberFilter(engine, true, filter.comparison, engine.runtime.number(filter.value));
    case 'notHealthCheck': return { needsHeads: false, admits: (stream) => !stream.healthCheck };
    case 'runtime': return new RuntimeFilter(engine, engine.runtime.fraction(filter.fraction),
      filter.independentRandomness);
    case 'and': return new JoinedFilter(false, filter.filters.map((inner) => compileLogFilter(engine, inner)));
    case 'or': return new JoinedFilter(true, filter.filters.map((inner) => compileLogFilter(engine, inner)));
    case 'header': {
      const condition = new HeaderCondition(engine, filter.matcher);
      return { needsHeads: true, admits: (_stream, _type, request) => condition.holds(request) };
    }
    case 'responseFlag': return new FlagFilter(filter.flags);
    case 'grpcStatus': return new GrpcStatusFilter(engine, new Set(filter.statuses), filter.exclude);
    case 'metadata': return new MetadataFilter(filter.matcher, filter.ifMissing);
    case 'logType': {
      const types = new Set(filter.types);
      return { needsHeads: false, admits: (_, logType) => types.has(logType) !== filter.exclude };
    }
  }
}

class NumberFilter implements LogFilter {
  readonly needsHeads = false;
  constructor(private readonly engine: Engine, private readonly isDuration: boolean,
    private readonly comparison: 'eq' | 'ge' | 'le', private readonly cell: NumberCell) {}

  admits(stream: Stream): boolean {
    const value = this.isDuration ? Math.floor(this.engine.nowMs - stream.startMs) : stream.status;
    const bound = this.cell.value;
    return this.comparison === 'eq' ? value === bound : this.comparison === 'ge' ? value >= bound : value <= bound;
  }
}

class RuntimeFilter implements LogFilter {
  readonly needsHeads: boolean;
  constructor(private readonly engine: Engine, private readonly cell: FractionCell, independent: boolean) {
    this.needsHeads = !independent;
  }

  admits(_stream: Stream, _type: LogType, request: number): boolean {
    if (this.cell.isAll) return true;
    return this.cell.holds(this.needsHeads && request !== 0 ? this.requestNumber(request)
      : this.engine.codecs.nextRandom(this.engine.randomState));
  }

  /** The first eight hexadecimal digits of x-request-id, so that all proxies of a request decide alike. */
  private requestNumber(request: number): number {
    const { engine } = this;
    const out = engine.valueScratch;
    const name = 'x-request-id';
    if (engine.codecs.headerValue(request, 0, name.length, Header[name], out) === 0 || engine.i32[(out >> 2) + 1] < 8)
      return engine.codecs.nextRandom(engine.randomState);
    let value = 0;
    for (let i = 0; i < 8; i++) {
      const code = engine.u8[engine.i32[out >> 2] + i] | 32;
      const digit = code >= 97 ? code - 87 : code - 48;
      value = (value << 4) | (digit & 15);
    }
    return value;
  }
}

class JoinedFilter implements LogFilter {
  readonly needsHeads: boolean;
  readonly needsTrailers: boolean;
  constructor(private readonly any: boolean, private readonly filters: readonly LogFilter[]) {
    this.needsHeads = filters.some(({ needsHeads }) => needsHeads);
    this.needsTrailers = filters.some((filter) => filter.needsTrailers === true);
  }
  admits(stream: Stream, logType: LogType, request: number, response: number): boolean {
    for (let i = 0; i < this.filters.length; i++) {
      if (this.filters[i].admits(stream, logType, request, response) === this.any) return this.any;
    }
    return !this.any;
  }
}

class FlagFilter implements LogFilter {
  readonly needsHeads = false;
  private readonly mask: number;
  constructor(flags: readonly string[]) {
    this.mask = flags.length === 0 ? -1
      : flags.reduce((mask, flag) => mask | ((ResponseFlag as Record<string, number>)[flag] ?? 0), 0);
  }
  admits(stream: Stream): boolean { return (stream.flags & this.mask) !== 0; }
}

/** accesslog.v3.MetadataFilter: what is not there is admitted by `ifMissing`, without a look at the matcher. */
class MetadataFilter implements LogFilter {
  readonly needsHeads = false;
  constructor(private readonly matcher: MetadataMatcher | null, private readonly ifMissing: boolean) {}

  admits(stream: Stream): boolean {
    const { matcher } = this;
    const value = matcher === null ? undefined : metadataAt(stream.metadata, matcher.path);
    return value === undefined ? this.ifMissing : valueHolds(matcher!.value, value);
  }
}

class GrpcStatusFilter implements LogFilter {
  readonly needsHeads = true;
  readonly needsTrailers = true;
  private readonly name: { at: number; bytes: number } | null;
  constructor(private readonly engine: Engine, private readonly statuses: ReadonlySet<number>,
    private readonly exclude: boolean) { this.name = engine.keepText('grpc-status'); }

  admits(stream: Stream, _type: LogType, _request: number, response: number): boolean {
    const status = this.statusIn(trailersRecord(this.engine, stream)) ?? this.statusIn(response);
    return this.statuses.has(status ?? grpcStatusOfHttp(stream.status)) !== this.exclude;
  }

  private statusIn(record: number): number | null {
    const { engine, name } = this;
    const out = engine.valueScratch;
    if (record === 0 || name === null ||
      engine.codecs.headerValue(record, name.at, name.bytes, 0, out) === 0) return null;
    let value = 0;
    for (let i = 0; i < engine.i32[(out >> 2) + 1]; i++) {
      const digit = engine.u8[engine.i32[out >> 2] + i] - 48;
      if (digit < 0 || digit > 9 || value > 1000) return 2;
      value = value * 10 + digit;
    }
    return value;
  }
}
