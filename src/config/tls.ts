// TLS as plain values: what a filter chain or a cluster says of it, and the contents of secrets. A context carries the
// names of its secrets, never their contents: those have a table of their own in the snapshot, so that a certificate
// is replaced without a word of the listener or the cluster that uses it changing. A certificate, a validation context
// or a set of ticket keys that stands inline or in files is a secret as well, with a name made of its place.
import { valueText } from './metadata-match.js';
import type { StringMatcher } from './values.js';

/** 0 = the default: TLS 1.2 at least; at most 1.3, of clients too. */
export type TlsVersion = 0 | 0x0301 | 0x0302 | 0x0303 | 0x0304;

/** An empty list is the default one (below). Names are OpenSSL's. */
export interface TlsParameters {
  minVersion: TlsVersion;
  maxVersion: TlsVersion;
  cipherSuites: string[];             // of TLS 1.2 and older; groups of equal preference are flat here
  curves: string[];
  signatureAlgorithms: string[];
}

/** Envoy's cipher suites for TLS 1.2 (those of 1.3 are not configurable) and its curves. */
export const defaultCipherSuites = ['ECDHE-ECDSA-AES128-GCM-SHA256', 'ECDHE-ECDSA-CHACHA20-POLY1305',
  'ECDHE-RSA-AES128-GCM-SHA256', 'ECDHE-RSA-CHACHA20-POLY1305', 'ECDHE-ECDSA-AES256-GCM-SHA384',
  'ECDHE-RSA-AES256-GCM-SHA384'] as const;
/** As BoringSSL prefers them where AES is in hardware: the hash of the first costs half of the second's. */
export const cipherSuites13 = 'TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256';
export const defaultCurves = ['X25519', 'P-256'] as const;

export interface SanMatcher {
  type: 'dns' | 'uri' | 'ip' | 'email' | 'otherName';
  oid: string;                        // of 'otherName': '1.2.3'; of the others ''
  matcher: StringMatcher;             // of 'ip': against the address as text
}

/** envoy...CertificateValidationContext with its files read. */
export interface TlsValidation {
  caPem: string;                      // '' = none: then only pins are looked at, or nothing
  crlPem: string;                     // '' = none
  spkiPins: string[];                 // base64 of SHA-256
  hashPins: string[];                 // lower-case hexadecimal of SHA-256, without colons
  sanMatchers: SanMatcher[];          // one of them must match; none: any name will do
  allowExpired: boolean;
  trustChainVerification: 'verify' | 'acceptUntrusted';
  onlyLeafCrl: boolean;
  maxDepth: number | null;            // intermediate certificates between leaf and root; null = 100
}

export const noValidation: TlsValidation = { caPem: '', crlPem: '', spkiPins: [], hashPins: [], sanMatchers: [],
  allowExpired: false, trustChainVerification: 'verify', onlyLeafCrl: false, maxDepth: null };

export interface TlsCommon {
  parameters: TlsParameters;
  alpn: string[];
  certificateSecrets: string[];
  /**
   * What peers are held against: all of these laid over each other by `mergeValidation`, `validation` first. None and
   * null: peers are not verified. `validation` never has files or keys in it; what has them is a secret.
   */
  validation: TlsValidation | null;
  validationSecrets: string[];
}

export interface DownstreamTls {
  kind: 'downstream';
  common: TlsCommon;
  requireClientCertificate: boolean;
  sessionTickets: { disabled: boolean; secret: string | null };   // secret null: keys of the process
  sessionTimeoutSeconds: number;      // 0 = OpenSSL's own (7200 for tickets)
  preferClientCiphers: boolean;
  ocspStapling: 'lenient' | 'strict' | 'must';
}

export interface UpstreamTls {
  kind: 'upstream';
  common: TlsCommon;
  sni: string;                        // '' = none is sent, unless one is made of the request or the endpoint
  autoHostSni: boolean;               // the endpoint's hostname, where it has one
  autoSniSanValidation: boolean;      // the certificate must be for the name that was sent (of autoHostSni or sni)
  maxSessionKeys: number;             // sessions kept for resumption; default 1; 0 = none
}

/** envoy.config.cluster.v3.Cluster.TransportSocketMatch; the first whose match an endpoint's metadata has is taken. */
export interface TransportSocketMatch {
  name: string;
  match: MatchFields;                 // every one must be equal; none: it matches every endpoint
  proxyProtocol: 1 | 2 | null;
  tls: UpstreamTls | null;            // null: plain bytes
}

/** What an endpoint says of its transport socket, and what its locality says. */
export interface TransportMatch { own: MatchFields | null; locality: MatchFields | null }
export interface MatchFields { readonly [key: string]: unknown }

/** Index of the match that an endpoint takes, -1 = none: first by what it says itself, then by its locality. */
export function transportMatchOf(matches: readonly TransportSocketMatch[], endpoint: TransportMatch | undefined):
  number {
  const index = matches.findIndex(({ match }) => holdsFields(match, endpoint?.own ?? null));
  return index >= 0 ? index : matches.findIndex(({ match }) => holdsFields(match, endpoint?.locality ?? null));
}

const holdsFields = (match: MatchFields, fields: MatchFields | null): boolean => Object.keys(match).every((key) =>
  fields !== null && Object.hasOwn(fields, key) && valueText(fields[key]) === valueText(match[key]));

/** What a secret's blob holds. */
export type SecretContents =
  | CertificateContents
  | { kind: 'validation'; validation: TlsValidation }
  | { kind: 'ticketKeys'; keys: string[] };   // base64 of 80 bytes each; the first encrypts, all decrypt
export interface CertificateContents {
  kind: 'certificate';
  chainPem: string;                   // leaf first
  keyPem: string;                     // PKCS #8, without a password
  keyType: 'rsa' | 'ecdsa-p256' | 'ecdsa-p384' | 'ecdsa-p521';
  serverNames: string[];              // DNS names it is for, lower case, 'a.b' or '*.b': its SANs, else its CN
  staple: Staple | null;
  mustStaple: boolean;                // it says so itself: as if `ocspStapling` were 'must'
}
/** DER of an OCSP response; `validToMs` null: it is out of date at any time, for it does not say until when. */
export interface Staple { base64: string; validFromMs: number; validToMs: number | null }

/** Slots in the snapshot's secret table, in the order of the names in the context; -1 = none. */
export interface TlsSlots { certificates: number[]; validation: number[]; ticketKeys: number }

/** What a context mentions, in the order of `TlsSlots`. */
export const secretsOf = (tls: DownstreamTls | UpstreamTls): string[] => [...tls.common.certificateSecrets,
  ...tls.common.validationSecrets,
  ...(tls.kind === 'downstream' && tls.sessionTickets.secret !== null ? [tls.sessionTickets.secret] : [])];

/** Later ones add to lists and replace the rest where they say something, as Envoy merges a combined context. */
export function mergeValidation(parts: readonly TlsValidation[]): TlsValidation {
  return parts.reduce((under, over) => ({
    caPem: over.caPem === '' ? under.caPem : over.caPem,
    crlPem: over.crlPem === '' ? under.crlPem : over.crlPem,
    spkiPins: [...under.spkiPins, ...over.spkiPins],
    hashPins: [...under.hashPins, ...over.hashPins],
    sanMatchers: [...under.sanMatchers, ...over.sanMatchers],
    allowExpired: under.allowExpired || over.allowExpired,
    trustChainVerification: over.trustChainVerification === 'verify' ? under.trustChainVerification
      : over.trustChainVerification,
    onlyLeafCrl: under.onlyLeafCrl || over.onlyLeafCrl,
    maxDepth: over.maxDepth ?? under.maxDepth,
  }), noValidation);
}
