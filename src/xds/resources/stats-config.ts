// metrics.v3.StatsConfig: which statistics are wanted, and custom labels.
import type { StatsConfig as PlainConfig, StatsMatcher as PlainMatcher, StatsTag } from '../../config/stats.js';
import { allStats } from '../../config/stats.js';
import type { StatsConfig, StatsMatcher, TagSpecifier } from '../wire/generated/messages.js';
import { fieldPath } from '../wire/message.js';
import type { Report } from '../wire/message.js';
import { readRegex } from './expressions.js';
import { readStringMatcher } from './matchers.js';

export function readStatsConfig(message: StatsConfig | undefined, path: string, report: Report): PlainConfig {
  if (message === undefined) return allStats;
  return { matcher: message.statsMatcher === undefined ? allStats.matcher
    : readMatcher(message.statsMatcher, fieldPath(path, 'stats_matcher'), report),
  tags: (message.statsTags ?? []).map((tag, index) =>
    readTag(tag, `${fieldPath(path, 'stats_tags')}[${index}]`, report)) };
}

function readMatcher(message: StatsMatcher, path: string, report: Report): PlainMatcher {
  if (message.rejectAll !== undefined) return { kind: message.rejectAll ? 'include' : 'exclude', patterns: [] };
  const include = message.inclusionList !== undefined;
  const at = fieldPath(path, include ? 'inclusion_list' : 'exclusion_list');
  const list = include ? message.inclusionList : message.exclusionList;
  return { kind: include ? 'include' : 'exclude', patterns: (list?.patterns ?? []).map((pattern, index) =>
    readStringMatcher(pattern, `${at}.patterns[${index}]`, report)) };
}

function readTag(message: TagSpecifier, path: string, report: Report): StatsTag {
  const name = message.tagName ?? '';
  if (name === '') report.fail(fieldPath(path, 'tag_name'), 'required');
  if (message.fixedValue !== undefined) return { name, kind: 'fixed', value: message.fixedValue };
  if (message.regex === undefined || message.regex === '') {
    report.fail(fieldPath(path, 'regex'), 'not implemented: a tag with neither regex nor fixed_value');
    return { name, kind: 'fixed', value: '' };
  }
  const pattern = readRegex({ regex: message.regex }, fieldPath(path, 'regex'), report);
  if (!/\((?!\?)/.test(pattern)) report.fail(fieldPath(path, 'regex'), 'has no group');
  return { name, kind: 'regex', pattern };
}
