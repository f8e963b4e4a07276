// The small values that configuration is made of: addresses, header changes, matchers, metadata.

export interface IpAddress { kind: 'ip'; host: string; port: number; ipv4Compat: boolean }
export interface PipeAddress { kind: 'pipe'; path: string; mode: number }
export type Address = IpAddress | PipeAddress;

/** envoy.config.core.v3.Metadata.filter_metadata, for %METADATA(...)% and matchers. */
export interface FilterMetadata { readonly [namespace: string]: unknown }

/** Keys in order of their names, each value as canonical JSON (config/metadata-match.ts). */
export interface MetadataMatch { readonly keys: readonly string[]; readonly values: readonly string[] }

/** envoy.config.core.v3.HeaderValueOption.append_action */
export type AppendAction = 'append' | 'addIfAbsent' | 'overwrite' | 'overwriteIfExists';
/** `name` in lower case; `spelling`: as configuration has it, for protocols that tell cases apart. */
export interface HeaderMutation { name: string; spelling: string; value: string; action: AppendAction;
  keepEmptyValue: boolean }
/** Additions in order, then removals; `value` may hold %COMMAND% formatters (compiled by the worker). */
export interface HeaderMutations { add: HeaderMutation[]; remove: string[] }

export type StringMatcher =
  | { kind: 'exact' | 'prefix' | 'suffix' | 'contains'; value: string; ignoreCase: boolean }
  | { kind: 'regex'; value: string };

export interface HeaderMatcher {
  name: string;                       // lower case; ':method', ':path', ':authority', ':scheme' allowed
  match: StringMatcher
    | { kind: 'present'; present: boolean }
    | { kind: 'range'; start: number; end: number };   // [start, end)
  invert: boolean;
  treatMissingAsEmpty: boolean;
}
export interface QueryParameterMatcher { name: string; match: StringMatcher | { kind: 'present'; present: boolean } }

/** type.matcher.v3.RegexMatchAndSubstitute; groups in `substitution` are written $1, a dollar sign \$. */
export interface Substitution { pattern: string; substitution: string }

/** Equal for equal values of the same shape. */
export const equalKey = (value: object): string => JSON.stringify(value);
