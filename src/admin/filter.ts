// Regular expressions of admin queries, in linear time. The engine is loaded when the first request brings an expression.
import { limits } from '../core/limits.js';
import { errorText } from '../core/errors.js';

export type Matches = (name: string) => boolean;

/** A query that cannot be answered; the text goes to the client with this status. */
export class QueryError extends Error {
  constructor(readonly status: number, text: string) { super(text); }
}

/** A test whether the expression is found anywhere in a name. Throws QueryError when it is not an expression. */
export async function compileFilter(expression: string): Promise<Matches> {
  if (expression.length > limits.adminFilterLengthMax) {
    throw new QueryError(400, `Invalid re2 regex: longer than ${limits.adminFilterLengthMax} characters`);
  }
  const { RE2JS } = await import('re2js');
  try {
    const pattern = RE2JS.compile(expression);
    return (name) => pattern.test(name);
  } catch (error) {
    throw new QueryError(400, `Invalid re2 regex: ${errorText(error).replace(/^error parsing regexp: /, '')}`);
  }
}

/** The whole name must match, as in /config_dump's name_regex. */
export async function compileFullMatch(expression: string): Promise<Matches> { return compileFilter(`^(?:${expression})$`); }
