// What is told of a certificate (config/certificates.ts), parsed by node:crypto.
import type { X509Certificate } from 'node:crypto';
import { altNamesOf } from '../../config/certificates.js';
import type { CertificateFacts } from '../../config/certificates.js';

export function factsOf(certificate: X509Certificate, path: string | null,
  ocsp: CertificateFacts['ocsp'] = null): CertificateFacts {
  return { path, serial: certificate.serialNumber.toLowerCase(), altNames: altNamesOf(certificate.subjectAltName),
    validFromMs: Date.parse(certificate.validFrom), validToMs: Date.parse(certificate.validTo), ocsp };
}

/** DNS names that a server with this certificate answers to: its alternative names, or without any its common name. */
export function serverNamesOf(certificate: X509Certificate): string[] {
  const names = altNamesOf(certificate.subjectAltName).filter(({ type }) => type === 'dns')
    .map(({ value }) => value.toLowerCase());
  if (names.length > 0) return [...new Set(names)];
  const common = /^CN=(.*)$/m.exec(certificate.subject)?.[1];
  return common === undefined ? [] : [common.toLowerCase()];
}
