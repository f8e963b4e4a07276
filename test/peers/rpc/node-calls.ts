// What the peers in Node share: what came of a call, and many calls at a time.
import { isDeepStrictEqual } from 'node:util';
import type { Many, Outcome } from './peer.js';

/** What a call must come to where it must fail. */
export const ERROR = Symbol('an error');

/** An error's name and message, but for addresses, ports and times in it. */
export const described = (error: Error): string =>
  `${error.name}: ${error.message.split('\n')[0]!.replace(/\d+ms|127[.\d]+:\d+|\d{4,}/g, '*')}`;

export async function outcome(call: Promise<unknown>, wanted: unknown): Promise<Outcome> {
  return await call.then((value) => ({ said: JSON.stringify(value), right: isDeepStrictEqual(value, wanted) }),
    (error: Error) => ({ said: described(error), right: wanted === ERROR }));
}

/** Calls that give back what they are given, which is never 0: dubbo-remoting's servers break off at that. */
export async function many(call: (value: number) => Promise<unknown>, count: number, atOnce: number): Promise<Many> {
  const wrong: unknown[] = [], start = performance.now();
  let next = 0;
  await Promise.all(Array.from({ length: atOnce }, async () => {
    while (next < count) {
      const value = ++next, found = await call(value).catch(described);
      if (found !== value) wrong.push(found);
    }
  }));
  return { wrong: wrong.length, first: String(wrong[0]), ms: performance.now() - start };
}
