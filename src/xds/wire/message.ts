// Shapes that every protobuf message is made of once it has been read, from JSON or from bytes alike: plain objects
// with lowerCamel properties as protobufjs' toObject gives them, of which only the set ones are present. Enums are
// numbers, 64-bit integers are numbers while they are exact and decimal strings beyond, bytes are Uint8Array. Three
// types differ from protobufjs on purpose: Struct, Value and ListValue are plain JSON, and an Any holds its message.

export type Json = null | boolean | number | string | Json[] | { [key: string]: Json };

/** google.protobuf.Duration and Timestamp. */
export interface Duration { seconds?: number | string; nanos?: number }

/** google.protobuf.BoolValue, UInt32Value, ...; a default value inside is absent. */
export interface Wrapper<T> { value?: T }

/** google.protobuf.Any. `type` is the message's full name; `value` is undefined where Weft does not know the type. */
export interface Any {
  typeUrl: string;
  type: string;
  value?: object;
  /** What the file said, for types that Weft does not know. */
  json?: Json;
  /** The same when it came as protobuf bytes. */
  bytes?: Uint8Array;
  /** type_url of the TypedStruct that the message was written as, if it was. */
  typedStruct?: string;
}

/** Any message, seen through its descriptor. */
export interface Message { [field: string]: unknown }

export interface Problem { path: string; reason: string }

/** All that is wrong with one input, in the order found. A path is 'a.b[0].c' from the root of the file or resource. */
export class Report {
  readonly errors: Problem[] = [];
  readonly warnings: Problem[] = [];
  /** Errors beyond the limit, counted only. */
  dropped = 0;
  readonly #seen = new Set<string>();

  constructor(readonly allowUnknownFields: boolean, readonly errorsMax: number) {}

  get ok(): boolean { return this.errors.length === 0; }

  fail(path: string, reason: string): void {
    if (this.errors.length >= this.errorsMax) {
      this.dropped++;
    } else if (!this.#seen.has(`${path}\n${reason}`)) {
      this.#seen.add(`${path}\n${reason}`);
      this.errors.push({ path, reason });
    }
  }

  warn(path: string, reason: string): void {
    if (this.warnings.length < this.errorsMax) this.warnings.push({ path, reason });
  }
}

/** Path of a field below `path`, which is '' at the root. */
export const fieldPath = (path: string, name: string): string => path === '' ? name : `${path}.${name}`;
