// Headers that the codecs know by number, in a decoded head.
import { Head } from '../../core/generated/layouts.js';
import type { Engine } from '../engine.js';

/** Index into i32 of the first line (HeaderLine) of the header with this number; 0: there is none. */
export function knownLine({ u16 }: Engine, record: number, id: number): number {
  const index = u16[(record >> 1) + Head.known * 2 + id];
  return index === 0 ? 0 : (record >> 2) + Head.headers + (index - 1) * 4;
}
