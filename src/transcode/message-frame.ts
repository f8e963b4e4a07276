// A message, or a list of values of a field, that is being written: what belongs to it, and where it stands in the
// whole, as failures tell it. Frames form a stack from the outermost message inward.
import type { FieldType, MessageType } from './descriptors.js';
import { WireWriter } from './wire.js';

export const IS_MESSAGE = 0, IS_MAP = 1, IS_ANY = 2;

export class Frame {
  /** Elements of a list so far, as the converter counts them; -1: it is no list. */
  elements: number;
  readonly out: WireWriter;
  private taken: Set<number> | null = null;
  private keys: Set<string> | null = null;
  /** Required fields that have not come. */
  readonly missing: Set<FieldType> | null;

  /** `placeholder`: it has no brackets of its own in the text. `field` is null of the outermost message only. */
  constructor(readonly parent: Frame | null, readonly field: FieldType | null, readonly type: MessageType,
    readonly kind: number, readonly placeholder: boolean, readonly list: boolean) {
    this.elements = list ? 0 : -1;
    const isMessage = !list && (field === null || field.message !== null);
    this.out = isMessage || parent === null ? new WireWriter() : parent.out;
    this.missing = isMessage && !type.proto3 ? new Set(type.fields.filter(({ required }) => required)) : null;
  }

  get holdsMessage(): boolean { return !this.list && this.field !== null && this.field.message !== null; }

  /** An element of a list, or a field, has come. */
  note(field: FieldType): void {
    if (field.repeated) { if (this.elements >= 0) this.elements++; } else this.missing?.delete(field);
  }

  /** False: another field of the oneof has been set. */
  takeOneof(field: FieldType): boolean {
    if (field.oneof < 0) return true;
    this.taken ??= new Set();
    if (this.taken.has(field.oneof)) return false;
    this.taken.add(field.oneof);
    return true;
  }

  /** False: the map has the key. */
  takeKey(key: string): boolean {
    this.keys ??= new Set();
    if (this.keys.has(key)) return false;
    this.keys.add(key);
    return true;
  }

  /** Where it stands: `shelf.books[2].title`. `inner`: a value in it. */
  place(inner: FieldType | null = null): string {
    const parts: { field: FieldType; within: FieldType | null; elements: number }[] = [];
    if (inner !== null) parts.push({ field: inner, within: this.field, elements: -1 });
    for (let frame: Frame = this; frame.parent !== null; frame = frame.parent)
      parts.push({ field: frame.field!, within: frame.parent.field, elements: frame.elements });
    let text = '';
    for (const { field, within, elements } of parts.reverse()) {
      if (!field.repeated || within !== field) text += text === '' ? field.name : `.${field.name}`;
      if (field.repeated && elements > 0) text += `[${elements - 1}]`;
    }
    return text;
  }
}
