// What is told of a certificate (config/certificates.ts), parsed by node:crypto.
import type { X509Certificate } from 'node:crypto';
import type { AltName, CertificateFacts } from '../../config/certificates.js';

const types: { readonly [label: string]: AltName['type'] } = { DNS: 'dns', URI: 'uri', 'IP Address': 'ip',
  email: 'email' };

/** Node's text of a certificate's names: `DNS:a, IP Address:10.0.0.1`; a value that could mislead is a JSON string. */
export function altNamesOf(text: string | undefined): AltName[] {
  const names: AltName[] = [];
  let rest = text ?? '';
  while (rest !== '') {
    const match = /^([^:]*):("(?:[^"\\]|\\.)*"|.*?)(?:, (?=[A-Za-z][A-Za-z0-9 ]*:)|$)/s.exec(rest);
    if (match === null) break;
    const value = match[2].startsWith('"') ? JSON.parse(match[2]) as string : match[2];
    names.push({ type: types[match[1]] ?? 'other', value });
    rest = rest.slice(match[0].length);
  }
  return names;
}

export function factsOf(certificate: X509Certificate, path: string | null): CertificateFacts {
  return { path, serial: certificate.serialNumber.toLowerCase(), altNames: altNamesOf(certificate.subjectAltName),
    validFromMs: Date.parse(certificate.validFrom), validToMs: Date.parse(certificate.validTo) };
}

/** DNS names that a server with this certificate answers to: its alternative names, or without any its common name. */
export function serverNamesOf(certificate: X509Certificate): string[] {
  const names = altNamesOf(certificate.subjectAltName).filter(({ type }) => type === 'dns')
    .map(({ value }) => value.toLowerCase());
  if (names.length > 0) return [...new Set(names)];
  const common = /^CN=(.*)$/m.exec(certificate.subject)?.[1];
  return common === undefined ? [] : [common.toLowerCase()];
}
