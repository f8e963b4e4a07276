// A JSON value that is meant for a field within a message.
import type { JsonEvents } from './json-events.js';
import type { Scalar } from './scalars.js';

export class PrefixedEvents implements JsonEvents {
  private depth = 0;
  constructor(private readonly prefix: readonly string[], private readonly next: JsonEvents) {}

  startObject(name: string): void { this.next.startObject(this.depth++ === 0 ? this.open(name) : name); }
  endObject(): void {
    this.next.endObject();
    if (--this.depth === 0) this.close();
  }
  startList(name: string): void { this.next.startList(this.depth++ === 0 ? this.open(name) : name); }
  endList(): void {
    this.next.endList();
    if (--this.depth === 0) this.close();
  }
  scalar(name: string, value: Scalar): void {
    this.next.scalar(this.depth === 0 ? this.open(name) : name, value);
    if (this.depth === 0) this.close();
  }

  /** Begins the messages around the field; the name that the value has in the innermost. */
  private open(name: string): string {
    let inner = name;
    for (const part of this.prefix) {
      this.next.startObject(inner);
      inner = part;
    }
    return inner;
  }
  private close(): void { for (let i = 0; i < this.prefix.length; i++) this.next.endObject(); }
}
