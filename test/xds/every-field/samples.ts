// Sample values for the every-field test: by type where the type says enough, by hand where it does not. A name here is
// the end of a full name: 'RouteMatch.path' stands for envoy.config.route.v3.RouteMatch.path.
import { enumType, messageType } from '../../../src/xds/wire/descriptor.js';
import type { Field, Rules } from '../../../src/xds/wire/descriptor.js';
import { anyPlaces, byHand, fieldSamples } from './table.js';
import type { Tree } from './judge.js';

/** The entry of a table whose name is the longest end of this one. */
export function entryFor<T>(table: { [name: string]: T }, name: string): T | undefined {
  for (let at = -1; ;) {
    const found = table[name.slice(at + 1)];
    if (found !== undefined) return found;
    at = name.indexOf('.', at + 1);
    if (at < 0) return undefined;
  }
}

export const typeUrl = (name: string): string => `type.googleapis.com/${name}`;
export const anyOf = (type: string): Tree => ({ '@type': typeUrl(type), ...minimalOf(type) });

/** Types that may stand in the Any field `name`. */
export function typesFor(name: string, known: readonly string[]): string[] {
  const place = entryFor(anyPlaces, name);
  return place === undefined ? [] : known.filter((type) => place.test(type));
}

/** The smallest message of a type that is valid, as far as its rules and the table say. */
export function minimalOf(type: string): Tree {
  const given = entryFor(byHand, type);
  if (given !== undefined) return given;
  const { fields, required } = messageType(type);
  const tree: Tree = {};
  for (const field of fields) {
    if (field.status === 'refused' || field.oneof !== undefined || !isRequired(field)) continue;
    tree[field.name] = samplesOf(type, field)[0];
  }
  for (const { fields: members } of required) {
    const member = members.find(({ status }) => status === undefined)!;
    tree[member.name] = samplesOf(type, member)[0];
  }
  return tree;
}

function isRequired({ kind, rules, repeated }: Field): boolean {
  if (rules === undefined) return false;
  if (repeated === true) return (rules.min_items ?? 0) > 0;
  if (kind === 'string') return (rules.min_len ?? rules.min_bytes ?? 0) > 0;
  return rules.required === true || (kind !== 'wrapper' && ((rules.gte ?? 0) > 0 || rules.gt === 0));
}

/** Valid values of a field, none of them its default, in the JSON of a configuration file. */
export function samplesOf(type: string, field: Field, knownAny: readonly string[] = []): unknown[] {
  const given = entryFor(fieldSamples, `${type}.${field.name}`);
  if (given !== undefined) return given;
  const rules = field.repeated === true ? field.rules?.items : field.rules;
  const values = valuesOf(type, field, rules, knownAny);
  if (field.map !== undefined) return values.map((value) => ({ [field.map === 'string' ? 'sample' : '1']: value }));
  return field.repeated === true ? values.map((value) => [value]) : values;
}

function valuesOf(type: string, field: Field, rules: Rules | undefined, knownAny: readonly string[]): unknown[] {
  switch (field.kind) {
    case 'message': return [minimalOf(field.ref!)];
    case 'enum': return [...enumType(field.ref!).numbers].filter(([, number]) => number !== 0).map(([name]) => name);
    case 'any': return typesFor(`${type}.${field.name}`, knownAny).map(anyOf);
    case 'wrapper': return scalars(field.ref!, rules);
    case 'duration': return numbers(rules).map((milliseconds) => `${milliseconds / 1000}s`);
    case 'timestamp': return ['2030-01-01T00:00:00Z'];
    case 'struct': return [{ sample: 'value' }];
    case 'value': return ['sample'];
    case 'list': return [['sample']];
    case 'opaque': return [{ sample: 'value' }];
    default: return scalars(field.kind, rules);
  }
}

function scalars(kind: string, rules: Rules | undefined): unknown[] {
  switch (kind) {
    case 'bool': return [true, false];
    case 'bytes': return [Buffer.from('sample').toString('base64')];
    case 'string': return rules?.in !== undefined ? rules.in : ['sample', 'another'];
    default: return numbers(rules);
  }
}

/** Two numbers within the rules; durations are milliseconds. */
function numbers(rules: Rules | undefined): number[] {
  const { gt, gte, lt, lte, in: allowed } = rules ?? {};
  if (allowed !== undefined) return allowed as number[];
  const fits = (value: number): boolean => (gt === undefined || value > gt) && (gte === undefined || value >= gte)
    && (lt === undefined || value < lt) && (lte === undefined || value <= lte);
  const tried = [7000, 9000, 7, 5, 3, 2, 1, 1_000_000, gte ?? 0, (gt ?? 0) + 1, lte ?? 0, (lt ?? 0) - 1];
  return [...new Set(tried)].filter((value) => value !== 0 && fits(value)).slice(0, 2);
}
