// google.protobuf.FieldMask over JSON: keeps what the paths name. A path goes through repeated fields into every
// element.
import type { JsonObject, JsonValue } from '../backend.js';

export type FieldMask = string[][];

/** `a.b,c` in snake or camel case. */
export function parseMask(text: string): FieldMask {
  return text.split(',').filter((path) => path !== '').map((path) => path.split('.').map(snake));
}

const snake = (name: string): string => name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);

/** A copy with the named fields only; '@type' always stays. */
export function masked(value: JsonValue, mask: FieldMask): JsonValue {
  if (Array.isArray(value)) return value.map((inner) => masked(inner, mask));
  if (value === null || typeof value !== 'object') return value;
  const result: JsonObject = {};
  for (const [key, inner] of Object.entries(value)) {
    if (key === '@type') { result[key] = inner; continue; }
    const below = mask.filter((path) => path[0] === key);
    if (below.length === 0) continue;
    result[key] = below.some((path) => path.length === 1) ? inner : masked(inner, below.map((path) => path.slice(1)));
  }
  return result;
}
