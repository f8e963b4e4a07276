// What a request asks of the endpoint that it gets, beside its hash: metadata that filters found out, and addresses
// that it names. Only clusters with subsets or override_host look.
import { Criteria, matchOf } from '../../config/metadata-match.js';
import type { Fields } from '../../config/metadata-match.js';
import type { OverrideSource } from '../../config/types.js';
import type { Engine } from '../engine.js';
import { metadataAt } from '../routing/metadata-condition.js';
import { recordHeader } from '../routing/regex.js';
import type { ClusterRuntime } from '../upstream/cluster.js';
import type { Endpoint } from '../upstream/endpoint.js';
import type { Stream } from './stream.js';

const isStruct = (value: unknown): value is Fields =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** Reads it from the decoded request. */
export function readAsked(engine: Engine, stream: Stream, cluster: ClusterRuntime): void {
  const { subsets, overrideHost } = cluster.config.balancing;
  const found = stream.metadata?.['envoy.lb'];
  if (subsets !== null && isStruct(found)) stream.metadataMatch = merged(stream.metadataMatch, found);
  if (overrideHost === null) return;
  stream.overrideAt = 0;
  stream.overrideHost = null;
  for (const source of overrideHost.sources) {
    const text = textOf(engine, stream, source);
    if (text === null) continue;
    stream.overrideHost = stream.overrideHost === null ? text : `${stream.overrideHost},${text}`;
  }
}

/** Writes down who was picked (selected_host_key). What lies in the metadata may be others' too: it is copied. */
export function noteSelected(stream: Stream, { config }: ClusterRuntime, endpoint: Endpoint): void {
  const selected = config.balancing.overrideHost?.selected ?? null;
  if (selected === null) return;
  const names = [selected.namespace, ...selected.path];
  let at: { [name: string]: unknown } = stream.metadata = { ...stream.metadata };
  for (const name of names.slice(0, -1)) {
    const found = Object.hasOwn(at, name) ? at[name] : null;
    const own = isStruct(found) ? { ...found } : {};
    at[name] = own;
    at = own;
  }
  at[names.at(-1)!] = endpoint.text;
}

/** The route's criteria, with what filters say instead. */
function merged(criteria: Criteria | null, found: Fields): Criteria {
  const fields: { [key: string]: unknown } = {};
  criteria?.match.keys.forEach((key, i) => { fields[key] = JSON.parse(criteria.match.values[i]) as unknown; });
  return new Criteria(matchOf({ ...fields, ...found }));
}

function textOf(engine: Engine, stream: Stream, source: OverrideSource): string | null {
  if (source.header !== null) {
    // Of a header that is repeated, the first.
    return recordHeader(engine, engine.requestRecord, source.header, '\n')?.split('\n', 1)[0] ?? null;
  }
  const value = metadataAt(stream.metadata?.[source.namespace], source.path);
  return typeof value === 'string' ? value : null;
}
