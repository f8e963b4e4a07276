// Mutual TLS of the soak: certificates of two roots, transport sockets that take theirs and the roots by SDS, and the
// secrets themselves.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { certificatesIn } from '../process/certificates.js';

const TYPE = 'type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.';

/** All as PEM. */
export interface Identity { cert: string; key: string }
export interface Authority { roots: [string, string]; identities: Identity[] }

/** Makes two roots in `folder`, two certificates of the first and one of the second; `roots.pem` has both roots. */
export function makeAuthority(folder: string): Authority {
  const other = join(folder, 'other-root');
  mkdirSync(other, { recursive: true });
  const made = [certificatesIn(folder), certificatesIn(folder, 'second-'), certificatesIn(other)];
  const text = (path: string): string => readFileSync(path, 'utf8');
  const roots: [string, string] = [text(made[0].root), text(made[2].root)];
  writeFileSync(join(folder, 'roots.pem'), roots.join(''));
  return { roots, identities: made.map(({ cert, key }) => ({ cert: text(cert), key: text(key) })) };
}

const common = (source: object, protocols: string[]): object => ({ alpn_protocols: protocols,
  tls_certificate_sds_secret_configs: [{ name: 'own', sds_config: source }],
  combined_validation_context: {
    default_validation_context: { match_typed_subject_alt_names: [{ san_type: 'URI',
      matcher: { prefix: 'spiffe://cluster.local/' } }] },
    validation_context_sds_secret_config: { name: 'root', sds_config: source } } });

const socket = (type: string, fields: object): object => ({ name: 'envoy.transport_sockets.tls',
  typed_config: { '@type': TYPE + type, ...fields } });

export const asServer = (source: object): object => socket('DownstreamTlsContext', {
  require_client_certificate: true, common_tls_context: common(source, ['h2', 'http/1.1']) });
export const asClient = (source: object): object => socket('UpstreamTlsContext', { sni: 'localhost',
  common_tls_context: common(source, ['h2']) });

/** Another certificate with each version, and the same two roots in another order: other contents, as trust changes. */
export function secretsOf({ roots, identities }: Authority, version: number): object[] {
  const { cert, key } = identities[version % identities.length];
  return [
    { name: 'own', tls_certificate: { certificate_chain: { inline_string: cert },
      private_key: { inline_string: key } } },
    { name: 'root', validation_context: { trusted_ca: { inline_string: version % 2 === 0 ? roots[0] + roots[1]
      : roots[1] + roots[0] } } },
  ];
}
