// Walks every field of every message that can be reached from a resource, sets it, and judges the result. An edge (a
// field of one message that holds another) is walked once, by the first way that leads to it.
import { enumType, messageType } from '../../../src/xds/wire/descriptor.js';
import type { Field } from '../../../src/xds/wire/descriptor.js';
import { judge, partAt, pathText, withPart } from './judge.js';
import type { Outcome, Root, Step, Tree } from './judge.js';
import { anyOf, entryFor, samplesOf, typesFor } from './samples.js';
import { alike, beside, elsewhere, idle, roots } from './table.js';

/** A message in a valid resource. */
interface Place { root: Root; base: Tree; path: Step[]; maps: ReadonlySet<number>; type: string; edge: string }

export type Verdict = 'works' | 'inert' | 'refused' | 'holds';
export interface Findings {
  /** What is wrong, one line each. */
  faults: string[];
  /** By full name of the field: what was found, over all its places. */
  verdicts: Map<string, Set<Verdict>>;
  /** Types in an Any: accepted, or why not. */
  anyTypes: Map<string, string[] | 'accepted'>;
  reached: Set<string>;
  judged: number;
}

export interface Knowledge {
  anyTypes: readonly string[];
  /** Notes of fields.txt by full name of the field. */
  notes: ReadonlyMap<string, string>;
}

/** Messages between a field and the Any that it is for: the field decides what may stand there. */
const transparent = /\.(TypedExtensionConfig|TransportSocket)$/;

export class Walk {
  readonly findings: Findings = { faults: [], verdicts: new Map(), anyTypes: new Map(), reached: new Set(), judged: 0 };
  readonly #queue: Place[] = [];
  readonly #edges = new Set<string>();

  constructor(private readonly knowledge: Knowledge) {}

  run(root: Root, type: string): void {
    this.#queue.push({ root, base: roots[root](), path: [], maps: new Set(), type, edge: root });
    const first = this.#judge(root, this.#queue[0]!.base);
    if (!first.ok) throw new Error(`the minimal ${root} is refused: ${JSON.stringify(first.errors)}`);
    for (let place = this.#queue.shift(); place !== undefined; place = this.#queue.shift()) this.#walk(place);
  }

  #judge(root: Root, tree: Tree): Outcome {
    this.findings.judged++;
    return judge(root, tree);
  }

  #walk(place: Place): void {
    this.findings.reached.add(place.type);
    for (const field of messageType(place.type).fields) {
      const name = `${place.type}.${field.name}`;
      const status = field.status ?? 'read';
      const at = { ...place, path: [...place.path, field.name] };
      const surrounded = this.#surround(place, field, name);
      const verdict = status === 'refused' ? this.#refused(at, name, [refusable(field)], surrounded)
        : status === 'only' ? this.#only(at, name, field, surrounded)
          : status === 'inert' ? this.#inert(at, name, field, surrounded) : this.#read(at, name, field, surrounded);
      if (verdict === null) continue;
      const verdicts = this.findings.verdicts.get(name) ?? new Set();
      this.findings.verdicts.set(name, verdicts.add(verdict));
    }
  }

  #fault(at: Place, name: string, text: string): null {
    this.findings.faults.push(`${name}: ${text} (at ${at.root}: ${pathText(at.path, at.maps)})`);
    return null;
  }

  /** The resource with what must stand beside a field, and without the other members of its oneof. */
  #surround(place: Place, field: Field, name: string): Tree {
    let tree = withBeside(place, place.base, name);
    if (field.oneof === undefined) return tree;
    for (const other of messageType(place.type).fields) {
      if (other.oneof === field.oneof && other !== field) tree = withPart(tree, [...place.path, other.name], undefined);
    }
    return tree;
  }

  /** Each of the values is refused, at the field or below it. */
  #refused(at: Place, name: string, values: readonly unknown[], base: Tree): Verdict | null {
    for (const value of values) {
      const outcome = this.#judge(at.root, withPart(base, at.path, value));
      if (outcome.ok) return this.#fault(at, name, `${JSON.stringify(value)} is accepted, though it is not read`);
      if (!isNamed(outcome, at)) return this.#fault(at, name, `is refused without its path: ${reasons(outcome)}`);
    }
    return 'refused';
  }

  #only(at: Place, name: string, field: Field, base: Tree): Verdict | null {
    const before = this.#judge(at.root, base);
    const accepted = (field.only ?? []).map((value) => typeof value === 'object' ? {} : value);
    for (const value of accepted) {
      const outcome = this.#judge(at.root, withPart(base, at.path, value));
      if (!outcome.ok) return this.#fault(at, name, `${JSON.stringify(value)} is refused: ${reasons(outcome)}`);
      if (before.ok && before.plain !== outcome.plain && field.kind !== 'opaque')
        return this.#fault(at, name, `${JSON.stringify(value)} changes the configuration, though it is the default`);
    }
    const names: unknown[] = accepted.map((value) => field.kind === 'enum' ? enumName(field, value as number) : value);
    const others = field.kind === 'opaque' ? [refusable(field)]
      : samplesOf(at.type, field, this.knowledge.anyTypes).filter((value) => !names.includes(value));
    if (others.length === 0) return this.#fault(at, name, 'no sample that is not its default');
    return this.#refused(at, name, others, base);
  }

  #inert(at: Place, name: string, field: Field, base: Tree): Verdict | null {
    if ((this.knowledge.notes.get(name) ?? '') === '')
      return this.#fault(at, name, 'is inert, and fields.txt does not say why');
    const value = samplesOf(at.type, field, this.knowledge.anyTypes)[0] ?? refusable(field);
    const before = this.#judge(at.root, base);
    const outcome = this.#judge(at.root, withPart(base, at.path, value));
    if (!outcome.ok)
      return this.#fault(at, name, `is inert, yet ${JSON.stringify(value)} is refused: ${reasons(outcome)}`);
    if (before.ok && before.plain !== outcome.plain) return this.#fault(at, name, 'is inert, yet changes something');
    return 'inert';
  }

  /** A field that is read: some value of it makes a difference, and each is either that or refused. */
  #read(at: Place, name: string, field: Field, base: Tree): Verdict | null {
    const present = partAt(base, at.path);
    if (field.kind === 'any') return this.#any(at, field, base);
    if (field.kind === 'message' && present !== undefined) {
      this.#descend(at, field, base);
      return 'holds';
    }
    const samples = samplesOf(at.type, field, this.knowledge.anyTypes);
    if (samples.length === 0) return this.#fault(at, name, 'has no sample: give it one in every-field/table.ts');
    const before = this.#judge(at.root, present === undefined ? base : withPart(base, at.path, undefined));
    const isIdle = entryFor(idle, name)?.test(pathText(at.path, at.maps)) === true;
    const same = entryFor(alike, name) ?? [];
    const seen = new Set<string>(before.ok ? [before.plain] : []);
    let accepted = 0, refused = 0;
    for (const value of samples) {
      const tree = withPart(base, at.path, value);
      const outcome = this.#judge(at.root, tree);
      if (!outcome.ok) {
        if (!isRefusal(outcome, at)) return this.#fault(at, name, `the sample ${JSON.stringify(value)} is refused: `
          + `${reasons(outcome)}: give it a better one in every-field/table.ts`);
        refused++;
        continue;
      }
      if (field.kind === 'message' && ++accepted === 1) this.#descend(at, field, tree);
      if (field.kind === 'enum' && field.repeated !== true && seen.has(outcome.plain) && !isIdle
          && !same.includes(String(value)))
        this.#fault(at, name, `${JSON.stringify(value)} means no more than another value`);
      seen.add(outcome.plain);
    }
    if (seen.size === 0) return 'refused';
    if (field.kind === 'message' && messageType(field.ref!).fields.length > 0) return 'holds';
    if (seen.size > 1 || (!before.ok && samples.length - refused === 1) || same.includes('*')) return 'works';
    if (refused > 0) return 'refused';
    if (isIdle) return 'inert';
    return this.#fault(at, name, `${JSON.stringify(samples)} changes nothing`);
  }

  #any(at: Place, field: Field, base: Tree): Verdict | null {
    const owner = `${at.type}.${field.name}`;
    for (const type of typesFor(owner, this.knowledge.anyTypes)) {
      const key = field.map !== undefined ? mapKey(type) : null;
      const path = key !== null ? [...at.path, key] : at.path;
      const present = partAt(base, path) as Tree | undefined;
      const keep = present?.['@type'] !== undefined && String(present['@type']).endsWith(`/${type}`);
      const around = withBeside({ ...at, path: at.path.slice(0, -1) }, base, type);
      const tree = keep ? base : key !== null ? withPart(around, at.path, { [key]: anyOf(type) })
        : withPart(around, path, anyOf(type));
      const outcome = this.#judge(at.root, tree);
      if (!outcome.ok) {
        const before = this.findings.anyTypes.get(type);
        if (before !== 'accepted') this.findings.anyTypes.set(type, [...before ?? [],
          `${at.root} ${pathText(path, at.maps)}: ${reasons(outcome)}`]);
        continue;
      }
      this.findings.anyTypes.set(type, 'accepted');
      const maps = key !== null ? new Set([...at.maps, path.length - 1]) : at.maps;
      this.#enqueue({ ...at, base: tree, path, maps, type, edge: `${at.edge}>${field.name}>${type}` },
        transparent.test(at.type) ? `${at.edge}>${type}` : `${owner}>${type}`);
    }
    return 'holds';
  }

  #descend(at: Place, field: Field, base: Tree): void {
    if (elsewhere.test(`${at.type}.${field.name}`)) return;
    const path = [...at.path];
    const maps = new Set(at.maps);
    if (field.repeated === true) path.push(0);
    if (field.map !== undefined) {
      maps.add(path.length);
      path.push(Object.keys(partAt(base, path) as Tree)[0]!);
    }
    const type = field.ref!;
    const edge = `${at.type}.${field.name}>${type}`;
    this.#enqueue({ ...at, base, path, maps, type, edge }, edge);
  }

  #enqueue(place: Place, edge: string): void {
    if (this.#edges.has(edge)) return;
    this.#edges.add(edge);
    this.#queue.push(place);
  }
}

const mapKey = (type: string): string => /^(envoy|weft)\.extensions\.upstreams\./.test(type) ? type : 'sample';

const enumName = (field: Field, value: number): string => enumType(field.ref!).names.get(value)!;

/** The resource with what the table wants beside a field, or around a type in an Any. */
function withBeside({ path }: Place, base: Tree, name: string): Tree {
  let tree = base;
  for (const [sibling, value] of Object.entries(entryFor(beside, name) ?? {})) {
    const up = sibling.lastIndexOf('^') + 1;
    if (path.length >= up) tree = withPart(tree, [...path.slice(0, path.length - up), sibling.slice(up)], value);
  }
  return tree;
}

/** Some value that the reader takes for a field that is refused anyway. */
function refusable(field: Field): unknown {
  const one = field.kind === 'bool' || field.ref === 'bool' ? true : field.kind === 'string' || field.ref === 'string'
    ? 'sample' : field.kind === 'duration' ? '7s' : field.kind === 'bytes' || field.ref === 'bytes' ? 'c2FtcGxl'
      : field.kind === 'opaque' || field.kind === 'message' || field.kind === 'struct' ? { sample: 'value' } : 1;
  if (field.map !== undefined) return { [field.map === 'string' ? 'sample' : '1']: one };
  return field.repeated === true ? [one] : one;
}

const reasons = (outcome: Outcome): string => outcome.ok ? ''
  : outcome.errors.map(({ path, reason }) => `${path}: ${reason}`).join('; ');

/** Whether the field, or something below it, is said to be more than Weft does. */
const isRefusal = (outcome: Outcome, at: Place): boolean => isNamed(outcome, at) && !outcome.ok
  && outcome.errors.some(({ reason }) => reason.startsWith('not implemented'));

/** Whether an error names the field, or something below it. */
function isNamed(outcome: Outcome, at: Place): boolean {
  if (outcome.ok) return false;
  const path = pathText(at.path, at.maps);
  return outcome.errors.some((error) => error.path === path || error.path.startsWith(`${path}.`)
    || error.path.startsWith(`${path}[`));
}
