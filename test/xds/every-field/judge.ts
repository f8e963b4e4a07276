// Compiles a resource and says what came of it, in a form that two outcomes can be compared by: the plain
// configuration, without the message that it came from.
import { limits } from '../../../src/core/limits.js';
import { compileResource } from '../../../src/xds/compile/resource.js';
import { messageTypeOf } from '../../../src/xds/compile/resource.js';
import type { ResourceKind } from '../../../src/xds/store.js';
import { JsonReader } from '../../../src/xds/wire/json-reader.js';
import { Report } from '../../../src/xds/wire/message.js';
import type { Json, Problem } from '../../../src/xds/wire/message.js';
import { compile } from '../examples.js';

export type Tree = { [key: string]: unknown };
export type Step = string | number;
export type Root = ResourceKind | 'bootstrap';

export const rootType = (root: Root): string =>
  root === 'bootstrap' ? 'envoy.config.bootstrap.v3.Bootstrap' : messageTypeOf(root);

export type Outcome = { ok: true; plain: string } | { ok: false; errors: Problem[] };

const withoutWire = (key: string, value: unknown): unknown => key === 'wireJson' || key === 'hash'
  || key === 'messageJson' ? undefined : value;

/** What Weft makes of a resource. */
export function judge(root: Root, tree: Tree): Outcome {
  if (root === 'bootstrap') {
    const result = compile(tree);
    if (result.ok) return { ok: true, plain: JSON.stringify(result, withoutWire) };
    return { ok: false, errors: result.errors.map((line) => {
      const [, path, reason] = /^--config-yaml: ([^ ]*): (.*?)( \(line \d+\))?$/.exec(line) ?? ['', '', line];
      return { path: path!, reason: reason! };
    }) };
  }
  const report = new Report(false, limits.configErrorsMax);
  const message = new JsonReader(report, false).read(rootType(root), tree as Json, '');
  if (!report.ok) return { ok: false, errors: report.errors };
  const compiled = compileResource(root, message, null, '', report);
  return compiled === null ? { ok: false, errors: report.errors }
    : { ok: true, plain: JSON.stringify(compiled, withoutWire) };
}

/** The part of an input that a path leads to. */
export function partAt(tree: unknown, path: readonly Step[]): unknown {
  let at = tree;
  for (const step of path) at = (at as Tree | undefined)?.[step];
  return at;
}

/** A copy of an input with one part of it replaced; undefined takes the part away. */
export function withPart(tree: Tree, path: readonly Step[], value: unknown): Tree {
  const copy = structuredClone(tree);
  const parent = partAt(copy, path.slice(0, -1)) as Tree;
  const last = path.at(-1)!;
  if (value === undefined) delete parent[last];
  else parent[last] = structuredClone(value);
  return copy;
}

/** A path as reports spell it; `maps` are the positions whose steps are keys of a map. */
export function pathText(path: readonly Step[], maps: ReadonlySet<number>): string {
  let text = '';
  path.forEach((step, index) => {
    if (typeof step === 'number') text += `[${step}]`;
    else if (maps.has(index)) text += `[${JSON.stringify(step)}]`;
    else text += text === '' ? step : `.${step}`;
  });
  return text;
}
