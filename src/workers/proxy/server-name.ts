// What a request calls its server: the host that is sent, or what the header says that the cluster looks at first.
// As in Envoy this is known before the endpoint is: a host that auto_host_rewrite takes from the endpoint is not it.
import { Head, RequestEdits } from '../../core/generated/layouts.js';
import { limits } from '../../core/limits.js';
import type { Engine } from '../engine.js';
import { recordHeader } from '../routing/regex.js';
import type { ClusterRuntime } from '../upstream/cluster.js';
import type { ServerName } from '../upstream/server-names.js';

/** Of the request whose head is in `record` and was just encoded with engine.requestEdits; null: it has no host. */
export function serverNameOf(engine: Engine, cluster: ClusterRuntime, record: number): ServerName | null {
  const { i32, rewriteScratch } = engine;
  const { header } = cluster.traits.serverNames!;
  const edits = engine.requestEdits >> 2, words = record >> 2;
  const rewritten = i32[edits + RequestEdits.hostBytes] > 0;
  const at = rewritten ? i32[edits + RequestEdits.hostAt] : i32[words + Head.hostAt];
  const bytes = rewritten ? i32[edits + RequestEdits.hostBytes] : i32[words + Head.hostBytes];
  const text = header === '' ? null : recordHeader(engine, record, header);
  if (text === null || text === '') return cluster.serverNames.find(at, bytes);
  const name = text.slice(0, limits.rewrittenBytesMax);
  engine.writeText(rewriteScratch, name);
  return cluster.serverNames.find(rewriteScratch, name.length);
}
