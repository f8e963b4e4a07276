// What a JSON text consists of, as whoever reads it tells whoever takes it. Texts are latin1: one character is one
// byte.
import type { Scalar } from './scalars.js';

/** `name` is '' at the top and within lists. */
export interface JsonEvents {
  startObject(name: string): void;
  endObject(): void;
  startList(name: string): void;
  endList(): void;
  scalar(name: string, value: Scalar): void;
}
