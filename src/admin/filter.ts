// Regular expressions of admin queries, in linear time. The engine is loaded when the first request brings an
// expression.
import { limits } from '../core/limits.js';
import { errorText } from '../core/errors.js';

export type Matches = (name: string) => boolean;

/** A query that cannot be answered; the text goes to the client with this status. */
export class QueryError extends Error {
  constructor(
    readonly status: number,
    text: string,
  ) {
    super(text);
  }
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
export async function compileFullMatch(expression: string): Promise<Matches> {
  return compileFilter(`^(?:${expression})$`);
}

/**
 * A quick test whether any name with a given beginning can match. Agents poll with expressions such as
 * `^(cluster_manager\.cds|server\.state)`, which must not cost a walk over ten thousand clusters. Expressions that
 * are not of this simple shape pass everything.
 */
export function prefixTest(expression: string): (prefix: string) => boolean {
  const literals = anchoredLiterals(expression);
  if (literals === null) return () => true;
  return (prefix) => literals.some((literal) => literal.startsWith(prefix) || prefix.startsWith(literal));
}

/** The literal beginnings of an expression that is anchored at the start; null when that is not certain. */
function anchoredLiterals(expression: string): string[] | null {
  const group = /^\^\((?:\?:)?([^()[\]]*)\)(.?)/.exec(expression);
  const rest = group === null ? expression : expression.slice(group[0].length);
  if (!expression.startsWith('^') || mayAlternate(rest) || (group !== null && /[?*{]/.test(group[2]))) return null;
  return (group === null ? [expression.slice(1)] : group[1].split('|')).map(literalStart);
}

/** True unless every '|' is certain to stand inside parentheses. */
function mayAlternate(text: string): boolean {
  let flat = text.replace(/\\./g, '');
  if (flat.includes('[')) return flat.includes('|');
  for (let before = ''; before !== flat;) {
    before = flat;
    flat = flat.replace(/\([^()]*\)/g, '');
  }
  return flat.includes('|');
}

/** Plain characters at the start. One that a quantifier follows may be absent, so it is left out. */
function literalStart(text: string): string {
  const [plain] = /^(?:[\w-]|\\\.)*/.exec(text)!;
  const certain = /[?*{]/.test(text[plain.length] ?? '') ? plain.replace(/(?:\\.|.)$/, '') : plain;
  return certain.replaceAll('\\.', '.');
}
