// Transport sockets of TLS for proxies that programs of others talk to.
const TYPE = 'type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.';

interface Identity { chainPem: string; keyPem: string }
const socket = (type: string, { chainPem, keyPem }: Identity, common: object, more: object): object => ({
  name: 'envoy.transport_sockets.tls', typed_config: { '@type': TYPE + type, ...more, common_tls_context: {
    ...common, tls_certificates: [{ certificate_chain: { inline_string: chainPem },
      private_key: { inline_string: keyPem } }] } } });

export const downstreamTls = (identity: Identity, common: object, more: object = {}): object =>
  socket('DownstreamTlsContext', identity, common, more);
export const upstreamTls = (identity: Identity, common: object, more: object = {}): object =>
  socket('UpstreamTlsContext', identity, common, more);
