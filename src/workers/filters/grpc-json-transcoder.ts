// envoy.filters.http.grpc_json_transcoder: requests that google.api.http gives paths to become calls of gRPC, their
// responses JSON. A request that it does not take costs the search of its path; one that it takes allocates for each
// message.
import type { GrpcJsonTranscoderFilter as Config } from '../../config/http-filters.js';
import { Head } from '../../core/generated/layouts.js';
import { detail } from '../../core/response-flags.js';
import { GrpcFailure } from '../../transcode/grpc-failure.js';
import { Transcoder } from '../../transcode/transcoder.js';
import type { Call } from '../../transcode/transcoder.js';
import type { Engine } from '../engine.js';
import { isGrpcHead } from '../proxy/grpc-reply.js';
import { recordHeader } from '../routing/regex.js';
import type { Stream } from '../proxy/stream.js';
import { ANSWERED, CONTINUE } from './filter.js';
import type { Actions, HttpFilter } from './filter.js';
import { TranscodedCall, transcodedHead } from './transcoded-call.js';

/** Compiled when the first request comes, once for all chains that have the same configuration. */
const compiled = new WeakMap<Config, Transcoder>();

function transcoderOf(config: Config): Transcoder {
  let found = compiled.get(config);
  if (found === undefined) compiled.set(config, found = new Transcoder(config));
  return found;
}

export class GrpcJsonTranscoderFilter implements HttpFilter {
  private constructor(private readonly engine: Engine, private readonly config: Config) {}

  /** Null: it has no services. */
  static of(engine: Engine, config: Config): GrpcJsonTranscoderFilter | null {
    return config.services.length === 0 ? null : new GrpcJsonTranscoderFilter(engine, config);
  }

  onRequest(stream: Stream, actions: Actions): number {
    const { engine, config } = this;
    if (isGrpcHead(engine, engine.requestRecord) || stream.isConnect || stream.isUpgrade) return CONTINUE;
    const words = engine.requestRecord >> 2;
    const { i32 } = engine;
    const at = i32[words + Head.pathAt], end = at + i32[words + Head.pathBytes];
    let call: Call | null;
    try {
      const method = methodOf(engine, i32[words + Head.methodAt], i32[words + Head.methodBytes]);
      call = transcoderOf(config).find(method, engine.u8, at, end);
    } catch (error) {
      if (!(error instanceof GrpcFailure)) throw error;
      if (!config.rejectUnknownQueryParameters) return CONTINUE;
      return actions.reply(stream, 400, 0, detail('early_grpc_json_transcode_failure{INVALID_ARGUMENT}'), error.text);
    }
    if (call !== null) return this.take(stream, actions, call);
    if (!config.rejectUnknownMethod) return CONTINUE;
    let pathEnd = at;
    while (pathEnd < end && engine.u8[pathEnd] !== 63) pathEnd++;
    return actions.reply(stream, 404, 0, detail('early_grpc_json_transcode_failure{NOT_FOUND}'),
      `Could not resolve ${engine.readText(at, pathEnd - at)} to a method.`);
  }

  private take(stream: Stream, actions: Actions, call: Call): number {
    const { engine, config } = this;
    const { bufferBytes } = stream.downstream!.listener;
    const contentType = recordHeader(engine, engine.requestRecord, 'content-type') ?? '';
    try {
      actions.transform(stream, new TranscodedCall(transcoderOf(config), call, contentType,
        config.maxResponseBytes ?? bufferBytes, config.maxRequestBytes ?? bufferBytes, stream.framed, engine.f64,
        stream.hcm!.scope));
    } catch (error) {
      if (!(error instanceof GrpcFailure)) throw error;
      return actions.reply(stream, 400, 0, detail(`grpc_json_transcode_failure{${error.code}}`), error.text);
    }
    if (!this.makeCall(stream, actions)) return ANSWERED;
    if (stream.route === null || stream.route.forward === null) return CONTINUE;      // it is answered here
    if (stream.request.complete) return this.translate(stream, actions, stream.collected
      ? 'grpc_json_transcode_failure{INVALID_ARGUMENT}' : 'early_grpc_json_transcode_failure{INVALID_ARGUMENT}');
    if (!call.method.method.clientStreaming)
      return actions.collectBody(stream, config.maxRequestBytes ?? bufferBytes);
    actions.transformRequest(stream);
    return CONTINUE;
  }

  /** The body is here. */
  onResume(stream: Stream, actions: Actions): number {
    return this.translate(stream, actions, 'grpc_json_transcode_failure{INVALID_ARGUMENT}');
  }

  private translate(stream: Stream, actions: Actions, details: Parameters<typeof detail>[0]): number {
    const call = stream.transform as TranscodedCall;
    const bytes = call.whole(actions.collectedBody(stream));
    if (bytes === null) return actions.reply(stream, call.refusal.status, 0, detail(details), call.refusal.body);
    return actions.replaceBody(stream, bytes) ? CONTINUE : ANSWERED;
  }

  /** The head becomes a gRPC request's. */
  private makeCall(stream: Stream, actions: Actions): boolean {
    const { path } = (stream.transform as TranscodedCall).call.method;
    if (!actions.rewrite(stream, (head) => transcodedHead(head, path))) return false;
    return this.config.matchIncomingRequestRoute || actions.reroute(stream);
  }

  onEnd(stream: Stream): void {
    if (stream.transform instanceof TranscodedCall) stream.transform.release();
  }

  release(): void { /* nothing in the arena */ }
}

const known = ['GET', 'POST', 'PUT', 'DELETE', 'PATCH', 'HEAD', 'OPTIONS'] as const;
function methodOf(engine: Engine, at: number, bytes: number): string {
  for (const name of known) {
    if (name.length !== bytes) continue;
    let i = 0;
    while (i < bytes && engine.u8[at + i] === name.charCodeAt(i)) i++;
    if (i === bytes) return name;
  }
  return engine.readText(at, bytes);
}
