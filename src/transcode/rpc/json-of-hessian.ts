// Values of Hessian as JSON. Digits of a long are written as they are; a double keeps its point or exponent. What JSON
// has no form for is refused.
//
//   list of any type → [...]      map with strings as keys → {...}      object → its fields behind "class", its type
import { CarryError, within } from './failure.js';
import { HessianDouble, HessianList, HessianMap, HessianObject, HessianOpaque } from './hessian-values.js';
import type { HessianValue } from './hessian-values.js';

const CLASS = 'class';
/** A map by another type than one of Java's maps is an object, written by its fields' names. */
const isJavaMap = (type: string): boolean => type === '' || type.startsWith('java.util.');

export interface JsonLimits { depthMax: number; charactersMax: number }

/** Throws CarryError, which names `place`; also when there is more of it than the limits say. */
export function jsonOf(value: HessianValue, limits: JsonLimits, place: string): string {
  const writer = new JsonWriter(limits);
  writer.write(value, place);
  return writer.text;
}

class JsonWriter {
  text = '';
  /** Lists, maps and objects that the value in hand is within. */
  private readonly open = new Set<HessianValue>();

  constructor(private readonly limits: JsonLimits) {}

  private put(text: string): void {
    const { charactersMax } = this.limits;
    if (this.text.length + text.length > charactersMax)
      throw new CarryError(`the value is longer than ${charactersMax} characters as JSON`);
    this.text += text;
  }

  write(value: HessianValue, place: string): void {
    if (value === null || typeof value === 'boolean') this.put(String(value));
    else if (typeof value === 'number' || typeof value === 'bigint') this.put(value.toString());
    else if (typeof value === 'string') this.put(JSON.stringify(value));
    else if (value instanceof HessianDouble) this.put(doubleText(value.value, place));
    else if (value instanceof HessianOpaque) throw new CarryError(`${place}: ${value.what} has no form in JSON`);
    else this.enter(value, place);
  }

  private enter(value: HessianList | HessianMap | HessianObject, place: string): void {
    if (this.open.has(value)) throw new CarryError(`${place}: the value contains itself`);
    // By references it may be deeper than it was read.
    if (this.open.size === this.limits.depthMax)
      throw new CarryError(`the value nests deeper than ${this.limits.depthMax}`);
    this.open.add(value);
    if (value instanceof HessianList) this.list(value, place);
    else this.members(value, place);
    this.open.delete(value);
  }

  private list({ items }: HessianList, place: string): void {
    this.put('[');
    items.forEach((item, index) => {
      if (index > 0) this.put(',');
      this.write(item, within(place, index));
    });
    this.put(']');
  }

  private members(value: HessianMap | HessianObject, place: string): void {
    const names = new Set<string>();
    const member = (name: HessianValue, of: HessianValue): void => {
      if (typeof name !== 'string') throw new CarryError(`${place}: a map has a key that is no string`);
      if (names.has(name)) throw new CarryError(`${place}: ${JSON.stringify(name)} stands there twice`);
      this.put(`${names.size > 0 ? ',' : ''}${JSON.stringify(name)}:`);
      names.add(name);
      this.write(of, within(place, name));
    };
    this.put('{');
    if (value instanceof HessianObject || !isJavaMap(value.type)) member(CLASS, value.type);
    if (value instanceof HessianMap) for (const [name, of] of value.entries) member(name, of);
    else value.names.forEach((name, index) => { member(name, value.values[index]!); });
    this.put('}');
  }
}

function doubleText(value: number, place: string): string {
  if (!Number.isFinite(value)) throw new CarryError(`${place}: ${value} has no form in JSON`);
  const text = Object.is(value, -0) ? '-0' : String(value);
  return /[.e]/.test(text) ? text : `${text}.0`;
}
