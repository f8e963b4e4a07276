// An OCSP response that is to be stapled to a certificate: whether it is one, is of that certificate, and until when.
// Its signature is the clients' to verify: a wrong one serves nobody.
import { BIT_STRING, context, Der, DerError, ENUMERATED, extensionOf, GENERALIZED_TIME, INTEGER, OBJECT, OCTET_STRING,
  oidText, SEQUENCE, serialOf, timeOf } from '../../config/der.js';
import type { Staple } from '../../config/tls.js';
import { limits } from '../../core/limits.js';

const BASIC_RESPONSE = '1.3.6.1.5.5.7.48.1.1';
const TLS_FEATURE = '1.3.6.1.5.5.7.1.24', STATUS_REQUEST = 5;

/** The staple, or in words why it is none. */
export function readStaple(response: Uint8Array, certificate: Uint8Array): Staple | string {
  const { ocspStapleBytesMax } = limits;
  if (response.length > ocspStapleBytesMax) return `is larger than ${ocspStapleBytesMax} bytes`;
  try {
    const whole = new Der(response);
    const outer = whole.open();
    if (!whole.isEmpty) return 'has bytes behind the OCSP response';
    if (outer.read(ENUMERATED)[0] !== 0) return 'is an OCSP response that says it was unsuccessful';
    const holder = outer.open(context(0)).open();
    if (oidText(holder.read(OBJECT)) !== BASIC_RESPONSE) return 'is an OCSP response of an unknown type';
    return readBasic(holder.read(OCTET_STRING), response, certificate);
  } catch (error) {
    if (!(error instanceof DerError)) throw error;
    return `holds no OCSP response in DER: ${error.message}`;
  }
}

function readBasic(basic: Uint8Array, response: Uint8Array, certificate: Uint8Array): Staple | string {
  const parts = new Der(basic).open();
  const data = parts.open();
  parts.read(SEQUENCE);                                  // how it is signed
  parts.read(BIT_STRING);
  data.optional(context(0));                             // version
  data.read();                                           // who answers
  data.read(GENERALIZED_TIME);
  const responses = data.open();
  const single = responses.open();
  if (!responses.isEmpty) return 'is an OCSP response of several certificates: it must be of one';
  const id = single.open();
  id.read(SEQUENCE);
  id.read(OCTET_STRING);
  id.read(OCTET_STRING);
  const serial = id.read(INTEGER);
  single.read();                                         // good, revoked, unknown: told as it is
  const validFromMs = timeOf(single.read(GENERALIZED_TIME));
  const next = single.tag === context(0) ? timeOf(single.open(context(0)).read(GENERALIZED_TIME)) : null;
  if (Buffer.compare(serial, serialOf(certificate)) !== 0) return 'is an OCSP response of another certificate';
  return { base64: Buffer.from(response).toString('base64'), validFromMs, validToMs: next };
}

/** Does the certificate say that it may not be shown without a staple (RFC 7633)? */
export function mustStaple(certificate: Uint8Array): boolean {
  const features = extensionOf(certificate, TLS_FEATURE);
  if (features === null) return false;
  for (const list = new Der(features).open(); !list.isEmpty;) {
    const feature = list.read(INTEGER);
    if (feature.length === 1 && feature[0] === STATUS_REQUEST) return true;
  }
  return false;
}
