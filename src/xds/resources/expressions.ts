// Regular expressions of the configuration, checked by RE2's own rules when they are read; replacements in RE2's
// writing (\1) turned into the engine's ($1); and URI templates as the expressions that they stand for.
import { createRequire } from 'node:module';
import type { Substitution } from '../../config/types.js';
import type { RegexMatchAndSubstitute, RegexMatcher } from '../wire/generated/messages.js';
import { fieldPath } from '../wire/message.js';
import type { Report } from '../wire/message.js';

interface Compiled { groupCount(): number }
type Compiler = { compile(pattern: string): Compiled };
let compiler: Compiler | null = null;

function compile(pattern: string): Compiled {
  compiler ??= (createRequire(import.meta.url)('re2js') as { RE2JS: Compiler }).RE2JS;
  return compiler.compile(pattern);
}

/** The pattern; what is wrong with it is in the report. */
export function readRegex(matcher: RegexMatcher | undefined, path: string, report: Report): string {
  const pattern = matcher?.regex ?? '';
  try {
    compile(pattern);
  } catch (error) {
    report.fail(fieldPath(path, 'regex'), `not a valid RE2 expression: ${(error as Error).message}`);
  }
  return pattern;
}

/** type.matcher.v3.RegexMatchAndSubstitute; null where it is absent. */
export function readSubstitution(message: RegexMatchAndSubstitute | undefined, path: string,
  report: Report): Substitution | null {
  if (message === undefined) return null;
  const pattern = readRegex(message.pattern, fieldPath(path, 'pattern'), report);
  const text = message.substitution ?? '';
  let groups = Infinity;
  try {
    groups = compile(pattern).groupCount();
  } catch { /* told above */ }
  const substitution = text.replace(/\\(.?)|\$/gs, (found, next: string | undefined) => {
    if (found === '$') return '\\$';
    if (next === '\\') return '\\\\';
    if (!/^[0-9]$/.test(next!)) report.fail(fieldPath(path, 'substitution'),
      `'\\' must be followed by a digit or '\\'`);
    else if (Number(next) > groups)
      report.fail(fieldPath(path, 'substitution'), `group \\${next} is not in the expression, which has ${groups}`);
    return `$${next}`;
  });
  // A digit behind a group is not a part of its number.
  return { pattern, substitution: substitution.replace(/(\$[0-9])(?=[0-9])/g, '$1\\') };
}

/** One segment of a path; RFC 3986 pchar. */
const SEGMENT = "[-A-Za-z0-9._~%!$&'()*+,;=:@]+";
const REST = "[-A-Za-z0-9._~%!$&'()*+,;=:@/]*";
const VARIABLES_MAX = 5;

export interface Template { pattern: string; variables: string[] }

/**
 * extensions.path.match.uri_template: '*' is one segment, '**' what remains (last only), '{name}' and '{name=pattern}'
 * are groups in their order. Returns what is wrong as text.
 */
export function readTemplate(template: string): Template | string {
  if (!template.startsWith('/')) return 'must begin with /';
  const variables: string[] = [];
  let pattern = '', rest = false;
  for (let at = 0; at < template.length;) {
    const variable = /^\{([A-Za-z][A-Za-z0-9_]*)(?:=([^{}]+))?\}/.exec(template.slice(at));
    if (rest) {
      // Envoy lets literal text follow '**', but neither another operator nor a variable.
      if (variable !== null || template[at] === '*') return "nothing but text may follow '**'";
    }
    if (variable !== null) {
      const [whole, name, inner] = variable;
      if (variables.includes(name!)) return `the variable ${name} stands twice`;
      if (variables.push(name!) > VARIABLES_MAX) return `more than ${VARIABLES_MAX} variables`;
      const part = operators(inner ?? '*');
      if (part === null) return `${whole} is not a pattern`;
      pattern += `(${part.pattern})`;
      rest ||= part.rest;
      at += whole.length;
    } else if (template.startsWith('**', at)) {
      pattern += REST;
      rest = true;
      at += 2;
    } else if (template[at] === '*') {
      pattern += SEGMENT;
      at++;
    } else if (/[A-Za-z0-9._~%!$&'()+,;=:@/-]/.test(template[at]!)) {
      pattern += template[at]!.replace(/[.$()+]/g, '\\$&');
      at++;
    } else return `'${template[at]}' is not allowed`;
  }
  return { pattern, variables };
}

function operators(text: string): { pattern: string; rest: boolean } | null {
  if (!/^[A-Za-z0-9._~%!$&'()+,;=:@/*-]+$/.test(text)) return null;
  let rest = false;
  const pattern = text.replace(/\*\*|\*|[.$()+]/g, (found) => {
    if (found === '**') { rest = true; return REST; }
    return found === '*' ? SEGMENT : `\\${found}`;
  });
  return { pattern, rest };
}

/** path.rewrite.uri_template over the groups of a template. Returns what is wrong as text. */
export function readTemplateRewrite(rewrite: string, template: Template): Substitution | string {
  if (!rewrite.startsWith('/')) return 'must begin with /';
  let wrong: string | null = null;
  const substitution = rewrite.replace(/\$/g, '\\$').replace(/\{([^{}]*)\}/g, (_whole, name: string) => {
    const group = template.variables.indexOf(name) + 1;
    if (group === 0) wrong = `the variable ${name} is not in the path template`;
    return `$${group}`;
  });
  if (wrong !== null) return wrong;
  return /[{}]/.test(substitution) ? 'has a brace without its other' : { pattern: template.pattern, substitution };
}
