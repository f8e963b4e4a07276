// weft.filters.http.rpc_json_transcoder, the other way: calls of Bolt and Dubbo clients become requests of HTTP with
// JSON, the endpoint's answers those of the protocol. Requests of HTTP that come to such a route pass.
import type { RpcJsonTranscoderFilter as Config } from '../../config/http-filters.js';
import { limits } from '../../core/limits.js';
import { detail } from '../../core/response-flags.js';
import { BoltAnswering } from '../../transcode/rpc/bolt-answering.js';
import { DubboAnswering } from '../../transcode/rpc/dubbo-answering.js';
import { CarryError } from '../../transcode/rpc/failure.js';
import { HttpRequests } from '../../transcode/rpc/http-request.js';
import type { HttpRequest } from '../../transcode/rpc/http-request.js';
import { javaType } from '../../transcode/rpc/java-types.js';
import type { JavaType } from '../../transcode/rpc/java-types.js';
import type { Engine } from '../engine.js';
import { lineValue } from '../proxy/transform.js';
import type { Stream } from '../proxy/stream.js';
import { recordHeader } from '../routing/regex.js';
import { AnsweredCall } from './answered-call.js';
import { ANSWERED, CONTINUE } from './filter.js';
import type { Actions, HttpFilter } from './filter.js';

type RequestConfig = NonNullable<Config['request']>;
const NOTHING = new Uint8Array(0);

export class JsonEndpointFilter implements HttpFilter {
  private readonly requests: HttpRequests;
  /** Null: void. */
  private readonly result: JavaType | null;

  private constructor(private readonly engine: Engine, private readonly config: Config,
      private readonly request: RequestConfig) {
    this.requests = new HttpRequests(request);
    this.result = request.result === '' ? null : javaType(request.result);
  }

  /** Null: the route's calls stay calls. */
  static of(engine: Engine, config: Config): JsonEndpointFilter | null {
    return config.request === null ? null : new JsonEndpointFilter(engine, config, config.request);
  }

  onRequest(stream: Stream, actions: Actions): number {
    const { engine, config } = this;
    const name = stream.protocol?.name;
    if (name === undefined) return CONTINUE;
    const depthMax = limits.transcodedDepthMax;
    const answering = name === 'dubbo' ? new DubboAnswering(depthMax) : new BoltAnswering(depthMax);
    const frame = recordHeader(engine, engine.requestRecord, 'weft-frame');
    actions.transform(stream, new AnsweredCall(answering, this.result, (line) => line === 'weft-frame' ? frame : null,
      config.maxResponseBytes));
    if (name !== 'dubbo' && name !== 'bolt') return this.refuse(stream, actions, `${name} has no JSON`);
    if (stream.route!.prefixRewrite !== null)
      return this.refuse(stream, actions, 'prefix_rewrite has no prefix: the path is that of the request');
    return stream.request.complete ? this.makeRequest(stream, actions)
      : actions.collectBody(stream, config.maxRequestBytes);
  }

  /** The body is here. */
  onResume(stream: Stream, actions: Actions): number { return this.makeRequest(stream, actions); }

  private makeRequest(stream: Stream, actions: Actions): number {
    const call = stream.transform as AnsweredCall;
    let made: HttpRequest;
    try {
      const said = stream.collected ? actions.collectedBody(stream) : NOTHING;
      made = this.requests.of(call.answering.read(said, call.line), { depthMax: limits.transcodedDepthMax,
        charactersMax: this.config.maxRequestBytes });
    } catch (error) {
      if (!(error instanceof CarryError)) throw error;
      return this.refuse(stream, actions, error.message);
    }
    const body = made.body ?? NOTHING;
    if (!actions.rewrite(stream, (text) => this.head(text, made), false) || !actions.replaceBody(stream, body, true))
      return ANSWERED;
    stream.protocol = null;
    return CONTINUE;
  }

  private head(text: string, { target, body }: HttpRequest): string {
    const { method, host, forwardedAttachments } = this.request;
    const lineEnd = text.indexOf('\r\n');
    const [, path] = text.slice(0, lineEnd).split(' ');
    const lines = text.slice(lineEnd + 2);
    const forwarded = forwardedAttachments.map((name) => {
      const value = lineValue(lines, name);
      return value === null ? '' : `${name}: ${value}\r\n`;
    });
    const content = body === null ? method === 'GET' ? '' : 'content-length: 0\r\n'
      : `content-type: application/json\r\ncontent-length: ${body.length}\r\n`;
    return `${method} ${target} HTTP/1.1\r\nhost: ${host || (lineValue(lines, 'x-service') ?? '-')}\r\n`
      + `accept: application/json\r\n${content}x-envoy-original-path: ${path}\r\n${forwarded.join('')}\r\n`;
  }

  private refuse(stream: Stream, actions: Actions, message: string): number {
    (stream.transform as AnsweredCall).message = message;
    return actions.reply(stream, 400, 0, detail('rpc_json_transcode_failure{request}'), message);
  }

  release(): void { /* nothing in the arena */ }
}
