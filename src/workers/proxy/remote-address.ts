// Whom a request is from: the peer of the connection, or who x-forwarded-for says where that is believed.
import { isIP } from 'node:net';
import type { Engine } from '../engine.js';
import { recordHeader } from '../routing/regex.js';
import type { Stream } from './stream.js';

/** The address that x-forwarded-for of this head names, or '' where the peer of the connection counts. */
export function forwardedAddress(engine: Engine, stream: Stream, record: number): string {
  const { useRemoteAddress, skipXffAppend, xffNumTrustedHops } = stream.hcm!.config;
  if (record === 0 || (useRemoteAddress && xffNumTrustedHops === 0)) return '';
  const text = recordHeader(engine, record, 'x-forwarded-for');
  if (text === null) return '';
  // At the edge the peer itself is the first hop; in a head that was sent it stands at the end of the list already.
  const own = useRemoteAddress ? (record === engine.requestRecord || skipXffAppend ? 1 : 0) : 0;
  const address = (text.split(',').at(-1 - xffNumTrustedHops + own) ?? '').trim();
  return isIP(address) === 0 ? '' : address;
}
