// Statistics of handshakes: `ssl.*` of a listener or a cluster.
import { TlsStat } from '../../telemetry/schema.js';
import type { Engine } from '../engine.js';
import { isOfSystem, NO_CERTIFICATE, tlsOf } from './library.js';
import type { TlsSession } from './session.js';

const cells: { readonly [name: string]: number } = TlsStat;
export function countHandshake(engine: Engine, scope: number, session: TlsSession): void {
  const { ssl } = tlsOf(engine);
  engine.count(scope, TlsStat['ssl.handshake']);
  if (ssl.SSL_session_reused(session.ssl) === 1) engine.count(scope, TlsStat['ssl.session_reused']);
  countName(engine, scope, 'versions', session.version(), 'unknown_ssl_version');
  countName(engine, scope, 'ciphers', session.cipher(),
    'unknown_ssl_cipher');
  const group = session.group();
  if (group !== '') countName(engine, scope, 'curves', group, 'unknown_ssl_curve');
  if (ssl.SSL_get0_peer_certificate(session.ssl) === 0) engine.count(scope, TlsStat['ssl.no_certificate']);
}

function countName(engine: Engine, scope: number, kind: string, name: string, unknown: string): void {
  engine.count(scope, cells[`ssl.${kind}.${name}`] ?? cells[`ssl.${kind}.${unknown}`]!);
}

/** What came of a client's question for an OCSP response, whether its handshake went well or not. */
export function countStaple(engine: Engine, scope: number, { stapled }: TlsSession): void {
  if (stapled === 'notAsked') return;
  engine.count(scope, TlsStat['ssl.ocsp_staple_requests']);
  engine.count(scope, stapled === 'stapled' ? TlsStat['ssl.ocsp_staple_responses']
    : stapled === 'omitted' ? TlsStat['ssl.ocsp_staple_omitted'] : TlsStat['ssl.ocsp_staple_failed']);
}

/**
 * Why a handshake failed: what the verifier said, else what OpenSSL says; nothing of a peer that went away, as Envoy.
 */
export function countFailure(engine: Engine, scope: number, session: TlsSession, reason: string): void {
  const { failure } = session;
  if (failure === 'san') engine.count(scope, TlsStat['ssl.fail_verify_san']);
  else if (failure === 'pin') engine.count(scope, TlsStat['ssl.fail_verify_cert_hash']);
  else if (failure === 'chain') engine.count(scope, TlsStat['ssl.fail_verify_error']);
  else if (reason.includes(NO_CERTIFICATE))
    engine.count(scope, TlsStat['ssl.fail_verify_no_cert']);
  else if (reason !== '' && !isOfSystem(reason)) engine.count(scope, TlsStat['ssl.connection_error']);
}
