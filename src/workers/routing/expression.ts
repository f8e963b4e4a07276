// Regular expressions as workers use them: RE2's linear-time engine, loaded with the first expression. No input can
// make one slow; the longest text is a request's path or one header.
import { createRequire } from 'node:module';
import type { RE2JS } from 're2js';
import type { Substitution } from '../../config/types.js';

const load = createRequire(import.meta.url);
let engineModule: { RE2JS: { compile(pattern: string): RE2JS } } | null = null;

export function compileExpression(pattern: string): RE2JS {
  engineModule ??= load('re2js') as NonNullable<typeof engineModule>;
  return engineModule.RE2JS.compile(pattern);
}

/** Replaces every match in a text, as Envoy's RegexMatchAndSubstitute. */
export class Replacement {
  private readonly expression: RE2JS;
  constructor(private readonly from: Substitution) { this.expression = compileExpression(from.pattern); }
  apply(text: string): string { return this.expression.matcher(text).replaceAll(this.from.substitution, true); }
}
