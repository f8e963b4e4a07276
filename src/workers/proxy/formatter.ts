// Evaluates a compiled substitution format for one stream: spans are copied from the heads, numbers printed in place.
// The commands of the default format are here, the others in format-values.ts. Missing values print '-'.
import { Head, Header, RequestEdits } from '../../core/generated/layouts.js';
import { requestFlagOrder, responseFlagNames, sessionFlagOrder } from '../../core/response-flags.js';
import type { Engine } from '../engine.js';
import { OP_REQUEST_HEADER, OP_RESPONSE_HEADER, OP_RESPONSE_TRAILER, OP_START_TIME, OP_TEXT, Op }
  from '../routing/compiled-format.js';
import type { CompiledOperator } from '../routing/compiled-format.js';
import { forwardedProto } from '../routing/regex.js';
import { FormatValues } from './format-values.js';
import { trailersRecord } from './kept-trailers.js';
import type { Stream } from './stream.js';
import { TextWriter } from './text-writer.js';

const DASH = 45;
const QUESTION_MARK = 63;
const PROTO = Header['x-forwarded-proto'];
const SERVICE_TIME = Header['x-envoy-upstream-service-time'];

export class Formatter {
  readonly writer: TextWriter;
  readonly values: FormatValues;
  private second = -1;
  private secondText = '';

  constructor(private readonly engine: Engine) {
    this.writer = new TextWriter(engine);
    this.values = new FormatValues(engine, this.writer, this);
  }

  /**
   * Writes one operator. `request` and `response` are Head records or 0. Returns false when the value is missing
   * (nothing was written).
   */
  write(stream: Stream, operator: CompiledOperator, request: number, response: number): boolean {
    const { writer } = this;
    if (operator.code === OP_TEXT) { writer.bytes(operator.at, operator.bytes); return true; }
    const from = writer.at;
    const present = this.evaluate(stream, operator, request, response);
    if (writer.at - from > operator.max) writer.at = from + operator.max;
    return present;
  }

  private evaluate(stream: Stream, operator: CompiledOperator, request: number, response: number): boolean {
    const { writer } = this;
    switch (operator.code) {
      case OP_REQUEST_HEADER: return this.header(stream, operator, request, true);
      case OP_RESPONSE_HEADER: return this.header(stream, operator, response, false);
      case OP_RESPONSE_TRAILER: return this.header(stream, operator, trailersRecord(this.engine, stream), false);
      case OP_START_TIME: this.startTime(stream.startWallMs); return true;
      case Op.protocol:
        if (stream.session !== null && stream.headless) return false;
        this.protocolOf(stream);
        return true;
      case Op.responseCode: writer.number(stream.status); return true;
      case Op.responseFlags: return this.flags(stream, 0);
      case Op.responseFlagsLong: return this.flags(stream, 1);
      case Op.bytesReceived: writer.number(stream.request.bytes); return true;
      case Op.bytesSent: writer.number(stream.response.bytes); return true;
      case Op.duration: writer.number(Math.floor(this.engine.nowMs - stream.startMs)); return true;
      case Op.upstreamHost: {
        const endpoint = stream.endpoint ?? stream.lastEndpoint;
        if (endpoint === null) return false;
        writer.text(endpoint.text);
        return true;
      }
      default: return this.values.write(stream, operator, request, response);
    }
  }

  /** What the client speaks, whatever became of its request. */
  private protocolOf({ downstream, framed, version10 }: Stream): void {
    this.writer.text(downstream !== null && downstream.protocol !== null ? downstream.protocol.label
      : framed ? 'HTTP/2' : version10 ? 'HTTP/1.0' : 'HTTP/1.1');
  }

  private flags({ flags, session }: Stream, form: 0 | 1): boolean {
    const { writer } = this;
    const from = writer.at;
    if (flags === 0) writer.byte(DASH);                  // a value, not a missing one
    const order = session === null ? requestFlagOrder : sessionFlagOrder;
    for (let n = 0; n < order.length; n++) {
      const bit = order[n]!;
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
    const from = this.writer.at;
    const present = this.headerValue(stream, operator, record, request)
      || (operator.alternative !== null && this.headerValue(stream, operator.alternative, record, request));
    if (present && operator.withoutQuery) this.cutQuery(from);
    return present;
  }

  private cutQuery(from: number): void {
    const { writer } = this;
    const mark = this.engine.u8.subarray(from, writer.at).indexOf(QUESTION_MARK);
    if (mark >= 0) writer.at = from + mark;
  }

  /** The value of one header, without a look at its alternative. */
  headerValue(stream: Stream, operator: CompiledOperator, record: number, request: boolean): boolean {
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
      case 253: writer.text(stream.https ? 'https' : 'http'); return true;
      case 254: writer.number(i32[words + Head.status]); return true;
      default: break;
    }
    if (operator.known === PROTO && record === engine.requestRecord) {
      writer.text(forwardedProto(engine));
      return true;
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

const formatters = new WeakMap<Engine, Formatter>();

/** The formatter for header values and local replies: one for each engine. */
export function formatterOf(engine: Engine): Formatter {
  let formatter = formatters.get(engine);
  if (formatter === undefined) formatters.set(engine, formatter = new Formatter(engine));
  return formatter;
}

/**
 * Evaluates compiled operators (header values) into [at, end); returns the position after the text. Missing values
 * print '-' as Envoy's do, or nothing. `request` and `response` are Head records or 0.
 */
export function formatInto(engine: Engine, stream: Stream, operators: readonly CompiledOperator[], request: number,
    response: number, at: number, end: number, dash: boolean): number {
  const formatter = formatterOf(engine);
  formatter.writer.begin(at, end);
  for (let i = 0; i < operators.length; i++) {
    if (!formatter.write(stream, operators[i], request, response) && dash) formatter.writer.byte(DASH);
  }
  return formatter.writer.at;
}
