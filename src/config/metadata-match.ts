// What the metadata of an endpoint must be (the namespace envoy.lb): keys in order of their names, each with its value
// as canonical JSON, so that equal values are equal texts. Made of the configuration once; requests carry it.
import type { MetadataMatch } from './values.js';

export type Fields = { readonly [key: string]: unknown };
const FALLBACK_LIST = 'fallback_list';

/** JSON with members in order of their names. */
export function valueText(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(valueText).join(',')}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  const members = Object.keys(value).sort().map((key) => `${JSON.stringify(key)}:${valueText((value as Fields)[key])}`);
  return `{${members.join(',')}}`;
}

export function matchOf(fields: Fields): MetadataMatch {
  const keys = Object.keys(fields).sort();
  return { keys, values: keys.map((key) => valueText(fields[key])) };
}

/** Names a set of keys, or of keys and values. */
export const keysId = (keys: readonly string[]): string => JSON.stringify(keys);
export const matchId = ({ keys, values }: MetadataMatch): string => JSON.stringify([keys, values]);

/** The value of a key, as text; with `listAsAny` those of a list's members; none where the key is missing. */
export function valuesOf(metadata: Fields | null, key: string, listAsAny: boolean): string[] {
  if (metadata === null || !Object.hasOwn(metadata, key)) return [];
  const value = metadata[key];
  return listAsAny && Array.isArray(value) ? value.map(valueText) : [valueText(value)];
}

/** Has the metadata all of these values? */
export const holds = (metadata: Fields | null, { keys, values }: MetadataMatch, listAsAny: boolean): boolean =>
  keys.every((key, i) => valuesOf(metadata, key, listAsAny).includes(values[i]));

/** What a request asks of endpoints. */
export class Criteria {
  readonly id: string;
  readonly keysId: string;
  private readonly parts = new Map<string, Criteria | null>();
  private list: readonly Criteria[] | null | undefined = undefined;

  constructor(readonly match: MetadataMatch) {
    this.id = matchId(match);
    this.keysId = keysId(match.keys);
  }

  static of(match: MetadataMatch | null): Criteria | null { return match === null ? null : new Criteria(match); }

  /** What it says of these keys alone; null when it says nothing of one of them. */
  only(keys: readonly string[]): Criteria | null {
    const name = keysId(keys);
    let part = this.parts.get(name);
    if (part === undefined) this.parts.set(name, part = this.cut(keys));
    return part;
  }

  /** The criteria that are tried in turn where a cluster takes `fallback_list` for that; null: there is no list. */
  get fallbacks(): readonly Criteria[] | null {
    if (this.list === undefined) this.list = this.readFallbacks();
    return this.list;
  }

  private cut(keys: readonly string[]): Criteria | null {
    const { match } = this;
    const values = keys.map((key) => match.values[match.keys.indexOf(key)]);
    return values.includes(undefined as never) ? null : new Criteria({ keys, values });
  }

  private readFallbacks(): readonly Criteria[] | null {
    const { keys, values } = this.match;
    const at = keys.indexOf(FALLBACK_LIST);
    if (at < 0) return null;
    const rest = Object.fromEntries(keys.map((key, i) => [key, JSON.parse(values[i]) as unknown])
      .filter(([key]) => key !== FALLBACK_LIST)) as Fields;
    const list = JSON.parse(values[at]) as unknown;
    if (!Array.isArray(list) || list.length === 0) return [new Criteria(matchOf(rest))];
    return list.map((fields: unknown) =>
      new Criteria(matchOf({ ...rest, ...(typeof fields === 'object' && fields !== null ? fields : {}) })));
  }
}
