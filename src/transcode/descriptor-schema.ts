// What is read of a FileDescriptorSet, as protobufjs describes it: descriptor.proto with google.api.http in its place
// among the options of a method. All else that a set holds is skipped.
import protobuf from 'protobufjs';

const field = (id: number, type: string, more: object = {}): object => ({ id, type, ...more });
const many = (id: number, type: string): object => field(id, type, { rule: 'repeated' });
const message = (fields: { [name: string]: object }, more: object = {}): object => ({ fields, ...more });

/** `lazy`: fields of messages stay bytes. */
const schema = (lazy: boolean): protobuf.INamespace => ({ nested: {
  FileDescriptorSet: message({ file: many(1, 'FileDescriptorProto') }),
  FileDescriptorProto: message({ name: field(1, 'string'), package: field(2, 'string'), dependency: many(3, 'string'),
    messageType: many(4, 'DescriptorProto'), enumType: many(5, 'EnumDescriptorProto'),
    service: many(6, 'ServiceDescriptorProto'), syntax: field(12, 'string') }),
  DescriptorProto: message({ name: field(1, 'string'), field: many(2, lazy ? 'bytes' : 'FieldDescriptorProto'),
    nestedType: many(3, 'DescriptorProto'), enumType: many(4, 'EnumDescriptorProto'),
    options: field(7, 'MessageOptions'), oneofDecl: many(8, 'OneofDescriptorProto') }),
  OneofDescriptorProto: message({ name: field(1, 'string') }),
  MessageOptions: message({ mapEntry: field(7, 'bool') }),
  FieldDescriptorProto: message({ name: field(1, 'string'), number: field(3, 'int32'), label: field(4, 'int32'),
    type: field(5, 'int32'), typeName: field(6, 'string'), defaultValue: field(7, 'string'),
    oneofIndex: field(9, 'int32'), jsonName: field(10, 'string') },
  { oneofs: { _oneof: { oneof: ['oneofIndex'] } } }),
  EnumDescriptorProto: message({ name: field(1, 'string'), value: many(2, 'EnumValueDescriptorProto') }),
  EnumValueDescriptorProto: message({ name: field(1, 'string'), number: field(2, 'int32') }),
  ServiceDescriptorProto: message({ name: field(1, 'string'), method: many(2, 'MethodDescriptorProto') }),
  MethodDescriptorProto: message({ name: field(1, 'string'), inputType: field(2, 'string'),
    outputType: field(3, 'string'), options: field(4, 'MethodOptions'), clientStreaming: field(5, 'bool'),
    serverStreaming: field(6, 'bool') }),
  MethodOptions: message({ http: field(72295728, 'HttpRule') }),
  HttpRule: message({ selector: field(1, 'string'), get: field(2, 'string'), put: field(3, 'string'),
    post: field(4, 'string'), delete: field(5, 'string'), patch: field(6, 'string'), body: field(7, 'string'),
    custom: field(8, 'CustomHttpPattern'), additionalBindings: many(11, 'HttpRule'), responseBody: field(12,
      'string') },
  { oneofs: { pattern: { oneof: ['get', 'put', 'post', 'delete', 'patch', 'custom'] } } }),
  CustomHttpPattern: message({ kind: field(1, 'string'), path: field(2, 'string') }),
} });

export interface FieldProto {
  name: string; number: number; label: number; type: number; typeName: string; defaultValue: string;
  oneofIndex?: number; jsonName: string;
}
export interface EnumProto { name: string; value: { name: string; number: number }[] }
export interface MessageProto {
  name: string; field: (FieldProto | Uint8Array)[]; nestedType: MessageProto[]; enumType: EnumProto[];
  options?: { mapEntry: boolean } | null; oneofDecl: { name: string }[];
}
export interface HttpRule {
  body: string; responseBody: string; additionalBindings: HttpRule[];
  get?: string; put?: string; post?: string; delete?: string; patch?: string;
  custom?: { kind: string; path: string };
}
export interface MethodProto {
  name: string; inputType: string; outputType: string; clientStreaming: boolean; serverStreaming: boolean;
  options?: { http?: HttpRule | null } | null;
}
export interface FileProto {
  name: string; package: string; dependency: string[]; messageType: MessageProto[]; enumType: EnumProto[];
  service: { name: string; method: MethodProto[] }[]; syntax: string;
}

let types: { set: protobuf.Type; field: protobuf.Type } | null = null;
function lazyTypes(): { set: protobuf.Type; field: protobuf.Type } {
  if (types !== null) return types;
  const root = protobuf.Root.fromJSON(schema(true));
  return types = { set: root.lookupType('FileDescriptorSet'), field: root.lookupType('FieldDescriptorProto') };
}

/** The schema as protobufjs has it, fields and all: to write sets with. */
export const descriptorSetType = (): protobuf.Type =>
  protobuf.Root.fromJSON(schema(false)).lookupType('FileDescriptorSet');

/** The files of a set; null: these bytes are none. */
export function decodeFileDescriptorSet(bytes: Uint8Array): FileProto[] | null {
  try {
    return (lazyTypes().set.decode(bytes) as unknown as { file: FileProto[] }).file;
  } catch {
    return null;
  }
}

/** A field of a message; null: these bytes are none. */
export function fieldProto(field: FieldProto | Uint8Array): FieldProto | null {
  if (!(field instanceof Uint8Array)) return field;
  try {
    return lazyTypes().field.decode(field) as unknown as FieldProto;
  } catch {
    return null;
  }
}
