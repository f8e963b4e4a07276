// google.rpc.Status and what it holds, for descriptor sets that lack it.
import type { FieldProto, FileProto } from './descriptor-schema.js';

const OPTIONAL = 1, REPEATED = 3, INT32 = 5, STRING = 9, MESSAGE = 11, BYTES = 12;
const field = (name: string, number: number, type: number, label = OPTIONAL, typeName = ''): FieldProto =>
  ({ name, number, label, type, typeName, defaultValue: '', jsonName: '' });
const file = (name: string, space: string, message: string, fields: FieldProto[]): FileProto => ({ name,
  package: space, dependency: [], enumType: [], service: [], syntax: 'proto3',
  messageType: [{ name: message, field: fields, nestedType: [], enumType: [], oneofDecl: [] }] });

export const statusFiles: readonly FileProto[] = [
  file('google/protobuf/any.proto', 'google.protobuf', 'Any', [field('type_url', 1, STRING), field('value', 2, BYTES)]),
  file('google/rpc/status.proto', 'google.rpc', 'Status', [field('code', 1, INT32), field('message', 2, STRING),
    field('details', 3, MESSAGE, REPEATED, '.google.protobuf.Any')]),
];
