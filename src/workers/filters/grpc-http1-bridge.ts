// envoy.filters.http.grpc_http1_bridge: clients that know HTTP/1.1 call gRPC services. The status comes to them in the
// head, which waits for it; and where it is asked for, bare protobuf messages get their prefix and lose it again.
import type { GrpcHttp1BridgeFilter as Config } from '../../config/http-filters.js';
import type { Engine } from '../engine.js';
import { framed, HEADER_BYTES } from '../../transcode/grpc-frames.js';
import { joinedBytes } from '../../transcode/grpc-web.js';
import { isGrpcHead } from '../proxy/grpc-reply.js';
import type { Stream } from '../proxy/stream.js';
import { HOLD, PASS, lineValue, withHeadLines, withLines } from '../proxy/transform.js';
import type { Refusal, ResponseHead, Transform } from '../proxy/transform.js';
import { recordHeader } from '../routing/regex.js';
import { ANSWERED, CONTINUE } from './filter.js';
import type { Actions, HttpFilter } from './filter.js';

const PROTOBUF = 'application/x-protobuf';
const NOTHING = new Uint8Array(0);
const REQUEST_TOO_LONG: Refusal = { status: 413, body: 'Payload Too Large', details: 'request_payload_too_large' };
const RESPONSE_TOO_LONG: Refusal = { status: 500, body: 'Internal Server Error',
  details: 'response_payload_too_large' };

export class GrpcHttp1BridgeFilter implements HttpFilter {
  constructor(private readonly engine: Engine, private readonly config: Config) {}

  onRequest(stream: Stream, actions: Actions): number {
    const { engine, config } = this;
    const framing = config.upgradesProtobuf
      && recordHeader(engine, engine.requestRecord, 'content-type') === PROTOBUF;
    const bridging = !stream.framed && (framing || isGrpcHead(engine, engine.requestRecord));
    if (!framing && !bridging) return CONTINUE;
    if (config.ignoresQuery && !actions.rewrite(stream, withoutQuery, false)) return ANSWERED;
    const { bufferBytes } = stream.downstream!.listener;
    actions.transform(stream, new BridgedCall(bridging, framing, bufferBytes));
    if (!framing) return CONTINUE;
    const empty = stream.request.complete && !stream.collected;         // as Envoy: no body, no message
    if (!actions.rewrite(stream, (head) => grpcHead(head, empty), false)) return ANSWERED;
    if (empty) return CONTINUE;
    return stream.request.complete ? this.frame(stream, actions) : actions.collectBody(stream, bufferBytes);
  }

  /** The body is here. */
  onResume(stream: Stream, actions: Actions): number { return this.frame(stream, actions); }

  private frame(stream: Stream, actions: Actions): number {
    return actions.replaceBody(stream, framed(actions.collectedBody(stream))) ? CONTINUE : ANSWERED;
  }

  release(): void { /* nothing in the arena */ }
}

const withoutQuery = (head: string): string => head.replace(/^(\S+ [^\s?]*)\?\S*/, '$1');

const TYPE = ['content-type', 'application/grpc'] as const;
const grpcHead = (head: string, empty: boolean): string =>
  withHeadLines(head, empty ? [TYPE] : [TYPE, ['content-length', null], ['transfer-encoding', null]]);

class BridgedCall implements Transform {
  readonly changesRequest = false;
  readonly ready = false;
  readonly trailers = '';
  readonly refusal = RESPONSE_TOO_LONG;
  readonly tooLong = REQUEST_TOO_LONG;
  head: ResponseHead = { status: 0, lines: '' };
  private readonly body: Uint8Array[] = [];
  private bytes = 0;

  constructor(private readonly bridging: boolean, private readonly framing: boolean, private readonly most: number) {}

  requestBytes(piece: Uint8Array): Uint8Array { return piece; }
  requestEnd(): Uint8Array { return NOTHING; }

  responseHead(head: ResponseHead, ended: boolean): number {
    this.head = head;
    return this.bridging && !ended ? HOLD : PASS;
  }

  responseBytes(piece: Uint8Array): Uint8Array | null {
    this.bytes += piece.length;
    if (this.bytes > this.most) return null;
    this.body.push(Uint8Array.from(piece));
    return NOTHING;
  }

  responseEnd(trailers: string): Uint8Array {
    let body = joinedBytes(this.body);
    if (trailers === '') {
      this.head.lines = withLines(this.head.lines, [['content-length', String(body.length)]]);
      return body;
    }
    const changes: [string, string | null][] = [];
    if (this.framing) body = body.subarray(HEADER_BYTES);
    const status = lineValue(trailers, 'grpc-status'), message = lineValue(trailers, 'grpc-message');
    if (status !== null) {
      if (!/^0+$/.test(status)) this.head.status = 503;
      changes.push(['grpc-status', status]);
    }
    if (message !== null) changes.push(['grpc-message', message]);
    this.head.lines = withLines(this.head.lines, [...changes, ['content-length', String(body.length)]]);
    return body;
  }
}
