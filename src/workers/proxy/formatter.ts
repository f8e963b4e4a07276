// Evaluates a compiled substitution format for one stream: spans are copied from the heads, numbers printed in place.
// Missing values print '-'.
import { hostname } from 'node:os';
import { Head, Header, RequestEdits } from '../../core/generated/layouts.js';
import { connectFailureReason, detail, detailTexts, responseFlagNames } from '../../core/response-flags.js';
import { fullText, ipText, portText } from '../connection/addresses.js';
import type { Engine } from '../engine.js';
import {
  OP_REQUEST_HEADER, OP_RESPONSE_HEADER, OP_START_TIME, OP_START_TIME_CUSTOM, OP_TEXT, Op,
} from '../routing/compiled-format.js';
import type { CompiledOperator } from '../routing/compiled-format.js';
import { strftime } from './strftime.js';
import type { Stream } from './stream.js';
import { TextWriter } from './text-writer.js';

const HOSTNAME = hostname();
const DASH = 45;
const CONNECTION_FAILURE = detail('upstream_reset_before_response_started{remote_connection_failure}');

export class Formatter {
  readonly writer: TextWriter;
  private second = -1;
  private secondText = '';

  constructor(private readonly engine: Engine) { this.writer = new TextWriter(engine); }

  /**
   * Writes one operator. `request` and `response` are Head records or 0. Returns false when the value is missing
   * (nothing was written).
   */
  write(stream: Stream, operator: CompiledOperator, request: number, response: number): boolean {
    const { writer } = this;
    const from = writer.at;
    const present = this.evaluate(stream, operator, request, response);
    if (writer.at - from > operator.max) writer.at = from + operator.max;
    return present;
  }

  private evaluate(stream: Stream, operator: CompiledOperator, request: number, response: number): boolean {
    const { writer } = this;
    switch (operator.code) {
      case OP_TEXT: writer.bytes(operator.at, operator.bytes); return true;
      case OP_REQUEST_HEADER: return this.header(stream, operator, request, true);
      case OP_RESPONSE_HEADER: return this.header(stream, operator, response, false);
      case OP_START_TIME: this.startTime(stream.startWallMs); return true;
      case OP_START_TIME_CUSTOM:
        writer.text(strftime(operator.format, stream.startWallMs, operator.local));
        return true;
      case Op.protocol: return this.protocol(stream);
      case Op.responseCode: writer.number(stream.status); return true;
      case Op.responseFlags: return this.flags(stream.flags, 0);
      case Op.responseFlagsLong: return this.flags(stream.flags, 1);
      case Op.bytesReceived: writer.number(stream.request.bytes); return true;
      case Op.bytesSent: writer.number(stream.response.bytes); return true;
      case Op.duration: writer.number(Math.round(this.engine.nowMs - stream.startMs)); return true;
      case Op.upstreamHost: return this.text((stream.endpoint ?? stream.lastEndpoint)?.text ?? '');
      case Op.upstreamCluster: case Op.upstreamClusterRaw: return this.text(stream.cluster?.name ?? '');
      case Op.responseCodeDetails: return this.details(stream);
      default: return this.rare(stream, operator.code);
    }
  }

  private rare(stream: Stream, code: number): boolean {
    const { writer } = this;
    const addresses = stream.downstream!.addresses;
    const endpoint = stream.endpoint ?? stream.lastEndpoint;
    switch (code) {
      case Op.upstreamProtocol: return this.text(endpoint === null ? '' : 'HTTP/1.1');
      case Op.requestHeadersBytes: writer.number(stream.requestHeadBytes); return true;
      case Op.responseHeadersBytes: writer.number(stream.responseHeadBytes); return true;
      case Op.requestDuration: return this.span(stream.startMs, stream.requestEndMs);
      case Op.responseDuration: return this.span(stream.startMs, stream.responseStartMs);
      case Op.responseTxDuration:
        return this.span(stream.responseStartMs, stream.responseStartMs === 0 ? 0 : this.engine.nowMs);
      case Op.upstreamHostName: return this.text(endpoint === null ? '' : endpoint.hostname || endpoint.text);
      case Op.upstreamRemoteIp: return this.text(endpoint?.address.kind === 'ip' ? endpoint.address.host : '');
      case Op.upstreamRemotePort:
        return this.text(endpoint?.address.kind === 'ip' ? String(endpoint.address.port) : '');
      case Op.upstreamLocalAddress: return this.text(fullText(this.upstreamLocal(stream)));
      case Op.upstreamLocalIp: return this.text(ipText(this.upstreamLocal(stream)));
      case Op.upstreamLocalPort:
        return this.text(this.upstreamLocal(stream) === null ? '' : portText(this.upstreamLocal(stream)));
      case Op.upstreamRequestAttemptCount: writer.number(stream.attempts); return true;
      case Op.downstreamRemoteAddress:
      case Op.downstreamDirectRemoteAddress: return this.text(fullText(addresses.remote));
      case Op.downstreamRemoteIp: case Op.downstreamDirectRemoteIp: return this.text(ipText(addresses.remote));
      case Op.downstreamRemotePort: case Op.downstreamDirectRemotePort: return this.text(portText(addresses.remote));
      case Op.downstreamLocalAddress: return this.text(fullText(addresses.local));
      case Op.downstreamLocalIp: return this.text(ipText(addresses.local));
      case Op.downstreamLocalPort: return this.text(portText(addresses.local));
      case Op.routeName: return this.text(stream.route?.name ?? '');
      case Op.hostname: return this.text(HOSTNAME);
      case Op.connectionId: writer.number(stream.downstream!.id); return true;
      case Op.streamId: writer.number(stream.id); return true;
      case Op.upstreamTransportFailureReason:
        return stream.connectErrno !== 0 && this.text(connectFailureReason(stream.connectErrno));
      default: return false;
    }
  }

  private upstreamLocal(stream: Stream) {
    return stream.upstream === null ? stream.upstreamLocal : this.engine.outside.localAddress(stream.upstream.fd);
  }

  private details(stream: Stream): boolean {
    if (stream.details === 0) return false;
    const text = detailTexts[stream.details]!;
    if (stream.details !== CONNECTION_FAILURE || stream.connectErrno === 0) return this.text(text);
    return this.text(`${text.slice(0, -1)}|${connectFailureReason(stream.connectErrno)}}`);
  }

  private text(text: string): boolean {
    if (text === '') return false;
    this.writer.text(text);
    return true;
  }

  private span(from: number, to: number): boolean {
    if (to === 0) return false;
    this.writer.number(Math.max(0, Math.round(to - from)));
    return true;
  }

  private protocol(stream: Stream): boolean {
    if (stream.headless) return false;
    this.writer.text(stream.version10 ? 'HTTP/1.0' : 'HTTP/1.1');
    return true;
  }

  private flags(flags: number, form: 0 | 1): boolean {
    if (flags === 0) return false;
    const { writer } = this;
    const from = writer.at;
    for (let bit = 0; bit < responseFlagNames.length; bit++) {
      if (((flags >> bit) & 1) === 0) continue;
      if (writer.at > from) writer.byte(44);
      writer.text(responseFlagNames[bit]![form]);
    }
    return true;
  }

  private startTime(ms: number): void {
    const second = Math.floor(ms / 1000);
    if (second !== this.second) {
      this.second = second;
      this.secondText = new Date(second * 1000).toISOString().slice(0, 20);
    }
    this.writer.text(this.secondText);
    this.writer.padded(Math.floor(ms - second * 1000), 3);
    this.writer.byte(90);
  }

  private header(stream: Stream, operator: CompiledOperator, record: number, request: boolean): boolean {
    if (this.headerValue(stream, operator, record, request)) return true;
    return operator.alternative !== null && this.headerValue(stream, operator.alternative, record, request);
  }

  private headerValue(stream: Stream, operator: CompiledOperator, record: number, request: boolean): boolean {
    const { engine, writer } = this;
    const { i32 } = engine;
    if (!request && operator.known === SERVICE_TIME) {
      if (stream.responseStartMs === 0 || stream.upstreamSentMs === 0 || stream.hcm!.suppressEnvoyHeaders) return false;
      writer.number(Math.max(0, Math.round(stream.responseStartMs - stream.upstreamSentMs)));
      return true;
    }
    if (record === 0) return false;
    const words = record >> 2;
    switch (operator.known) {
      case 250: writer.bytes(i32[words + Head.methodAt], i32[words + Head.methodBytes]); return true;
      case 251: return this.path(record, words);
      case 252:
        writer.bytes(i32[words + Head.hostAt], i32[words + Head.hostBytes]);
        return i32[words + Head.hostBytes] > 0;
      case 253: writer.text('http'); return true;
      case 254: writer.number(i32[words + Head.status]); return true;
      default: break;
    }
    const out = engine.valueScratch;
    if (engine.codecs.headerValue(record, operator.at, operator.bytes, operator.known, out) === 0) return false;
    writer.bytes(i32[out >> 2], i32[(out >> 2) + 1]);
    return true;
  }

  /** A request that was not encoded shows its path as normalised so far. */
  private path(record: number, words: number): boolean {
    const { i32 } = this.engine;
    const edits = this.engine.requestEdits >> 2;
    if (record === this.engine.requestRecord && i32[edits + RequestEdits.pathBytes] > 0) {
      this.writer.bytes(i32[edits + RequestEdits.pathAt], i32[edits + RequestEdits.pathBytes]);
      return true;
    }
    if (i32[words + Head.pathBytes] === 0) return false;
    this.writer.bytes(i32[words + Head.pathAt], i32[words + Head.pathBytes]);
    return true;
  }
}
const SERVICE_TIME = Header['x-envoy-upstream-service-time'];

const formatters = new WeakMap<Engine, Formatter>();

/**
 * Evaluates compiled operators (header values) into [at, end); returns the position after the text. Missing values
 * print '-' as Envoy's do, or nothing. `request` and `response` are Head records or 0.
 */
export function formatInto(engine: Engine, stream: Stream, operators: readonly CompiledOperator[], request: number,
    response: number, at: number, end: number, dash: boolean): number {
  let formatter = formatters.get(engine);
  if (formatter === undefined) formatters.set(engine, formatter = new Formatter(engine));
  formatter.writer.begin(at, end);
  for (let i = 0; i < operators.length; i++) {
    if (!formatter.write(stream, operators[i], request, response) && dash) formatter.writer.byte(DASH);
  }
  return formatter.writer.at;
}
