// Constant texts in the arena that many places have in common, once each: header lines of routes, above all. Equal
// texts are one, with a count of those who keep it.
import type { Engine } from '../engine.js';

export interface KeptText { readonly at: number; readonly bytes: number }
interface Counted extends KeptText { readonly text: string; uses: number }

export class KeptTexts {
  private readonly byText = new Map<string, Counted>();

  constructor(private readonly engine: Engine) {}

  /** UTF-8 of the text, or null when the arena is full. */
  keep(text: string): KeptText | null {
    const known = this.byText.get(text);
    if (known !== undefined) { known.uses++; return known; }
    const kept = this.engine.keepText(text);
    if (kept === null) return null;
    const counted = { ...kept, text, uses: 1 };
    this.byText.set(text, counted);
    return counted;
  }

  /** What `keep` gave. */
  release(kept: KeptText): void {
    const counted = kept as Counted;
    if (--counted.uses > 0) return;
    this.byText.delete(counted.text);
    this.engine.heap.release(counted.at, counted.bytes + 16);
  }
}
