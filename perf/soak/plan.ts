// What a client of the soak asks for next, and whether an answer is the right one.
import { STEADY_CLUSTERS } from './configuration.js';
import type { Random } from './random.js';
import { bodyOf } from './upstream.js';

/** `length`: what content-length must say; -1 = anything. `expected`: the whole body. */
export interface Plan { method: string; path: string; upload: Buffer | null; expected: Buffer; length: number }
/** `status` 0: no whole answer. `stale`: the connection was dead before the request could reach anybody. */
export interface Attempt { status: number; fault: string; stale: boolean }

export const ATTEMPT_LIMIT_MS = 20_000;

export const planCluster = (random: Random): string =>
  random.pick([...STEADY_CLUSTERS, ...STEADY_CLUSTERS, 'secure', 'abrupt', 'announced']);

export function planRequest(random: Random): Plan {
  const mark = random.mark();
  const bytes = random.pick([0, 10, 128, 128, 128, 1000, 5000, 65_536, 300_000]);
  switch (random.whole(0, 9)) {
    case 0: return { method: 'HEAD', path: `/bytes/${bytes}/${mark}`, upload: null, expected: Buffer.alloc(0),
      length: bytes };
    case 1: return { method: 'GET', path: `/chunked/${bytes}/${mark}`, upload: null, expected: bodyOf(bytes, mark),
      length: -1 };
    case 2: return { method: 'GET', path: `/wait/${random.whole(1, 200)}/${mark}`, upload: null,
      expected: bodyOf(8, mark), length: 8 };
    case 3: case 4: return { method: 'POST', path: `/sink/${mark}`, upload: bodyOf(bytes, mark),
      expected: Buffer.from(String(bytes)), length: -1 };
    default: return { method: 'GET', path: `/bytes/${bytes}/${mark}`, upload: null, expected: bodyOf(bytes, mark),
      length: bytes };
  }
}

/** Says what an answer has wrong; '' = nothing. */
export function wrongIn(plan: Plan, status: number, length: string | undefined, body: Buffer): string {
  if (status !== 200) return `status ${status} ${String(body).slice(0, 120)}`;
  if (plan.length >= 0 && Number(length) !== plan.length) return 'wrong content-length';
  return body.equals(plan.expected) ? '' : 'wrong body';
}

export const attemptOf = (plan: Plan, status: number, fault: string, stale: boolean): Attempt => ({ status, stale,
  fault: fault === '' ? '' : `${plan.method} ${plan.path.replace(/\/[^/]*$/, '')}: ${fault}` });
