// What an HTTP connection manager does with x-forwarded-client-cert.
import type { ForwardClientCert } from '../../config/types.js';
import type { HttpConnectionManager } from '../wire/generated/messages.js';
import { boolOf } from './fields.js';

const modes = ['sanitize', 'forwardOnly', 'appendForward', 'sanitizeSet', 'alwaysForwardOnly'] as const;

/** The details count where the header is set or added to, as in Envoy. */
export function readForwardClientCert(message: HttpConnectionManager): ForwardClientCert {
  const mode = modes[message.forwardClientCertDetails ?? 0] ?? 'sanitize';
  const sets = mode === 'appendForward' || mode === 'sanitizeSet';
  const { subject, cert = false, chain = false, dns = false, uri = false } = message.setCurrentClientCertDetails ?? {};
  return { mode, subject: sets && boolOf(subject, false), cert: sets && cert, chain: sets && chain, dns: sets && dns,
    uri: sets && uri };
}
