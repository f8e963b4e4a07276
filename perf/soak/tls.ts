// Mutual TLS of the soak: transport sockets whose certificate and root come by SDS, and the secrets themselves.
import { readFileSync } from 'node:fs';
import type { Certificates } from '../process/certificates.js';

const TYPE = 'type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.';

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

const text = (path: string): object => ({ inline_string: readFileSync(path, 'utf8') });

export const secretsOf = ({ root, cert, key }: Certificates): object[] => [
  { name: 'own', tls_certificate: { certificate_chain: text(cert), private_key: text(key) } },
  { name: 'root', validation_context: { trusted_ca: text(root) } },
];
