// type.matcher.v3.StringMatcher for main, which looks at few names and seldom.
import { createRequire } from 'node:module';
import type { StringMatcher } from '../../config/types.js';

export function compiledMatcher(matcher: StringMatcher): (name: string) => boolean {
  if (matcher.kind === 'regex') {
    const { RE2JS } = createRequire(import.meta.url)('re2js') as typeof import('re2js');
    const pattern = RE2JS.compile(matcher.value);
    return (name) => pattern.matches(name);
  }
  const fold = (text: string) => matcher.ignoreCase ? text.toLowerCase() : text;
  const value = fold(matcher.value);
  switch (matcher.kind) {
    case 'exact': return (name) => fold(name) === value;
    case 'prefix': return (name) => fold(name).startsWith(value);
    case 'suffix': return (name) => fold(name).endsWith(value);
    case 'contains': return (name) => fold(name).includes(value);
  }
}
