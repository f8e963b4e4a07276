// What a peer's certificate is held against besides its chain: names and pins. Workers ask in the middle of a
// handshake, health checks behind it, both by the same rules. A certificate is its DER here.
import { X509Certificate, createHash } from 'node:crypto';
import { altNamesOf, coversHost } from './certificates.js';
import type { AltName } from './certificates.js';
import { otherNamesOf } from './der.js';
import type { SanMatcher, TlsValidation } from './tls.js';

/** A matcher of names, compiled. */
export interface NameRule { type: SanMatcher['type']; oid: string; holds(value: string): boolean }

export const altNamesIn = (der: Uint8Array): AltName[] =>
  der.length === 0 ? [] : altNamesOf(new X509Certificate(der).subjectAltName);

/** Is it for `name`, and does one of the rules hold? Where there are none, '' and [], it is whoever's. */
export function isNamed(der: Uint8Array, name: string, rules: readonly NameRule[]): boolean {
  if (rules.length === 0 && name === '') return true;
  const names = altNamesIn(der);
  if (name !== '' && !names.some(({ type, value }) => type === 'dns' ? coversHost(value, name) : value === name))
    return false;
  return rules.length === 0 || rules.some(({ type, oid, holds }) => type === 'otherName'
    ? otherNamesOf(der).some((own) => own.oid === oid && holds(own.value))
    : names.some((own) => own.type === type && holds(own.value)));
}

/** Is it among the pins, or its key? Where there are none, any is. */
export function isPinned(der: Uint8Array, { spkiPins, hashPins }: TlsValidation): boolean {
  if (spkiPins.length === 0 && hashPins.length === 0) return true;
  if (hashPins.includes(createHash('sha256').update(der).digest('hex'))) return true;
  if (spkiPins.length === 0) return false;
  const key = new X509Certificate(der).publicKey.export({ type: 'spki', format: 'der' });
  return spkiPins.includes(createHash('sha256').update(key).digest('base64'));
}
