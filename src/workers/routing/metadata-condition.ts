// type.matcher.v3.MetadataMatcher, judged on the dynamic metadata of a stream.
import type { ValueMatcher } from '../../config/metadata-matcher.js';
import { stringHolds } from './string-condition.js';

type Struct = { readonly [key: string]: unknown };

/** The value that the names lead to from here; undefined: there is none. */
export function metadataAt(metadata: unknown, path: readonly string[]): unknown {
  let value = metadata;
  for (const key of path) {
    if (typeof value !== 'object' || value === null || Array.isArray(value) || !Object.hasOwn(value, key))
      return undefined;
    value = (value as Struct)[key];
  }
  return value;
}

/** Undefined, a value that is not there, matches nothing. */
export function valueHolds(matcher: ValueMatcher, value: unknown): boolean {
  switch (matcher.kind) {
    case 'null': return value === null;
    case 'number': return typeof value === 'number'
      && (value === matcher.start || (value > matcher.start && value < matcher.end));
    case 'text': return typeof value === 'string' && stringHolds(matcher.matcher, value);
    case 'boolean': return value === matcher.value;
    case 'present': return matcher.value && value !== undefined;
    case 'list': return Array.isArray(value) && value.some((one) => valueHolds(matcher.oneOf, one));
    case 'or': return matcher.matchers.some((one) => valueHolds(one, value));
  }
}
