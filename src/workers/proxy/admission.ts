// Before routing: what an HTTP connection manager checks and changes about every request (versions, host, path,
// underscores, Expect). Refusals end in reply.ts. Changes are written into the request record and the request edits.
import { Head, HeadFlag, Header, HeaderLine, RequestEdits, RequestEditsFlag } from '../../core/generated/layouts.js';
import { ResponseFlag, detail } from '../../core/response-flags.js';
import { ClusterStat, HttpStat } from '../../telemetry/schema.js';
import type { Engine } from '../engine.js';
import { PATH_MERGE_SLASHES, PATH_NORMALIZE, PATH_UNESCAPE_SLASHES } from '../listener/hcm.js';
import type { HcmRuntime } from '../listener/hcm.js';
import { recordHeader } from '../routing/regex.js';
import type { ClusterRuntime } from '../upstream/cluster.js';
import { BODY_NONE, BODY_TUNNEL, BODY_UNTIL_END, OUT_SAME } from './body.js';
import { admitClientCertificate } from './client-certificate.js';
import { admitInternal } from './internal-headers.js';
import { knownLine } from './known-line.js';
import type { Proxy } from './request.js';
import type { Stream } from './stream.js';

const NEEDS_NORMALIZING = HeadFlag.pathHasDots | HeadFlag.pathHasPercent;
/** What few requests have, looked at together so that the others pay one comparison. */
const UNUSUAL = HeadFlag.underscore | HeadFlag.fragment | HeadFlag.connectionNames | HeadFlag.upgrade
  | HeadFlag.expectContinue | HeadFlag.teTrailers;

const DOT = 46;
const HTTPS = Uint8Array.from('https', (letter) => letter.charCodeAt(0));

/** False when the request was answered. */
export function admit(engine: Engine, proxy: Proxy, stream: Stream): boolean {
  const hcm = stream.hcm!;
  const words = engine.requestRecord >> 2;
  const edits = engine.requestEdits >> 2;
  const { i32 } = engine;
  const flags = i32[words + Head.flags];
  const { secure } = stream.downstream!.addresses;
  i32[edits + RequestEdits.flags] = secure && hcm.config.schemeOverwrite === null
    ? hcm.requestFlags | RequestEditsFlag.https : hcm.requestFlags;
  if (hcm.internalAddresses !== null) admitInternal(engine, stream);
  if ((i32[edits + RequestEdits.flags] & RequestEditsFlag.external) !== 0)
    engine.codecs.h1DropClaims(engine.requestRecord);
  if (!admitClientCertificate(engine, stream, hcm.config.forwardClientCert)) {
    proxy.replies.refuseHead(stream, 431, detail('request_headers_too_large'));
    return false;
  }
  if (isHttps(engine, hcm, flags, secure)) {
    i32[edits + RequestEdits.flags] |= RequestEditsFlag.schemeHttps;
    stream.https = true;
  }
  i32[edits + RequestEdits.pathBytes] = i32[edits + RequestEdits.pathAt] = i32[edits + RequestEdits.hostBytes] = 0;
  if ((flags & HeadFlag.httpsScheme) !== 0 && hcm.isEdge && !secure) {
    // Nobody can have asked for https on a plain connection at the edge.
    proxy.replies.refuseHead(stream, 403, detail('http1.invalid_scheme'));
    return false;
  }
  if (stream.version10 && !admitVersion10(engine, proxy, stream, hcm)) return false;
  if (i32[words + Head.hostBytes] === 0) {
    stream.downstream!.outOfStep();
    proxy.replies.send(stream, 400, 0, detail('missing_host_header'), '');
    return false;
  }
  if ((flags & UNUSUAL) !== 0 || stream.isConnect) {
    if (!admitUnusual(engine, proxy, stream, hcm, flags)) return false;
  }
  if (hcm.config.stripPort !== 'none' || hcm.config.stripTrailingHostDot) stripHost(engine, stream, hcm, words);
  return hcm.pathOptions === 0 && hcm.config.pathWithEscapedSlashes === 'keepUnchanged' ? true
    : normalize(engine, proxy, stream, hcm, flags);
}

/** What stands for :scheme: as the target says, or as x-forwarded-proto says, unless that is set here anyway. */
function isHttps(engine: Engine, hcm: HcmRuntime, flags: number, secure: boolean): boolean {
  if (hcm.config.schemeOverwrite !== null) return hcm.config.schemeOverwrite === 'https';
  if ((flags & HeadFlag.absoluteForm) !== 0) return (flags & HeadFlag.httpsScheme) !== 0;
  if ((hcm.requestFlags & RequestEditsFlag.setProto) !== 0) return secure;
  const record = engine.requestRecord;
  const line = knownLine(engine, record, Header['x-forwarded-proto']);
  if (line === 0) return secure;
  if (engine.i32[line + HeaderLine.valueBytes] !== HTTPS.length) return false;
  const at = engine.i32[line + HeaderLine.valueAt];
  for (let i = 0; i < HTTPS.length; i++) if ((engine.u8[at + i] | 32) !== HTTPS[i]) return false;
  return true;
}

function admitVersion10(engine: Engine, proxy: Proxy, stream: Stream, hcm: HcmRuntime): boolean {
  if (!hcm.config.acceptHttp10) {
    proxy.replies.refuseHead(stream, 426, detail('low_version'));
    return false;
  }
  const words = engine.requestRecord >> 2;
  if (engine.i32[words + Head.hostBytes] === 0 && hcm.defaultHost !== null) {
    engine.i32[words + Head.hostAt] = hcm.defaultHost.at;
    engine.i32[words + Head.hostBytes] = hcm.defaultHost.bytes;
  }
  return true;
}

function admitUnusual(engine: Engine, proxy: Proxy, stream: Stream, hcm: HcmRuntime, flags: number): boolean {
  const edits = engine.requestEdits >> 2;
  if ((flags & HeadFlag.underscore) !== 0 && hcm.config.headersWithUnderscores !== 'allow') {
    if (hcm.config.headersWithUnderscores === 'rejectRequest') {
      engine.count(hcm.scope, HttpStat['http1.requests_rejected_with_underscores_in_headers']);
      proxy.replies.refuseHead(stream, 400, detail('http1.unexpected_underscore'));
      return false;
    }
    engine.count(hcm.scope, HttpStat['http1.dropped_headers_with_underscores']);
  }
  if ((flags & HeadFlag.fragment) !== 0) {
    stream.downstream!.outOfStep();
    proxy.replies.send(stream, 400, 0, detail('path_normalization_failed'), '');
    return false;
  }
  if (engine.codecs.h1DropNominated(engine.requestRecord) === 0) {
    proxy.replies.send(stream, 400, ResponseFlag.DPE, detail('http1.connection_header_rejected'), '');
    return false;
  }
  if ((flags & HeadFlag.teTrailers) !== 0) engine.i32[edits + RequestEdits.flags] |= RequestEditsFlag.teTrailers;
  if (stream.expectContinue && !hcm.config.proxy100Continue) {
    if (!stream.version10) proxy.replies.sendContinue(stream);          // RFC 9110 10.1.1: never to HTTP/1.0
    stream.expectContinue = false;
  }
  if (stream.isConnect) {
    stream.isUpgrade = true;
    stream.request.begin(engine, BODY_TUNNEL, 0, OUT_SAME);
    stream.request.complete = false;
    return true;
  }
  if ((flags & HeadFlag.upgrade) !== 0) markUpgrade(engine, stream);
  return true;
}

/** An upgrade with a body is treated as a plain request: RFC 9110 7.8 lets a server ignore Upgrade. */
function markUpgrade(engine: Engine, stream: Stream): void {
  const { framed } = stream.downstream!;
  if (stream.request.kind !== (framed ? BODY_UNTIL_END : BODY_NONE) || stream.version10
      || recordHeader(engine, engine.requestRecord, 'upgrade') === null)
    return;
  // What follows the request is of the tunnel.
  if (framed) stream.request.begin(engine, BODY_NONE, 0, OUT_SAME);
  stream.isUpgrade = true;
}

function stripHost(engine: Engine, stream: Stream, hcm: HcmRuntime, words: number): void {
  const { i32 } = engine;
  const at = i32[words + Head.hostAt];
  let bytes = i32[words + Head.hostBytes];
  const bare = engine.codecs.withoutPort(at, bytes);
  if (hcm.config.stripPort === 'any') bytes = bare;
  else if (hcm.config.stripPort === 'matching' && bare < bytes) {
    const { local } = stream.downstream!.addresses;
    if (local?.kind === 'ip' && engine.readText(at + bare + 1, bytes - bare - 1) === String(local.port)) bytes = bare;
  }
  if (hcm.config.stripTrailingHostDot && bytes > 1) {
    if (engine.u8[at + bytes - 1] === DOT) bytes--;
    else if (bare > 1 && bare < bytes && engine.u8[at + bare - 1] === DOT && !stream.version10) {
      engine.u8.copyWithin(at + bare - 1, at + bare, at + bytes);
      bytes--;
    }
  }
  i32[words + Head.hostBytes] = bytes;
}

function normalize(engine: Engine, proxy: Proxy, stream: Stream, hcm: HcmRuntime, flags: number): boolean {
  const words = engine.requestRecord >> 2;
  const { i32 } = engine;
  if ((flags & (HeadFlag.asteriskForm | HeadFlag.authorityForm)) !== 0) return true;
  const mode = hcm.config.pathWithEscapedSlashes;
  const escaped = (flags & HeadFlag.pathHasEscapedSlash) !== 0 && mode !== 'keepUnchanged';
  if (escaped && mode === 'reject') {
    usePath(engine, words, PATH_UNESCAPE_SLASHES);                         // as Envoy shows it in the log
    return refusePath(engine, proxy, stream, hcm);
  }
  const options = hcm.pathOptions & (escaped ? ~0 : ~PATH_UNESCAPE_SLASHES);
  const needed = escaped || ((options & PATH_NORMALIZE) !== 0 && (flags & NEEDS_NORMALIZING) !== 0)
    || ((options & PATH_MERGE_SLASHES) !== 0 && (flags & HeadFlag.pathHasDoubleSlash) !== 0);
  if (!needed || i32[words + Head.pathBytes] === 0) return true;
  const written = usePath(engine, words, options);
  if (written === 0) return refusePath(engine, proxy, stream, hcm);
  if (escaped && mode === 'unescapeAndRedirect') {
    engine.count(hcm.scope, HttpStat.downstream_rq_redirected_with_normalized_path);
    proxy.replies.redirectTo(stream, 307, engine.readText(engine.pathScratch, written),
      detail('path_normalization_failed'));
    return false;
  }
  return true;
}

/** Normalises the path and goes on with the result. Returns its length; 0 = it cannot be normalised. */
function usePath(engine: Engine, words: number, options: number): number {
  const { i32 } = engine;
  const bytes = i32[words + Head.pathBytes], pathOnly = i32[words + Head.pathOnlyBytes];
  const written = engine.codecs.normalizePath(i32[words + Head.pathAt], bytes, pathOnly, engine.pathScratch, options);
  if (written === 0) return 0;
  const edits = engine.requestEdits >> 2;
  i32[edits + RequestEdits.pathAt] = engine.pathScratch;
  i32[edits + RequestEdits.pathBytes] = written;
  i32[edits + RequestEdits.spare] = written - (bytes - pathOnly);
  return written;
}

function refusePath(engine: Engine, proxy: Proxy, stream: Stream, hcm: HcmRuntime): boolean {
  engine.count(hcm.scope, HttpStat.downstream_rq_failed_path_normalization);
  stream.downstream!.outOfStep();
  proxy.replies.send(stream, 400, 0, detail('path_normalization_failed'), '');
  return false;
}

/** The control plane has a part of the cluster's requests refused (drop_overloads). True: this one was answered. */
export function isDropped({ codecs, randomState }: Engine, proxy: Proxy, stream: Stream,
    cluster: ClusterRuntime): boolean {
  if ((codecs.nextRandom(randomState) >>> 0) / 4294967296 >= cluster.dropped) return false;
  cluster.count(ClusterStat.upstream_rq_drop_overload);
  proxy.replies.dropped(stream, cluster.dropped === 1);
  return true;
}
