// JSON of a message, as protobuf's printer writes it: fields by number, well-known types in forms of their own, 64 bits
// as texts, enumerations by name.
import { Kind } from './descriptors.js';
import type { Descriptors, FieldType, MessageType } from './descriptors.js';
import { base64Text, quoted, textOf } from './json-text.js';
import { doubleText, floatText } from './number-text.js';
import { TextError, durationText, maskPathText, timestampText } from './time-text.js';
import type { Instant } from './time-text.js';
import { MessageError, UntypedMessage, readMessage } from './untyped-message.js';
import type { FieldValue } from './untyped-message.js';
import { WireReader } from './wire.js';

export interface PrintOptions {
  addWhitespace: boolean; printPrimitives: boolean; enumsAsInts: boolean; preserveNames: boolean;
}

/** JSON of the message that lies in these bytes. Throws MessageError. */
export function printMessage(descriptors: Descriptors, type: MessageType, bytes: Uint8Array,
  options: PrintOptions): string {
  const printer = new MessagePrinter(descriptors, options);
  try {
    return printer.whole(readMessage(type, new WireReader(bytes)));
  } catch (error) {
    throw error instanceof TextError ? new MessageError(error.message) : error;
  }
}

class MessagePrinter {
  private text = '';
  private depth = 0;

  constructor(private readonly descriptors: Descriptors, private readonly options: PrintOptions) {}

  whole(message: UntypedMessage): string {
    this.message(message);
    this.newLine();
    return this.text;
  }

  private message(message: UntypedMessage): void {
    switch (message.type.wellKnown) {
      case 'any': this.any(message); return;
      case 'wrapper': this.single(message.type.byNumber.get(1)!, message.one(1)); return;
      case 'value': this.value(message); return;
      case 'struct': this.map(message, message.type.byNumber.get(1)!); return;
      case 'list': this.list(message, message.type.byNumber.get(1)!); return;
      case 'timestamp': this.text += `"${timestampText(instantOf(message))}"`; return;
      case 'duration': this.text += `"${durationText(instantOf(message))}"`; return;
      case 'fieldMask':
        this.text += `"${(message.values.get(1) ?? []).map((path) => maskPathText(textOf(path as Uint8Array)))
          .join(',')}"`;
        return;
      case null:
        this.open('{');
        this.close(this.fields(message, true), '}');
    }
  }

  private open(bracket: string): void {
    this.text += bracket;
    this.depth++;
  }
  private close(empty: boolean, bracket: string): void {
    this.depth--;
    if (!empty) this.newLine();
    this.text += bracket;
  }
  private newLine(): void { if (this.options.addWhitespace) this.text += `\n${' '.repeat(this.depth)}`; }
  private comma(first: boolean): false {
    if (!first) this.text += ',';
    this.newLine();
    return false;
  }
  private name(name: string): void { this.text += this.options.addWhitespace ? `${quoted(name)}: `
    : `${quoted(name)}:`; }

  /** Returns whether there is still nothing between the brackets. */
  private fields(message: UntypedMessage, nothing: boolean): boolean {
    let first = nothing;
    const { printPrimitives, preserveNames } = this.options;
    for (const field of message.type.fields) {
      const count = message.count(field.number);
      if (count === 0 && !(printPrimitives && (field.repeated || isImplicit(message.type, field)))) continue;
      if (!field.repeated && isEmptyValue(message.one(field.number))) continue;
      first = this.comma(first);
      this.name(preserveNames || isPascal(field) ? field.name : field.jsonName);
      if (field.map) this.map(message, field);
      else if (field.repeated) this.list(message, field);
      else this.single(field, message.one(field.number));
    }
    return first;
  }

  private list(message: UntypedMessage, field: FieldType): void {
    this.open('[');
    let first = true;
    for (const value of message.values.get(field.number) ?? []) {
      if (isEmptyValue(value)) continue;
      first = this.comma(first);
      this.single(field, value);
    }
    this.close(first, ']');
  }

  private map(message: UntypedMessage, field: FieldType): void {
    this.open('{');
    let first = true;
    const [key, value] = [field.message!.byNumber.get(1)!, field.message!.byNumber.get(2)!];
    for (const entry of message.values.get(field.number) ?? []) {
      const held = (entry as UntypedMessage).one(2);
      if (isEmptyValue(held)) continue;
      first = this.comma(first);
      this.name(keyText((entry as UntypedMessage).one(1), key));
      // A message that its entry lacks is one without fields.
      this.single(value, held ?? (value.message === null ? undefined : new UntypedMessage(value.message)));
    }
    this.close(first, '}');
  }

  private single(field: FieldType, value: FieldValue | undefined): void {
    switch (field.kind) {
      case Kind.double: this.text += finite(doubleText((value ?? 0) as number)); return;
      case Kind.float: this.text += finite(floatText((value ?? 0) as number)); return;
      case Kind.bool: this.text += String(value ?? false); return;
      case Kind.string: this.text += quoted(value === undefined ? field.defaultValue
        : textOf(value as Uint8Array)); return;
      case Kind.bytes: this.text += base64Text((value ?? new Uint8Array(0)) as Uint8Array); return;
      case Kind.enum: this.enumeration(field, (value ?? field.enumeration!.first) as number); return;
      case Kind.message: this.message(value as UntypedMessage); return;
      case Kind.int64: case Kind.uint64: case Kind.fixed64: case Kind.sfixed64: case Kind.sint64:
        this.text += `"${String(value ?? 0)}"`;
        return;
      default: this.text += String(value ?? 0);
    }
  }

  private enumeration(field: FieldType, number: number): void {
    if (field.enumeration!.name === 'google.protobuf.NullValue') { this.text += 'null'; return; }
    const name = this.options.enumsAsInts ? undefined : field.enumeration!.byNumber.get(number);
    this.text += name === undefined ? String(number) : quoted(name);
  }

  private value(message: UntypedMessage): void {
    if (message.count(1) > 0) { this.text += 'null'; return; }
    const number = message.one(2) as number | undefined;
    if (number !== undefined) {
      if (Number.isNaN(number)) throw new MessageError('google.protobuf.Value cannot encode double values for nan, '
        + 'because it would be parsed as a string');
      if (!Number.isFinite(number)) throw new MessageError('google.protobuf.Value cannot encode double values for '
        + 'infinity, because it would be parsed as a string');
      this.text += doubleText(number);
      return;
    }
    for (let kind = 3; kind <= 6; kind++) {
      const value = message.one(kind);
      if (value === undefined) continue;
      this.single(message.type.byNumber.get(kind)!, value);
      return;
    }
  }

  private any(message: UntypedMessage): void {
    const url = message.one(1), bytes = (message.one(2) ?? new Uint8Array(0)) as Uint8Array;
    if (url === undefined && message.count(2) === 0) { this.text += '{}'; return; }
    if (url === undefined) throw new MessageError('broken Any: missing type URL');
    this.open('{');
    this.newLine();
    this.name('@type');
    const text = textOf(url as Uint8Array);
    this.text += quoted(text);
    const type = this.descriptors.ofUrl(text);
    if (typeof type === 'string') throw new MessageError(type, type.includes('unknown') ? 'NOT_FOUND' : undefined);
    const content = readMessage(type, new WireReader(bytes));
    if (type.wellKnown === null) this.fields(content, false);
    else if (!isEmptyValue(content)) {
      this.comma(false);
      this.name('value');
      this.message(content);
    }
    this.close(false, '}');
  }
}

/** What is no number stands in quotes. */
const finite = (text: string): string => /[a-z]{2}/i.test(text) ? `"${text}"` : text;

function keyText(value: FieldValue | undefined, key: FieldType): string {
  if (value instanceof Uint8Array) return textOf(value);
  if (value !== undefined) return String(value);
  return key.kind === Kind.string ? '' : key.kind === Kind.bool ? 'false' : '0';
}

/** protobuf's printer leaves the first letter of such names as it is. */
const isPascal = (field: FieldType): boolean => /^[A-Z]/.test(field.name) && !/^[A-Z]/.test(field.jsonName);

/** Value without a kind: it is not printed. */
const isEmptyValue = (value: FieldValue | undefined): boolean =>
  value instanceof UntypedMessage && value.type.wellKnown === 'value' && value.values.size === 0;

/** Fields of proto3 that are printed with their default value, if asked for. */
const isImplicit = (type: MessageType, field: FieldType): boolean =>
  type.proto3 && field.oneof < 0 && field.message === null;

const instantOf = (message: UntypedMessage): Instant =>
  ({ seconds: (message.one(1) ?? 0n) as bigint, nanos: (message.one(2) ?? 0) as number });
