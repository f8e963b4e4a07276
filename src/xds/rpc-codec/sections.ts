// A WebAssembly module as its sections: what of them decides whether it can be a codec, and what metering changes. The
// rest stays as it came.
import { NotMetered, Reader } from './binary.js';

/** Kinds of imports and exports. */
export const FUNCTION = 0, TABLE = 1, MEMORY = 2, GLOBAL = 3;
export const SECTION = { custom: 0, type: 1, import: 2, function: 3, table: 4, memory: 5, global: 6, export: 7,
  start: 8, element: 9, code: 10, data: 11, dataCount: 12, tag: 13 } as const;
/** A module has its sections in this order. */
export const sectionOrder: readonly number[] = [SECTION.type, SECTION.import, SECTION.function, SECTION.table,
  SECTION.memory, SECTION.tag, SECTION.global, SECTION.export, SECTION.start, SECTION.element, SECTION.dataCount,
  SECTION.code, SECTION.data];
const PREAMBLE_BYTES = 8;
const FUNCTION_TYPE = 0x60, I32 = 0x7f;
const HAS_MAXIMUM = 1;

export interface Signature { parameters: readonly number[]; results: readonly number[] }
export interface Limits { flags: number; minimum: number; maximum: number | null }

export interface Module {
  readonly sections: ReadonlyMap<number, Uint8Array>;
  readonly types: readonly Signature[];
  readonly imports: readonly { module: string; name: string; kind: number; type: number }[];
  /** Types of functions, imported ones first. */
  readonly functions: readonly number[];
  readonly tables: readonly Limits[];
  readonly memories: readonly Limits[];
  readonly globals: number;
  readonly exports: readonly { name: string; kind: number; index: number }[];
}

export const isInts = ({ parameters, results }: Signature, count: number, given: number): boolean =>
  parameters.length === count && results.length === given && [...parameters, ...results].every((type) => type === I32);

/** Of bytes that V8 has taken for a module. Throws NotMetered. */
export function readSections(bytes: Uint8Array): Module {
  const sections = new Map<number, Uint8Array>();
  const reader = new Reader(bytes);
  reader.at = PREAMBLE_BYTES;
  while (!reader.ended) {
    const id = reader.byte(), body = reader.take(reader.u32());
    if (id !== SECTION.custom) sections.set(id, body);
  }
  const each = <T>(section: number, read: (reader: Reader) => T): T[] => {
    const body = sections.get(section);
    if (body === undefined) return [];
    const of = new Reader(body);
    return Array.from({ length: of.u32() }, () => read(of));
  };
  const types = each(SECTION.type, readType);
  const imports = each(SECTION.import, readImport);
  const functions = [...imports.filter(({ kind }) => kind === FUNCTION).map(({ type }) => type),
    ...each(SECTION.function, (of) => of.u32())];
  return { sections, types, imports, functions,
    tables: each(SECTION.table, (of) => {
      of.valueType();
      return readLimits(of);
    }),
    memories: each(SECTION.memory, readLimits),
    globals: count(sections.get(SECTION.global)),
    exports: each(SECTION.export, (of) => ({ name: of.text(), kind: of.byte(), index: of.u32() })) };
}

export const count = (section: Uint8Array | undefined): number => section === undefined ? 0 : new Reader(section).u32();

function readType(reader: Reader): Signature {
  const form = reader.byte();
  if (form !== FUNCTION_TYPE) throw new NotMetered(`a type of form 0x${form.toString(16)}`);
  const list = (): number[] => Array.from({ length: reader.u32() }, () => reader.valueType());
  return { parameters: list(), results: list() };
}

function readImport(reader: Reader): Module['imports'][number] {
  const module = reader.text(), name = reader.text(), kind = reader.byte();
  if (kind === FUNCTION) return { module, name, kind, type: reader.u32() };
  if (kind === TABLE) reader.valueType();
  if (kind === TABLE || kind === MEMORY) readLimits(reader);
  else if (kind === GLOBAL) {
    reader.valueType();
    reader.byte();
  } else throw new NotMetered(`an import of kind ${kind}`);
  return { module, name, kind, type: 0 };
}

function readLimits(reader: Reader): Limits {
  const flags = reader.byte();
  return { flags, minimum: reader.u32(), maximum: (flags & HAS_MAXIMUM) === 0 ? null : reader.u32() };
}
