// The tables of balancers that choose by hash: sizes within Envoy's bounds and Weft's limit.
import { isPrime } from '../../config/hash-tables.js';
import type { Hashing } from '../../config/types.js';
import { limits } from '../../core/limits.js';
import type { RouteActionHashPolicy } from '../wire/generated/messages.js';
import { fieldPath } from '../wire/message.js';
import type { Report, Wrapper } from '../wire/message.js';
import { numberOf } from './fields.js';
import { readHashPolicy } from './hash-policy.js';

const RING_SIZE_DEFAULT = 1024;
const RING_SIZE_MAX_DEFAULT = 8_388_608;
const MAGLEV_SIZE_DEFAULT = 65_537;

interface Consistent {
  useHostnameForHashing?: boolean; hashBalanceFactor?: Wrapper<number>; hashPolicy?: RouteActionHashPolicy[];
}
export const readHashing = (consistent: Consistent | undefined, table: Hashing['table'], path: string,
  report: Report): Hashing => ({ table, byName: consistent?.useHostnameForHashing ?? false,
  boundPercent: numberOf(consistent?.hashBalanceFactor, 0),
  policies: (consistent?.hashPolicy ?? []).flatMap((policy, index) =>
    readHashPolicy(policy, fieldPath(path, `consistent_hashing_lb_config.hash_policy[${index}]`), report)) });

type Size = Wrapper<number | string> | undefined;
const sizeOf = (size: Size, absent: number): number => size === undefined ? absent : Number(size.value ?? 0);

export function readRing(minimum: Size, maximum: Size, murmur: boolean, path: string,
  report: Report): Hashing['table'] {
  const minimumSize = sizeOf(minimum, RING_SIZE_DEFAULT), maximumSize = sizeOf(maximum, RING_SIZE_MAX_DEFAULT);
  const at = fieldPath(path, 'minimum_ring_size');
  if (minimumSize > maximumSize) report.fail(at, `${minimumSize} is more than maximum_ring_size, ${maximumSize}`);
  else if (minimumSize > limits.hashTableEntriesMax) report.fail(at, `at most ${limits.hashTableEntriesMax} here`);
  return { kind: 'ring', minimumSize, maximumSize, murmur };
}

export function readMaglev(tableSize: Size, path: string, report: Report): Hashing['table'] {
  const size = sizeOf(tableSize, MAGLEV_SIZE_DEFAULT);
  const at = fieldPath(path, 'table_size');
  if (!isPrime(size)) report.fail(at, 'must be a prime number');
  else if (size > limits.hashTableEntriesMax) report.fail(at, `at most ${limits.hashTableEntriesMax} here`);
  return { kind: 'maglev', size };
}
