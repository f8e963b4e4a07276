// Labels of stats_config.stats_tags: each expression is tried on the whole name; what its first group found leaves the
// metric's name, the second group (or the first where there is no other) is the label's value, as in Envoy.
import type { RE2JS } from 're2js';
import type { StatsTag } from '../../config/stats.js';
import { compileExpression } from '../../telemetry/stats-names.js';
import { join, label } from './tags.js';

type Tag = { labelName: string } & ({ expression: RE2JS } | { value: string });

export class CustomTags {
  private readonly tags: readonly Tag[];

  constructor(tags: readonly StatsTag[]) {
    this.tags = tags.map((tag) => ({ labelName: tag.name.replace(/[^a-zA-Z0-9_]/g, '_'),
      ...(tag.kind === 'fixed' ? { value: tag.value } : { expression: compileExpression(tag.pattern) }) }));
  }

  /** `name`: the whole one; `dotted` and `labels`: what the usual labels have left of it. */
  apply(name: string, dotted: string, labels: string): { dotted: string; labels: string } {
    let left = dotted, all = labels;
    for (const tag of this.tags) {
      if ('value' in tag) { all = join(all, label(tag.labelName, tag.value)); continue; }
      const matcher = tag.expression.matcher(name);
      if (!matcher.find()) continue;
      const removed = matcher.group(1) ?? '';
      all = join(all, label(tag.labelName, (matcher.groupCount() > 1 ? matcher.group(2) : null) ?? removed));
      if (removed !== '') left = left.replace(removed, '');
    }
    return { dotted: left, labels: all };
  }
}
