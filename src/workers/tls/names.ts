// Versions, groups and one fault by the names that Envoy has for them.
import { CTRL_GET_NEGOTIATED_GROUP } from '../../os/openssl.js';
import type { OpenSsl } from '../../os/openssl.js';

const VERSIONS: { readonly [version: number]: string } = { 0x0301: 'TLSv1', 0x0302: 'TLSv1.1', 0x0303: 'TLSv1.2',
  0x0304: 'TLSv1.3' };
const GROUPS: { readonly [name: string]: string } = { x25519: 'X25519', secp256r1: 'P-256', prime256v1: 'P-256',
  secp384r1: 'P-384', secp521r1: 'P-521', X25519MLKEM768: 'X25519MLKEM768' };

/** Of SSL_version(). */
export const versionName = (version: number): string => VERSIONS[version] ?? 'unknown_ssl_version';

/** The group of the key exchange; '' = there was none. */
export function groupName(ssl: OpenSsl, session: number): string {
  const group = ssl.SSL_ctrl(session, CTRL_GET_NEGOTIATED_GROUP, 0, 0);
  const name = group === 0 ? '' : ssl.SSL_group_to_name(session, group) ?? '';
  return GROUPS[name] ?? name;
}

/** Of a certificate whose key is not for what it was used for: Envoy calls that no failed verification. */
export const KEY_USAGE = 'KEY_USAGE_BIT_INCORRECT';
