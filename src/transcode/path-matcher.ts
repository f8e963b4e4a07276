// Finds the template that a path fits, segment by segment in a tree: a literal before "*", "*" before "**". It works on
// bytes where they lie, so that a request which fits none costs no string.
import { sameBytes } from '../core/same-bytes.js';
import { ANY_SEGMENT, ANY_SEGMENTS, parseTemplate } from './template.js';
import type { Template, Variable } from './template.js';
import { unescapeUrl } from './percent.js';
import type { UnescapeSpec } from './percent.js';

const ANY_METHOD = '*';
const SLASH = 47, COLON = 58;

/** The value that a variable of the path, or a parameter of the query, has; bytes as latin1. */
export interface Binding { fieldPath: string[]; value: string }

interface Leaf<T> { target: T; variables: Variable[]; body: string; twice: boolean }

class Node<T> {
  literals: Map<number, { bytes: Uint8Array; node: Node<T> }[]> | null = null;
  any: Node<T> | null = null;
  open: Node<T> | null = null;
  /** It stands for "**": it takes as many segments as it can. */
  leaves: Map<string, Leaf<T>> | null = null;

  constructor(readonly takesMany: boolean) {}

  child(segment: string): Node<T> {
    if (segment === ANY_SEGMENT) return this.any ??= new Node(false);
    if (segment === ANY_SEGMENTS) return this.open ??= new Node(true);
    const bytes = Buffer.from(segment, 'utf8');
    const key = hashOf(bytes, 0, bytes.length);
    this.literals ??= new Map();
    let list = this.literals.get(key);
    if (list === undefined) this.literals.set(key, list = []);
    let found = list.find((entry) => bytes.equals(entry.bytes));
    if (found === undefined) list.push(found = { bytes, node: new Node(false) });
    return found.node;
  }
}

function hashOf(bytes: Uint8Array, at: number, end: number): number {
  let hash = 0x811c9dc5 | 0;
  for (let i = at; i < end; i++) hash = Math.imul(hash ^ bytes[i]!, 0x01000193);
  return hash;
}

export interface PathMatch<T> { target: T; body: string; bindings: Binding[] }

export class PathMatcher<T> {
  private readonly root = new Node<T>(false);
  private readonly verbs: Uint8Array[] = [];
  /** Where the segments of the path in hand begin and end. */
  private starts = new Int32Array(64);
  private ends = new Int32Array(64);
  private count = 0;
  private bytes: Uint8Array = new Uint8Array(0);
  private key = '';

  constructor(private readonly unescape: UnescapeSpec, private readonly anyVerb: boolean) {}

  /** Null: `text` is no template. */
  add(method: string, text: string, body: string, target: T): Template | null {
    const template = parseTemplate(text);
    if (template === null) return null;
    let node = this.root;
    for (const segment of template.segments) node = node.child(segment);
    node.leaves ??= new Map();
    const leaf = node.leaves.get(method + template.verb);
    if (leaf === undefined)
      node.leaves.set(method + template.verb, { target, variables: template.variables, body, twice: false });
    else leaf.twice = true;                              // two methods want the path: it is neither's
    if (template.verb !== '' && !this.verbs.some((verb) => verb.toString() === template.verb))
      this.verbs.push(Buffer.from(template.verb, 'utf8'));
    return template;
  }

  /** The path, without its query, lies in [at, end) of `bytes`. */
  find(method: string, bytes: Uint8Array, at: number, end: number): PathMatch<T> | null {
    const pathEnd = this.split(bytes, at, end);
    this.bytes = bytes;
    this.key = method;
    if (pathEnd < end) this.key += Buffer.from(bytes.subarray(pathEnd + 1, end)).toString('latin1');
    const leaf = this.search(this.root, 0);
    if (leaf === null || leaf.twice) return null;
    return { target: leaf.target, body: leaf.body, bindings: leaf.variables.map((variable) => this.bind(variable)) };
  }

  /** Notes the segments. Returns where the path ends, which is before its verb. */
  private split(bytes: Uint8Array, at: number, end: number): number {
    let colon = -1;
    for (let i = end - 1; i >= at && bytes[i] !== SLASH; i--) if (bytes[i] === COLON) { colon = i; break; }
    const pathEnd = colon >= 0 && (this.anyVerb || this.isVerb(bytes, colon + 1, end)) ? colon : end;
    this.count = 0;
    let last = 0;
    for (let from = at + 1; from <= pathEnd; from++) {
      const start = from;
      while (from < pathEnd && bytes[from] !== SLASH) from++;
      if (this.count === this.starts.length) this.grow();
      this.starts[this.count] = start;
      this.ends[this.count] = from;
      this.count++;
      if (from > start) last = this.count;
    }
    this.count = last;                                                       // "/a//" is "/a"
    return pathEnd;
  }

  private isVerb(bytes: Uint8Array, at: number, end: number): boolean {
    for (const verb of this.verbs) if (sameBytes(bytes, at, end, verb)) return true;
    return false;
  }

  private grow(): void {
    const { starts, ends } = this;
    this.starts = new Int32Array(starts.length * 2);
    this.ends = new Int32Array(ends.length * 2);
    this.starts.set(starts);
    this.ends.set(ends);
  }

  private search(node: Node<T>, from: number): Leaf<T> | null {
    let at = from;
    for (;; at++) {
      if (at === this.count) return this.leafOf(node) ?? (node.open === null ? null : this.leafOf(node.open));
      const next = this.literal(node, at);
      const found = next === null ? null : this.search(next, at + 1);
      if (found !== null) return found;
      if (!node.takesMany) break;
    }
    const found = node.any === null ? null : this.search(node.any, at + 1);
    if (found !== null) return found;
    return node.open === null ? null : this.search(node.open, at + 1);
  }

  private literal(node: Node<T>, index: number): Node<T> | null {
    if (node.literals === null) return null;
    const at = this.starts[index]!, end = this.ends[index]!;
    const list = node.literals.get(hashOf(this.bytes, at, end));
    if (list !== undefined)
      for (let i = 0; i < list.length; i++) if (sameBytes(this.bytes, at, end, list[i]!.bytes)) return list[i]!.node;
    return null;
  }

  private leafOf(node: Node<T>): Leaf<T> | null {
    return node.leaves === null ? null : node.leaves.get(this.key) ?? node.leaves.get(ANY_METHOD) ?? null;
  }

  private bind({ fieldPath, start, end, open }: Variable): Binding {
    const last = open ? this.count + end + 1 : end;
    const spec = last - start > 1 || open ? this.unescape : 'all';
    const parts: string[] = [];
    for (let i = start; i < last; i++)
      parts.push(unescapeUrl(Buffer.from(this.bytes.subarray(this.starts[i], this.ends[i])).toString('latin1'), spec,
        false));
    return { fieldPath, value: parts.join('/') };
  }
}

/** Bindings of a query, without its question mark; parameters without a name or a "=" say nothing. */
export function queryBindings(query: string, ignored: ReadonlySet<string>, plus: boolean): Binding[] {
  const found: Binding[] = [];
  for (const parameter of query.split('&')) {
    const equals = parameter.indexOf('=');
    if (equals <= 0) continue;
    const name = parameter.slice(0, equals);
    if (!ignored.has(name))
      found.push({ fieldPath: name.split('.'), value: unescapeUrl(parameter.slice(equals + 1), 'all', plus) });
  }
  return found;
}
