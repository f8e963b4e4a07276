// type.matcher.v3.MetadataMatcher and the value matchers in it. Who reads one looks at `invert`; access logs do not.
import type { MetadataMatcher as PlainMatcher, ValueMatcher as PlainValue } from '../../config/metadata-matcher.js';
import { limits } from '../../core/limits.js';
import type { MetadataMatcher, ValueMatcher } from '../wire/generated/messages.js';
import { fieldPath } from '../wire/message.js';
import type { Report } from '../wire/message.js';
import { readStringMatcher } from './matchers.js';

export function readMetadataMatcher(message: MetadataMatcher, path: string, report: Report): PlainMatcher {
  return { path: [message.filter ?? '', ...(message.path ?? []).map(({ key }) => key ?? '')],
    value: readValueMatcher(message.value ?? {}, fieldPath(path, 'value'), report) };
}

function readValueMatcher(message: ValueMatcher, path: string, report: Report, depth = 1): PlainValue {
  if (depth > limits.predicateDepthMax) {
    report.fail(path, `matchers are nested deeper than ${limits.predicateDepthMax}`);
    return { kind: 'null' };
  }
  if (message.doubleMatch !== undefined) {
    const { range, exact = 0 } = message.doubleMatch;
    return range === undefined ? { kind: 'number', start: exact, end: exact }
      : { kind: 'number', start: range.start ?? 0, end: range.end ?? 0 };
  }
  if (message.stringMatch !== undefined)
    return { kind: 'text', matcher: readStringMatcher(message.stringMatch, fieldPath(path, 'string_match'), report) };
  if (message.boolMatch !== undefined) return { kind: 'boolean', value: message.boolMatch };
  if (message.presentMatch !== undefined) return { kind: 'present', value: message.presentMatch };
  if (message.listMatch !== undefined) {
    return { kind: 'list', oneOf: readValueMatcher(message.listMatch.oneOf ?? {},
      `${fieldPath(path, 'list_match')}.one_of`, report, depth + 1) };
  }
  if (message.orMatch !== undefined) {
    return { kind: 'or', matchers: (message.orMatch.valueMatchers ?? []).map((inner, index) =>
      readValueMatcher(inner, `${fieldPath(path, 'or_match')}.value_matchers[${index}]`, report, depth + 1)) };
  }
  return { kind: 'null' };         // the check has said that a pattern is required
}
