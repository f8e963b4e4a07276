// Descriptor sets for tests, from .proto text: what protoc --include_imports --descriptor_set_out would write of it, as
// far as anybody here looks.
import protobuf from 'protobufjs';
import { descriptorSetType } from '../../src/transcode/descriptor-schema.js';

const kinds: Readonly<Record<string, number>> = { double: 1, float: 2, int64: 3, uint64: 4, int32: 5, fixed64: 6,
  fixed32: 7, bool: 8, string: 9, bytes: 12, uint32: 13, sfixed32: 15, sfixed64: 16, sint32: 17, sint64: 18 };
const MESSAGE = 11, ENUM = 14;
const pascal = (name: string): string => name.replace(/(^|_)(.)/g, (_, __, letter: string) => letter.toUpperCase());
const jsonName = (name: string): string => name.replace(/_+(.?)/g, (_, letter: string) => letter.toUpperCase());

interface Place { root: protobuf.Root; file: string; proto3: boolean }

export interface ProtoFile { name: string; text: string }

/** Bytes of a FileDescriptorSet of these files, each of which may use the ones before it. */
export function descriptorSet(files: readonly ProtoFile[]): Uint8Array {
  const root = new protobuf.Root();
  const known = new Set<object>();
  const protos = files.map(({ name, text }, index) => {
    const parsed = protobuf.parse(text, root, { keepCase: true });
    root.resolveAll();
    let space: protobuf.NamespaceBase = root;
    for (const part of (parsed.package ?? '').split('.').filter((word) => word !== ''))
      space = space.get(part) as protobuf.Namespace;
    const own = space.nestedArray.filter((object) => !known.has(object)
      && !(object.constructor === protobuf.Namespace));
    for (const object of own) known.add(object);
    const proto3 = /syntax\s*=\s*"proto3"/.test(text);
    const place = { root, file: name, proto3 };
    return { name, package: parsed.package ?? '', dependency: files.slice(0, index).map((file) => file.name),
      syntax: proto3 ? 'proto3' : '',
      messageType: own.filter((one) => one instanceof protobuf.Type).map((one) => message(one as protobuf.Type, place)),
      enumType: own.filter((one) => one instanceof protobuf.Enum).map((one) => enumeration(one as protobuf.Enum)),
      service: own.filter((one) => one instanceof protobuf.Service).map((one) => service(one as protobuf.Service)) };
  });
  const type = descriptorSetType();
  return type.encode(type.fromObject({ file: protos })).finish();
}

function message(type: protobuf.Type, place: Place): object {
  const maps: object[] = [];
  const declared = type.oneofsArray.map((oneof) => oneof.name);
  const fields = type.fieldsArray.map((field) => {
    field.resolve();
    const oneof = field.partOf === null ? {} : { oneofIndex: declared.indexOf(field.partOf.name) };
    const common = { name: field.name, number: field.id, jsonName: (field.options?.json_name as string | undefined)
      ?? jsonName(field.name), ...oneof, ...defaultOf(field) };
    if (field instanceof protobuf.MapField) {
      const entry = `${pascal(field.name)}Entry`;
      maps.push({ name: entry, options: { mapEntry: true }, field: [
        { name: 'key', number: 1, label: 1, jsonName: 'key', type: kinds[field.keyType] },
        { name: 'value', number: 2, label: 1, jsonName: 'value', ...typeOf(field) }] });
      return { ...common, label: 3, type: MESSAGE, typeName: `${type.fullName}.${entry}` };
    }
    return { ...common, label: field.repeated ? 3 : field.required ? 2 : 1, ...typeOf(field) };
  });
  const nested = type.nestedArray;
  return { name: type.name, field: fields, oneofDecl: declared.map((name) => ({ name })),
    nestedType: [...nested.filter((one) => one instanceof protobuf.Type)
      .map((one) => message(one as protobuf.Type, place)), ...maps],
    enumType: nested.filter((one) => one instanceof protobuf.Enum).map((one) => enumeration(one as protobuf.Enum)) };
}

const defaultOf = (field: protobuf.Field): object =>
  field.options?.default === undefined ? {} : { defaultValue: String(field.options.default) };

function typeOf(field: protobuf.Field): object {
  const resolved = field.resolvedType;
  if (resolved === null) return { type: kinds[field.type] };
  return { type: resolved instanceof protobuf.Enum ? ENUM : MESSAGE, typeName: resolved.fullName };
}

const enumeration = (one: protobuf.Enum): object =>
  ({ name: one.name, value: Object.entries(one.values).map(([name, number]) => ({ name, number })) });

const service = (one: protobuf.Service): object => ({ name: one.name, method: one.methodsArray.map((method) => {
  method.resolve();
  const http = (method.parsedOptions as { [name: string]: object }[] | null | undefined)
    ?.map((option) => option['(google.api.http)']).find((option) => option !== undefined);
  return { name: method.name, inputType: method.resolvedRequestType!.fullName,
    outputType: method.resolvedResponseType!.fullName, clientStreaming: method.requestStream === true,
    serverStreaming: method.responseStream === true, ...(http === undefined ? {} : { options: { http: rule(http) } }) };
}) });

/** protobufjs gives one binding as an object, several as a list. */
function rule(http: object): object {
  const { additional_bindings: more, response_body: responseBody, ...rest } = http as {
    additional_bindings?: object | object[]; response_body?: string };
  return { ...rest, ...(responseBody === undefined ? {} : { responseBody }),
    additionalBindings: (more === undefined ? [] : Array.isArray(more) ? more : [more]).map(rule) };
}

const wrappers = ['double Double', 'float Float', 'int64 Int64', 'uint64 UInt64', 'int32 Int32', 'uint32 UInt32',
  'bool Bool', 'string String', 'bytes Bytes'].map((pair) => pair.split(' '))
  .map(([type, name]) => `message ${name}Value { ${type} value = 1; }`).join('\n');

/** google.protobuf's well-known types, google.api.HttpBody and google.rpc.Status. */
export const wellKnownProtos: readonly ProtoFile[] = [
  { name: 'google/protobuf/well_known.proto', text: `syntax = "proto3"; package google.protobuf;
    message Any { string type_url = 1; bytes value = 2; }
    message Timestamp { int64 seconds = 1; int32 nanos = 2; }
    message Duration { int64 seconds = 1; int32 nanos = 2; }
    message FieldMask { repeated string paths = 1; }
    message Empty {}
    message Struct { map<string, Value> fields = 1; }
    message Value { oneof kind { NullValue null_value = 1; double number_value = 2; string string_value = 3;
      bool bool_value = 4; Struct struct_value = 5; ListValue list_value = 6; } }
    enum NullValue { NULL_VALUE = 0; }
    message ListValue { repeated Value values = 1; }
    ${wrappers}` },
  { name: 'google/api/httpbody.proto', text: `syntax = "proto3"; package google.api;
    message HttpBody { string content_type = 1; bytes data = 2; repeated google.protobuf.Any extensions = 3; }` },
  { name: 'google/rpc/status.proto', text: `syntax = "proto3"; package google.rpc;
    message Status { int32 code = 1; string message = 2; repeated google.protobuf.Any details = 3; }` },
];
