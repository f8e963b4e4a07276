// A strict reader of proto3 JSON by Envoy's own .proto files: says everything in a JSON value that a message type would
// not parse (unknown fields, wrong kinds of values, unknown enum names), as the protojson of Go or C++ would refuse it.
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import protobuf from 'protobufjs';

const require = createRequire(import.meta.url);
const packages = dirname(require.resolve('@grpc/grpc-js-xds/package.json'));
const roots = [...['envoy-api', 'xds', 'googleapis', 'protoc-gen-validate'].map((name) => join(packages, 'deps', name)),
  dirname(require.resolve('protobufjs/package.json'))];

const files = ['envoy/admin/v3/certs', 'envoy/admin/v3/clusters', 'envoy/admin/v3/config_dump',
  'envoy/admin/v3/config_dump_shared', 'envoy/admin/v3/init_dump', 'envoy/admin/v3/listeners', 'envoy/admin/v3/memory',
  'envoy/admin/v3/server_info', 'envoy/config/listener/v3/listener', 'envoy/config/cluster/v3/cluster',
  'envoy/config/route/v3/route', 'envoy/config/endpoint/v3/endpoint', 'envoy/config/bootstrap/v3/bootstrap',
  'envoy/extensions/filters/http/router/v3/router', 'envoy/extensions/access_loggers/file/v3/file',
  'envoy/extensions/access_loggers/stream/v3/stream',
  'envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager'];

/** Fields that Envoy 1.40 has and the shipped protos do not, by message. */
const newer: Readonly<Record<string, readonly string[]>> = {
  'envoy.admin.v3.CommandLineOptions': ['skip_hot_restart_on_no_parent', 'skip_hot_restart_parent_stats',
    'skip_deprecated_logs', 'file_flush_min_size', 'log_stacktrace_single_entry'],
  'envoy.admin.v3.ServerInfo': ['hot_restart_initializing'],
};

let loaded: protobuf.Root | null = null;

async function loadRoot(): Promise<protobuf.Root> {
  if (loaded !== null) return loaded;
  const root = new protobuf.Root();
  root.resolvePath = (_origin, target) =>
    roots.map((folder) => join(folder, target)).find((path) => existsSync(path)) ?? target;
  await root.load(files.map((file) => `${file}.proto`), { keepCase: true });
  root.resolveAll();
  return loaded = root;
}

/** What is wrong with a message's JSON; an empty list when Envoy's type parses it. */
export async function problemsOf(type: string, value: unknown): Promise<string[]> {
  const problems: string[] = [];
  checkMessage(await loadRoot(), type, value, '', problems);
  return problems;
}

const scalars = new Set(['double', 'float', 'int32', 'uint32', 'sint32', 'fixed32', 'sfixed32']);
const longs = new Set(['int64', 'uint64', 'sint64', 'fixed64', 'sfixed64']);
const wrapped: Readonly<Record<string, string>> = { DoubleValue: 'double', FloatValue: 'float', Int64Value: 'int64',
  UInt64Value: 'uint64', Int32Value: 'int32', UInt32Value: 'uint32', BoolValue: 'bool', StringValue: 'string',
  BytesValue: 'bytes' };

function checkMessage(root: protobuf.Root, type: string, value: unknown, path: string, problems: string[]): void {
  const known = type.startsWith('google.protobuf.') ? wellKnown(root, type.slice(16), value, path, problems) : false;
  if (known) return;
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    problems.push(`${path}: not an object for ${type}`);
    return;
  }
  const message = root.lookupType(type);
  const oneofs = new Set<string>();
  for (const [name, inner] of Object.entries(value)) {
    const field = message.fields[name] as protobuf.Field | undefined;
    if (field === undefined) {
      if (newer[type]?.includes(name) !== true) problems.push(`${path}.${name}: ${type} has no such field`);
      continue;
    }
    field.resolve();
    if (field.partOf !== null && field.partOf !== undefined) {
      if (oneofs.has(field.partOf.name)) problems.push(`${path}: two of the oneof ${field.partOf.name}`);
      oneofs.add(field.partOf.name);
    }
    checkField(root, field, inner, `${path}.${name}`, problems);
  }
}

function checkField(root: protobuf.Root, field: protobuf.Field, value: unknown, path: string,
  problems: string[]): void {
  if (field.map) {
    if (typeof value !== 'object' || value === null) problems.push(`${path}: not a map`);
    else for (const [key, inner] of Object.entries(value)) checkValue(root, field, inner, `${path}[${key}]`, problems);
  } else if (field.repeated) {
    if (!Array.isArray(value)) problems.push(`${path}: not a list`);
    else value.forEach((inner, index) => checkValue(root, field, inner, `${path}[${index}]`, problems));
  } else checkValue(root, field, value, path, problems);
}

function checkValue(root: protobuf.Root, field: protobuf.Field, value: unknown, path: string,
  problems: string[]): void {
  const { resolvedType } = field;
  if (resolvedType instanceof protobuf.Enum) {
    const fits = typeof value === 'number' ? Object.values(resolvedType.values).includes(value)
      : Object.hasOwn(resolvedType.values, String(value));
    if (!fits) problems.push(`${path}: ${String(value)} is not in ${resolvedType.name}`);
  } else if (resolvedType !== null) checkMessage(root, resolvedType.fullName.slice(1), value, path, problems);
  else checkScalar(field.type, value, path, problems);
}

function checkScalar(type: string, value: unknown, path: string, problems: string[]): void {
  const fits = scalars.has(type) ? typeof value === 'number' || (typeof value === 'string' && value !== ''
      && !Number.isNaN(Number(value)))
    : longs.has(type) ? /^-?\d+$/.test(String(value))
      : type === 'bool' ? typeof value === 'boolean' : typeof value === 'string';
  if (!fits) problems.push(`${path}: ${JSON.stringify(value)} is no ${type}`);
}

/** Checks the types that JSON writes in their own way. False: it is an ordinary message. */
function wellKnown(root: protobuf.Root, name: string, value: unknown, path: string, problems: string[]): boolean {
  if (Object.hasOwn(wrapped, name)) {
    checkScalar(wrapped[name], value, path, problems);
    return true;
  }
  switch (name) {
    case 'Any': {
      const { '@type': url, ...rest } = value as { '@type'?: string };
      const type = String(url).replace('type.googleapis.com/', '');
      if (url === undefined) problems.push(`${path}: an Any without @type`);
      else if (root.lookup(type) === null) problems.push(`${path}: type ${type} is not known`);
      else checkMessage(root, type, rest, path, problems);
      return true;
    }
    case 'Duration':
      if (!/^-?\d+(\.\d{1,9})?s$/.test(String(value))) problems.push(`${path}: ${String(value)} is no duration`);
      return true;
    case 'Timestamp':
      if (!/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?Z$/.test(String(value)))
        problems.push(`${path}: ${String(value)} is no timestamp`);
      return true;
    case 'Struct': case 'Value': case 'ListValue': return true;
    default: return false;
  }
}
