// What a route does to path and host when that depends on the request: regular expressions, a header's value. Evaluated
// into scratch memory of the engine before the head is encoded. A route without any of it has null here.
import { limits } from '../../core/limits.js';
import type { BoundAction } from '../../config/snapshot/route-json.js';
import type { Engine } from '../engine.js';
import { Replacement } from './expression.js';
import { firstHeader } from './regex.js';

type Forward = Extract<BoundAction, { kind: 'forward' }>;

const HOST = /^[A-Za-z0-9._~%!$&'()*+,;=:@[\]-]+$/;

/** A text in scratch memory, valid until the next request; bytes 0 = nothing is replaced. */
interface ScratchText { at: number; bytes: number }

export class Rewrites {
  readonly path: ScratchText = { at: 0, bytes: 0 };
  readonly host: ScratchText = { at: 0, bytes: 0 };
  private readonly pathExpression: Replacement | null;
  private readonly hostExpression: Replacement | null;

  /** `wholePath`: prefix_rewrite of a route that matches by expression replaces all of the path. */
  private constructor(private readonly action: Forward, private readonly wholePath: string | null) {
    this.pathExpression = action.regexRewrite === null ? null : new Replacement(action.regexRewrite);
    this.hostExpression = action.hostRewritePathRegex === null ? null : new Replacement(action.hostRewritePathRegex);
  }

  static of(action: Forward, matchesByExpression: boolean): Rewrites | null {
    const wholePath = matchesByExpression ? action.prefixRewrite : null;
    const needed = action.regexRewrite !== null || action.hostRewriteHeader !== null
      || action.hostRewritePathRegex !== null || wholePath !== null;
    return needed ? new Rewrites(action, wholePath) : null;
  }

  /** Evaluates for the decoded request, whose path without its query is given. False: a result is too long. */
  evaluate(engine: Engine, pathAt: number, pathOnlyBytes: number): boolean {
    this.path.bytes = this.host.bytes = 0;
    const wanted = this.pathExpression !== null || this.hostExpression !== null;
    const path = wanted ? engine.readText(pathAt, pathOnlyBytes) : '';
    if (this.wholePath !== null && !this.write(engine, this.path, 0, this.wholePath)) return false;
    if (this.pathExpression !== null && !this.write(engine, this.path, 0, this.pathExpression.apply(path) || '/'))
      return false;
    const host = this.hostExpression !== null ? this.hostExpression.apply(path)
      : this.action.hostRewriteHeader !== null
        ? firstHeader(engine, this.action.hostRewriteHeader) ?? '' : '';
    // An expression that did not match leaves the path: no host, and nothing that may stand in a Host line.
    return !HOST.test(host) || this.write(engine, this.host, limits.rewrittenBytesMax, host);
  }

  private write(engine: Engine, text: ScratchText, offset: number, value: string): boolean {
    if (value.length > limits.rewrittenBytesMax) return false;
    text.at = engine.rewriteScratch + offset;
    text.bytes = engine.writeText(text.at, value);
    return true;
  }
}
