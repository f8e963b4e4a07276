// core.v3.CidrRange: an address and how many of its first bits count.
import { isIP } from 'node:net';
import type { CidrRange as PlainCidrRange } from '../../config/filter-chains.js';
import type { CidrRange } from '../wire/generated/messages.js';
import { fieldPath } from '../wire/message.js';
import type { Report } from '../wire/message.js';

export function readCidrRange(range: CidrRange, path: string, report: Report): PlainCidrRange[] {
  const address = range.addressPrefix ?? '';
  const bits = range.prefixLen?.value ?? 0;
  const version = isIP(address);
  if (version === 0 || address.includes('%')) {
    report.fail(fieldPath(path, 'address_prefix'), `malformed IP address: ${address}`);
    return [];
  }
  // As Envoy: a length beyond the address's means all of it.
  return [{ address, bits: Math.min(bits, version === 4 ? 32 : 128) }];
}
