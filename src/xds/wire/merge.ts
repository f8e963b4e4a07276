// protobuf's MergeFrom, which is how --config-yaml lies over the file of -c: set scalars replace, messages merge,
// lists are appended, maps take the newer entry.
import { messageType } from './descriptor.js';
import type { Message } from './message.js';

/** Merges `from` into `into`, both of this type; `into` is changed. */
export function mergeMessage(typeName: string, into: object, from: object): void {
  const target = into as Message;
  const source = from as Message;
  for (const field of messageType(typeName).fields) {
    const value = source[field.json];
    if (value === undefined) continue;
    const present = target[field.json];
    if (field.map !== undefined) {
      target[field.json] = { ...(present as object | undefined), ...(value as object) };
    } else if (field.repeated === true) {
      target[field.json] = [...(present as unknown[] | undefined ?? []), ...(value as unknown[])];
    } else if (field.kind === 'message' && present !== undefined) {
      mergeMessage(field.ref as string, present as object, value as object);
    } else {
      if (field.oneof !== undefined) clearOneof(typeName, field.oneof, target);
      target[field.json] = value;
    }
  }
}

function clearOneof(typeName: string, oneof: string, target: Message): void {
  for (const field of messageType(typeName).fields) if (field.oneof === oneof) delete target[field.json];
}
