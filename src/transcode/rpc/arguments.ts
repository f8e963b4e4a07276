// Where the arguments of a call come from: the list that the body is, its members, the whole of it, variables of the
// path and parameters of the query. What is not there, and what nobody takes, is refused.
import { isUtf8 } from 'node:buffer';
import type { RpcJsonArgument, RpcJsonCall } from '../../config/http-filters.js';
import { PathMatcher } from '../path-matcher.js';
import { unescapeUrl } from '../percent.js';
import { CarryError } from './failure.js';
import { JsonNumber, readJson } from './json.js';
import type { Json } from './json.js';
import { typesOf } from './java-types.js';
import type { JavaType } from './java-types.js';

const NUMBER = /^-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?$/;

/** Types that text alone can be. */
export const isTextual = ({ kind }: JavaType): boolean => kind !== 'list' && kind !== 'map' && kind !== 'any';

export class RpcArguments {
  private readonly paths: PathMatcher<null> | null;
  private readonly types: readonly JavaType[];

  constructor(private readonly call: RpcJsonCall) {
    this.types = typesOf(call.arguments);
    this.paths = call.pathTemplate === '' ? null : new PathMatcher('all', false);
    this.paths?.add('*', call.pathTemplate, '', null);
  }

  /**
   * Values of path and query, by the argument that takes each; the path with its query lies in [at, end) of `bytes`.
   * Null: it is another path than the call's. Throws CarryError.
   */
  ofTarget(bytes: Uint8Array, at: number, end: number): Map<RpcJsonArgument, Json> | null {
    let pathEnd = at;
    while (pathEnd < end && bytes[pathEnd] !== QUESTION) pathEnd++;
    const match = this.paths === null ? { bindings: [] } : this.paths.find('*', bytes, at, pathEnd);
    if (match === null) return null;
    const values = new Map<RpcJsonArgument, Json>();
    for (const { fieldPath, value } of match.bindings) this.take(values, 'path', fieldPath.join('.'), value);
    const query = Buffer.from(bytes.subarray(Math.min(pathEnd + 1, end), end)).toString('latin1');
    for (const parameter of query.split('&')) {
      if (parameter === '') continue;
      const equals = parameter.indexOf('=');
      if (equals < 0) throw new CarryError(`the query has ${JSON.stringify(textOf(parameter))} without a value`);
      this.take(values, 'query', unescapeUrl(parameter.slice(0, equals), 'all', true),
        unescapeUrl(parameter.slice(equals + 1), 'all', true));
    }
    return values;
  }

  /** Name and value as latin1. */
  private take(values: Map<RpcJsonArgument, Json>, source: 'path' | 'query', latin1: string, value: string): void {
    const name = textOf(latin1);
    const index = this.call.arguments.findIndex((one) => one.source === source && one.name === name);
    const argument = this.call.arguments[index];
    if (argument === undefined)
      throw new CarryError(`the ${source} has ${JSON.stringify(name)}, which no argument takes`);
    if (values.has(argument)) throw new CarryError(`${argument.place}: it stands in the ${source} twice`);
    values.set(argument, valueOf(this.types[index]!, textOf(value), argument.place));
  }

  /** All arguments, in their order. Throws CarryError. */
  values(ofTarget: ReadonlyMap<RpcJsonArgument, Json>, body: Uint8Array, depthMax: number): Json[] {
    const json = body.length === 0 ? undefined : readJson(body, depthMax);
    const { arguments: args } = this.call;
    const ofBody = args.filter(({ source }) => isOfBody(source));
    const source = ofBody[0]?.source ?? 'item';
    if (json === undefined && ofBody.length > 0) throw new CarryError('the request has no body');
    if (source === 'item' && json !== undefined) checkItems(json, ofBody.length);
    if (source === 'member') checkMembers(json!, ofBody);
    return args.map((argument) => {
      if (argument.source === 'item') return (json as readonly Json[])[ofBody.indexOf(argument)]!;
      if (argument.source === 'member') return (json as ReadonlyMap<string, Json>).get(argument.name)!;
      if (argument.source === 'body') return json!;
      const found = ofTarget.get(argument);
      if (found === undefined) throw new CarryError(`${argument.place}: it is not there`);
      return found;
    });
  }
}

const QUESTION = 63;
const isOfBody = (source: string): boolean => source === 'item' || source === 'member' || source === 'body';

function checkItems(json: Json, wanted: number): void {
  if (!Array.isArray(json)) throw new CarryError('the body is no list of arguments');
  if (json.length !== wanted) throw new CarryError(`the body has ${json.length} arguments, ${wanted} are wanted`);
}

function checkMembers(json: Json, wanted: readonly RpcJsonArgument[]): void {
  if (!(json instanceof Map)) throw new CarryError('the body is no object of arguments');
  for (const { name, place } of wanted) if (!json.has(name)) throw new CarryError(`${place}: it is not there`);
  for (const name of json.keys() as Iterable<string>) {
    if (!wanted.some((argument) => argument.name === name))
      throw new CarryError(`the body has ${JSON.stringify(name)}, which no argument takes`);
  }
}

/** Bytes as latin1 to text. */
function textOf(latin1: string): string {
  const bytes = Buffer.from(latin1, 'latin1');
  if (!isUtf8(bytes)) throw new CarryError('path or query is no UTF-8');
  return bytes.toString('utf8');
}

function valueOf({ kind, name }: JavaType, text: string, place: string): Json {
  if (kind === 'string') return text;
  if (kind === 'boolean' && (text === 'true' || text === 'false')) return text === 'true';
  if (kind !== 'boolean' && NUMBER.test(text)) return new JsonNumber(text);
  throw new CarryError(`${place}: ${JSON.stringify(text.slice(0, 40))} is no ${name}`);
}
