// google.api.HttpBody: a body that goes as it is, with its content type; in the request around it, or alone.
import type { FieldType } from './descriptors.js';
import { textOf } from './json-text.js';
import { MessageError } from './untyped-message.js';
import { DELIMITED, WireEnd, WireReader, WireWriter } from './wire.js';

const CONTENT_TYPE = 1, DATA = 2, EXTENSIONS = 3;
const UNKNOWN_PARAMETERS = 'type.googleapis.com/envoy.extensions.filters.http.grpc_json_transcoder.v3.'
  + 'UnknownQueryParams';

/** Parameters of a query that no field takes, for who wants to see them. */
export type UnknownParameters = ReadonlyMap<string, readonly string[]>;

/** Bytes of `data` as an HttpBody in the field that `path` names. */
export function httpBodyMessage(path: readonly FieldType[], contentType: string, unknown: UnknownParameters,
    data: Uint8Array): Uint8Array {
  const body = new WireWriter();
  if (contentType !== '') {
    body.tag(CONTENT_TYPE, DELIMITED);
    body.delimited(Buffer.from(contentType, 'latin1'));
  }
  if (unknown.size > 0) {
    body.tag(EXTENSIONS, DELIMITED);
    body.delimited(unknownParameters(unknown));
  }
  body.tag(DATA, DELIMITED);
  body.delimited(data);
  let inner = body.written;
  for (let i = path.length - 1; i >= 0; i--) {
    const around = new WireWriter();
    around.tag(path[i]!.number, DELIMITED);
    around.delimited(inner);
    inner = around.written;
  }
  return inner;
}

/** As an Any. */
function unknownParameters(unknown: UnknownParameters): Uint8Array {
  const content = new WireWriter(), any = new WireWriter();
  for (const [key, values] of unknown) {
    const entry = new WireWriter(), held = new WireWriter();
    for (const value of values) {
      held.tag(1, DELIMITED);
      held.delimited(Buffer.from(value, 'latin1'));
    }
    entry.tag(1, DELIMITED);
    entry.delimited(Buffer.from(key, 'latin1'));
    entry.tag(2, DELIMITED);
    entry.delimited(held.written);
    content.tag(1, DELIMITED);
    content.delimited(entry.written);
  }
  any.tag(1, DELIMITED);
  any.delimited(Buffer.from(UNKNOWN_PARAMETERS, 'latin1'));
  any.tag(2, DELIMITED);
  any.delimited(content.written);
  return any.written;
}

/** The HttpBody that a message has in the field that `path` names. Throws MessageError. */
export function readHttpBody(path: readonly FieldType[],
  message: Uint8Array): { contentType: string; data: Uint8Array } {
  const found = { contentType: '', data: new Uint8Array(0) as Uint8Array };
  try {
    within(new WireReader(message), path, 0, found);
  } catch (error) {
    throw error instanceof WireEnd ? new MessageError(error.message) : error;
  }
  return found;
}

function within(reader: WireReader, path: readonly FieldType[], depth: number,
    found: { contentType: string; data: Uint8Array }): void {
  while (!reader.done) {
    const tag = reader.varint32();
    const number = tag >>> 3;
    if ((tag & 7) === DELIMITED) {
      const inner = reader.delimited();
      if (depth < path.length) { if (number === path[depth]!.number) within(inner, path, depth + 1, found); }
      else if (number === CONTENT_TYPE) found.contentType = textOf(inner.rest);
      else if (number === DATA) found.data = inner.rest;
    } else if ((tag & 7) === 0) reader.varint64();
    else if ((tag & 7) === 1) reader.skip(8);
    else if ((tag & 7) === 5) reader.skip(4);
    else throw new MessageError(`unknown wire type: ${tag & 7}`);
  }
}
