// Conditions that need a regular expression: judged in TypeScript with RE2's linear-time engine, after everything else
// about a route matched. This is the one place on a request's path that makes strings, and only for routes that ask for
// it.
import type { RE2JS } from 're2js';
import { Head, Header, HeaderLine, RequestEdits, RequestEditsFlag } from '../../core/generated/layouts.js';
import type { RouteJson } from '../../config/snapshot/route-json.js';
import type { Engine } from '../engine.js';
import { compileExpression } from './expression.js';

/** Stands between the values of a repeated header; no value has it. */
const REPEATED = '\n';

interface Condition {
  header: string | null; query: string | null; expression: RE2JS; invert: boolean; missingAsEmpty: boolean
}

export class RegexConditions {
  private readonly conditions: Condition[];

  constructor(specifications: RouteJson['regex']) {
    this.conditions = specifications.map(({ pattern, ...rest }) =>
      ({ ...rest, expression: compileExpression(pattern) }));
  }

  /** Do all hold for the decoded request? Patterns match the whole value, as Envoy's. */
  hold(engine: Engine, pathAt: number, pathBytes: number, pathOnlyBytes: number): boolean {
    for (const condition of this.conditions) {
      const { header, query, expression } = condition;
      const value = header !== null ? headerText(engine, header, pathAt, pathBytes)
        : query !== null ? queryText(engine.readText(pathAt, pathBytes), query)
          : engine.readText(pathAt, pathOnlyBytes);
      const text = value ?? (condition.missingAsEmpty ? '' : null);
      // A missing header matches nothing, inverted or not, as in assembly/routing/match.ts. Each value of a repeated
      // one
      // is looked at by itself.
      if (text === null) return false;
      if (text.split(REPEATED).some((one) => expression.matches(one)) === condition.invert) return false;
    }
    return true;
  }
}

/** As headerText, of the head as it stands; repeated values are joined. */
export function requestHeader(engine: Engine, name: string): string | null {
  const words = engine.requestRecord >> 2;
  return headerText(engine, name, engine.i32[words + Head.pathAt], engine.i32[words + Head.pathBytes])
    ?.replaceAll(REPEATED, ',') ?? null;
}

/** Value of a header of the decoded request; pseudo headers too. */
function headerText(engine: Engine, name: string, pathAt: number, pathBytes: number): string | null {
  const words = engine.requestRecord >> 2;
  const { i32 } = engine;
  if (name === ':path') return engine.readText(pathAt, pathBytes);
  if (name === ':method') return engine.readText(i32[words + Head.methodAt], i32[words + Head.methodBytes]);
  if (name === ':authority' || name === 'host')
    return engine.readText(i32[words + Head.hostAt], i32[words + Head.hostBytes]);
  if (name === ':scheme')
    return (i32[(engine.requestEdits >> 2) + RequestEdits.flags] & RequestEditsFlag.schemeHttps) === 0 ? 'http'
      : 'https';
  if (name === 'x-forwarded-proto') return forwardedProto(engine);
  return recordHeader(engine, engine.requestRecord, name, REPEATED);
}

/** Value of the first line of a header of the decoded request; null when it is missing. */
export const firstHeader = (engine: Engine, name: string): string | null =>
  recordHeader(engine, engine.requestRecord, name, REPEATED)?.split(REPEATED, 1)[0] ?? null;

/** The x-forwarded-proto that the request goes on with: the client's own, or ours. */
export function forwardedProto(engine: Engine): string {
  const flags = engine.i32[(engine.requestEdits >> 2) + RequestEdits.flags];
  const own = (flags & RequestEditsFlag.setProto) !== 0 ? null
    : recordHeader(engine, engine.requestRecord, 'x-forwarded-proto', REPEATED);
  return own ?? ((flags & RequestEditsFlag.https) === 0 ? 'http' : 'https');
}

/** Value of a header in a Head record, repeats joined; null when it is missing. */
export function recordHeader(engine: Engine, record: number, name: string, separator = ','): string | null {
  const { i32 } = engine;
  const words = record >> 2;
  const known = (Header as Readonly<Record<string, number>>)[name] ?? 0;
  let text: string | null = null;
  for (let i = 0; i < i32[words + Head.headerCount]; i++) {
    const line = words + Head.headers + i * 4;
    const meta = i32[line + HeaderLine.nameBytes_meta];
    if ((meta & 0xffff) !== name.length) continue;
    if (known !== 0 ? ((meta >> 16) & 255) !== known : engine.readText(i32[line], name.length).toLowerCase() !== name)
      continue;
    const value = engine.readText(i32[line + HeaderLine.valueAt], i32[line + HeaderLine.valueBytes]);
    text = text === null ? value : `${text}${separator}${value}`;
  }
  return text;
}

/** Value of the first query parameter of that name, as it stands; null when there is none. */
export function queryText(path: string, name: string): string | null {
  const query = path.slice(path.indexOf('?') + 1).split('#')[0]!;
  if (!path.includes('?')) return null;
  for (const pair of query.split('&')) {
    const equals = pair.indexOf('=');
    if ((equals < 0 ? pair : pair.slice(0, equals)) === name) return equals < 0 ? '' : pair.slice(equals + 1);
  }
  return null;
}
