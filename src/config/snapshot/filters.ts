// What main binds to the filters of a configuration on its way into shared memory: statistics, and token buckets. A
// bucket is a slot by the name of the resource, the place in it, and what the bucket is: a filter that arrives again
// unchanged goes on with the tokens it has, a changed one begins full.
import type { FilterOverride, HttpFilterConfig, TokenBucket } from '../http-filters.js';
import type { BoundFilter } from './layout.js';

/** Kinds of statistics that filters have (telemetry/schema.ts). */
export type FilterKind = 'rateLimit' | 'fault' | 'cors' | 'csrf';

export interface FilterBindings {
  /** Offset of a filter's statistics; throws where there is no room. */
  scope(kind: FilterKind, name: string): number;
  /** Number of the bucket of that name; throws where there is no room. */
  bucket(name: string): number;
}

/**
 * Binds the filters of one level. `owner` names the resource and the place in it; `statPrefix` the connection manager,
 * '' in a route configuration: filters count for their connection manager, only a rate limit has a name of its own.
 */
export function bindFilters(filters: readonly FilterOverride[], owner: string, statPrefix: string,
  bindings: FilterBindings): BoundFilter[] {
  return filters.map(({ name, disabled, config }) => ({ name, disabled, config,
    scope: scopeOf(config, statPrefix, bindings), buckets: bucketsOf(config, `${owner}\n${name}`, bindings) }));
}

function scopeOf(config: HttpFilterConfig | null, statPrefix: string, bindings: FilterBindings): number {
  if (config === null) return -1;
  if (config.kind === 'localRateLimit') return bindings.scope('rateLimit', config.statPrefix);
  const counts = config.kind === 'fault' || config.kind === 'cors' || config.kind === 'csrf';
  return counts && statPrefix !== '' ? bindings.scope(config.kind, statPrefix) : -1;
}

function bucketsOf(config: HttpFilterConfig | null, owner: string, bindings: FilterBindings): number[] {
  if (config === null || config.kind !== 'localRateLimit' || config.perConnection) return [];
  const bucket = (one: TokenBucket | null, place: string): number => one === null ? -1
    : bindings.bucket(`${owner}\n${place}\n${one.maxTokens}\n${one.tokensPerFill}\n${one.fillIntervalMs}`);
  return [bucket(config.bucket, ''),
    ...config.descriptors.map((descriptor) => bucket(descriptor.bucket, JSON.stringify(descriptor.entries)))];
}
