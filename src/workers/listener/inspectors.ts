// The listener filters of one listener, compiled. Each looks at what a connection has sent so far and says how many
// of the bytes are its own, that it wants more, or that the connection is over.
import type { ListenerFilter, ListenerPredicate } from '../../config/listener-filters.js';
import { limits } from '../../core/limits.js';
import { HttpInspectorStat, ProxyProtocolStat, TlsInspectorStat, histogramCell } from '../../telemetry/schema.js';
import type { SocketAddress } from '../../os/sockaddr.js';
import type { Engine } from '../engine.js';
import { ClientHello, HELLO_FOUND, HELLO_MORE } from './client-hello.js';
import { HelloNotes } from './hello-fingerprints.js';
import { PROXY_BAD, PROXY_MORE, PROXY_NONE, ProxyHeader } from './proxy-header.js';
import { LINE_HTTP10, LINE_HTTP11, LINE_HTTP2, LINE_MORE, requestLine } from './request-line.js';

/** More bytes are needed. */
export const INSPECT_WAIT = -1;
/** The connection is closed. */
export const INSPECT_CLOSE = -2;

/** What filters find out and look at. */
export interface Inspected {
  readonly fd: number;
  serverName: string;
  ja3: string;
  ja4: string;
  /** '' until somebody knows. */
  transportProtocol: string;
  applicationProtocols: readonly string[];
  readonly local: SocketAddress | null;
  /** The client wanted to go there. */
  restore(address: SocketAddress): void;
  /** That is who the client is. */
  cameFrom(address: SocketAddress): void;
}

export interface Inspector {
  /** It leaves this connection alone. */
  rests(inspected: Inspected): boolean;
  /** Bytes that are its own (0: they stay for the chain), INSPECT_WAIT or INSPECT_CLOSE. `at` may be `end`. */
  inspect(inspected: Inspected, at: number, end: number): number;
}

/** `scope`: offset of the filter's statistics. */
export function compileInspector(engine: Engine, filter: ListenerFilter, scope: number,
  transparent: boolean): Inspector {
  const cells = engine.statsBase + (scope >> 3);
  switch (filter.kind) {
    case 'originalDst': return new OriginalDestination(engine, filter, transparent);
    case 'tlsInspector': return new TlsInspector(engine, filter, cells);
    case 'httpInspector': return new HttpInspector(engine, filter, cells);
    case 'proxyProtocol': return new ProxyProtocol(engine, filter, cells);
  }
}

abstract class Base<K extends ListenerFilter['kind']> {
  constructor(protected readonly engine: Engine, protected readonly filter: Extract<ListenerFilter, { kind: K }>,
    protected readonly scope = 0) {}
  rests(inspected: Inspected): boolean {
    const { disabled } = this.filter;
    return disabled !== null && holds(disabled, inspected);
  }
}

function holds(predicate: ListenerPredicate, inspected: Inspected): boolean {
  switch (predicate.kind) {
    case 'any': return true;
    case 'not': return !holds(predicate.rule, inspected);
    case 'and': return predicate.rules.every((rule) => holds(rule, inspected));
    case 'or': return predicate.rules.some((rule) => holds(rule, inspected));
    case 'destinationPort': {
      const { local } = inspected;
      return local?.kind === 'ip' && local.port >= predicate.start && local.port < predicate.end;
    }
  }
}

class OriginalDestination extends Base<'originalDst'> implements Inspector {
  /** `transparent`: connections come with the destination as their local address (TPROXY). */
  constructor(engine: Engine, filter: Extract<ListenerFilter, { kind: 'originalDst' }>,
      private readonly transparent: boolean) { super(engine, filter); }

  inspect(inspected: Inspected): number {
    const address = this.transparent ? inspected.local : this.engine.outside.originalDestination(inspected.fd);
    if (address !== null) inspected.restore(address);
    return 0;
  }
}

class TlsInspector extends Base<'tlsInspector'> implements Inspector {
  private readonly hello = new ClientHello();

  constructor(engine: Engine, filter: Extract<ListenerFilter, { kind: 'tlsInspector' }>, scope: number) {
    super(engine, filter, scope);
    if (filter.ja3 || filter.ja4) this.hello.notes = new HelloNotes();
  }

  inspect(inspected: Inspected, at: number, end: number): number {
    if (at === end) return INSPECT_WAIT;
    const { engine, hello, scope } = this;
    const { maxClientHelloBytes, closeOnError } = this.filter;
    const found = hello.read(engine.u8, at, end);
    if (found === HELLO_MORE) {
      if (end - at < maxClientHelloBytes) return INSPECT_WAIT;
      engine.count(scope, TlsInspectorStat.client_hello_too_large);
      return INSPECT_CLOSE;
    }
    engine.observe(scope + histogramCell('tls_inspector', 0), end - at);
    if (found !== HELLO_FOUND) {
      if (closeOnError) return INSPECT_CLOSE;
      engine.count(scope, TlsInspectorStat.tls_not_found);
      return 0;
    }
    inspected.transportProtocol = 'tls';
    inspected.serverName = hello.serverName;
    const { notes } = hello;
    if (notes !== null && this.filter.ja3) inspected.ja3 = notes.ja3;
    if (notes !== null && this.filter.ja4) inspected.ja4 = notes.ja4;
    if (hello.hasProtocols) inspected.applicationProtocols = hello.protocols;
    engine.count(scope, TlsInspectorStat.tls_found);
    engine.count(scope, hello.serverName === '' ? TlsInspectorStat.sni_not_found : TlsInspectorStat.sni_found);
    engine.count(scope, hello.hasProtocols ? TlsInspectorStat.alpn_found : TlsInspectorStat.alpn_not_found);
    return 0;
  }
}

const http10 = ['http/1.0'], http11 = ['http/1.1'], http2 = ['h2c'];

class HttpInspector extends Base<'httpInspector'> implements Inspector {
  inspect(inspected: Inspected, at: number, end: number): number {
    if (inspected.transportProtocol !== '' && inspected.transportProtocol !== 'raw_buffer') return 0;
    const { engine, scope } = this;
    const line = requestLine(engine.u8, at, end);
    switch (line) {
      case LINE_MORE:
        if (end - at < limits.inspectedHeadBytesMax) return INSPECT_WAIT;
        engine.count(scope, HttpInspectorStat.read_error);
        return INSPECT_CLOSE;
      case LINE_HTTP10:
        engine.count(scope, HttpInspectorStat.http10_found);
        inspected.applicationProtocols = http10;
        return 0;
      case LINE_HTTP11:
        engine.count(scope, HttpInspectorStat.http11_found);
        inspected.applicationProtocols = http11;
        return 0;
      case LINE_HTTP2:
        engine.count(scope, HttpInspectorStat.http2_found);
        inspected.applicationProtocols = http2;
        return 0;
      default:
        engine.count(scope, HttpInspectorStat.http_not_found);
        return 0;
    }
  }
}

class ProxyProtocol extends Base<'proxyProtocol'> implements Inspector {
  private readonly header = new ProxyHeader();

  inspect(inspected: Inspected, at: number, end: number): number {
    const { engine, header, scope } = this;
    const { allowWithout, disallowed } = this.filter;
    const bytes = header.read(engine.u8, at, end, allowWithout, disallowed);
    if (bytes === PROXY_MORE) return INSPECT_WAIT;
    if (bytes === PROXY_NONE) {
      engine.count(scope, allowWithout ? ProxyProtocolStat.not_found_allowed : ProxyProtocolStat.not_found_disallowed);
      return allowWithout ? 0 : INSPECT_CLOSE;
    }
    const base = header.version === 1 ? ProxyProtocolStat['versions.v1.found'] : ProxyProtocolStat['versions.v2.found'];
    const refused = disallowed.includes(header.version === 1 ? 'v1' : 'v2');
    engine.count(scope, bytes === PROXY_BAD ? base + 2 : base);
    if (refused) engine.count(scope, base + 1);
    if (refused || bytes === PROXY_BAD) return INSPECT_CLOSE;
    if (header.remote !== null && header.local !== null) {
      const { local } = inspected;
      if (local?.kind !== 'ip' || header.local.kind !== 'ip' || local.host !== header.local.host
        || local.port !== header.local.port) inspected.restore(header.local);
      inspected.cameFrom(header.remote);
    }
    return bytes;
  }
}
