// What a /stats request asks for, checked. Every renderer takes this.
import { compileFilter, prefixTest, QueryError } from '../filter.js';
import type { Matches } from '../filter.js';
import type { Query } from '../query.js';
import type { ValueType } from './row.js';

export type Buckets = 'none' | 'cumulative' | 'disjoint' | 'detailed' | 'summary';
export interface StatsRequest {
  format: 'text' | 'json' | 'prometheus';
  usedOnly: boolean;
  filter: Matches | null;
  buckets: Buckets;
  textReadouts: boolean;
  /** False when no name that begins so can match the filter; such scopes and names are not even looked at. */
  mayMatch: (prefix: string) => boolean;
  /** Types asked for; null = all. */
  only: ValueType | 'histogram' | null;
}

const types: { [name: string]: StatsRequest['only'] } = {
  all: null,
  counters: 'counter',
  gauges: 'gauge',
  histograms: 'histogram',
  textreadouts: 'text',
};

/** Throws QueryError with Envoy's words for what cannot be answered. */
export async function statsRequest(query: Query, prometheus: boolean): Promise<StatsRequest> {
  const format = prometheus ? 'prometheus' : (query.get('format') ?? 'text');
  if (format !== 'text' && format !== 'json' && format !== 'prometheus') {
    throw new QueryError(400, 'usage: /stats?format=(json|prometheus|text)\n\n');
  }
  const buckets = query.get('histogram_buckets') ?? 'none';
  const known = prometheus
    ? ['none', 'cumulative', 'summary']
    : ['none', 'cumulative', 'disjoint', 'detailed', 'summary'];
  if (!known.includes(buckets)) {
    throw new QueryError(
      400,
      `usage: ${prometheus ? '/stats/prometheus' : '/stats'}?histogram_buckets=(${known.slice(1).join('|')})\n`,
    );
  }
  const type = (query.get('type') ?? 'All').toLowerCase();
  if (!Object.hasOwn(types, type)) {
    throw new QueryError(400, 'usage: /stats?type=(All|Counters|Gauges|Histograms|TextReadouts)\n');
  }
  const expression = query.get('filter') ?? '';
  const matches = expression === '' ? null : await compileFilter(expression);
  return {
    format,
    buckets: buckets as Buckets,
    only: types[type],
    usedOnly: query.has('usedonly'),
    filter: matches !== null && query.has('invert_filter') ? (name) => !matches(name) : matches,
    textReadouts: query.has('text_readouts'),
    mayMatch: query.has('invert_filter') ? () => true : prefixTest(expression),
  };
}
