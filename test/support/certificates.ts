// Certificates for tests, made on the spot: keys, roots, leaves with any names and dates, revocation lists. DER is
// written here by hand, because Node can read certificates but not make them, and no test should need a program.
import { createHash, generateKeyPairSync, randomBytes, sign } from 'node:crypto';
import type { KeyObject } from 'node:crypto';

export type KeyType = 'rsa' | 'p256' | 'p384';
export interface Issued {
  /** PEM of the certificate, and of everything between it and its root when it is presented. */
  certPem: string; chainPem: string;
  keyPem: string;
  der: Buffer; key: KeyObject; publicKey: KeyObject;
  name: string; serial: Buffer;
}
export interface CertificateOptions {
  name: string;
  issuer?: Issued | null;             // null or absent: signed by itself
  ca?: boolean;
  /** As OpenSSL writes them: 'DNS:a.b', 'URI:spiffe://td/x', 'IP:10.0.0.1', 'email:a@b.c', 'otherName:1.2.3;UTF8:x'. */
  sans?: string[];
  keyType?: KeyType; rsaBits?: number;
  notBefore?: Date; notAfter?: Date;
  /** Bits of keyUsage: 0x80 digitalSignature, 0x20 keyEncipherment, 0x04 keyCertSign, 0x02 cRLSign. */
  keyUsage?: number | null;
  /** What the key may be used for, where it is not both. */
  clientOnly?: boolean; serverOnly?: boolean;
  /** It says that it may not be shown without an OCSP response. */
  mustStaple?: boolean;
}

const SEQUENCE = 0x30, SET = 0x31, OID = 0x06, INTEGER = 0x02, BIT_STRING = 0x03, OCTET_STRING = 0x04;
const UTF8 = 0x0c, BOOLEAN = 0x01, UTC_TIME = 0x17, GENERALIZED_TIME = 0x18;

function tlv(tag: number, ...parts: (Buffer | Uint8Array)[]): Buffer {
  const body = Buffer.concat(parts);
  const length = body.length < 128 ? [body.length] : body.length < 256 ? [0x81, body.length]
    : [0x82, body.length >> 8, body.length & 255];
  return Buffer.concat([Buffer.from([tag, ...length]), body]);
}
function oid(text: string): Buffer {
  const [first, second, ...rest] = text.split('.').map(Number);
  const bytes = [first! * 40 + second!];
  for (const arc of rest) {
    const groups = [arc & 127];
    for (let left = arc >>> 7; left > 0; left >>>= 7) groups.unshift((left & 127) | 128);
    bytes.push(...groups);
  }
  return tlv(OID, Buffer.from(bytes));
}
const integer = (bytes: Buffer): Buffer => tlv(INTEGER, bytes[0]! & 0x80 ? Buffer.from([0]) : Buffer.alloc(0), bytes);
const nameOf = (common: string): Buffer => tlv(SEQUENCE,
  tlv(SET, tlv(SEQUENCE, oid('2.5.4.10'), tlv(UTF8, Buffer.from('Weft')))),
  tlv(SET, tlv(SEQUENCE, oid('2.5.4.3'), tlv(UTF8, Buffer.from(common)))));
function time(date: Date): Buffer {
  const text = date.toISOString().replace(/[-:T]|\.\d+/g, '');
  const early = date.getUTCFullYear() < 2050;
  return tlv(early ? UTC_TIME : GENERALIZED_TIME, Buffer.from(early ? text.slice(2) : text));
}
const extension = (id: string, critical: boolean, value: Buffer): Buffer =>
  tlv(SEQUENCE, oid(id), ...(critical ? [tlv(BOOLEAN, Buffer.from([255]))] : []), tlv(OCTET_STRING, value));

function generalName(text: string): Buffer {
  const [kind, value] = [text.slice(0, text.indexOf(':')), text.slice(text.indexOf(':') + 1)];
  switch (kind) {
    case 'email': return tlv(0x81, Buffer.from(value));
    case 'DNS': return tlv(0x82, Buffer.from(value));
    case 'URI': return tlv(0x86, Buffer.from(value));
    case 'IP': return tlv(0x87, Buffer.from(value.split('.').map(Number)));
    case 'otherName': {
      const [, id, tag, shown] = /^([\d.]+);(\w+):(.*)$/.exec(value)!;
      return tlv(0xa0, oid(id!), tlv(0xa0, tlv(...otherValue(tag!, shown!))));
    }
    default: throw new Error(`unknown name ${text}`);
  }
}

function otherValue(tag: string, shown: string): [number, Buffer] {
  switch (tag) {
    case 'UTF8': return [UTF8, Buffer.from(shown)];
    case 'IA5': return [0x16, Buffer.from(shown)];
    case 'INTEGER': return [INTEGER, Buffer.from([Number(shown)])];
    case 'BOOLEAN': return [BOOLEAN, Buffer.from([shown === 'true' ? 255 : 0])];
    case 'OID': return [OID, oid(shown).subarray(2)];
    default: throw new Error(`unknown value ${tag}`);
  }
}

const pem = (label: string, der: Buffer): string =>
  `-----BEGIN ${label}-----\n${der.toString('base64').replace(/.{1,64}/g, '$&\n')}-----END ${label}-----\n`;

const signatureAlgorithm = (key: KeyObject): Buffer => key.asymmetricKeyType === 'rsa'
  ? tlv(SEQUENCE, oid('1.2.840.113549.1.1.11'), Buffer.from([5, 0])) : tlv(SEQUENCE, oid('1.2.840.10045.4.3.2'));

/** Signs what is to be signed, as certificates and lists both do. */
const signed = (body: Buffer, key: KeyObject): Buffer => tlv(SEQUENCE, body, signatureAlgorithm(key),
  tlv(BIT_STRING, Buffer.from([0]), sign('sha256', body, key)));

function keyPair(type: KeyType, rsaBits: number): { privateKey: KeyObject; publicKey: KeyObject } {
  return type === 'rsa' ? generateKeyPairSync('rsa', { modulusLength: rsaBits })
    : generateKeyPairSync('ec', { namedCurve: type === 'p256' ? 'prime256v1' : 'secp384r1' });
}

const DAY_MS = 86_400_000;

/** A certificate with a key of its own. */
export function issue(options: CertificateOptions): Issued {
  const { name, issuer = null, ca = false, sans = [], keyType = 'p256', rsaBits = 2048, clientOnly = false,
    serverOnly = false, mustStaple = false } = options;
  const { privateKey, publicKey } = keyPair(keyType, rsaBits);
  const spki = publicKey.export({ type: 'spki', format: 'der' }) as Buffer;
  const keyId = createHash('sha1').update(spki).digest();
  const serial = randomBytes(16);
  serial[0] = (serial[0]! & 0x7f) | 1;
  const signer = issuer?.key ?? privateKey;
  const usage = options.keyUsage === undefined ? ca ? 0x06 : 0xa0 : options.keyUsage;
  const notBefore = options.notBefore ?? new Date(Date.now() - DAY_MS);
  const notAfter = options.notAfter ?? new Date(Date.now() + 30 * DAY_MS);
  const extensions = [
    extension('2.5.29.19', true, tlv(SEQUENCE, ...(ca ? [tlv(BOOLEAN, Buffer.from([255]))] : []))),
    ...(usage === null ? [] : [extension('2.5.29.15', true, tlv(BIT_STRING, Buffer.from([0, usage])))]),
    ...(ca ? [] : [extension('2.5.29.37', false, tlv(SEQUENCE, ...(clientOnly ? [] : [oid('1.3.6.1.5.5.7.3.1')]),
      ...(serverOnly ? [] : [oid('1.3.6.1.5.5.7.3.2')])))]),
    extension('2.5.29.14', false, tlv(OCTET_STRING, keyId)),
    ...(mustStaple ? [extension('1.3.6.1.5.5.7.1.24', false, tlv(SEQUENCE, integer(Buffer.from([5]))))] : []),
    ...(sans.length === 0 ? [] : [extension('2.5.29.17', false, tlv(SEQUENCE, ...sans.map(generalName)))]),
  ];
  const body = tlv(SEQUENCE, tlv(0xa0, integer(Buffer.from([2]))), integer(serial), signatureAlgorithm(signer),
    nameOf(issuer?.name ?? name), tlv(SEQUENCE, time(notBefore), time(notAfter)), nameOf(name), spki,
    tlv(0xa3, tlv(SEQUENCE, ...extensions)));
  const der = signed(body, signer);
  const certPem = pem('CERTIFICATE', der);
  return { certPem, der, key: privateKey, publicKey, name, serial,
    chainPem: certPem + (issuer === null || isRoot(issuer) ? '' : issuer.chainPem),
    keyPem: privateKey.export({ type: 'pkcs8', format: 'pem' }) as string };
}

const roots = new WeakSet<Issued>();
const isRoot = (issued: Issued): boolean => roots.has(issued);

/** A root that signs itself. */
export function root(name = 'Weft test root', keyType: KeyType = 'p256'): Issued {
  const made = issue({ name, ca: true, keyType });
  roots.add(made);
  return made;
}

/** A list of what an issuer takes back, as PEM. */
export function revocationList(issuer: Issued, revoked: readonly Issued[], nextUpdate = new Date(Date.now() + DAY_MS)):
  string {
  const now = new Date(Date.now() - DAY_MS);
  const entries = revoked.map(({ serial }) => tlv(SEQUENCE, integer(serial), time(now)));
  const body = tlv(SEQUENCE, integer(Buffer.from([1])), signatureAlgorithm(issuer.key), nameOf(issuer.name), time(now),
    time(nextUpdate), ...(entries.length === 0 ? [] : [tlv(SEQUENCE, ...entries)]));
  return pem('X509 CRL', signed(body, issuer.key));
}

export interface OcspOptions {
  thisUpdate?: Date;
  nextUpdate?: Date | null;           // null: it does not say until when
  status?: 'good' | 'revoked';
  failed?: boolean;                   // the responder says that it cannot tell
}
const generalized = (date: Date): Buffer =>
  tlv(GENERALIZED_TIME, Buffer.from(date.toISOString().replace(/[-:T]|\.\d+/g, '')));

/** DER of what an issuer's responder says of certificates (one, where it is to be stapled). */
export function ocspResponse(issuer: Issued, certificates: readonly Issued[], options: OcspOptions = {}): Buffer {
  const { thisUpdate = new Date(Date.now() - DAY_MS), nextUpdate = new Date(Date.now() + DAY_MS), status = 'good',
    failed = false } = options;
  if (failed) return tlv(SEQUENCE, tlv(0x0a, Buffer.from([6])));
  const sha1 = (data: Buffer): Buffer => createHash('sha1').update(data).digest();
  const publicKey = issuer.publicKey.export({ type: 'spki', format: 'der' }) as Buffer;
  // The key's bits come last: an uncompressed point.
  const pointBytes = issuer.key.asymmetricKeyDetails!.namedCurve === 'prime256v1' ? 65 : 97;
  const keyHash = sha1(publicKey.subarray(publicKey.length - pointBytes));
  const responses = certificates.map(({ serial }) => tlv(SEQUENCE,
    tlv(SEQUENCE, tlv(SEQUENCE, oid('1.3.14.3.2.26'), Buffer.from([5, 0])),
      tlv(OCTET_STRING, sha1(nameOf(issuer.name))), tlv(OCTET_STRING, keyHash), integer(serial)),
    status === 'good' ? tlv(0x80) : tlv(0xa1, generalized(thisUpdate)),
    generalized(thisUpdate), ...(nextUpdate === null ? [] : [tlv(0xa0, generalized(nextUpdate))])));
  const data = tlv(SEQUENCE, tlv(0xa2, tlv(OCTET_STRING, keyHash)), generalized(thisUpdate),
    tlv(SEQUENCE, ...responses));
  return tlv(SEQUENCE, tlv(0x0a, Buffer.from([0])), tlv(0xa0, tlv(SEQUENCE, oid('1.3.6.1.5.5.7.48.1.1'),
    tlv(OCTET_STRING, signed(data, issuer.key)))));
}
