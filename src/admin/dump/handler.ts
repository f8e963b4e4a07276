// /config_dump: the configuration in force, as Envoy dumps it. Written element by element, so that a mesh of ten
// thousand clusters is never in memory as one text.
import { jsonType } from '../answer.js';
import type { Answer, Handlers } from '../answer.js';
import type { AdminBackend, JsonObject, JsonValue } from '../backend.js';
import { limits } from '../../core/limits.js';
import { compileFullMatch, QueryError } from '../filter.js';
import type { Matches } from '../filter.js';
import type { Query } from '../query.js';
import { masked, parseMask } from './field-mask.js';
import type { FieldMask } from './field-mask.js';
import { redacted } from './redact.js';
import { bootstrapSection, sections } from './sections.js';
import type { Field, Section } from './sections.js';

export function configDumpHandlers(backend: AdminBackend): Handlers {
  return { '/config_dump': (query) => dump(backend, query) };
}

async function dump(backend: AdminBackend, query: Query): Promise<Answer> {
  const expression = query.get('name_regex') ?? '';
  const matches = expression === '' ? null : await compileFullMatch(expression);
  const mask = query.has('mask') ? parseMask(query.get('mask')!) : null;
  const resource = query.get('resource') ?? '';
  const parts = sections(backend, query.has('include_eds') || resource.endsWith('_endpoint_configs'));
  if (resource === '' && mask !== null && ![namesOf(bootstrapSection(backend)), ...parts.map(partNames)]
    .some((names) => wants(mask, names))) {
    throw new QueryError(400, `FieldMask ${query.get('mask')} could not be successfully applied to any configs.`);
  }
  if (resource === '') return { status: 200, type: jsonType, body: wholeDump(backend, parts, mask, matches) };
  const field = parts.flatMap((part) => part.fields).find(({ name }) => name === resource);
  if (field !== undefined) return { status: 200, type: jsonType, body: oneField(field, mask, matches) };
  if (resource === 'bootstrap' || resource === 'last_updated' || resource === 'version_info') {
    throw new QueryError(400, `Field ${resource} is not a repeated field. Use ?mask= to get only this field\n`);
  }
  throw new QueryError(404, `${resource} not found in config dump`);
}

function* wholeDump(
  backend: AdminBackend,
  parts: Section[],
  mask: FieldMask | null,
  matches: Matches | null,
): Generator<string> {
  const text = new Pieces('{\n "configs": [');
  const bootstrap = bootstrapSection(backend);
  if (wants(mask, namesOf(bootstrap)))
    yield text.add('  ', mask === null ? bootstrap : masked(bootstrap, mask)).take();
  for (const part of parts) {
    const scalars = part.scalars();
    if (!wants(mask, partNames(part))) continue;
    yield* sectionText(text, part, scalars, mask, matches);
  }
  yield text.raw('\n ]\n}\n', true).take(0);
}

/** A mask drops the sections that have not all of its fields, as Envoy's. */
function wants(mask: FieldMask | null, names: string[]): boolean {
  return mask === null || mask.every((path) => names.includes(path[0]));
}
const namesOf = (section: JsonObject): string[] => Object.keys(section);
/** `version_info` is there whether or not it has a value. */
const partNames = (part: Section): string[] => ['version_info', ...part.fields.map(({ name }) => name)];

function* sectionText(
  text: Pieces,
  part: Section,
  scalars: JsonObject,
  mask: FieldMask | null,
  matches: Matches | null,
): Generator<string> {
  const head = { '@type': part.type, ...(mask === null ? scalars : (masked(scalars, mask) as JsonObject)) };
  text.open('  ', `${JSON.stringify(head, null, 1).replace(/\n/g, '\n  ').slice(0, -4)}`);
  for (const field of part.fields) {
    const below = mask === null ? null : mask.filter((path) => path[0] === field.name);
    if (below !== null && below.length === 0) continue;
    const inner =
      below === null || below.some((path) => path.length === 1) ? null : below.map((path) => path.slice(1));
    let any = false;
    for (const { name, make } of field.elements()) {
      if (matches !== null && !matches(name)) continue;
      const json = inner === null ? make() : masked(make(), inner);
      if (!any) text.raw(`,\n   "${field.name}": [`, false);
      any = true;
      yield text.add('    ', json).take();
    }
    if (any) text.raw('\n   ]', true);
  }
  yield text.raw('\n  }', true).take();
}

function* oneField(field: Field, mask: FieldMask | null, matches: Matches | null): Generator<string> {
  const text = new Pieces('{\n "configs": [');
  for (const { name, make } of field.elements()) {
    if (matches !== null && !matches(name)) continue;
    const json: JsonObject = { '@type': field.elementType, ...make() };
    yield text.add('  ', mask === null ? json : masked(json, mask)).take();
  }
  yield text.raw('\n ]\n}\n', true).take(0);
}

/** Text of nested lists with commas and indentation, secrets taken out. `take` hands it over in pieces. */
class Pieces {
  #text: string;
  #first = true;
  constructor(start: string) {
    this.#text = start;
  }

  /** An element of the innermost open list. */
  add(indent: string, json: JsonValue): this {
    return this.open(indent, JSON.stringify(redacted(json), null, 1).replace(/\n/g, `\n${indent}`));
  }

  open(indent: string, element: string): this {
    return this.raw(`${this.#first ? '' : ','}\n${indent}${element}`, true);
  }

  /** Text as it is; `listHasElements` tells whether the list that is innermost afterwards needs a comma next. */
  raw(text: string, listHasElements: boolean): this {
    this.#text += text;
    this.#first = !listHasElements;
    return this;
  }

  /** What there is, once it is worth sending; nothing before. */
  take(bytesMin = limits.adminChunkBytes): string {
    if (this.#text.length < bytesMin) return '';
    const piece = this.#text;
    this.#text = '';
    return piece;
  }
}
