// Subsets of a cluster's endpoints (lb_subset_config, the typed policy Subset), and what routes ask of endpoints.
import { matchOf } from '../../config/metadata-match.js';
import type { Fields } from '../../config/metadata-match.js';
import type { MetadataMatch, SubsetSelector, Subsets } from '../../config/types.js';
import { fieldPath } from '../wire/message.js';
import type { Report } from '../wire/message.js';
import type { ClusterLbSubsetConfig, CoreMetadata, Subset } from '../wire/generated/messages.js';
import { readLbMetadata } from './fields.js';

const fallbacks = ['none', 'any', 'default'] as const;
const selectorFallbacks = ['undefined', 'none', 'any', 'default', 'keys'] as const;

type Config = ClusterLbSubsetConfig & Pick<Subset, 'allowRedundantKeys'>;

export const readSubsets = (config: Config, path: string, report: Report): Subsets => ({
  fallback: fallbacks[config.fallbackPolicy ?? 0] ?? 'none',
  defaultSubset: matchOf((config.defaultSubset ?? {}) as Fields),
  selectors: (config.subsetSelectors ?? []).map((selector, index): SubsetSelector => {
    const read: SubsetSelector = { keys: sorted(selector.keys), singleHost: selector.singleHostPerSubset ?? false,
      fallback: selectorFallbacks[selector.fallbackPolicy ?? 0] ?? 'undefined',
      fallbackKeys: sorted(selector.fallbackKeysSubset) };
    checkKeys(read, `${fieldPath(path, `subset_selectors[${index}]`)}.fallback_keys_subset`, report);
    return read;
  }),
  localityWeightAware: config.localityWeightAware ?? false,
  scaleLocalityWeight: config.scaleLocalityWeight ?? false,
  panicModeAny: config.panicModeAny ?? false,
  listAsAny: config.listAsAny ?? false,
  fallbackList: config.metadataFallbackPolicy === 1,
  allowRedundantKeys: config.allowRedundantKeys ?? false,
});

const sorted = (keys: readonly string[] | undefined): string[] => [...new Set(keys)].sort();

function checkKeys({ keys, fallback, fallbackKeys }: SubsetSelector, at: string, report: Report): void {
  if (fallback !== 'keys') {
    if (fallbackKeys.length > 0) report.fail(at, 'only for the fallback_policy KEYS_SUBSET');
  } else if (fallbackKeys.length === 0) report.fail(at, 'required by the fallback_policy KEYS_SUBSET');
  else if (!fallbackKeys.every((key) => keys.includes(key)) || fallbackKeys.length === keys.length)
    report.fail(at, 'must be some of the keys, not all');
}

/** What is asked of endpoints; `over` says it before `under` does. */
export function readMetadataMatch(under: CoreMetadata | undefined, over: CoreMetadata | undefined):
  MetadataMatch | null {
  const below = readLbMetadata(under), above = readLbMetadata(over);
  return below === null && above === null ? null : matchOf({ ...below, ...above });
}
