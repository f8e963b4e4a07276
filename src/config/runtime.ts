// Values that may be changed while the process runs: Envoy's runtime. Configuration names a key and a default; layers
// (config of the bootstrap, files, the admin server) give keys values. This file owns what a value means, the same on
// main and in workers.

/** envoy.config.core.v3.RuntimeFractionalPercent. An empty key: the default, for ever. */
export interface RuntimeFraction { runtimeKey: string; numerator: number; denominator: 100 | 10_000 | 1_000_000 }
/** RuntimeUInt32, RuntimeDouble, RuntimePercent. */
export interface RuntimeNumber { runtimeKey: string; defaultValue: number }
/** RuntimeFeatureFlag. */
export interface RuntimeFlag { runtimeKey: string; defaultValue: boolean }

export const always: RuntimeFraction = { runtimeKey: '', numerator: 100, denominator: 100 };

/** A value as the layers hold it: text, and what it is as a fraction where it was given as one. */
export interface RuntimeValue { text: string; fraction: { numerator: number; denominator: number } | null }
/** All keys that have a value, the last layer's. */
export type RuntimeEntries = readonly (readonly [key: string, value: RuntimeValue])[];

/** A whole, non-negative or fractional number as text, or null. */
export function numberOfText(text: string): number | null {
  if (text === '' || !/^[+-]?\d+(\.\d+)?([eE][+-]?\d+)?$/.test(text.trim())) return null;
  return Number(text);
}

/** Envoy: "true" and "false" in any case, 1 and 0; anything else leaves the default. */
export function flagOfText(text: string): boolean | null {
  const lower = text.trim().toLowerCase();
  if (lower === 'true' || lower === '1') return true;
  return lower === 'false' || lower === '0' ? false : null;
}
