// The types and services of a descriptor set, linked: every field knows the message or enumeration it holds. What a
// DescriptorPool would refuse is refused here too: a file whose imports are missing or come later, a type that is not
// there.
import { limits } from '../core/limits.js';
import { decodeFileDescriptorSet, fieldProto } from './descriptor-schema.js';
import { statusFiles } from './status-files.js';
import type { EnumProto, FieldProto, FileProto, HttpRule, MessageProto, MethodProto } from './descriptor-schema.js';

/** FieldDescriptorProto.Type */
export const Kind = { double: 1, float: 2, int64: 3, uint64: 4, int32: 5, fixed64: 6, fixed32: 7, bool: 8, string: 9,
  group: 10, message: 11, bytes: 12, uint32: 13, enum: 14, sfixed32: 15, sfixed64: 16, sint32: 17,
    sint64: 18 } as const;
/** Names of those as google.protobuf.Field.Kind has them. */
export const kindNames = ['TYPE_UNKNOWN', 'TYPE_DOUBLE', 'TYPE_FLOAT', 'TYPE_INT64', 'TYPE_UINT64', 'TYPE_INT32',
  'TYPE_FIXED64', 'TYPE_FIXED32', 'TYPE_BOOL', 'TYPE_STRING', 'TYPE_GROUP', 'TYPE_MESSAGE', 'TYPE_BYTES', 'TYPE_UINT32',
  'TYPE_ENUM', 'TYPE_SFIXED32', 'TYPE_SFIXED64', 'TYPE_SINT32', 'TYPE_SINT64'] as const;

/** Messages that JSON writes in a way of their own. */
export type WellKnown = 'any' | 'wrapper' | 'struct' | 'list' | 'value' | 'timestamp' | 'duration' | 'fieldMask';
const wellKnown: Readonly<Record<string, WellKnown>> = { Any: 'any', Struct: 'struct', ListValue: 'list',
  Value: 'value', Timestamp: 'timestamp', Duration: 'duration', FieldMask: 'fieldMask', DoubleValue: 'wrapper',
  FloatValue: 'wrapper', Int64Value: 'wrapper', UInt64Value: 'wrapper', Int32Value: 'wrapper', UInt32Value: 'wrapper',
  BoolValue: 'wrapper', StringValue: 'wrapper', BytesValue: 'wrapper' };

export interface FieldType {
  name: string; jsonName: string; number: number; kind: number;
  repeated: boolean; required: boolean; map: boolean;
  /** Index of its oneof, a proto3 optional's own included; -1 = none. */
  oneof: number;
  /** As descriptor.proto has it; '' = none. */
  defaultValue: string;
  message: MessageType | null; enumeration: EnumType | null;
  /** Of its message or enumeration; '' for scalars. */
  typeUrl: string;
}
/** Its fields are linked when somebody first asks for one: of a large set few messages are ever met. */
export class MessageType {
  private readonly list: FieldType[] = [];
  private readonly named = new Map<string, FieldType>();
  private readonly numbered = new Map<number, FieldType>();
  private readonly json = new Map<string, string>();

  constructor(readonly name: string, readonly proto3: boolean, readonly mapEntry: boolean,
    readonly wellKnown: WellKnown | null, readonly oneofs: readonly string[],
    private open: ((type: MessageType) => Iterable<FieldType>) | null) {}

  /** By number. Throws DescriptorError where they do not hold. */
  get fields(): readonly FieldType[] { if (this.open !== null) this.link(this.open); return this.list; }
  get byName(): ReadonlyMap<string, FieldType> { if (this.open !== null) this.link(this.open); return this.named; }
  get byNumber(): ReadonlyMap<number, FieldType> { if (this.open !== null) this.link(this.open); return this.numbered; }
  /** Names of fields by the names that JSON gives them, as latin1. */
  get jsonNames(): ReadonlyMap<string, string> { if (this.open !== null) this.link(this.open); return this.json; }

  private link(open: (type: MessageType) => Iterable<FieldType>): void {
    this.open = null;
    for (const field of open(this)) {
      if (this.named.has(field.name) || this.numbered.has(field.number))
        throw new DescriptorError(`${this.name}.${field.name} is there twice`);
      this.list.push(field);
      this.named.set(field.name, field);
      this.numbered.set(field.number, field);
      const json = Buffer.from(field.jsonName, 'utf8').toString('latin1');
      if (!this.json.has(json)) this.json.set(json, field.name);
    }
    this.list.sort((a, b) => a.number - b.number);
  }
}

export interface EnumType { name: string; byName: Map<string, number>; byNumber: Map<number, string>; first: number }
export interface MethodType {
  name: string; service: string; input: MessageType; output: MessageType;
  clientStreaming: boolean; serverStreaming: boolean; rule: HttpRule | null;
}

export const TYPE_PREFIX = 'type.googleapis.com/';

/** A field by its own name or JSON's. */
export function findField(type: MessageType, name: string): FieldType | null {
  return type.byName.get(type.jsonNames.get(name) ?? name) ?? null;
}

/** What is wrong with a descriptor set. */
export class DescriptorError extends Error {}

export class Descriptors {
  readonly messages = new Map<string, MessageType>();
  readonly enums = new Map<string, EnumType>();
  readonly services = new Map<string, MethodType[]>();
  private readonly declared: { service: string; method: MethodProto }[] = [];

  /** Throws DescriptorError. `withStatus`: google.rpc.Status is needed, whether the set has it or not. */
  constructor(bytes: Uint8Array, typesMax: number, withStatus: boolean) {
    const files = decodeFileDescriptorSet(bytes);
    if (files === null) throw new DescriptorError('is not a FileDescriptorSet');
    const seen = new Set<string>();
    for (const file of files) {
      const missing = file.dependency.find((name) => !seen.has(name));
      if (missing !== undefined)
        throw new DescriptorError(`${file.name} imports ${missing}, which the set has not before it`);
      seen.add(file.name);
      this.declare(file);
      if (this.messages.size + this.enums.size > typesMax) throw new DescriptorError(`more than ${typesMax} types`);
    }
    for (const file of withStatus ? statusFiles : [])
      if (!this.messages.has(`${file.package}.${file.messageType[0]!.name}`)) this.declare(file);
    this.link();
  }

  /** The message that a type URL names, or why there is none. */
  ofUrl(url: string): MessageType | string {
    if (!url.startsWith(TYPE_PREFIX))
      return `Invalid type URL, type URLs must be of the form '${TYPE_PREFIX}<typename>', got: ${url}`;
    const name = url.slice(TYPE_PREFIX.length);
    return this.messages.get(name) ?? `Invalid type URL, unknown type: ${name}`;
  }

  private declare(file: FileProto): void {
    const prefix = file.package === '' ? '' : `${file.package}.`;
    const proto3 = file.syntax === 'proto3';
    for (const proto of file.messageType) this.declareMessage(proto, prefix, proto3, 0);
    for (const proto of file.enumType) this.declareEnum(proto, prefix);
    for (const { name, method } of file.service) {
      const service = prefix + name;
      this.services.set(service, []);
      for (const one of method) this.declared.push({ service, method: one });
    }
  }

  private declareMessage(proto: MessageProto, prefix: string, proto3: boolean, depth: number): void {
    const name = prefix + proto.name;
    if (depth > limits.descriptorDepthMax) throw new DescriptorError(`${name}: messages in messages, too deep`);
    if (this.messages.has(name) || this.enums.has(name)) throw new DescriptorError(`${name} is there twice`);
    this.messages.set(name, new MessageType(name, proto3, proto.options?.mapEntry === true,
      name.startsWith('google.protobuf.') ? wellKnown[name.slice(16)] ?? null : null,
      proto.oneofDecl.map((oneof) => oneof.name),
      (type) => proto.field.map((field) => this.fieldOf(type, fieldProto(field)))));
    for (const nested of proto.nestedType) this.declareMessage(nested, `${name}.`, proto3, depth + 1);
    for (const nested of proto.enumType) this.declareEnum(nested, `${name}.`);
  }

  private declareEnum(proto: EnumProto, prefix: string): void {
    const name = prefix + proto.name;
    if (this.messages.has(name) || this.enums.has(name)) throw new DescriptorError(`${name} is there twice`);
    if (proto.value.length === 0) throw new DescriptorError(`${name} has no values`);
    const byNumber = new Map<number, string>();
    for (const value of proto.value) if (!byNumber.has(value.number)) byNumber.set(value.number, value.name);
    this.enums.set(name, { name, byName: new Map(proto.value.map((value) => [value.name, value.number])), byNumber,
      first: proto.value[0]!.number });
  }

  private link(): void {
    for (const { service, method } of this.declared) {
      this.services.get(service)!.push({ name: method.name, service, input: this.messageOf(method.inputType, service),
        output: this.messageOf(method.outputType, service), clientStreaming: method.clientStreaming,
        serverStreaming: method.serverStreaming, rule: method.options?.http ?? null });
    }
    this.declared.length = 0;
  }

  /** Links what nobody has asked for. Throws DescriptorError. */
  check(): void { for (const type of this.messages.values()) void type.fields; }

  private fieldOf(type: MessageType, proto: FieldProto | null): FieldType {
    if (proto === null) throw new DescriptorError(`a field of ${type.name} is none`);
    const place = `${type.name}.${proto.name}`;
    if (proto.type === Kind.group) throw new DescriptorError(`${place}: not implemented: a group`);
    if (proto.type < 1 || proto.type > 18) throw new DescriptorError(`${place} has no type`);
    const message = proto.type === Kind.message ? this.messageOf(proto.typeName, place) : null;
    const enumeration = proto.type === Kind.enum ? this.enums.get(proto.typeName.slice(1)) ?? null : null;
    if (proto.type === Kind.enum && enumeration === null)
      throw new DescriptorError(`${place}: ${proto.typeName} is not in the set`);
    const typeUrl = message === null && enumeration === null ? '' : TYPE_PREFIX + proto.typeName.slice(1);
    return { name: proto.name, jsonName: proto.jsonName || jsonNameOf(proto.name), number: proto.number,
      kind: proto.type, repeated: proto.label === 3, required: proto.label === 2,
      map: proto.label === 3 && message?.mapEntry === true,
      oneof: Object.hasOwn(proto, 'oneofIndex') ? proto.oneofIndex! : -1, defaultValue: proto.defaultValue, message,
        enumeration, typeUrl };
  }

  private messageOf(name: string, place: string): MessageType {
    const found = this.messages.get(name.slice(1));
    if (found === undefined || !name.startsWith('.'))
      throw new DescriptorError(`${place}: ${name} is not in the set`);
    return found;
  }
}

/** As protoc makes it where a descriptor does not say. */
const jsonNameOf = (name: string): string =>
  name.replace(/_+(.?)/g, (_, letter: string) => letter.toUpperCase());
