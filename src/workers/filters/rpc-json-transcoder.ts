// weft.filters.http.rpc_json_transcoder: the requests of a route become calls of Bolt or Dubbo, their answers JSON. The
// head that is left is the canonical text of a frame (codecs-rpc.ts): nothing in it is of the client's, but for headers
// that configuration names. It allocates for each request.
import type { RpcJsonArgument, RpcJsonTranscoderFilter as Config } from '../../config/http-filters.js';
import { Head, RequestEdits } from '../../core/generated/layouts.js';
import { limits } from '../../core/limits.js';
import { detail } from '../../core/response-flags.js';
import type { RpcProtocol } from '../../protocols/protocol.js';
import { protocolNamed, speaks } from '../../protocols/protocols.js';
import { RpcArguments } from '../../transcode/rpc/arguments.js';
import { BoltCall } from '../../transcode/rpc/bolt-call.js';
import type { RpcCall } from '../../transcode/rpc/call.js';
import { forwardedLine } from '../../transcode/rpc/frame-lines.js';
import { DubboCall } from '../../transcode/rpc/dubbo-call.js';
import { CarryError } from '../../transcode/rpc/failure.js';
import { isJsonType } from '../../transcode/rpc/json.js';
import type { Json } from '../../transcode/rpc/json.js';
import type { Engine } from '../engine.js';
import { lineValue } from '../proxy/transform.js';
import type { Stream } from '../proxy/stream.js';
import { recordHeader } from '../routing/regex.js';
import { ANSWERED, CONTINUE } from './filter.js';
import type { Actions, HttpFilter } from './filter.js';
import { JsonCall } from './json-call.js';

type CallConfig = NonNullable<Config['call']>;

export class RpcJsonTranscoderFilter implements HttpFilter {
  private readonly call: RpcCall;
  private readonly protocol: RpcProtocol | null;
  private readonly arguments: RpcArguments;

  private constructor(private readonly engine: Engine, private readonly config: Config,
      private readonly callConfig: CallConfig) {
    this.call = callConfig.protocol === 'bolt' ? new BoltCall(callConfig) : new DubboCall(callConfig);
    this.arguments = new RpcArguments(callConfig);
    this.protocol = protocolNamed(callConfig.protocol);
  }

  /** Null: the route has no call. */
  static of(engine: Engine, config: Config): RpcJsonTranscoderFilter | null {
    return config.call === null ? null : new RpcJsonTranscoderFilter(engine, config, config.call);
  }

  onRequest(stream: Stream, actions: Actions): number {
    const { engine, config, callConfig } = this;
    if (stream.protocol !== null) return CONTINUE;                   // it came as a call
    const record = engine.requestRecord;
    const call = new JsonCall(this.call, { depthMax: limits.transcodedDepthMax,
      charactersMax: config.maxResponseBytes });
    actions.transform(stream, call);
    if (stream.isUpgrade || stream.isConnect) return this.refuse(stream, actions, 400, 'an upgrade is no call');
    const cluster = actions.clusterOf(stream);
    if (cluster !== null && !speaks(cluster.traits.rpc, this.protocol)) {
      return this.refuse(stream, actions, 502,
        `the cluster ${cluster.config.name} speaks ${cluster.traits.rpc || 'HTTP'}, not ${callConfig.protocol}`);
    }
    const type = recordHeader(engine, record, 'content-type');
    if ((type !== null && !isJsonType(type)) || recordHeader(engine, record, 'content-encoding') !== null)
      return this.refuse(stream, actions, 415, 'the body is not application/json as it stands');
    let ofTarget: Map<RpcJsonArgument, Json> | null;
    try { ofTarget = this.readTarget(); } catch (error) { return this.refuseFor(stream, actions, error); }
    if (ofTarget === null) return this.refuse(stream, actions, 404, 'the path is not that of the call');
    call.ofTarget = ofTarget;
    return stream.request.complete ? this.makeCall(stream, actions, call)
      : actions.collectBody(stream, config.maxRequestBytes);
  }

  /** Of path and query, the path normalised where that was asked for. */
  private readTarget(): Map<RpcJsonArgument, Json> | null {
    const { i32, u8, requestRecord, requestEdits } = this.engine;
    const words = requestRecord >> 2, edits = requestEdits >> 2;
    const normalised = i32[edits + RequestEdits.pathBytes]! > 0;
    const at = normalised ? i32[edits + RequestEdits.pathAt]! : i32[words + Head.pathAt]!;
    const bytes = normalised ? i32[edits + RequestEdits.pathBytes]! : i32[words + Head.pathBytes]!;
    return this.arguments.ofTarget(u8, at, at + bytes);
  }

  /** The body is here. */
  onResume(stream: Stream, actions: Actions): number {
    return this.makeCall(stream, actions, stream.transform as JsonCall);
  }

  private makeCall(stream: Stream, actions: Actions, call: JsonCall): number {
    const json = stream.collected ? actions.collectedBody(stream) : NOTHING;
    let body: Uint8Array;
    try {
      body = this.call.body(this.arguments.values(call.ofTarget, json, limits.transcodedDepthMax));
    } catch (error) { return this.refuseFor(stream, actions, error); }
    const head = (text: string): string => this.head(text, body.length);
    if (!actions.rewrite(stream, head, false) || !actions.replaceBody(stream, body, true)) return ANSWERED;
    stream.protocol = this.protocol;
    return CONTINUE;
  }

  /** The first line stays, for logs: frames have none. */
  private head(text: string, bodyBytes: number): string {
    const lineEnd = text.indexOf('\r\n') + 2;
    const lines = text.slice(lineEnd);
    const forwarded = this.callConfig.forwardedHeaders.map((name) => {
      const value = lineValue(lines, name);
      return value === null ? '' : forwardedLine(name, value);
    });
    return `${text.slice(0, lineEnd)}host: ${lineValue(lines, 'host') ?? '-'}\r\n${this.call.lines}`
      + (lines.match(NO_PAIRS) ?? []).join('')
      + `${forwarded.join('')}content-length: ${bodyBytes}\r\n\r\n`;
  }

  private refuseFor(stream: Stream, actions: Actions, error: unknown): number {
    if (!(error instanceof CarryError)) throw error;
    return this.refuse(stream, actions, 400, error.message);
  }
  private refuse(stream: Stream, actions: Actions, status: number, message: string): number {
    return actions.reply(stream, status, 0, detail('rpc_json_transcode_failure{request}'), message);
  }

  release(): void { /* nothing in the arena */ }
}

/** What logs, time limits and retries look for stays: no frame has it. */
const NO_PAIRS = /^x-(?:request-id|envoy-[^:]*):.*\r\n/gim;
const NOTHING = new Uint8Array(0);
