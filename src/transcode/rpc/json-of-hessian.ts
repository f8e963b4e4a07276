// Values of Hessian as JSON. Digits of a long are written as they are; a double keeps its point or exponent. What JSON
// has no form for is refused.
//
//   list of any type → [...]      map with strings as keys → {...}      object → its fields behind "class", its type
import { CarryError } from './failure.js';
import { HessianDouble, HessianList, HessianMap, HessianObject, HessianOpaque } from './hessian-values.js';
import type { HessianValue } from './hessian-values.js';

const CLASS = 'class';
/** A map by another type than one of Java's maps is an object, written by its fields' names. */
const isJavaMap = (type: string): boolean => type === '' || type.startsWith('java.util.');

export interface JsonLimits { depthMax: number; charactersMax: number }

/** Throws CarryError, which names `place`; also when there is more of it than the limits say. */
export function jsonOf(value: HessianValue, limits: JsonLimits, place: string): string {
  const writer = new JsonWriter(limits);
  try { writer.write(value); } catch (error) { throw error instanceof CarryError ? error.of(place) : error; }
  return writer.text;
}

class JsonWriter {
  text = '';
  /** Lists, maps and objects that the value in hand is within. */
  private readonly open: HessianValue[] = [];

  constructor(private readonly limits: JsonLimits) {}

  private put(text: string): void {
    const { charactersMax } = this.limits;
    if (this.text.length + text.length > charactersMax)
      throw new CarryError(`the value is longer than ${charactersMax} characters as JSON`, true);
    this.text += text;
  }

  write(value: HessianValue): void {
    if (typeof value === 'string') this.put(JSON.stringify(value));
    else if (value === null || typeof value !== 'object') this.put(String(value));
    else if (value instanceof HessianDouble) this.put(doubleText(value.value));
    else if (value instanceof HessianOpaque) throw new CarryError(`${value.what} has no form in JSON`);
    else this.enter(value);
  }

  private enter(value: HessianList | HessianMap | HessianObject): void {
    if (this.open.includes(value)) throw new CarryError('the value contains itself');
    // By references it may be deeper than it was read.
    if (this.open.length === this.limits.depthMax)
      throw new CarryError(`the value nests deeper than ${this.limits.depthMax}`, true);
    this.open.push(value);
    if (value instanceof HessianList) this.list(value);
    else this.members(value);
    this.open.pop();
  }

  private inner(value: HessianValue, step: string | number): void {
    try { this.write(value); } catch (error) { throw error instanceof CarryError ? error.within(step) : error; }
  }

  private list({ items }: HessianList): void {
    this.put('[');
    for (let i = 0; i < items.length; i++) {
      if (i > 0) this.put(',');
      this.inner(items[i]!, i);
    }
    this.put(']');
  }

  private members(value: HessianMap | HessianObject): void {
    const names = new Set<HessianValue>();
    this.put('{');
    if (value instanceof HessianObject || !isJavaMap(value.type)) this.member(CLASS, value.type, names);
    if (value instanceof HessianMap) for (const [name, of] of value.entries) this.member(name, of, names);
    else for (let i = 0; i < value.names.length; i++) this.member(value.names[i]!, value.values[i]!, names);
    this.put('}');
  }

  private member(name: HessianValue, value: HessianValue, names: Set<HessianValue>): void {
    if (typeof name !== 'string') throw new CarryError('a map has a key that is no string');
    if (names.has(name)) throw new CarryError(`${JSON.stringify(name)} stands there twice`);
    this.put(names.size > 0 ? `,${JSON.stringify(name)}:` : `${JSON.stringify(name)}:`);
    names.add(name);
    this.inner(value, name);
  }
}

function doubleText(value: number): string {
  if (!Number.isFinite(value)) throw new CarryError(`${value} has no form in JSON`);
  const text = Object.is(value, -0) ? '-0' : String(value);
  return /[.e]/.test(text) ? text : `${text}.0`;
}
