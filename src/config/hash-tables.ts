// How many places of a hash table each endpoint gets. Arithmetic that workers, which build the tables, and main, which
// shows their sizes, must agree on; Envoy's, to the last rounding.
import { limits } from '../core/limits.js';

interface Weighed { readonly weight: number }
interface Group<T> { readonly endpoints: readonly T[]; readonly weight: number }
/** Parts of the whole by weight: of all endpoints, or of each locality within the locality's own part. */
export function tableShares<T extends Weighed>(localities: readonly Group<T>[], localityWeighted: boolean,
  isMember: (endpoint: T) => boolean): { endpoint: T; share: number }[] {
  if (!localityWeighted) return partsOf(localities.flatMap(({ endpoints }) => endpoints).filter(isMember), 1);
  const sum = localities.reduce((total, { weight }) => total + weight, 0);
  return localities.flatMap(({ endpoints, weight }) =>
    weight === 0 ? [] : partsOf(endpoints.filter(isMember), weight / sum));
}

function partsOf<T extends Weighed>(endpoints: readonly T[], whole: number): { endpoint: T; share: number }[] {
  const sum = endpoints.reduce((total, { weight }) => total + weight, 0);
  return endpoints.map((endpoint) => ({ endpoint, share: endpoint.weight * whole / sum }));
}

/** Places of a ring, by endpoint; `size` is what Envoy reports, it may be one off their sum. */
export interface RingPlan { size: number; counts: number[] }

/** `shares` are the endpoints' parts of the whole, together 1. The least share gets a whole number of places. */
export function planRing(shares: readonly number[], minimumSize: number, maximumSize: number): RingPlan {
  if (shares.length === 0) return { size: 0, counts: [] };
  const least = shares.reduce((smallest, share) => Math.min(smallest, share), 1);
  const scale = Math.min(Math.ceil(least * minimumSize) / least, Math.min(maximumSize, limits.hashTableEntriesMax));
  let given = 0;
  let target = 0;
  const counts = shares.map((share) => {
    target += scale * share;
    const before = given;
    while (given < target) given++;
    return given - before;
  });
  return { size: Math.ceil(scale), counts };
}

/** Calls `turn` with the index of the endpoint that takes the next place, until `size` places are taken. */
export function eachMaglevTurn(shares: readonly number[], size: number, turn: (index: number) => void): void {
  const greatest = shares.reduce((largest, share) => Math.max(largest, share), 0);
  const targets = shares.map(() => 0);
  let taken = 0;
  for (let round = 1; taken < size; round++) {
    for (let i = 0; i < shares.length && taken < size; i++) {
      if (round * shares[i] < targets[i]) continue;
      targets[i] += greatest;
      taken++;
      turn(i);
    }
  }
}

export function isPrime(number: number): boolean {
  if (number < 2) return false;
  for (let divisor = 2; divisor * divisor <= number; divisor++) if (number % divisor === 0) return false;
  return true;
}
