// String, header and query-parameter matchers. Regular expressions are compiled once here, only to refuse the bad ones.
import type { HeaderMatcher as PlainHeaderMatcher, QueryParameterMatcher as PlainQueryMatcher,
  StringMatcher as PlainStringMatcher }
  from '../../config/types.js';
import { readRegex } from './expressions.js';
import { fieldPath } from '../wire/message.js';
import type { Report } from '../wire/message.js';
import type { HeaderMatcher, QueryParameterMatcher, StringMatcher } from '../wire/generated/messages.js';

/** type.matcher.v3.StringMatcher */
export function readStringMatcher(matcher: StringMatcher, path: string, report: Report): PlainStringMatcher {
  const ignoreCase = matcher.ignoreCase ?? false;
  if (matcher.safeRegex !== undefined) return { kind: 'regex', value: readRegex(matcher.safeRegex, fieldPath(path,
    'safe_regex'), report) };
  for (const kind of ['exact', 'prefix', 'suffix', 'contains'] as const) {
    const value = matcher[kind];
    if (value !== undefined) return { kind, value, ignoreCase };
  }
  return { kind: 'exact', value: '', ignoreCase };   // the check has said that a pattern is required
}

const deprecatedKinds = [['exactMatch', 'exact'], ['prefixMatch', 'prefix'], ['suffixMatch', 'suffix'],
  ['containsMatch', 'contains']] as const;

function readHeaderMatch(matcher: HeaderMatcher, path: string, report: Report): PlainHeaderMatcher['match'] {
  if (matcher.stringMatch !== undefined) {
    return readStringMatcher(matcher.stringMatch, fieldPath(path, 'string_match'), report);
  }
  if (matcher.safeRegexMatch !== undefined) {
    return { kind: 'regex', value: readRegex(matcher.safeRegexMatch, fieldPath(path, 'safe_regex_match'), report) };
  }
  if (matcher.rangeMatch !== undefined) {
    const { start, end } = matcher.rangeMatch;
    for (const [name, value] of [['start', start], ['end', end]] as const) {
      if (typeof value === 'string') report.fail(`${path}.range_match.${name}`, 'not implemented: beyond 2^53');
    }
    return { kind: 'range', start: Number(start ?? 0), end: Number(end ?? 0) };
  }
  for (const [field, kind] of deprecatedKinds) {
    const value = matcher[field];
    if (value !== undefined) return { kind, value, ignoreCase: false };
  }
  return { kind: 'present', present: matcher.presentMatch ?? true };
}

/** route.v3.HeaderMatcher; without a specifier it asks for presence. */
export function readHeaderMatcher(matcher: HeaderMatcher, path: string, report: Report): PlainHeaderMatcher {
  return {
    name: (matcher.name ?? '').toLowerCase(),
    match: readHeaderMatch(matcher, path, report),
    invert: matcher.invertMatch ?? false,
    treatMissingAsEmpty: matcher.treatMissingHeaderAsEmpty ?? false,
  };
}

/** route.v3.QueryParameterMatcher; without a specifier it asks for presence. */
export function readQueryParameterMatcher(matcher: QueryParameterMatcher, path: string,
  report: Report): PlainQueryMatcher {
  const match = matcher.stringMatch !== undefined
    ? readStringMatcher(matcher.stringMatch, fieldPath(path, 'string_match'), report)
    : { kind: 'present' as const, present: matcher.presentMatch ?? true };
  return { name: matcher.name ?? '', match };
}
