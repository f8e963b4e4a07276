// The substitution commands that the default format does not use: durations, byte counts, addresses, names, query
// parameters, metadata. Evaluated only by formats that ask; some make strings.
import { grpcStatusOfHttp } from '../../core/grpc-status.js';
import { randomUUID } from 'node:crypto';
import { hostname } from 'node:os';
import { Head, HeaderLine } from '../../core/generated/layouts.js';
import { connectFailureReason, detail, detailTexts } from '../../core/response-flags.js';
import { fullText, ipText, portText } from '../connection/addresses.js';
import type { TlsFacts } from '../connection/tls-facts.js';
import type { Engine } from '../engine.js';
import { OP_CERTIFICATE_TIME, OP_COMMON_DURATION, OP_DETAILS, OP_FILTER_STATE, OP_FIRST_OF, OP_GRPC_STATUS,
  OP_METADATA, OP_QUERY_PARAMETER, OP_QUERY_PARAMETERS, OP_TIME, OP_TLS, Op } from '../routing/compiled-format.js';
import type { CompiledOperator } from '../routing/compiled-format.js';
import { recordHeader } from '../routing/regex.js';
import type { Endpoint } from '../upstream/endpoint.js';
import { endpointName, grpcStatusNames, grpcStatusOf, maskedAddress, metadataText, queryParameter,
  withoutPort } from './format-texts.js';
import { forwardedAddress } from './remote-address.js';
import type { SocketAddress } from '../../os/sockaddr.js';
import type { Formatter } from './formatter.js';
import { strftime } from '../../telemetry/strftime.js';
import { trailersRecord } from './kept-trailers.js';
import type { Stream } from './stream.js';
import type { TextWriter } from './text-writer.js';

const HOSTNAME = hostname();
const CONNECTION_FAILURE = detail('upstream_reset_before_response_started{remote_connection_failure}');
const ETIMEDOUT = 110;
/** Why a connection could not be made; '' where nobody said why, or we waited no longer. */
const failureOf = ({ connectErrno, transportFailure }: Stream): string => transportFailure !== '' ? transportFailure
  : connectErrno <= 0 || connectErrno === ETIMEDOUT ? '' : connectFailureReason(connectErrno);

export class FormatValues {
  /** Which moment of a stream is logged, as Envoy names it. */
  logType = 'NotSet';
  /** Body of the answer that is being made, for %LOCAL_REPLY_BODY%. */
  localReplyBody = '';

  constructor(private readonly engine: Engine, private readonly writer: TextWriter,
    private readonly formatter: Formatter) {}

  write(stream: Stream, operator: CompiledOperator, request: number, response: number): boolean {
    switch (operator.code) {
      case OP_TIME: return this.text(strftime(operator.text, operator.emitted ? this.engine.wallMs
        : stream.startWallMs, operator.local));
      case OP_DETAILS: return this.details(stream, operator.local);
      case OP_COMMON_DURATION: return this.commonDuration(stream, operator);
      case OP_QUERY_PARAMETER: case OP_QUERY_PARAMETERS: return this.query(operator, request);
      case OP_GRPC_STATUS: return this.grpcStatus(stream, operator, request, response);
      case OP_METADATA: return this.text(metadataText(stream, operator.text, operator.path));
      case OP_TLS: return this.text(this.tls(stream, operator)?.text(operator.text) ?? '');
      case OP_CERTIFICATE_TIME: return this.certificateTime(this.tls(stream, operator), operator);
      case OP_FILTER_STATE: return this.text(filterState(stream, operator.text));
      case OP_FIRST_OF: return this.firstOf(stream, operator, request, response);
      case Op.requestHeadersBytes: this.writer.number(this.headersBytes(request, true)); return true;
      case Op.responseHeadersBytes: this.writer.number(this.headersBytes(response, false)); return true;
      default: return this.plain(stream, operator.code) ?? this.address(stream, operator, request);
    }
  }

  private firstOf(stream: Stream, operator: CompiledOperator, request: number, response: number): boolean {
    const from = this.writer.at;
    for (let i = 0; i < operator.operators.length; i++) {
      if (this.formatter.write(stream, operator.operators[i], request, response) && this.writer.at > from) return true;
      this.writer.at = from;
    }
    return false;
  }

  /** Counts, durations and names; null for what is none of these. */
  private plain(stream: Stream, code: number): boolean | null {
    const { writer, engine } = this;
    const cluster = stream.cluster ?? stream.unusedCluster;
    switch (code) {
      case Op.zero: writer.number(0); return true;
      case Op.absent: return false;
      case Op.empty: return true;
      case Op.upstreamProtocol: return this.text(stream.session !== null || (stream.endpoint === null
        && stream.lastEndpoint === null) ? '' : 'HTTP/1.1');
      case Op.requestDuration: return this.span(stream.startMs, stream.requestEndMs);
      case Op.requestTxDuration: return this.span(stream.startMs, this.sentMs(stream));
      case Op.responseDuration:
        return this.span(stream.startMs, stream.upstreamSentMs === 0 ? 0 : stream.responseStartMs);
      case Op.responseTxDuration: return this.span(stream.responseStartMs,
        stream.responseStartMs === 0 || stream.upstreamSentMs === 0 ? 0 : engine.nowMs);
      case Op.poolReadyDuration: return this.span(stream.startMs, stream.upstreamSentMs);
      case Op.upstreamCluster: return this.text(cluster === null ? '' : cluster.config.altStatName || cluster.name);
      case Op.upstreamClusterRaw: return this.text(cluster === null ? '' : cluster.name);
      case Op.upstreamRequestAttemptCount: writer.number(stream.attempts); return true;
      case Op.routeName: return this.text(stream.route?.name ?? '');
      case Op.virtualClusterName: return this.text(stream.virtualCluster?.name ?? '');
      case Op.listenerName: return this.text(stream.origin!.listener.name);
      case Op.filterChainName: return this.text(stream.origin!.chainName);
      case Op.hostname: return this.text(HOSTNAME);
      case Op.connectionId: writer.number(stream.origin!.id); return true;
      case Op.upstreamConnectionId: writer.number(stream.upstreamConnectionId); return stream.upstreamConnectionId > 0;
      case Op.accessLogType: return this.text(this.logType);
      case Op.localReplyBody: writer.text(this.localReplyBody); return true;
      case Op.uniqueId: return this.text(randomUUID());
      case Op.terminationDetails: return this.text(stream.origin!.addresses.terminationDetails);
      case Op.upstreamTransportFailureReason:
        return this.text(failureOf(stream));
      default: return this.wire(stream, code);
    }
  }

  /** Bytes on the wire: heads as they were received and sent, bodies with their framing. */
  private wire(stream: Stream, code: number): boolean | null {
    let bytes = 0;
    switch (code) {
      case Op.downstreamBytesReceived: bytes = stream.requestHeadBytes + stream.request.bytes; break;
      case Op.downstreamBytesSent: bytes = stream.sentHeadBytes + stream.response.bytes; break;
      case Op.upstreamBytesReceived:
        bytes = stream.responseHeadBytes === 0 && (stream.session === null || stream.upstreamSentMs === 0) ? 0
          : stream.responseHeadBytes + stream.response.bytes;
        break;
      case Op.upstreamBytesSent: bytes = stream.upstreamSentMs === 0 ? 0
        : stream.forwardedHeadBytes + stream.request.bytes; break;
      case Op.downstreamHeadReceived: bytes = stream.requestHeaderBytes; break;
      case Op.downstreamHeadSent: bytes = stream.sentHeadBytes; break;
      case Op.upstreamHeadReceived: bytes = stream.responseHeaderBytes; break;
      case Op.upstreamHeadSent: bytes = stream.upstreamSentMs === 0 ? 0 : stream.forwardedHeadBytes; break;
      default: return null;
    }
    this.writer.number(bytes);
    return true;
  }

  private address(stream: Stream, operator: CompiledOperator, request: number): boolean {
    const endpoint = stream.endpoint ?? stream.lastEndpoint;
    const { addresses } = stream.origin!;
    switch (operator.code) {
      case Op.upstreamHostName: return this.text(endpoint === null ? '' : endpointName(endpoint));
      case Op.upstreamHostNameOnly: return this.text(endpoint === null ? '' : withoutPort(endpointName(endpoint)));
      case Op.upstreamRemoteIp: return this.ip(endpoint?.address.kind === 'ip' ? endpoint.address.host : '', operator);
      case Op.upstreamRemotePort:
        return this.text(endpoint?.address.kind === 'ip' ? String(endpoint.address.port) : '');
      case Op.upstreamLocalAddress: return this.text(fullText(this.upstreamLocal(stream)));
      case Op.upstreamLocalIp: return this.ip(ipText(this.upstreamLocal(stream)), operator);
      case Op.upstreamLocalPort:
        return this.text(this.upstreamLocal(stream) === null ? '' : portText(this.upstreamLocal(stream)));
      case Op.downstreamRemoteAddress: return this.text(fullText(this.remote(stream, request)));
      case Op.downstreamRemoteIp: return this.ip(ipText(this.remote(stream, request)), operator);
      case Op.downstreamRemotePort: return this.text(portText(this.remote(stream, request)));
      case Op.downstreamDirectRemoteAddress: return this.text(fullText(addresses.directRemote()));
      case Op.downstreamDirectRemoteIp: return this.ip(ipText(addresses.directRemote()), operator);
      case Op.downstreamDirectRemotePort: return this.text(portText(addresses.directRemote()));
      case Op.requestedServerName: return this.text(addresses.serverName);
      case Op.downstreamLocalAddress: return this.text(fullText(addresses.local));
      case Op.downstreamLocalIp: return this.ip(ipText(addresses.local), operator);
      case Op.downstreamLocalPort: return this.text(portText(addresses.local));
      case Op.ja3: return this.text(addresses.ja3);
      case Op.ja4: return this.text(addresses.ja4);
      case Op.downstreamTransportFailureReason:
        return this.text(addresses.transportFailure || (addresses.tls?.fault ?? ''));
      case Op.hostsAttempted: return this.attempted(stream, ({ text }) => text);
      case Op.hostIpsAttempted: return this.attempted(stream, ({ text }) => withoutPort(text));
      case Op.hostNamesAttempted: return this.attempted(stream, endpointName);
      case Op.hostNamesOnlyAttempted: return this.attempted(stream, (each) => withoutPort(endpointName(each)));
      default: return false;
    }
  }

  private remote(stream: Stream, request: number): SocketAddress | null {
    if (stream.session !== null) return stream.session.addresses.remote;
    const host = forwardedAddress(this.engine, stream, request);
    return host === '' ? stream.downstream!.addresses.remote : { kind: 'ip', host, port: 0 };
  }

  private attempted(stream: Stream, name: (endpoint: Endpoint) => string): boolean {
    const all = [...stream.attempted ?? [], ...(stream.endpoint === null ? [] : [stream.endpoint])];
    return this.text(all.map(name).join(','));
  }

  private tls(stream: Stream, { upstream }: CompiledOperator): TlsFacts | null {
    if (!upstream) return stream.origin!.addresses.tls;
    return stream.upstream === null ? stream.upstreamTls : stream.upstream.tls;
  }

  private certificateTime(facts: TlsFacts | null, operator: CompiledOperator): boolean {
    const ms = facts === null ? 0 : facts.peerTimeMs(operator.local);
    return ms !== 0 && this.text(strftime(operator.text, ms, false));
  }

  private upstreamLocal({ upstream, upstreamLocal }: Stream) {
    const { outside, reactor } = this.engine;
    return upstream === null ? upstreamLocal : outside.localAddress(reactor.fdOf(upstream.socket));
  }

  private details(stream: Stream, spaces: boolean): boolean {
    if (stream.details === 0) return false;
    let text: string = detailTexts[stream.details]!;
    if (stream.details === CONNECTION_FAILURE) {
      const failure = failureOf(stream);
      if (failure !== '') text = `${text.slice(0, -1)}|${failure}}`;
    }
    return this.text(spaces ? text : text.replaceAll(' ', '_'));
  }

  private text(text: string): boolean {
    if (text === '') return false;
    this.writer.text(text);
    return true;
  }

  private ip(text: string, operator: CompiledOperator): boolean {
    return this.text(operator.maskBits < 0 || text === '' ? text : maskedAddress(text, operator.maskBits));
  }

  private span(from: number, to: number): boolean {
    if (to === 0) return false;
    this.writer.number(Math.max(0, Math.floor(to - from)));
    return true;
  }

  /** When the last byte of the request left for the upstream; 0 = it did not. */
  private sentMs(stream: Stream): number {
    return stream.upstreamSentMs === 0 || stream.requestEndMs === 0 ? 0
      : Math.max(stream.upstreamSentMs, stream.requestEndMs);
  }

  private commonDuration(stream: Stream, operator: CompiledOperator): boolean {
    const start = this.timePoint(stream, operator.start), end = this.timePoint(stream, operator.end);
    if (start === 0 || end === 0 || end < start) return false;
    this.writer.number(Math.floor((end - start) * operator.perMillisecond));
    return true;
  }

  /** In the order of timePoints (telemetry/format.ts); 0 = it never came. */
  private timePoint(stream: Stream, index: number): number {
    const answered = stream.upstreamSentMs !== 0 && stream.responseStartMs !== 0;
    switch (index) {
      case 0: return stream.startMs;
      case 1: return stream.requestEndMs;
      case 2: return stream.connectStartMs;
      case 3: return stream.connectEndMs;
      case 5: return stream.upstreamSentMs;
      case 6: return this.sentMs(stream);
      case 7: return answered ? stream.responseStartMs : 0;
      case 8: return answered && stream.response.bytes > 0 ? stream.responseStartMs : 0;
      case 9: return answered && stream.response.complete ? this.engine.nowMs : 0;
      case 10: return stream.responseStarted ? stream.responseStartMs : 0;
      case 11: return stream.responseStarted && stream.response.complete ? this.engine.nowMs : 0;
      default: return 0;
    }
  }

  private query(operator: CompiledOperator, record: number): boolean {
    if (record === 0) return false;
    const words = record >> 2;
    const { i32 } = this.engine;
    const path = this.engine.readText(i32[words + Head.pathAt], i32[words + Head.pathBytes]);
    const mark = path.indexOf('?');
    if (mark < 0) return false;
    const query = path.slice(mark + 1).split('#')[0];
    if (operator.code === OP_QUERY_PARAMETER) {
      const value = queryParameter(query, operator.text);
      if (value !== null) this.writer.text(decodedLatin1(value));
      return value !== null;
    }
    return this.text(operator.local ? decodedLatin1(query) : query);
  }

  private grpcStatus(stream: Stream, operator: CompiledOperator, request: number, response: number): boolean {
    if (request === 0) return false;
    const type = recordHeader(this.engine, request, 'content-type');
    if (type === null || !/^application\/grpc($|[+;])/.test(type)) return false;
    const trailers = trailersRecord(this.engine, stream);
    const own = trailers === 0 ? null : recordHeader(this.engine, trailers, 'grpc-status');
    const said = grpcStatusOf(own ?? (response === 0 ? null : recordHeader(this.engine, response, 'grpc-status')));
    if (said === null && stream.status === 0) return false;
    const status = said ?? grpcStatusOfHttp(stream.status);
    if (operator.text === 'number') { this.writer.number(status); return true; }
    return this.text(grpcStatusNames[status]?.[operator.text === 'camel' ? 0 : 1] ?? String(status));
  }

  /** Names and values of a decoded head, as Envoy counts a header map: pseudo headers among them, no framing. */
  private headersBytes(record: number, isRequest: boolean): number {
    if (record === 0) return 0;
    const { i32 } = this.engine;
    const words = record >> 2;
    let bytes = isRequest ? ':method:path:scheme:authority'.length + 'http'.length + i32[words + Head.methodBytes]
      + i32[words + Head.pathBytes] + i32[words + Head.hostBytes] : ':status'.length + 3;
    for (let i = 0; i < i32[words + Head.headerCount]; i++) {
      const line = words + Head.headers + i * 4;
      bytes += (i32[line + HeaderLine.nameBytes_meta] & 0xffff) + i32[line + HeaderLine.valueBytes];
    }
    return bytes;
  }
}

/** The one object that a filter sets: the counts of grpc_stats. */
function filterState({ countsMessages, messages }: Stream, key: string): string {
  if (!countsMessages || !messages!.shown) return '';
  const { request, response } = messages!;
  if (request.count === 0 && response.count === 0) return '';
  if (key === 'envoy.filters.http.grpc_stats:PLAIN') return `${request.count},${response.count}`;
  if (key !== 'envoy.filters.http.grpc_stats:TYPED') return '';
  return `{${[count('requestMessageCount', request.count), count('responseMessageCount', response.count)]
    .filter((member) => member !== '').join(',')}}`;
}
const count = (name: string, value: number): string => (value === 0 ? '' : `"${name}":"${value}"`);

/** Percent-decoded bytes, as Latin-1 text like all text here. */
function decodedLatin1(text: string): string {
  return text.replace(/%([0-9a-fA-F]{2})/g, (_, digits: string) => String.fromCharCode(parseInt(digits, 16)));
}
