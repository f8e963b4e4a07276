// type.matcher.v3.MetadataMatcher: what is read, and how deep it may go.
import t from 'tap';
import { readMetadataMatcher } from '../../../src/xds/resources/metadata-matcher.js';
import { limits } from '../../../src/core/limits.js';
import { Report } from '../../../src/xds/wire/message.js';
import type { ValueMatcher } from '../../../src/xds/wire/generated/messages.js';

const nested = (levels: number): ValueMatcher =>
  levels === 1 ? { boolMatch: true } : { listMatch: { oneOf: nested(levels - 1) } };
const errors = (value: ValueMatcher): string[] => {
  const report = new Report(false, 10);
  readMetadataMatcher({ filter: 'n', path: [{ key: 'k' }], value }, 'M', report);
  return report.errors.map(({ path, reason }) => `${path}: ${reason}`);
};

t.test('the namespace leads the path', async (t) => {
  const report = new Report(false, 10);
  t.same(readMetadataMatcher({ filter: 'n', path: [{ key: 'a' }, { key: 'b' }],
    value: { doubleMatch: { range: { start: 1, end: 2 } } } }, 'M', report),
  { path: ['n', 'a', 'b'], value: { kind: 'number', start: 1, end: 2 } });
});

t.test('as deep as allowed, and one deeper', async (t) => {
  t.same(errors(nested(limits.predicateDepthMax)), []);
  t.same(errors(nested(limits.predicateDepthMax + 1)),
    [`M.value${'.list_match.one_of'.repeat(limits.predicateDepthMax)}: matchers are nested deeper than 16`]);
});
