// Which statistics there are, and what labels they get: bootstrap.stats_config as plain values.
import type { StringMatcher } from './values.js';

/** `patterns` over whole names; 'exclude' without patterns admits all, 'include' without patterns nothing. */
export interface StatsMatcher { kind: 'exclude' | 'include'; patterns: StringMatcher[] }
/** A label: a fixed value, or what an expression finds in the name. */
export type StatsTag = { name: string } & ({ kind: 'fixed'; value: string } | { kind: 'regex'; pattern: string });
export interface StatsConfig { matcher: StatsMatcher; tags: StatsTag[] }

export const allStats: StatsConfig = { matcher: { kind: 'exclude', patterns: [] }, tags: [] };
