// What grpc_stats counts of one call: its messages, by the five bytes before each (gRPC over HTTP/2,
// "Length-Prefixed-Message"), and its status. Bytes are looked at where they pass; none is kept.
import { HEADER_BYTES } from '../../transcode/grpc-frames.js';
import { ClusterGrpcStat, histogramCell } from '../../telemetry/schema.js';
import type { Engine } from '../engine.js';
import type { GrpcScope } from '../filters/grpc-scopes.js';

const STATUS_MAX = 16;

/** Messages of one direction. */
class Messages {
  count = 0;
  /** Bytes of the prefix in hand that have come, and those of the message that have not. */
  private prefix = 0;
  private left = 0;

  begin(): void { this.count = this.prefix = this.left = 0; }

  /** Returns how many messages have begun in [at, end). */
  take(bytes: Uint8Array, at: number, end: number): number {
    let begun = 0;
    while (at < end) {
      if (this.prefix === HEADER_BYTES) {
        const taken = Math.min(this.left, end - at);
        at += taken;
        this.left -= taken;
        if (this.left === 0) this.prefix = 0;
        continue;
      }
      // The first byte is the flag of compression; the length follows.
      if (this.prefix === 0) begun++;
      this.left = this.prefix === 0 ? 0 : this.left * 256 + bytes[at]!;
      at++;
      if (++this.prefix === HEADER_BYTES && this.left === 0) this.prefix = 0;
    }
    this.count += begun;
    return begun;
  }
}

export class GrpcMessages {
  readonly request = new Messages();
  readonly response = new Messages();
  private scope: GrpcScope | null = null;
  /** Access logs may tell the counts (emit_filter_state). */
  shown = false;
  /** The response is gRPC's too. */
  answers = false;

  constructor(private readonly engine: Engine) {}

  /** A call begins. */
  begin(scope: GrpcScope | null, shown: boolean): void {
    this.request.begin();
    this.response.begin();
    this.scope = scope;
    this.shown = shown;
    this.answers = false;
  }

  requestBytes(at: number, end: number): void {
    const begun = this.request.take(this.engine.u8, at, end);
    if (begun > 0) this.scope?.add(ClusterGrpcStat.request_message_count, begun);
  }
  responseBytes(at: number, end: number): void {
    if (!this.answers) return;
    const begun = this.response.take(this.engine.u8, at, end);
    if (begun > 0) this.scope?.add(ClusterGrpcStat.response_message_count, begun);
  }

  /** The call's status is known, as a header or a trailer; -1: it is none of gRPC's. */
  status(status: number): void {
    const { scope } = this;
    if (scope === null) return;
    if (status >= 0 && status <= STATUS_MAX) scope.add(ClusterGrpcStat['0'] + status, 1);
    scope.add(status === 0 ? ClusterGrpcStat.success : ClusterGrpcStat.failure, 1);
    scope.add(ClusterGrpcStat.total, 1);
  }

  /** The upstream's response is whole, so long after it had the request. */
  upstreamTook(ms: number): void {
    this.scope?.observe(histogramCell('clusterGrpc', 0), ms);
  }
}
