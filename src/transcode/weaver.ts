// Puts what a path and a query say into the message that a body describes: fields of the body's own win, lists get
// both. The bindings of a message come behind all that the body says of it.
import type { FieldType } from './descriptors.js';
import type { ValueFailures } from './failures.js';
import type { JsonEvents } from './json-events.js';
import { boolOf, doubleOf, int64Of, scalarText, uint64Of } from './scalars.js';
import type { Scalar } from './scalars.js';

export interface ResolvedBinding { path: FieldType[]; value: string }

interface Woven { field: FieldType | null; bindings: { field: FieldType; value: string }[]; inner: Woven[] }

export class Weaver implements JsonEvents {
  private readonly root: Woven = { field: null, bindings: [], inner: [] };
  private readonly open: Woven[] = [];
  /** Brackets that are open where nothing is woven in. */
  private aside = 0;

  constructor(bindings: readonly ResolvedBinding[], private readonly next: JsonEvents,
      private readonly failures: ValueFailures, private readonly refusesCollisions: boolean) {
    for (const { path, value } of bindings) this.bind(path, value);
  }

  startObject(name: string): void {
    this.next.startObject(name);
    if (this.open.length === 0) { this.open.push(this.root); return; }
    const found = this.aside > 0 ? undefined : this.open.at(-1)!.inner.find(({ field }) => field!.name === name);
    if (found === undefined) this.aside++; else this.open.push(found);
  }

  endObject(): void {
    if (this.aside > 0) this.aside--;
    else weave(this.open.pop()!, this.next);
    this.next.endObject();
  }

  startList(name: string): void {
    this.next.startList(name);
    this.aside++;
  }
  endList(): void {
    this.next.endList();
    this.aside--;
  }

  scalar(name: string, value: Scalar): void {
    if (this.aside === 0 && value !== null) this.collide(name, value);
    this.next.scalar(name, value);
  }

  private bind(path: readonly FieldType[], value: string): void {
    let at = this.root;
    for (const field of path.slice(0, -1)) {
      let found = at.inner.find((one) => one.field!.name === field.name);
      if (found === undefined) at.inner.push(found = { field, bindings: [], inner: [] });
      at = found;
    }
    const last = path.at(-1);
    if (last !== undefined) at.bindings.push({ field: last, value });
  }

  /** The body has a value of its own for a field that is bound. */
  private collide(name: string, value: Scalar): void {
    const at = this.open.at(-1);
    if (at === undefined) return;
    at.bindings = at.bindings.filter(({ field, value: bound }) => {
      if (field.name !== name) return true;
      if (field.repeated) this.next.scalar(name, bound);
      else if (this.refusesCollisions) {
        const failure = difference(name, value, bound);
        if (failure !== null) this.failures.text = failure;
      }
      return false;
    });
  }
}

function weave(woven: Woven, next: JsonEvents): void {
  for (const { field, value } of woven.bindings) next.scalar(field.name, value);
  woven.bindings = [];
  for (const inner of woven.inner) {
    if (inner.bindings.length === 0 && inner.inner.length === 0) continue;
    next.startObject(inner.field!.name);
    weave(inner, next);
    next.endObject();
  }
  woven.inner = [];
}

/** As the library compares them; the halves of 64 bits that it loses are lost here too. */
function same(body: Scalar, bound: string): boolean | undefined {
  switch (typeof body) {
    case 'bigint': {
      const value = body < 0n ? int64Of(bound) : uint64Of(bound);
      return value === undefined ? undefined : BigInt.asUintN(32, value) === body;
    }
    case 'number': {
      const value = doubleOf(bound);
      return value === undefined ? undefined : Math.abs(value - body) < 32 * 2 ** -23;
    }
    case 'boolean': {
      const value = boolOf(bound);
      return value === undefined ? undefined : value === body;
    }
    default: return body === bound;
  }
}

function difference(name: string, body: Scalar, bound: string): string | null {
  const equal = same(body, bound);
  const type = typeof body === 'bigint' ? body < 0n ? 'int64' : 'uint64' : typeof body === 'number' ? 'double' : 'bool';
  if (equal === undefined) return `Failed to convert binding value ${name}:${scalarText(bound)} to ${type}`;
  return equal ? null : `The binding value ${scalarText(bound)} of the field ${name} is conflicting with the value `
    + `${scalarText(body)} in the body.`;
}
