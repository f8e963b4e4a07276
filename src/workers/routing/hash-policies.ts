// The hash of a request, for balancers that choose by it: policies in order, combined as Envoy does (rotate left, xor),
// each over xxHash64 of a text of the request.
import type { HashPolicy } from '../../config/types.js';
import { limits } from '../../core/limits.js';
import type { Engine } from '../engine.js';
import { Replacement } from './expression.js';
import { queryText, recordHeader } from './regex.js';

/** What a hash is put into, and what only the connection knows. */
export interface Hashed {
  hasHash: boolean; hashHigh: number; hashLow: number;
  /** Header lines for the response: a cookie that the client does not have yet. */
  addedResponseLines: string;
}
export interface HashEnds { remoteIp(): string; remoteText(): string; localText(): string }

interface Compiled { policy: HashPolicy; rewrite: Replacement | null }

export class HashPolicies {
  private readonly policies: Compiled[];

  private constructor(policies: readonly HashPolicy[]) {
    this.policies = policies.map((policy) => ({ policy,
      rewrite: policy.kind === 'header' && policy.rewrite !== null ? new Replacement(policy.rewrite) : null }));
  }

  static of(policies: readonly HashPolicy[]): HashPolicies | null {
    return policies.length === 0 ? null : new HashPolicies(policies);
  }

  /** Computes the hash of the decoded request into `into`. */
  evaluate(engine: Engine, into: Hashed, ends: HashEnds, pathAt: number, pathBytes: number): void {
    into.hasHash = false;
    for (const compiled of this.policies) {
      const text = this.textOf(engine, compiled, into, ends, pathAt, pathBytes);
      if (text !== null) this.add(engine, text, into);
      if (into.hasHash && compiled.policy.terminal) return;
    }
  }

  private add(engine: Engine, text: string, into: Hashed): void {
    const at = engine.rewriteScratch;
    const bytes = engine.writeText(at, text.slice(0, 2 * limits.rewrittenBytesMax));
    const state = engine.valueScratch;
    const word = state >> 2;
    engine.i32[word] = into.hashLow;
    engine.i32[word + 1] = into.hashHigh;
    engine.codecs.hashCombine(at, bytes, state, into.hasHash ? 1 : 0);
    into.hashLow = engine.i32[word];
    into.hashHigh = engine.i32[word + 1];
    into.hasHash = true;
  }

  private textOf(engine: Engine, { policy, rewrite }: Compiled, into: Hashed, ends: HashEnds, pathAt: number,
    pathBytes: number): string | null {
    switch (policy.kind) {
      case 'header': {
        const value = recordHeader(engine, engine.requestRecord, policy.name);
        return value === null || rewrite === null ? value : rewrite.apply(value);
      }
      case 'queryParameter': return queryText(engine.readText(pathAt, pathBytes), policy.name);
      case 'sourceIp': {
        const ip = ends.remoteIp();
        return ip === '' ? null : ip;
      }
      case 'cookie': {
        const value = cookieOf(recordHeader(engine, engine.requestRecord, 'cookie'), policy.name);
        if ((value !== null && value !== '') || policy.ttlSeconds === null) return value === '' ? null : value;
        return this.newCookie(engine, policy, into, ends);
      }
    }
  }

  /** A cookie that keeps the client at its endpoint: the hash of the connection's two ends. */
  private newCookie(engine: Engine, policy: Extract<HashPolicy, { kind: 'cookie' }>, into: Hashed,
    ends: HashEnds): string {
    const bytes = engine.writeText(engine.rewriteScratch, ends.remoteText() + ends.localText());
    engine.codecs.hashBytes(engine.rewriteScratch, bytes, engine.valueScratch);
    const word = engine.valueScratch >> 2;
    const hex = (value: number): string => (value >>> 0).toString(16).padStart(8, '0');
    const value = hex(engine.i32[word + 1]) + hex(engine.i32[word]);
    const age = policy.ttlSeconds! > 0 ? `; Max-Age=${policy.ttlSeconds}` : '';
    const path = policy.path === '' ? '' : `; Path=${policy.path}`;
    into.addedResponseLines += `set-cookie: ${policy.name}="${value}"${age}${path}${policy.attributes}; HttpOnly\r\n`;
    return value;
  }
}

/** Value of a cookie, quotes taken off; null when it is not there. */
function cookieOf(cookies: string | null, name: string): string | null {
  if (cookies === null) return null;
  for (const pair of cookies.split(/[;,]/)) {
    const equals = pair.indexOf('=');
    if (equals < 0 || pair.slice(0, equals).trim() !== name) continue;
    return pair.slice(equals + 1).trim().replace(/^"(.*)"$/, '$1');
  }
  return null;
}
