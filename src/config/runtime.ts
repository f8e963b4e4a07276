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
export const never: RuntimeFraction = { runtimeKey: '', numerator: 0, denominator: 100 };

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

const denominators: { readonly [name: string]: number } = { HUNDRED: 100, TEN_THOUSAND: 10_000, MILLION: 1_000_000 };

/** A FractionalPercent given as {numerator, denominator}; null when the value is something else. */
export function fractionOf(value: { readonly [key: string]: unknown }): RuntimeValue['fraction'] {
  if (!('numerator' in value) && !('denominator' in value)) return null;
  const numerator = Number(value.numerator ?? 0);
  const denominator = denominators[String(value.denominator ?? 'HUNDRED')];
  return Number.isInteger(numerator) && numerator >= 0 && denominator !== undefined ? { numerator, denominator }
    : { numerator: 0, denominator: 100 };
}

/** The value of a runtime file: lines that begin with '#' and white space at the end do not count. */
export function runtimeValueOf(text: string): RuntimeValue {
  const kept = text.split('\n').filter((line) => !line.startsWith('#')).join('\n').trimEnd();
  const fields = kept.includes('numerator') ? kept.split('\n').map((line) => line.split(/:\s*/, 2)) : [];
  return { text: kept, fraction: fractionOf(Object.fromEntries(fields) as { [key: string]: unknown }) };
}
