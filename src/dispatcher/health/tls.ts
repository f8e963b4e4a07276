// TLS of checks, by Node's own client: the same contexts, secrets and rules that the workers' connections have. What
// Node cannot be told is stricter here, never laxer: dates are looked at whatever allow_expired_certificate says, and
// every certificate of a chain needs its revocation list where there are lists at all.
import type { X509Certificate } from 'node:crypto';
import type { Socket } from 'node:net';
import { connect, createSecureContext } from 'node:tls';
import type { SecureContext, SecureVersion, TLSSocket } from 'node:tls';
import { BIT_STRING, Der, extensionOf } from '../../config/der.js';
import { isNamed, isPinned } from '../../config/peer-rules.js';
import type { NameRule } from '../../config/peer-rules.js';
import { cipherSuites13, defaultCipherSuites, defaultCurves, mergeValidation } from '../../config/tls.js';
import type { SecretContents, TlsValidation, UpstreamTls } from '../../config/tls.js';
import { compiledMatcher } from './string-matcher.js';

const TLS_1_2 = 0x0303, TLS_1_3 = 0x0304;
/** Of keyUsage. */
const DIGITAL_SIGNATURE = 0x80, KEY_ENCIPHERMENT = 0x20;
const versions: { readonly [version: number]: SecureVersion } = { 0x0301: 'TLSv1', 0x0302: 'TLSv1.1',
  0x0303: 'TLSv1.2', 0x0304: 'TLSv1.3' };

/** Contents by name; null: they have not come. */
export type SecretOf = (name: string) => SecretContents | null;

interface Made { contents: (SecretContents | null)[]; context: SecureContext; validation: TlsValidation | null;
  rules: readonly NameRule[] }

/** The TLS of a cluster, or of one of its transport_socket_matches, as checks use it. */
export class CheckTls {
  private made: Made | null = null;

  /** `alpn`: instead of what the context offers; none: as the context says. */
  constructor(private readonly tls: UpstreamTls, private readonly alpn: readonly string[],
    private readonly secretOf: SecretOf) {}

  /**
   * Begins a handshake on a connection. `secured` is told once: null where the peer is not who it must be, or there is
   * nothing to begin with because secrets are missing.
   */
  secure(socket: Socket, hostname: string, secured: (socket: TLSSocket | null) => void): void {
    const { tls } = this;
    const made = this.current();
    if (made === null) { secured(null); return; }
    const serverName = tls.autoHostSni && hostname !== '' ? hostname : tls.sni;
    const protocols = this.alpn.length > 0 ? this.alpn : tls.common.alpn;
    const session = connect({ socket, secureContext: made.context, rejectUnauthorized: false,
      checkServerIdentity: () => undefined,
      ...(serverName === '' ? {} : { servername: serverName }),
      ...(protocols.length === 0 ? {} : { ALPNProtocols: [...protocols] }) });
    session.on('error', () => {});                         // 'close' follows
    session.once('close', () => secured(null));
    session.once('secureConnect', () => {
      const trusted = isTrusted(session, made, tls.autoSniSanValidation ? serverName : '');
      secured(trusted ? session : null);
    });
  }

  /** Made anew when a secret has other contents; while they are missing, or are of no use, there is none. */
  private current(): Made | null {
    const { tls: { common }, made } = this;
    const contents = [...common.certificateSecrets, ...common.validationSecrets].map(this.secretOf);
    if (made !== null && contents.every((content, index) => content === made.contents[index])) return made;
    this.made = null;
    if (contents.includes(null)) return null;
    const parts = common.validation === null ? [] : [common.validation];
    for (const content of contents) if (content?.kind === 'validation') parts.push(content.validation);
    const validation = parts.length === 0 ? null : mergeValidation(parts);
    try {
      this.made = { contents, validation, context: contextOf(this.tls, contents, validation),
        rules: (validation?.sanMatchers ?? []).map(({ type, oid, matcher }) =>
          ({ type, oid, holds: compiledMatcher(matcher) })) };
    } catch {
      return null;                                         // what OpenSSL refuses: no handshake, no health
    }
    return this.made;
  }
}

function contextOf({ common: { parameters } }: UpstreamTls, contents: readonly (SecretContents | null)[],
  validation: TlsValidation | null): SecureContext {
  const certificate = contents.find((content) => content?.kind === 'certificate');
  const { cipherSuites, curves, signatureAlgorithms, minVersion, maxVersion } = parameters;
  const old = minVersion !== 0 && minVersion < TLS_1_2;
  const lists = validation?.crlPem.match(/-----BEGIN X509 CRL-----[^]*?-----END X509 CRL-----/g) ?? [];
  return createSecureContext({
    ...(certificate?.kind === 'certificate' ? { cert: certificate.chainPem, key: certificate.keyPem } : {}),
    ca: validation === null || validation.caPem === '' ? [] : [validation.caPem],
    ...(lists.length === 0 ? {} : { crl: [...lists] }),
    allowPartialTrustChain: true,
    minVersion: versions[minVersion || TLS_1_2], maxVersion: versions[maxVersion || TLS_1_3],
    ciphers: [...(cipherSuites.length > 0 ? cipherSuites : defaultCipherSuites), cipherSuites13,
      ...(old ? ['@SECLEVEL=0'] : [])].join(':'),
    ecdhCurve: (curves.length > 0 ? curves : defaultCurves).join(':'),
    ...(signatureAlgorithms.length === 0 ? {} : { sigalgs: signatureAlgorithms.join(':') }),
  });
}

/** As workers/tls/verifier.ts, after the handshake and before the first byte of the check. */
function isTrusted(session: TLSSocket, { validation, rules }: Made, name: string): boolean {
  if (validation === null) return true;
  const leaf = session.getPeerX509Certificate();
  if (leaf === undefined || !mayBeUsed(session, leaf)) return false;
  const pinned = validation.spkiPins.length > 0 || validation.hashPins.length > 0;
  const mustBeTrusted = validation.trustChainVerification === 'verify';
  if (validation.caPem !== '') {
    if (mustBeTrusted && (!session.authorized || !isShort(session, validation.maxDepth))) return false;
  } else if (!pinned && rules.length > 0 && mustBeTrusted) return false;
  return isNamed(leaf.raw, name, rules) && isPinned(leaf.raw, validation);
}

/** A key that signs, or in the oldest key exchange decrypts, has to be one that may; or nothing is said of it. */
function mayBeUsed(session: TLSSocket, leaf: X509Certificate): boolean {
  try {
    const extension = extensionOf(leaf.raw, '2.5.29.15');
    if (extension === null) return true;
    const decrypts = !/^(TLS_|ECDHE-|DHE-)/.test(session.getCipher().name);
    return ((new Der(extension).read(BIT_STRING)[1] ?? 0) & (decrypts ? KEY_ENCIPHERMENT : DIGITAL_SIGNATURE)) !== 0;
  } catch {
    return false;
  }
}

/** No more certificates than this between the leaf and what issued the last of them. */
function isShort(session: TLSSocket, most: number | null): boolean {
  if (most === null) return true;
  let between = -1;
  const seen = new Set<string>();
  for (let at = session.getPeerX509Certificate(); at !== undefined && !seen.has(at.fingerprint256);
    at = at.issuerCertificate) {
    seen.add(at.fingerprint256);
    if (!at.checkIssued(at)) between++;
  }
  return between <= most;
}
