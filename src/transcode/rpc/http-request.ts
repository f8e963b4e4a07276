// The HTTP request that a call becomes: its method, target and body of JSON, of the arguments that the client sent.
import type { RpcJsonArgument, RpcJsonRequest } from '../../config/http-filters.js';
import { CarryError } from './failure.js';
import { HessianDouble } from './hessian-values.js';
import type { HessianValue } from './hessian-values.js';
import { typesOf } from './java-types.js';
import { jsonOf } from './json-of-hessian.js';
import type { JsonLimits } from './json-of-hessian.js';
import type { SaidCall } from './answering.js';

export interface HttpRequest {
  target: string;
  /** Null: it has none. */
  body: Uint8Array | null;
}

export class HttpRequests {
  private readonly types: readonly string[];

  constructor(private readonly config: RpcJsonRequest) {
    this.types = typesOf(config.arguments).map(({ name }) => name);
  }

  /** Throws CarryError. */
  of({ types, values }: SaidCall, limits: JsonLimits): HttpRequest {
    if (types.join() !== this.types.join() || values.length !== types.length)
      throw new CarryError(`the call has arguments (${types.join(', ')}), its route (${this.types.join(', ')})`);
    const { arguments: args } = this.config;
    let path = this.config.path, query = '';
    const items: string[] = [], members: string[] = [];
    let whole: string | null = null;
    args.forEach((argument, index) => {
      const value = values[index]!;
      if (argument.source === 'path')
        path = path.replace(`{${argument.name}}`, () => segmentOf(value, limits, argument));
      else if (argument.source === 'query')
        query += `${query === '' ? '?' : '&'}${escaped(argument.name)}=${escaped(textOf(value, limits, argument))}`;
      else {
        const json = jsonOf(value, limits, argument.place);
        if (argument.source === 'body') whole = json;
        else if (argument.source === 'item') items.push(json);
        else members.push(`${JSON.stringify(argument.name)}:${json}`);
      }
    });
    const json = whole ?? (members.length > 0 ? `{${members.join()}}` : items.length > 0 ? `[${items.join()}]` : null);
    return { target: path + query, body: json === null ? null : Buffer.from(json, 'utf8') };
  }
}

/** As one segment of a path: none that would make it another path. */
function segmentOf(value: HessianValue, limits: JsonLimits, argument: RpcJsonArgument): string {
  const text = textOf(value, limits, argument);
  if (text === '' || text === '.' || text === '..')
    throw new CarryError(`${argument.place}: ${JSON.stringify(text)} is no segment of a path`);
  return escaped(text);
}

function textOf(value: HessianValue, limits: JsonLimits, { place }: RpcJsonArgument): string {
  if (typeof value === 'string') return value;
  if (typeof value === 'number' || typeof value === 'bigint' || typeof value === 'boolean'
    || value instanceof HessianDouble) return jsonOf(value, limits, place);
  throw new CarryError(`${place}: ${value === null ? 'null' : 'it'} has no form in a path or query`);
}

function escaped(text: string): string {
  if (/[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/.test(text))
    throw new CarryError('half a character has no form in a path or query');
  return encodeURIComponent(text);
}
