// What a TLS connection tells of itself: to formats of logs and headers, to x-forwarded-client-cert, to route matchers.
// The session (workers/tls/) is the source; it is asked only when somebody wants to know, certificates are parsed once,
// and what was asked stays when the session is gone. Texts are bytes in latin1, as the writers take them.
import { X509Certificate } from 'node:crypto';
import { altNamesOf } from '../../config/certificates.js';
import { otherNamesOf } from '../../config/der.js';
import type { AltName } from '../../config/certificates.js';

/** What the session itself knows. */
export interface TlsSource {
  version(): string;                  // 'TLSv1.3'
  cipher(): string;                   // OpenSSL's name
  group(): string;                    // 'X25519', 'P-256'; '' = not known
  sessionId(): string;                // hexadecimal; '' = none
  /** The name that the client asked for, '' = none. */
  serverName(): string;
  /** DER, leaf first; empty: the peer presented none. */
  peerCertificates(): Uint8Array[];
  localCertificate(): Uint8Array | null;
  /** The peer's certificate was held against the roots of the context, and found good. */
  peerValidated(): boolean;
}

const kinds = { URI_SAN: 'uri', DNS_SAN: 'dns', IP_SAN: 'ip', EMAIL_SAN: 'email', OTHERNAME_SAN: 'otherName' } as const;
export type SanKind = keyof typeof kinds;
const isKind = (text: string): text is SanKind => Object.hasOwn(kinds, text);

/** A certificate that was presented, with what is asked of it. */
class Presented {
  readonly certificate: X509Certificate;
  private readonly altNames: AltName[];

  constructor(der: Uint8Array) {
    this.certificate = new X509Certificate(der);
    this.altNames = altNamesOf(this.certificate.subjectAltName);
  }

  names(kind: SanKind): string[] {
    // Node does not tell these.
    if (kind === 'OTHERNAME_SAN') return otherNamesOf(this.certificate.raw).map(({ value }) => value);
    return this.altNames.filter(({ type }) => type === kinds[kind]).map(({ value }) => value);
  }

  get serial(): string { return this.certificate.serialNumber.toLowerCase(); }
  get sha1(): string { return plain(this.certificate.fingerprint); }
  get sha256(): string { return plain(this.certificate.fingerprint256); }
  /** As a part of a URL, as far as Envoy escapes it. */
  get escapedPem(): string {
    return this.certificate.toString().replace(/[\n +/=]/g,
      (letter) => `%${letter.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`);
  }
}

const plain = (fingerprint: string): string => fingerprint.replaceAll(':', '').toLowerCase();

/** The last part of a name first, as RFC 2253 writes it. Node has escaped the values, but for what is not ASCII. */
const distinguished = (text: string | undefined): string => (text ?? '').split('\n').reverse().join(',')
  .replace(/[^\0-\x7f]/gu, (letter) => [...Buffer.from(letter)].map((byte) => `\\${byte.toString(16).toUpperCase()}`)
    .join(''));

export class TlsFacts {
  /** What ended the connection, where that was not TLS; else ''. */
  fault = '';
  private texts: Map<string, string> | null = null;
  private chain: Presented[] | null = null;
  private own: Presented | null | undefined = undefined;
  private validated = false;
  private wanted = false;

  constructor(private source: TlsSource | null) {}

  get peerPresented(): boolean { return this.peers().length > 0; }
  get peerValidated(): boolean { return this.source === null ? this.validated : this.source.peerValidated(); }

  /** By Envoy's name of the command without its `DOWNSTREAM_` or `UPSTREAM_`; '' where there is nothing to tell. */
  text(field: string): string {
    this.texts ??= new Map();
    let text = this.texts.get(field);
    if (text === undefined) {
      text = Buffer.from(this.make(field), 'utf8').toString('latin1');
      this.texts.set(field, text);
    }
    return text;
  }

  /** Start or end of the peer's certificate; 0 = it presented none. */
  peerTimeMs(end: boolean): number {
    const [peer] = this.peers();
    return peer === undefined ? 0 : Date.parse(end ? peer.certificate.validTo : peer.certificate.validFrom);
  }

  /** Names of one kind, as bytes in latin1. */
  names(whose: 'LOCAL' | 'PEER', kind: SanKind): string[] {
    const presented = whose === 'LOCAL' ? this.local() : this.peers()[0] ?? null;
    return presented === null ? []
      : presented.names(kind).map((name) => Buffer.from(name, 'utf8').toString('latin1'));
  }

  /** Somebody may ask when the session is gone. */
  keep(): void { this.wanted = true; }

  /** The session is about to go: what is asked later is answered from what is known now, where somebody may ask. */
  detach(): void {
    const { source } = this;
    this.source = null;
    if (source === null || !this.wanted) return;
    this.source = source;
    for (const field of ['TLS_VERSION', 'TLS_CIPHER', 'TLS_GROUP', 'TLS_SESSION_ID', 'SERVER_NAME']) this.text(field);
    this.peers();
    this.local();
    this.validated = source.peerValidated();
    this.source = null;
  }

  private make(field: string): string {
    const { source } = this;
    switch (field) {
      case 'TLS_VERSION': return source?.version() ?? '';
      case 'TLS_CIPHER': return source?.cipher() ?? '';
      case 'TLS_GROUP': return source?.group() ?? '';
      case 'TLS_SESSION_ID': return source?.sessionId() ?? '';
      case 'SERVER_NAME': return source?.serverName() ?? '';
      case 'LOCAL_SUBJECT': return distinguished(this.local()?.certificate.subject);
      case 'PEER_CHAIN_FINGERPRINTS_1': return this.peers().map(({ sha1 }) => sha1).join(',');
      case 'PEER_CHAIN_FINGERPRINTS_256': return this.peers().map(({ sha256 }) => sha256).join(',');
      case 'PEER_CHAIN_SERIALS': return this.peers().map(({ serial }) => serial).join(',');
      case 'PEER_CERT_CHAIN': return this.peers().map(({ escapedPem }) => escapedPem).join('');
      default: {
        const kind = field.replace(/^(LOCAL|PEER)_/, '');
        if (!isKind(kind)) return this.ofPeer(field);
        const presented = field.startsWith('LOCAL_') ? this.local() : this.peers()[0] ?? null;
        return presented === null ? '' : presented.names(kind).join(',');
      }
    }
  }

  private ofPeer(field: string): string {
    const [peer] = this.peers();
    if (peer === undefined) return '';
    switch (field) {
      case 'PEER_SUBJECT': return distinguished(peer.certificate.subject);
      case 'PEER_ISSUER': return distinguished(peer.certificate.issuer);
      case 'PEER_SERIAL': return peer.serial;
      case 'PEER_FINGERPRINT_1': return peer.sha1;
      case 'PEER_FINGERPRINT_256': return peer.sha256;
      case 'PEER_CERT': return peer.escapedPem;
      default: return '';
    }
  }

  private peers(): Presented[] {
    if (this.chain !== null || this.source === null) return this.chain ?? [];
    return this.chain = this.source.peerCertificates().map((der) => new Presented(der));
  }

  private local(): Presented | null {
    if (this.own !== undefined || this.source === null) return this.own ?? null;
    const der = this.source.localCertificate();
    return this.own = der === null ? null : new Presented(der);
  }
}
