// Envoy's .proto files, as @grpc/grpc-js-xds ships them, and those of src/xds/wire/protos, which it does not have;
// read by protobufjs.
import fs from 'node:fs';
import path from 'node:path';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import protobuf from 'protobufjs';

const require = createRequire(import.meta.url);
const ownProtos = fileURLToPath(new URL('../src/xds/wire/protos', import.meta.url));
export const ownProtoFiles = fs.readdirSync(ownProtos, { recursive: true }).map((name) => path.join(ownProtos, name));

/** Files of the packages that hold the named messages. */
function protoFilesOf(messages, roots) {
  const files = new Set(['google/protobuf/descriptor.proto']);
  const folderOf = (name) => name.split('.').filter((part) => !/^[A-Z]/.test(part)).join('/');
  const folders = new Set(messages.map(folderOf));
  for (const folder of folders) {
    for (const root of roots) {
      const absolute = path.join(root, folder);
      if (!fs.existsSync(absolute)) continue;
      for (const file of fs.readdirSync(absolute)) if (file.endsWith('.proto')) files.add(`${folder}/${file}`);
    }
  }
  return [...files];
}

/** The protos that hold the named messages, and all that they import. */
export async function loadProtos(messages) {
  const xds = path.dirname(require.resolve('@grpc/grpc-js-xds/package.json'));
  const roots = ['envoy-api', 'xds', 'googleapis', 'protoc-gen-validate'].map((name) => path.join(xds, 'deps', name));
  roots.push(path.dirname(require.resolve('protobufjs/package.json')), ownProtos);
  const root = new protobuf.Root();
  root.resolvePath = (_origin, target) =>
    roots.map((folder) => path.join(folder, target)).find((file) => fs.existsSync(file)) ?? target;
  await root.load(protoFilesOf(messages, roots), { keepCase: true });
  root.resolveAll();
  return root;
}
