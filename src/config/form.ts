// Configuration as short text. Most fields of most resources have the value that they usually have, so a form knows
// that value and a text holds only what differs: a plain cluster is 200 bytes instead of 2,000, in the store, between
// threads and in the snapshot. Values that are unpacked share the objects of what is usual: they are immutable.
//
//   packed       | means
//   absent       | the usual value
//   {field: ..}  | the usual object, but for these fields
//   [value]      | where an object is usual: this one as it stands, because it lacks fields (another kind)
//   [item, ..]   | where a list is usual: these
//   anything else| itself
//
// Packing loses nothing, whatever the form says; a form that is wrong only makes the text longer.

/** How values of a type are packed. */
export abstract class Form<T> {
  abstract readonly usual: T;
  /** A part of JSON; undefined for what is usual. */
  abstract pack(value: T): unknown;
  abstract unpack(packed: unknown): T;

  text(value: T): string { return JSON.stringify(this.pack(value) ?? {}); }
  ofText(text: string): T { return this.unpack(JSON.parse(text)); }
}

class FixedForm<T> extends Form<T> {
  private readonly text0: string | null;

  constructor(readonly usual: T) {
    super();
    this.text0 = typeof usual === 'object' && usual !== null ? JSON.stringify(usual) : null;
  }

  pack(value: T): unknown {
    if (value === this.usual) return undefined;
    return this.text0 !== null && JSON.stringify(value) === this.text0 ? undefined : value;
  }
  unpack(packed: unknown): T { return packed === undefined ? this.usual : packed as T; }
}

class ObjectForm<T extends object> extends Form<T> {
  readonly usual: T;
  private readonly fields: readonly (readonly [keyof T, Form<unknown>])[];
  /** Other fields of a value are packed as they stand. */
  private readonly known: ReadonlySet<PropertyKey>;

  constructor(fields: Fields<T>) {
    super();
    this.fields = (Object.keys(fields) as (keyof T)[]).map((key) => [key, formOf(fields[key])] as const);
    this.known = new Set(Object.keys(fields));
    // By way of JSON, because the parser lays out objects as a literal would: values of a form are copies of this one.
    const usual = Object.fromEntries(this.fields.map(([key, form]) => [key, form.usual]));
    this.usual = JSON.parse(JSON.stringify(usual)) as T;
  }

  pack(value: T): unknown {
    if (typeof value !== 'object' || value === null) return value;
    if (Array.isArray(value)) return [value];
    const packed: { [key: PropertyKey]: unknown } = {};
    let changed = false;
    for (const [key, form] of this.fields) {
      const member = value[key];
      if (member === undefined) return [value];
      const part = form.pack(member);
      if (part === undefined) continue;
      packed[key] = part;
      changed = true;
    }
    for (const key in value) {
      if (this.known.has(key)) continue;
      packed[key] = value[key];
      changed = true;
    }
    return changed ? packed : undefined;
  }

  unpack(packed: unknown): T {
    if (packed === undefined) return this.usual;
    if (Array.isArray(packed)) return packed[0] as T;
    if (typeof packed !== 'object' || packed === null) return packed as T;
    const value = { ...this.usual };
    for (const [key, form] of this.fields) {
      const part = (packed as { [key: PropertyKey]: unknown })[key];
      if (part !== undefined) value[key] = form.unpack(part) as T[keyof T];
    }
    for (const key in packed) if (!this.known.has(key)) value[key as keyof T] = packed[key as keyof typeof packed];
    return value;
  }
}

class ListForm<T extends object> extends Form<readonly T[]> {
  readonly usual: readonly T[] = [];

  constructor(private readonly item: Form<T>) { super(); }

  pack(value: readonly T[]): unknown {
    return value.length === 0 ? undefined : value.map((item) => this.item.pack(item) ?? {});
  }
  unpack(packed: unknown): readonly T[] {
    return packed === undefined ? this.usual : (packed as unknown[]).map((item) => this.item.unpack(item));
  }
}

class OptionalForm<T extends object> extends Form<T | null> {
  readonly usual = null;

  constructor(private readonly present: Form<T>) { super(); }

  pack(value: T | null): unknown { return value === null ? undefined : this.present.pack(value) ?? {}; }
  unpack(packed: unknown): T | null {
    return packed === undefined || packed === null ? null : this.present.unpack(packed);
  }
}

/** The usual value of each field, or its form. */
export type Fields<T> = { readonly [K in keyof T]: T[K] | Form<T[K]> };

/** Objects with these fields. Of a union: those of one member; others are packed as they stand. */
export function objectOf<T extends object>(fields: Fields<T>): Form<T> { return new ObjectForm(fields); }
/** Lists that are usually empty. */
export function listOf<T extends object>(item: Form<T>): Form<T[]> {
  return new ListForm(item) as unknown as Form<T[]>;
}
/** Values of which nothing is usual: packed as they stand. */
export function verbatim<T>(): Form<T> { return new FixedForm(null) as unknown as Form<T>; }
/** What is usually null. */
export function optional<T extends object>(present: Form<T>): Form<T | null> { return new OptionalForm(present); }

function formOf(field: unknown): Form<unknown> {
  if (field instanceof Form) return field as Form<unknown>;
  const isObject = typeof field === 'object' && field !== null && !Array.isArray(field);
  return isObject ? new ObjectForm(field) as unknown as Form<unknown> : new FixedForm(field);
}
