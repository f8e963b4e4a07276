// Redirects that the proxy follows in the client's place (internal_redirect_policy). The request as it was sent begins
// again with the host and the path of the Location: it is routed anew, its body, which was kept, goes along.
//
//   answer's head → a code that is followed → Location → limit, scheme → route → predicates → the stream, again
//
// Where one of them says no, the redirect is the client's. Rare by nature, so plain strings are used.
import { Head, HeadFlag, HeaderLine, Method, RequestEdits, RequestEditsFlag } from '../../core/generated/layouts.js';
import { limits } from '../../core/limits.js';
import { detail } from '../../core/response-flags.js';
import { ClusterStat, HttpStat } from '../../telemetry/schema.js';
import type { InternalRedirectPolicy } from '../../config/types.js';
import type { BufferClass } from '../memory/buffers.js';
import type { Engine } from '../engine.js';
import { recordHeader } from '../routing/regex.js';
import type { RouteRuntime } from '../routing/route.js';
import type { RouteTableRuntime } from '../routing/route-table.js';
import { BODY_NONE } from './body.js';
import { markInternal } from './internal-headers.js';
import { parseRedirect } from './redirect-url.js';
import type { RedirectUrl } from './redirect-url.js';
import type { Proxy } from './request.js';
import type { Stream } from './stream.js';

const SEE_OTHER = 303;
const ORIGINAL_URL = 'x-envoy-original-url';
/** What a codec asks of every request, also of one that begins again. */
const KEPT_FLAGS = RequestEditsFlag.absoluteUrl | RequestEditsFlag.expectContinue;
const BODY_HEADERS = ['content-length', 'transfer-encoding'];

/** The next request's head, and behind it the body that lay behind the last one's; in a buffer. */
interface NextHead { buffer: number; headBytes: number; bodyBytes: number }

export class InternalRedirects {
  constructor(private readonly engine: Engine, private readonly proxy: Proxy) {}

  /** Follows the answer in engine.responseRecord; `ended`: it has no body. False: it is the client's. */
  follow(stream: Stream, status: number, ended: boolean): boolean {
    const policy = stream.route!.forward!.internalRedirects!;
    if (!policy.codes.includes(status)) return false;
    if (this.prepare(stream, policy, status, ended)) return true;
    stream.cluster!.count(ClusterStat.upstream_internal_redirect_failed_total);
    return false;
  }

  private prepare(stream: Stream, policy: InternalRedirectPolicy, status: number, ended: boolean): boolean {
    const { engine } = this;
    const location = recordHeader(engine, engine.responseRecord, 'location');
    if (!stream.request.complete || stream.kept.overflowed || stream.headBuffer < 0 || location === null) return false;
    const url = parseRedirect(location);
    if (url === null) return this.refuse(stream, HttpStat.passthrough_internal_redirect_bad_location);
    if (url.https && !policy.allowCrossScheme)
      return this.refuse(stream, HttpStat.passthrough_internal_redirect_unsafe_scheme);
    if (stream.redirects >= policy.most)
      return this.refuse(stream, HttpStat.passthrough_internal_redirect_too_many_redirects);
    // Envoy takes what follows the host as the path; no route matches that.
    if (url.path.startsWith('?')) return this.refuse(stream, HttpStat.passthrough_internal_redirect_no_route);
    const next = this.nextHead(stream, policy, url, status);
    if (next === null) return this.refuse(stream, HttpStat.passthrough_internal_redirect_bad_location);
    if (this.enter(stream, policy, url, next, ended, status)) return true;
    engine.pool.release(next.buffer);
    return false;
  }

  /** Routes the next head, which is in engine.requestRecord, and lets the stream begin again with it. */
  private enter(stream: Stream, policy: InternalRedirectPolicy, url: RedirectUrl, next: NextHead, ended: boolean,
      status: number): boolean {
    const { proxy } = this;
    const table = stream.hcm!.routeTable();
    const index = table === null ? -1 : proxy.match(table, stream.downstream!.addresses.tls);
    const route = index < 0 ? null : table!.route(index);
    if (route === null) return this.refuse(stream, HttpStat.passthrough_internal_redirect_no_route);
    if (!accepts(stream, policy, url, route))
      return this.refuse(stream, HttpStat.passthrough_internal_redirect_predicate);
    stream.cluster!.count(ClusterStat.upstream_internal_redirect_succeeded_total);
    this.leave(stream, status, ended);
    this.again(stream, table!, index, next);
    return true;
  }

  /** What the request was so far is logged and given back. */
  private leave(stream: Stream, status: number, ended: boolean): void {
    const { engine, proxy } = this;
    const hcm = stream.hcm!;
    proxy.finish.leaveUpstream(stream, ended);
    proxy.retries.leave(stream);
    stream.status = status;
    stream.details = detail('internal_redirect');
    proxy.finish.writeLogs(stream, 'DownstreamEnd');
    if (stream.filters !== null) stream.filters.onEnd(stream);
    engine.observe(hcm.requestTimeCell, engine.nowMs - stream.startMs);
    stream.cluster!.gauge(ClusterStat.upstream_rq_active, -1);
    proxy.finish.releaseHead(stream);
    stream.table!.leave();
    if (status === SEE_OTHER && stream.kept.length > 0) stream.kept.release(engine);
  }

  private again(stream: Stream, table: RouteTableRuntime, index: number, next: NextHead): void {
    const { engine, proxy } = this;
    const { i32, f64 } = engine;
    const hcm = stream.hcm!;
    const words = engine.requestRecord >> 2;
    // Giving the connection back may have let another request in.
    this.decode(stream, next);
    const start = engine.pool.offsetOf(next.buffer) + next.headBytes;
    // A body that lay behind its head is kept like the others: a filter may let the request wait.
    if (next.bodyBytes > 0) {
      stream.kept.begin(next.bodyBytes);
      stream.kept.add(engine, start, start + next.bodyBytes);
    }
    const starved = stream.kept.overflowed;
    stream.beginAgain(engine, next.headBytes);
    stream.method = i32[words + Head.method];
    stream.isHead = stream.method === Method.HEAD;
    if ((i32[words + Head.flags] & (HeadFlag.chunked | HeadFlag.hasContentLength)) === 0)
      stream.request.begin(engine, BODY_NONE, 0, 0);
    f64[hcm.scope + HttpStat.downstream_rq_total] += 1;
    f64[hcm.scope + HttpStat.downstream_rq_http1_total] += 1;
    engine.count(hcm.scope, HttpStat.rq_total);
    engine.recordOwner = stream.id;
    if (starved) proxy.failures.exhausted(stream);
    else proxy.enterRoute(stream, table, index, stream.downstream!, start, start);
    engine.recordOwner = 0;
    engine.pool.release(next.buffer);
  }

  private refuse(stream: Stream, stat: number): false {
    this.engine.count(stream.hcm!.scope, stat);
    return false;
  }

  /** Writes the next head and decodes it into engine.requestRecord. Null: it cannot be sent, or no buffer is free. */
  private nextHead(stream: Stream, policy: InternalRedirectPolicy, url: RedirectUrl, status: number): NextHead | null {
    const { engine } = this;
    const { i32, pool, codecs } = engine;
    const words = engine.requestRecord >> 2;
    engine.recordOwner = 0;
    const sent = codecs.h1DecodeRequest(stream.headAt, stream.headAt + stream.headBytes, engine.requestRecord, 0,
      limits.bufferLargeBytes, limits.headersCountMax);
    if (sent <= 0) return null;
    const method = engine.readText(i32[words + Head.methodAt], i32[words + Head.methodBytes]);
    const drops = status === SEE_OTHER && method !== 'GET' && method !== 'HEAD';
    const text = `${drops ? 'GET' : method} ${url.path} HTTP/1.1\r\nhost: ${url.host}\r\n`
      + this.headers(policy, drops) + `${ORIGINAL_URL}: http://`
      + engine.readText(i32[words + Head.hostAt], i32[words + Head.hostBytes])
      + `${engine.readText(i32[words + Head.pathAt], i32[words + Head.pathBytes])}\r\n\r\n`;
    const bodyAt = stream.headAt + sent;
    const bodyBytes = drops ? 0 : stream.headAt + stream.headBytes - bodyAt;
    const size = pool.classFor(text.length + bodyBytes + 32);
    const buffer = size < 0 ? -1 : pool.acquire(size as BufferClass);
    if (buffer < 0) return null;
    const at = pool.offsetOf(buffer);
    engine.writeText(at, text);
    codecs.copyExact(at + text.length, bodyAt, bodyBytes);
    const next = { buffer, headBytes: text.length, bodyBytes };
    if (this.decode(stream, next)) return next;
    pool.release(buffer);
    return null;
  }

  /** The next head into engine.requestRecord. False: it is none. */
  private decode(stream: Stream, next: NextHead): boolean {
    const { engine } = this;
    const { i32, codecs } = engine;
    const words = engine.requestRecord >> 2;
    const at = engine.pool.offsetOf(next.buffer);
    const used = codecs.h1DecodeRequest(at, at + next.headBytes, engine.requestRecord, stream.hcm!.decodeOptions,
      limits.bufferLargeBytes, limits.headersCountMax);
    const edits = engine.requestEdits >> 2;
    i32[edits + RequestEdits.flags] = (stream.hcm!.requestFlags & KEPT_FLAGS)
      | ((i32[words + Head.flags] & HeadFlag.teTrailers) !== 0 ? RequestEditsFlag.teTrailers : 0);
    i32[edits + RequestEdits.pathBytes] = i32[edits + RequestEdits.pathAt] = i32[edits + RequestEdits.hostBytes] = 0;
    if (stream.internal) markInternal(engine, true);
    return used > 0;
  }

  /** Header lines of the request in engine.requestRecord, with those that the response gives. */
  private headers(policy: InternalRedirectPolicy, dropsBody: boolean): string {
    const { engine } = this;
    const { i32 } = engine;
    const { copyHeaders } = policy;
    let text = '';
    const record = (words: number, wanted: (name: string) => boolean): void => {
      for (let i = 0; i < i32[words + Head.headerCount]; i++) {
        const line = words + Head.headers + i * 4;
        const name = engine.readText(i32[line], i32[line + HeaderLine.nameBytes_meta] & 0xffff);
        if (!wanted(name.toLowerCase())) continue;
        text += `${name}: ${engine.readText(i32[line + HeaderLine.valueAt], i32[line + HeaderLine.valueBytes])}\r\n`;
      }
    };
    record(engine.requestRecord >> 2, (name) => name !== 'host' && name !== ORIGINAL_URL && !copyHeaders.includes(name)
      && !(dropsBody && BODY_HEADERS.includes(name)));
    if (copyHeaders.length > 0) record(engine.responseRecord >> 2, (name) => copyHeaders.includes(name));
    return text;
  }
}

/** Every predicate must accept; those behind one that does not are not asked. */
function accepts(stream: Stream, policy: InternalRedirectPolicy, url: RedirectUrl, target: RouteRuntime): boolean {
  for (const predicate of policy.predicates) {
    if (predicate.kind === 'allowListedRoutes' && !predicate.names.includes(target.name)) return false;
    if (predicate.kind === 'safeCrossScheme' && url.https) return false;
    if (predicate.kind === 'previousRoutes') {
      const step = `${stream.route!.name}\n${target.name}`;
      if (stream.redirectSteps.includes(step)) return false;
      stream.redirectSteps = [...stream.redirectSteps, step];
    }
  }
  return true;
}
