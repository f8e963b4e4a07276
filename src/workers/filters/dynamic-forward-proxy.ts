// envoy.filters.http.dynamic_forward_proxy: a request goes to the host that it names, whatever that is. Main resolves
// names; the request waits for the first answer, later ones come while the old address is used.
import { isIP } from 'node:net';
import type { DynamicForwardProxyFilter as Config } from '../../config/http-filters.js';
import { Head } from '../../core/generated/layouts.js';
import { ResponseFlag, detail } from '../../core/response-flags.js';
import type { Engine } from '../engine.js';
import type { Stream } from '../proxy/stream.js';
import { recordHeader } from '../routing/regex.js';
import { ANSWERED, CONTINUE } from './filter.js';
import type { Actions, HttpFilter } from './filter.js';
import type { HostCache, KnownHost } from './host-cache.js';

const PORT_DEFAULT = 80;

export class DynamicForwardProxyFilter implements HttpFilter {
  constructor(private readonly engine: Engine, private readonly cache: HostCache,
    private readonly route: Config | null) {}

  onRequest(stream: Stream, actions: Actions): number {
    if (!actions.goesToResolved(stream)) return CONTINUE;
    const { engine, route } = this;
    const rewritten = route === null ? null : route.hostRewriteLiteral
      ?? (route.hostRewriteHeader === null ? null
        : recordHeader(engine, engine.requestRecord, route.hostRewriteHeader));
    if (rewritten !== null && rewritten !== '' && !actions.rewriteHost(stream, rewritten)) return ANSWERED;
    const { name, port } = this.target();
    if (isIP(name) !== 0) return this.go(stream, name, port);
    const host = this.cache.host(name);
    if (host === null || !host.refresh()) {
      return actions.reply(stream, 503, ResponseFlag.UO, detail('dns_cache_overflow'), 'DNS cache overflow');
    }
    if (host.known) return this.goTo(stream, host, port, actions);
    const verdict = actions.suspend(stream);
    if (verdict !== ANSWERED) host.await(stream, actions);
    return verdict;
  }

  onResume(stream: Stream, actions: Actions): number {
    const { name, port } = this.target();
    return this.goTo(stream, this.cache.host(name)!, port, actions);
  }

  release(): void { /* nothing in the arena */ }

  private goTo(stream: Stream, host: KnownHost, port: string, actions: Actions): number {
    if (host.address !== '') return this.go(stream, host.address, port);
    return actions.reply(stream, 503, ResponseFlag.DF, detail('dns_resolution_failure'), 'DNS resolution failure');
  }

  private go(stream: Stream, address: string, port: string): number {
    stream.resolvedAddress = address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`;
    return CONTINUE;
  }

  /** Host and port that the request names. */
  private target(): { name: string; port: string } {
    const { i32, requestRecord } = this.engine;
    const words = requestRecord >> 2;
    const authority = this.engine.readText(i32[words + Head.hostAt], i32[words + Head.hostBytes]).toLowerCase();
    const [, literal, bare, port] = /^(?:\[([^\]]*)\]|([^:]*))(?::(\d+))?$/.exec(authority) ?? [];
    return { name: literal ?? bare ?? authority, port: port ?? String(PORT_DEFAULT) };
  }
}
