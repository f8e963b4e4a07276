// Writes a message from what a JSON text consists of, by the rules of protobuf's converter: unknown fields are passed
// over with all they hold, well-known types have forms of their own, a value that does not fit is reported and the rest
// read on.
import { AnyWriter } from './any-writer.js';
import { Kind, findField, kindNames } from './descriptors.js';
import type { Descriptors, FieldType, MessageType, WellKnown } from './descriptors.js';
import type { ValueFailures } from './failures.js';
import type { JsonEvents } from './json-events.js';
import { Frame, IS_ANY, IS_MAP, IS_MESSAGE } from './message-frame.js';
import { scalarText } from './scalars.js';
import type { Scalar } from './scalars.js';
import { wireTypeOf, writeScalar } from './scalar-fields.js';
import { TextError } from './time-text.js';
import { renderWellKnown, rendersScalar } from './well-known.js';

/** What does not change between messages. */
export interface WriterContext { descriptors: Descriptors; failures: ValueFailures; anyEnumCase: boolean }

export class MessageWriter implements JsonEvents {
  /** The whole message, when it is. */
  written: Uint8Array | null = null;
  private frame: Frame | null = null;
  /** Brackets that are open in what is passed over. */
  private ignored = 0;

  constructor(readonly context: WriterContext, readonly type: MessageType) {}

  /** A writer of another message, for what an Any holds. */
  another(type: MessageType): MessageWriter { return new MessageWriter(this.context, type); }

  startObject(name: string): void {
    if (this.ignored > 0) { this.ignored++; return; }
    const { frame } = this;
    if (frame === null) { this.startRoot(); return; }
    if (frame.kind === IS_ANY) { this.any(frame).startObject(name); return; }
    if (frame.kind === IS_MAP) { this.startEntry(frame, name); return; }
    const field = this.begin(name, false);
    if (field === null) return;
    if (field.map) { this.push(name, IS_MAP, false, true); return; }
    const known = field.message?.wellKnown ?? null;
    if (field.message === null) {
      this.ignored++;
      this.invalidValue(field.name, 'Starting an object on a scalar field');
      return;
    }
    this.push(name, known === 'any' ? IS_ANY : IS_MESSAGE, false, false);
    this.openStruct(known);
  }

  endObject(): void {
    if (this.ignored > 0) { this.ignored--; return; }
    const { frame } = this;
    if (frame === null || (frame.kind === IS_ANY && this.any(frame).endObject())) return;
    this.pop();
  }

  startList(name: string): void {
    if (this.ignored > 0) { this.ignored++; return; }
    const { frame } = this;
    if (frame === null) { this.startRootList(name); return; }
    if (frame.kind === IS_ANY) { this.any(frame).startList(name); return; }
    if (frame.kind === IS_MAP) { this.startEntryList(frame, name); return; }
    if (name === '') { this.startInnerList(frame); return; }
    const field = findField(frame.type, name);
    const known = field?.message?.wellKnown ?? null;
    if (field === null) { this.ignored++; return; }
    if (!field.repeated && (known === 'value' || known === 'list')) {
      this.push(name, IS_MESSAGE, false, false);
      this.openList(known);
    } else if (!field.repeated) {
      this.ignored++;
      this.invalidName('Proto field is not repeating, cannot start list.');
    } else if (field.map) {
      this.invalidValue('Map', `Cannot bind a list to map for field '${name}'.`);
      this.ignored++;
    } else this.push(name, IS_MESSAGE, false, true);
  }

  endList(): void {
    if (this.ignored > 0) { this.ignored--; return; }
    const { frame } = this;
    if (frame === null) return;
    if (frame.kind === IS_ANY) this.any(frame).endList(); else this.pop();
  }

  scalar(name: string, value: Scalar): void {
    if (this.ignored > 0) return;
    const { frame } = this;
    if (frame === null) { this.rootScalar(name, value); return; }
    if (frame.kind === IS_ANY) { this.any(frame).scalar(name, value); return; }
    if (frame.kind === IS_MAP) { this.entryScalar(frame, name, value); return; }
    const field = this.look(name);
    if (field === null) return;
    const known = field.message?.wellKnown ?? null;
    if (known !== null && rendersScalar(known)) {
      if (value === null && known !== 'value') return;
      this.push(name, IS_MESSAGE, false, false);
      this.render(known, field.typeUrl, name, value);
      this.pop();
    } else if (value !== null || takesNull(field)) this.primitive(name, value);
  }

  /** Of a field of the message in hand, as it is. */
  primitive(name: string, value: Scalar): void {
    const frame = this.frame;
    const field = this.ignored > 0 ? null : this.look(name);
    if (frame === null || field === null) return;
    if (!this.takeOneof(frame, field, name)) return;
    const scalar = field.message === null;
    if (!frame.type.proto3 && scalar) frame.note(field);
    if (scalar && writeScalar(frame.out, field, value, this.context.anyEnumCase)) return;
    if (frame.type.proto3 || !scalar) frame.note(field);
    this.context.failures.invalidValue(frame.place(field), field.typeUrl || kindNames[field.kind]!, scalarText(value));
  }

  /** The whole message is this one scalar, of a well-known type. */
  rootScalar(name: string, value: Scalar, inAny = false): void {
    const known = this.type.wellKnown;
    if (known === null || !rendersScalar(known)) { this.invalidName('Root element must be a message.'); return; }
    this.frame = new Frame(null, null, this.type, IS_MESSAGE, false, false);
    this.render(known, this.type.name, name, value, inAny);
    this.pop();
  }

  invalidValue(type: string, value: string): void {
    this.context.failures.invalidValue(this.frame?.place() ?? '', type, value);
  }

  private invalidName(message: string): void { this.context.failures.invalidName(this.frame?.place() ?? '', message); }

  private render(known: WellKnown, type: string, name: string, value: Scalar, inAny = false): void {
    try {
      renderWellKnown(this, known, value);
    } catch (error) {
      if (!(error instanceof TextError)) throw error;
      this.invalidValue(inAny ? 'Any' : type, inAny ? error.message : `Field '${name}', ${error.message}`);
    }
  }

  private startRoot(): void {
    const known = this.type.wellKnown;
    this.frame = new Frame(null, null, this.type, known === 'any' ? IS_ANY : IS_MESSAGE, false, false);
    this.openStruct(known);
    if (known === 'list')
      this.invalidValue('google.protobuf.ListValue', 'Cannot start root message with ListValue.');
  }

  private startRootList(name: string): void {
    const known = this.type.wellKnown;
    if (name !== '') { this.invalidName('Root element should not be named.'); this.ignored++; return; }
    if (known !== 'value' && known !== 'list') {
      this.ignored++;
      this.invalidName('Root element must be a message.');
      return;
    }
    this.frame = new Frame(null, null, this.type, IS_MESSAGE, false, false);
    this.openList(known);
  }

  /** A struct, or a value that is one, begins within the message that was just begun. */
  private openStruct(known: WellKnown | null): void {
    if (known === 'value') this.push('struct_value', IS_MESSAGE, true, false);
    if (known === 'value' || known === 'struct') this.push('fields', IS_MAP, true, true);
  }

  private openList(known: WellKnown | null): void {
    if (known === 'value') this.push('list_value', IS_MESSAGE, true, false);
    if (known === 'value' || known === 'list') this.push('values', IS_MESSAGE, true, true);
  }

  /** A list within a list. */
  private startInnerList(frame: Frame): void {
    const known = frame.field?.message?.wellKnown ?? null;
    if (known === 'value' || known === 'list') {
      this.push('', IS_MESSAGE, false, false);
      this.openList(known);
    } else this.push('', IS_MESSAGE, false, true);
  }

  /** False: the map has the key. */
  private openEntry(frame: Frame, key: string): boolean {
    if (!frame.takeKey(key)) {
      this.invalidName(`Repeated map key: '${key}' is already set.`);
      return false;
    }
    this.push('', IS_MESSAGE, false, false);
    this.primitive('key', key);
    return true;
  }

  private startEntry(frame: Frame, key: string): void {
    if (!this.openEntry(frame, key)) { this.ignored++; return; }
    const known = this.frame!.type.byName.get('value')?.message?.wellKnown ?? null;
    this.push('value', known === 'any' ? IS_ANY : IS_MESSAGE, true, false);
    if (this.ignored === 0) this.openStruct(known);
  }

  private startEntryList(frame: Frame, key: string): void {
    if (!this.openEntry(frame, key)) { this.ignored++; return; }
    const known = this.frame!.type.byName.get('value')?.message?.wellKnown ?? null;
    this.push('value', IS_MESSAGE, true, false);
    if (this.ignored > 0) return;
    if (known === 'value' || known === 'list') this.openList(known);
    else this.invalidValue('Map', `Cannot have repeated items ('${key}') within a map.`);
  }

  private entryScalar(frame: Frame, key: string, value: Scalar): void {
    if (!this.openEntry(frame, key)) return;
    const field = this.frame!.type.byName.get('value')!;
    const known = field.message?.wellKnown ?? null;
    if (known !== null && rendersScalar(known)) {
      this.push('value', IS_MESSAGE, true, false);
      this.render(known, field.typeUrl, key, value);
    } else if (value !== null || takesNull(field)) this.primitive('value', value);
    this.pop();
  }

  private any(frame: Frame): AnyWriter {
    let found = this.anys.get(frame);
    if (found === undefined) this.anys.set(frame, found = new AnyWriter(this, frame));
    return found;
  }
  private readonly anys = new Map<Frame, AnyWriter>();

  /** The field of this name; within a list, the list's. */
  private look(name: string): FieldType | null {
    const frame = this.frame!;
    if (name !== '') return findField(frame.type, name);
    if (frame.field !== null && frame.field.repeated) return frame.field;
    this.invalidName('Proto fields must have a name.');
    return null;
  }

  private begin(name: string, list: boolean): FieldType | null {
    const field = this.look(name);
    if (field === null) { this.ignored++; return null; }
    if (!list || field.repeated) return field;
    this.ignored++;
    this.invalidName('Proto field is not repeating, cannot start list.');
    return null;
  }

  private takeOneof(frame: Frame, field: FieldType, name: string): boolean {
    if (frame.takeOneof(field)) return true;
    this.invalidValue('oneof', `oneof field '${frame.type.oneofs[field.oneof]}' is already set. Cannot set '${name}'`);
    return false;
  }

  private push(name: string, kind: number, placeholder: boolean, list: boolean): void {
    if (this.ignored > 0) { this.ignored++; return; }
    const frame = this.frame!;
    const field = this.begin(name, list);
    if (field === null) return;
    if (!this.takeOneof(frame, field, name)) { this.ignored++; return; }
    if (!list) {
      frame.note(field);
      frame.out.tag(field.number, wireTypeOf(field));
    }
    this.frame = new Frame(frame, field, field.message ?? frame.type, kind, placeholder, list);
  }

  /** Ends the message or list in hand, with those around it that have no brackets of their own. */
  private pop(): void {
    while (this.frame !== null && this.frame.placeholder) this.popOne();
    if (this.frame !== null) this.popOne();
  }

  private popOne(): void {
    const frame = this.frame!;
    if (frame.missing !== null)
      for (const field of frame.missing) this.context.failures.missingField(frame.place(), field.name);
    this.frame = frame.parent;
    if (frame.parent === null) this.written = frame.out.written;
    else if (frame.holdsMessage) frame.parent.out.delimited(frame.out.written);
  }
}

const takesNull = (field: FieldType): boolean =>
  field.kind === Kind.enum && field.enumeration!.name === 'google.protobuf.NullValue';
