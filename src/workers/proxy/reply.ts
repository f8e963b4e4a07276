// Answers that Weft gives itself: refusals, redirects, direct responses, and 100 Continue. Every failure that still can
// be told to the client ends here. The head is Envoy's: content-length, content-type when there is a body, date,
// server. Rare by nature, so plain strings are used.
import { STATUS_CODES } from 'node:http';
import { rejectionNames } from '../../core/generated/layouts.js';
import { ResponseFlag, detail } from '../../core/response-flags.js';
import type { DetailText } from '../../core/response-flags.js';
import { HttpStat } from '../../telemetry/schema.js';
import type { HttpConnectionManager, RedirectAction } from '../../config/types.js';
import type { Downstream } from '../connection/downstream-side.js';
import type { Engine } from '../engine.js';
import type { BufferClass } from '../memory/buffers.js';
import type { CompiledMutations } from '../routing/mutations.js';
import type { RouteRuntime } from '../routing/route.js';
import { grpcHeaders } from './grpc-reply.js';
import { localMutations } from './local-mutations.js';
import { withContentType } from './local-reply.js';
import { mutatedLines } from './reply-headers.js';
import { recordHeader } from '../routing/regex.js';
import { locationOf } from './redirect.js';
import { requestIdLine } from './request-id.js';
import type { Proxy } from './request.js';
import type { Stream } from './stream.js';

const PLAIN = 'text/plain';
const HERE: RedirectAction = { kind: 'redirect', status: 301, scheme: null, httpsRedirect: false, host: null,
  port: null, path: null, prefixRewrite: null, regexRewrite: null, stripQuery: false };
const HTTPS: RedirectAction = { ...HERE, httpsRedirect: true };
/** Status and details of each codec rejection; the others are 400 with http1.codec_error. */
const REJECTIONS: Readonly<Record<string, readonly [number, DetailText]>> = {
  headTooLarge: [431, 'http1.headers_too_large'], tooManyHeaders: [431, 'http1.too_many_headers'],
  trailersTooLarge: [431, 'http1.trailers_too_large'], unsupportedVersion: [505, 'http1.codec_error'],
  unsupportedTransferEncoding: [501, 'http1.invalid_transfer_encoding'],
  badTransferEncoding: [400, 'http1.invalid_transfer_encoding'],
  transferEncodingInHttp10: [400, 'http1.transfer_encoding_not_allowed'],
  lengthConflict: [400, 'http1.content_length_and_chunked_not_allowed'],
  badHeaderName: [400, 'http1.invalid_characters'], badHeaderValue: [400, 'http1.invalid_characters'],
  badTarget: [400, 'http1.invalid_url'], missingHost: [400, 'missing_host_header'],
};

/** Has the answer a server header without ours, or none at all? */
const passesServer = ({ serverHeaderTransformation }: HttpConnectionManager, headers: string): boolean =>
  serverHeaderTransformation === 'passThrough'
  || (serverHeaderTransformation === 'appendIfAbsent' && /(^|\n)server:/i.test(headers));

export class Replies {
  constructor(private readonly engine: Engine, private readonly proxy: Proxy) {}

  /**
   * Ends a stream that has not started its response with an answer of ours. An unread request body ends the
   * connection after it.
   */
  send(stream: Stream, status: number, flag: number, details: number, body: string, headers = ''): void {
    const { engine } = this;
    const downstream = stream.downstream!;
    stream.status = status;
    stream.flags |= flag;
    stream.details = details;
    stream.responseStarted = true;
    stream.responseStartMs = engine.nowMs;
    // As Envoy: a bad request may have left the connection out of step.
    if (!stream.request.complete || stream.isUpgrade || status === 400) downstream.outOfStep();
    if (engine.drain.active && engine.drain.closes(downstream.listener.inbound)) downstream.closeAfterResponse = true;
    const close = downstream.closeAfterResponse;
    let extra = localMutations(engine, stream, headers) + requestIdLine(engine, stream) + stream.addedResponseLines;
    if (stream.filters !== null) extra = this.throughFilters(stream, extra, body);
    const { localReplies } = stream.hcm!;
    if (localReplies !== null) {
      const changed = localReplies.change(stream, body);
      body = changed.body;
      extra = withContentType(extra + changed.headers, changed.contentType);
    }
    const changed = stream.transform?.localReply?.(stream.status, extra, body) ?? { lines: extra, body };
    extra = changed.lines;
    if (stream.grpc) {
      extra = grpcHeaders(stream.status, extra, String(changed.body), stream.isHead);
      changed.body = '';
    }
    const bytes = typeof changed.body === 'string' ? Buffer.from(changed.body, 'utf8') : changed.body;
    stream.response.bytes = stream.isHead ? 0 : bytes.length;
    const told = stream.grpc ? 200 : stream.status;
    this.write(downstream, stream.hcm!.config.serverName, told, bytes, extra, close, stream.version10,
      stream.isHead);
    const keepAlive = stream.request.complete;
    // Between two attempts there is no endpoint that the answer could count for.
    if (stream.cluster !== null && stream.retryAtMs === Infinity && !stream.waitsForHedges
      && !stream.uncharged)
      this.proxy.finish.countLocal(stream);
    stream.status = told;
    if (stream.upstream !== null) this.proxy.failures.detach(stream); else this.proxy.finish.leaveEndpoint(stream);
    this.proxy.finish.complete(stream, keepAlive);
  }

  /** An answer of ours passes the filters as an upstream's does. */
  private throughFilters(stream: Stream, lines: string, body: string): string {
    const lists: CompiledMutations[] = [];
    stream.filters!.onResponse(stream, 0, lines);
    stream.filters!.responseMutations(stream, lists);
    if (lists.length === 0) return lines;
    const typed = body === '' || /(^|\n)content-type:/i.test(lines) ? lines : `content-type: ${PLAIN}\r\n${lines}`;
    return lists.reduce((text, list) => mutatedLines(this.engine, stream, list, text), typed);
  }

  overflow(stream: Stream): void {
    this.send(stream, 503, ResponseFlag.UO, detail('upstream_reset_before_response_started{overflow}'),
      'upstream connect error or disconnect/reset before headers. reset reason: overflow',
      'x-envoy-overloaded: true\r\n');
  }

  /** Refused because the control plane says so: a part of the requests, or all of them. */
  dropped(stream: Stream, all: boolean): void {
    const details = detail(all ? 'unconditional_drop_overload' : 'drop_overload');
    const body = all ? 'unconditional drop overload' : 'drop overload';
    this.send(stream, 503, all ? ResponseFlag.UDO : ResponseFlag.DO, details, body,
      stream.hcm!.suppressEnvoyHeaders ? '' : all ? 'x-envoy-unconditional-drop-overload: true\r\n'
        : 'x-envoy-drop-overload: true\r\n');
  }

  /** Redirects and direct responses. */
  byRoute(stream: Stream, route: RouteRuntime): void {
    const { engine } = this;
    const { action } = route;
    if (action.kind === 'redirect') {
      engine.count(stream.hcm!.scope, HttpStat.rq_direct_response);          // as Envoy counts it
      this.send(stream, action.status, 0, detail('direct_response'), '',
        `location: ${locationOf(engine, action, route.json.matchedBytes)}\r\n`);
    } else if (action.kind === 'directResponse') {
      engine.count(stream.hcm!.scope, HttpStat.rq_direct_response);
      // What was created, or is elsewhere, gets a location: Envoy names the request's own address.
      const located = action.status === 201 || (action.status >= 300 && action.status < 400);
      this.send(stream, action.status, 0, detail('direct_response'), action.body,
        located ? `location: ${locationOf(engine, HERE, 0)}\r\n` : '');
    }
  }

  redirectTo(stream: Stream, status: number, location: string, details: number): void {
    this.send(stream, status, 0, details, '', `location: ${location}\r\n`);
  }

  /** Did the request reach the edge by TLS, as x-forwarded-proto tells (Envoy's test for `require_tls`)? */
  cameByTls(stream: Stream): boolean {
    if (stream.downstream!.addresses.secure) return true;
    return recordHeader(this.engine, this.engine.requestRecord, 'x-forwarded-proto')?.toLowerCase() === 'https';
  }

  /** A virtual host that wants TLS sends plain requests to the same address by https; every client is external. */
  toHttps(stream: Stream): void {
    this.engine.count(stream.hcm!.scope, HttpStat.rq_direct_response);
    this.redirectTo(stream, 301, locationOf(this.engine, HTTPS, 0), detail('direct_response'));
  }

  /** A head that was decoded, but that Envoy's codec refuses: the log has nothing of it, and the connection ends. */
  refuseHead(stream: Stream, status: number, details: number): void {
    stream.headless = true;
    stream.version10 = false;
    this.engine.recordOwner = 0;
    stream.downstream!.outOfStep();
    this.send(stream, status, ResponseFlag.DPE, details, STATUS_CODES[status] ?? '');
  }

  sendContinue(stream: Stream): void {
    this.raw(stream.downstream!, 'HTTP/1.1 100 Continue\r\n\r\n');
    this.engine.count(stream.hcm!.scope, HttpStat.downstream_rq_1xx);
  }

  /** CONNECT ended here: the tunnel is open. */
  sendConnected(stream: Stream): void {
    const { serverName } = stream.hcm!.config;
    this.raw(stream.downstream!,
      `HTTP/1.1 200 OK\r\ndate: ${new Date(this.engine.wallMs).toUTCString()}\r\nserver: ${serverName}\r\n\r\n`);
  }

  /** The head was refused by the codec: there is no request, only a connection out of step. */
  rejected(connection: Downstream, rejection: number): void {
    const { engine } = this;
    const name = rejectionNames[rejection] ?? 'none';
    const [status, details] = REJECTIONS[name] ?? [400, 'http1.codec_error' as const];
    engine.count(connection.hcm.scope, HttpStat.downstream_cx_protocol_error);
    engine.count(connection.hcm.scope, HttpStat.downstream_rq_rx_reset);
    if (name === 'missingHost') this.refuseConnection(connection, status, detail(details), 0, '', false);
    else this.refuseConnection(connection, status, detail(details), ResponseFlag.DPE);
  }

  /** A chunked request body broke its framing. */
  badRequestBody(stream: Stream): void {
    const { engine } = this;
    const name = rejectionNames[stream.request.rejection] ?? 'none';
    const [status, details] = REJECTIONS[name] ?? [400, 'http1.codec_error' as const];
    engine.count(stream.hcm!.scope, HttpStat.downstream_cx_protocol_error);
    if (stream.responseStarted) {
      stream.flags |= ResponseFlag.DPE;
      stream.details = detail(details);
      this.proxy.finish.abort(stream, true);
      return;
    }
    this.proxy.failures.detach(stream);
    this.send(stream, status, ResponseFlag.DPE, detail(details), STATUS_CODES[status] ?? '');
  }

  headTimeout(connection: Downstream): void {
    this.engine.count(connection.hcm.scope, HttpStat.downstream_rq_header_timeout);
    this.refuseConnection(connection, 408, detail('request_header_timeout'), 0, 'request header timeout');
  }

  /** Answers a connection that has no stream and never will: counted and logged as a request, then closed. */
  refuseConnection(connection: Downstream, status: number, details: number, flag: number,
      body = STATUS_CODES[status] ?? '', headless = true): void {
    const { engine } = this;
    const { hcm } = connection;
    const stream = connection.stream ?? this.proxy.streams.take();
    if (stream !== null) {
      connection.stream = stream;
      stream.downstream = connection;
      stream.framed = connection.framed;
      stream.protocol = connection.protocol;
      stream.hcm = hcm;
      stream.startMs = engine.nowMs;
      stream.startWallMs = engine.wallMs;
      stream.status = status;
      stream.flags |= flag;
      stream.details = details;
    }
    const changed = stream === null || hcm.localReplies === null ? null : hcm.localReplies.change(stream, body);
    const bytes = Buffer.from(changed === null ? body : changed.body, 'utf8');
    this.write(connection, hcm.config.serverName, stream?.status ?? status, bytes,
      changed === null ? '' : withContentType(changed.headers, changed.contentType), true, false, false);
    if (stream !== null) {
      stream.response.bytes = bytes.length;
      stream.responseStarted = true;
      stream.headless = headless;
      if (!headless) engine.recordOwner = stream.id;
      engine.f64[hcm.scope + HttpStat.downstream_rq_total] += 1;
      if (connection.protocol === null) {
        engine.f64[hcm.scope + (connection.framed ? HttpStat.downstream_rq_http2_total
          : HttpStat.downstream_rq_http1_total)] += 1;
      }
      engine.f64[hcm.scope + HttpStat.downstream_rq_active] += 1;
      this.proxy.finish.complete(stream, false);
      return;
    }
    connection.closeGracefully();
  }

  private write(connection: Downstream, server: string, status: number, body: Uint8Array, headers: string,
      close: boolean, version10: boolean, isHead: boolean): void {
    if (close && !connection.framed) connection.closeAnnounced = true;
    const noBody = status === 204 || status === 304;
    let head = `HTTP/1.${version10 ? 0 : 1} ${status} ${STATUS_CODES[status] ?? 'Unknown'}\r\n`;
    if (!noBody) head += `content-length: ${body.length}\r\n`;
    if (body.length > 0 && connection.protocol === null && !/(^|\n)content-type:/i.test(headers))
      head += `content-type: ${PLAIN}\r\n`;
    head += `${headers}date: ${new Date(this.engine.wallMs).toUTCString()}\r\n`;
    if (!passesServer(connection.hcm.config, headers)) head += `server: ${server}\r\n`;
    if (connection.hcm.config.via !== null) head += `via: ${connection.hcm.config.via}\r\n`;
    head += close ? 'connection: close\r\n\r\n' : version10 ? 'connection: keep-alive\r\n\r\n' : '\r\n';
    this.raw(connection, head, isHead || noBody ? undefined : body, connection.hcm.keepsResponseHead);
  }

  /** A log format asks for the headers of the answer. */
  private keepHead({ stream }: Downstream, buffer: number, bytes: number): void {
    const { pool } = this.engine;
    if (stream === null || stream.responseBuffer >= 0) return;
    pool.retain(buffer);
    stream.responseBuffer = buffer;
    stream.responseAt = pool.offsetOf(buffer);
    stream.responseEnd = stream.responseAt + bytes;
  }

  /** Sends text and bytes, in as many buffers as they need. Without a free buffer the connection ends instead. */
  private raw(connection: Downstream, head: string, body?: Uint8Array, keep = false): void {
    const { engine } = this;
    const bytes = body === undefined ? Buffer.from(head, 'latin1') : Buffer.concat([Buffer.from(head, 'latin1'), body]);
    for (let from = 0; from < bytes.length;) {
      const size = engine.pool.classFor(Math.min(bytes.length - from, 65536));
      const buffer = engine.pool.acquireReserved(size as BufferClass);
      if (buffer < 0) { connection.outOfStep(); return; }
      const piece = bytes.subarray(from, from + Math.min(engine.pool.bytesOf(buffer), bytes.length - from));
      engine.u8.set(piece, engine.pool.offsetOf(buffer));
      const at = engine.pool.offsetOf(buffer);
      if (from === 0) connection.sendHead(buffer, at, Math.min(head.length, piece.length), piece.length, false);
      else engine.reactor.send(connection.socket, buffer, at, piece.length, false);
      if (keep && from === 0 && head.length <= piece.length) this.keepHead(connection, buffer, head.length);
      engine.pool.release(buffer);
      from += piece.length;
    }
    engine.f64[connection.hcm.scope + HttpStat.downstream_cx_tx_bytes_total] += bytes.length;
    connection.bytesSent += bytes.length;
  }
}
