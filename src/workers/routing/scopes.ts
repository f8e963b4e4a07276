// Which of a connection manager's route configurations a request belongs to, by a key made of its headers. A connection
// manager without scopes has null here; the others make a string a request.
import type { ScopeFragment, ScopedRoutes } from '../../config/types.js';
import { Head } from '../../core/generated/layouts.js';
import type { Engine } from '../engine.js';
import { recordHeader } from './regex.js';

/** Between fragments of a key; no header has it. */
const BETWEEN = '\n';
const pseudo: Readonly<Record<string, readonly [at: number, bytes: number]>> = {
  ':method': [Head.methodAt, Head.methodBytes], ':path': [Head.pathAt, Head.pathBytes],
  ':authority': [Head.hostAt, Head.hostBytes], host: [Head.hostAt, Head.hostBytes] };

export class Scopes {
  private readonly slots = new Map<string, number>();

  /** `slots`: the route slots of the scopes, in their order. */
  constructor(private readonly config: ScopedRoutes, slots: readonly number[]) {
    config.scopes.forEach(({ key }, index) => this.slots.set(key.join(BETWEEN), slots[index]));
  }

  /** The route slot of the decoded request, or -1: no scope is its. */
  slotOf(engine: Engine): number {
    let key = '';
    const { fragments } = this.config;
    for (let i = 0; i < fragments.length; i++) {
      const value = fragmentOf(headerOf(engine, fragments[i].header), fragments[i]);
      if (value === null) return -1;
      key = i === 0 ? value : key + BETWEEN + value;
    }
    return this.slots.get(key) ?? -1;
  }
}

/** The first value of the header. */
function headerOf(engine: Engine, name: string): string | null {
  const words = Object.hasOwn(pseudo, name) ? pseudo[name] : null;
  if (words === null) {
    const value = recordHeader(engine, engine.requestRecord, name, BETWEEN);
    const end = value === null ? -1 : value.indexOf(BETWEEN);
    return end < 0 ? value : value!.slice(0, end);
  }
  const record = engine.requestRecord >> 2;
  return engine.readText(engine.i32[record + words[0]], engine.i32[record + words[1]]);
}

/** What the extractor takes of the value: an element by its number, or what stands behind a key. */
export function fragmentOf(value: string | null, { separator, index, element }: ScopeFragment): string | null {
  if (value === null) return null;
  for (let from = 0, number = 0; from <= value.length; number++) {
    const found = separator === '' ? -1 : value.indexOf(separator, from);
    const end = found < 0 ? value.length : found;
    if (element === null) {
      if (number === index) return value.slice(from, end);
    } else {
      const middle = from + element.key.length;
      if (middle <= end && value.startsWith(element.key, from) && value.startsWith(element.separator, middle)
        && middle + element.separator.length <= end) return value.slice(middle + element.separator.length, end);
    }
    if (found < 0) return null;
    from = end + separator.length;
  }
  return null;
}
