// A set of address ranges, asked of the text of an address.
import { isIP } from 'node:net';
import { addressBytes, inRange } from './filter-chains.js';
import type { CidrRange } from './filter-chains.js';

export class AddressSet {
  private readonly ranges: readonly { bytes: readonly number[]; bits: number }[];

  constructor(ranges: readonly CidrRange[]) {
    this.ranges = ranges.map(({ address, bits }) => ({ bytes: addressBytes(address), bits }));
  }

  has(host: string): boolean {
    if (isIP(host) === 0) return false;
    const bytes = addressBytes(host);
    return this.ranges.some((range) => inRange(bytes, range));
  }
}
