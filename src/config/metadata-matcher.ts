// type.matcher.v3.MetadataMatcher: what a value in the metadata of a stream must be.
import type { StringMatcher } from './values.js';

/** type.matcher.v3.ValueMatcher */
export type ValueMatcher =
  | { kind: 'null' }
  | { kind: 'number'; start: number; end: number }         // half-open; an exact one has start = end
  | { kind: 'text'; matcher: StringMatcher }
  | { kind: 'boolean'; value: boolean }
  | { kind: 'present'; value: boolean }
  | { kind: 'list'; oneOf: ValueMatcher }
  | { kind: 'or'; matchers: ValueMatcher[] };

/** `path` begins with the namespace. */
export interface MetadataMatcher { path: string[]; value: ValueMatcher }
