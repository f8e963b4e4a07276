// proto3 JSON into messages: walks a parsed JSON or YAML tree beside the descriptor and reports everything that is
// wrong. It never throws on input. Whether a field may be used at all is not its business: check.ts decides that on the
// message.
import { limits } from '../../core/limits.js';
import { defaultOf, hasPresence, knownInAny, messageType } from './descriptor.js';
import type { Field, ScalarKind } from './descriptor.js';
import { fieldPath } from './message.js';
import type { Any, Json, Message, Report } from './message.js';
import { Wrong, describe, readDuration, readEnum, readScalar, readTimestamp } from './scalars.js';

type Tree = { [key: string]: Json };
const isTree = (value: Json): value is Tree => typeof value === 'object' && value !== null && !Array.isArray(value);

const typedStructs = new Set(['xds.type.v3.TypedStruct', 'udpa.type.v1.TypedStruct']);

/** Reads one message type from trees of one file. */
export class JsonReader {
  constructor(private readonly report: Report, private readonly yaml: boolean) {}

  /** The message; what could not be read is absent from it and in the report. */
  read(typeName: string, value: Json, path: string, depth = 0): Message {
    const message: Message = {};
    if (!isTree(value)) {
      this.report.fail(path, `expected an object, got ${describe(value)}`);
      return message;
    }
    this.#readFields(typeName, value, path, depth, message, false);
    return message;
  }

  /** One Any, as a file of resources lists them. */
  readAny(value: Json, path: string): Any | undefined { return this.#readAny(value, path, 1); }

  #readFields(typeName: string, tree: Tree, path: string, depth: number, message: Message, skipType: boolean): void {
    if (depth > limits.configDepthMax) {
      this.report.fail(path, `nested more than ${limits.configDepthMax} deep`);
      return;
    }
    const type = messageType(typeName);
    let oneofs: Map<string, string> | null = null;
    for (const key in tree) {
      if (skipType && key === '@type') continue;
      const field = type.byName.get(key);
      const value = tree[key];
      if (field === undefined) {
        const reason = `unknown field of ${typeName}`;
        if (this.report.allowUnknownFields) this.report.warn(fieldPath(path, key), `${reason}, ignored`);
        else this.report.fail(fieldPath(path, key), reason);
        continue;
      }
      if (value === null && field.kind !== 'value') continue;
      if (key !== field.name && Object.hasOwn(tree, field.name) && tree[field.name] !== null) {
        this.report.fail(fieldPath(path, field.name), `set twice, also as ${key}`);
        continue;
      }
      if (field.oneof !== undefined) {
        const other = (oneofs ??= new Map<string, string>()).get(field.oneof);
        if (other !== undefined) {
          this.report.fail(fieldPath(path, field.name),
            `only one of the oneof ${field.oneof} may be set, and ${other} is`);
          continue;
        }
        oneofs.set(field.oneof, field.name);
      }
      this.#readField(field, value, path, depth, message);
    }
  }

  #readField(field: Field, value: Json, path: string, depth: number, message: Message): void {
    if (field.map !== undefined) {
      this.#readMap(field, value, fieldPath(path, field.name), depth, message);
    } else if (field.repeated === true) {
      const at = fieldPath(path, field.name);
      if (!Array.isArray(value)) {
        this.report.fail(at, `expected a list, got ${describe(value)}`);
        return;
      }
      const items: unknown[] = [];
      for (let i = 0; i < value.length; i++) {
        if (value[i] === null && field.kind !== 'value') {
          this.report.fail(`${at}[${i}]`, 'null is not allowed in a list');
          continue;
        }
        const item = this.#readValue(field, value[i], `${at}[${i}]`, depth);
        if (item instanceof Wrong) this.report.fail(`${at}[${i}]`, item.reason);
        else if (item !== undefined) items.push(item);
      }
      if (items.length > 0) message[field.json] = items;
    } else {
      const nested = field.kind === 'message' || field.kind === 'any';
      const result = this.#readValue(field, value, nested ? fieldPath(path, field.name) : '', depth);
      if (result instanceof Wrong) {
        this.report.fail(fieldPath(path, field.name), result.reason);
        return;
      }
      if (result === undefined || (!hasPresence(field) && result === defaultOf(field.kind))) return;
      if (field.kind === 'bytes' && !hasPresence(field) && (result as Uint8Array).length === 0) return;
      message[field.json] = result;
    }
  }

  #readMap(field: Field, value: Json, at: string, depth: number, message: Message): void {
    if (!isTree(value)) {
      this.report.fail(at, `expected an object, got ${describe(value)}`);
      return;
    }
    const entries: Message = {};
    for (const key in value) {
      const where = `${at}[${JSON.stringify(key)}]`;
      const keyValue = field.map === 'bool' ? readScalar('bool', key, true)
        : readScalar(field.map as ScalarKind, key, this.yaml);
      if (keyValue instanceof Wrong) {
        this.report.fail(where, `bad key: ${keyValue.reason}`);
        continue;
      }
      const item = value[key] === null && field.kind !== 'value'
        ? new Wrong('null is not allowed as a map value') : this.#readValue(field, value[key], where, depth);
      if (item instanceof Wrong) this.report.fail(where, item.reason);
      else if (item !== undefined) setEntry(entries, String(keyValue), item);
    }
    if (Object.keys(entries).length > 0) message[field.json] = entries;
  }

  /**
   * One value of a field, a reason why not, or undefined with the reasons in the report. Only nested ones need the
   * path.
   */
  #readValue(field: Field, value: Json, at: string, depth: number): unknown {
    switch (field.kind) {
      case 'message': return this.read(field.ref as string, value, at, depth + 1);
      case 'any': return field.name === EMPTY_ANY && isTree(value) && Object.keys(value).length === 0
        ? { typeUrl: '', type: '' } : this.#readAny(value, at, depth + 1);
      case 'enum': return readEnum(field.ref as string, value);
      case 'wrapper': return this.#readWrapper(field.ref as ScalarKind, value);
      case 'duration': return readDuration(value);
      case 'timestamp': return readTimestamp(value);
      case 'struct': return isTree(value) ? value : new Wrong(`expected an object, got ${describe(value)}`);
      case 'list': return Array.isArray(value) ? value : new Wrong(`expected a list, got ${describe(value)}`);
      case 'value': case 'opaque': return value;
      default: return readScalar(field.kind, value, this.yaml);
    }
  }

  #readWrapper(kind: ScalarKind, value: Json): object | Wrong {
    const inner = readScalar(kind, value, this.yaml);
    if (inner instanceof Wrong) return inner;
    return inner === defaultOf(kind) || (inner instanceof Uint8Array && inner.length === 0) ? {} : { value: inner };
  }

  #readAny(value: Json, at: string, depth: number): Any | undefined {
    if (!isTree(value)) {
      this.report.fail(at, `expected an object with "@type", got ${describe(value)}`);
      return undefined;
    }
    const typeUrl = value['@type'];
    if (typeof typeUrl !== 'string' || !/^[^/]*(\/[^/]+)*\/[A-Za-z_][\w.]*$/.test(typeUrl)) {
      const keys = Object.keys(value).length;
      this.report.fail(at, typeUrl === undefined ? (keys === 0 ? 'empty, "@type" is missing' : '"@type" is missing')
        : `"@type" must be a URL such as type.googleapis.com/envoy..., got ${describe(typeUrl)}`);
      return undefined;
    }
    const type = typeUrl.slice(typeUrl.lastIndexOf('/') + 1);
    if (typedStructs.has(type)) return this.#readTypedStruct(typeUrl, type, value, at, depth);
    if (!knownInAny(type)) return { typeUrl, type, json: value };
    const message: Message = {};
    this.#readFields(type, value, at, depth, message, true);
    return { typeUrl, type, value: message };
  }

  /** A TypedStruct stands for the message it names, whose JSON it carries. */
  #readTypedStruct(wrapper: string, wrapperType: string, value: Tree, at: string, depth: number): Any | undefined {
    const struct: Message = {};
    this.#readFields(wrapperType, value, at, depth, struct, true);
    const typeUrl = struct.typeUrl;
    if (typeof typeUrl !== 'string') {
      this.report.fail(fieldPath(at, 'type_url'), 'required');
      return undefined;
    }
    const type = typeUrl.slice(typeUrl.lastIndexOf('/') + 1);
    const json = (struct.value ?? {}) as Tree;
    if (!knownInAny(type) || typedStructs.has(type)) return { typeUrl, type, json, typedStruct: wrapper };
    const message: Message = {};
    this.#readFields(type, json, fieldPath(at, 'value'), depth, message, false);
    return { typeUrl, type, value: message, typedStruct: wrapper };
  }
}

/** route.v3.FilterConfig.config: an empty one turns a filter on and leaves its configuration as it is. */
const EMPTY_ANY = 'config';

/** Sets an own property whatever its name, '__proto__' included. */
function setEntry(target: Message, key: string, value: unknown): void {
  if (key === '__proto__') Object.defineProperty(target, key,
    { value, enumerable: true, configurable: true, writable: true });
  else target[key] = value;
}
