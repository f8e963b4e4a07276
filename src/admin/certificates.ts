// /certs, as Envoy prints it: certificates of each TLS context, those that peers are held against first. Contexts with
// the same certificates are listed once.
import { daysLeft } from '../config/certificates.js';
import type { CertificateFacts } from '../config/certificates.js';
import { jsonAnswer } from './answer.js';
import type { Handlers } from './answer.js';
import type { AdminBackend, JsonObject } from './backend.js';

/** What Envoy shows of names; others it leaves out. */
const members = { dns: 'dns', uri: 'uri', ip: 'ip_address', email: null, otherName: null, other: null } as const;

export const certificateHandlers = (backend: AdminBackend): Handlers => ({
  '/certs': () => jsonAnswer({ certificates: [...backend.certificates()].map(({ ca, chain }) => ({
    ca_cert: ca === null ? [] : [factsJson(ca)], cert_chain: chain.map(factsJson) })) }),
});

function factsJson(facts: CertificateFacts): JsonObject {
  return {
    path: facts.path ?? '<inline>',
    serial_number: facts.serial,
    subject_alt_names: facts.altNames.flatMap(({ type, value }) => {
      const member = members[type];
      return member === null ? [] : [{ [member]: value }];
    }),
    days_until_expiration: String(daysLeft(facts, Date.now())),
    valid_from: time(facts.validFromMs),
    expiration_time: time(facts.validToMs),
    ...facts.ocsp === null ? {} : { ocsp_details: { valid_from: time(facts.ocsp.validFromMs),
      expiration: time(facts.ocsp.validToMs ?? Date.now()) } },
  };
}

const time = (ms: number): string => new Date(ms).toISOString().replace('.000Z', 'Z');
