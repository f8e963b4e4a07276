// The contents of a secret: its files read, everything checked that can be checked without a peer. What is wrong is
// said with the field, the file and the reason; nothing of a key or a password is ever in a message.
import { createPrivateKey, X509Certificate } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import { readFileSync, statSync } from 'node:fs';
import type { CertificateFacts } from '../../config/certificates.js';
import { DerError } from '../../config/der.js';
import type { CertificateContents, SecretContents, Staple } from '../../config/tls.js';
import { limits } from '../../core/limits.js';
import { factsOf, serverNamesOf } from './certificates.js';
import type { SecretData, SecretDefinition } from './definition.js';
import { mustStaple, readStaple } from './ocsp.js';

/** `field`: as in Envoy's message, with the member of its data source. */
export interface SecretProblem { field: string; reason: string }
export type LoadedSecret =
  | { ok: true; contents: SecretContents; leaf: CertificateFacts | null; ca: CertificateFacts | null }
  | { ok: false; problems: SecretProblem[] };

const TICKET_KEY_BYTES = 80;
const RSA_BITS_MIN = 2048;
const curves: { readonly [curve: string]: CertificateContents['keyType'] } = { prime256v1: 'ecdsa-p256',
  secp384r1: 'ecdsa-p384', secp521r1: 'ecdsa-p521' };

class Problem extends Error {
  constructor(readonly field: string, reason: string) { super(reason); }
}

/** Reads and checks. Never throws for what the configuration or a file holds. */
export function loadSecret(definition: SecretDefinition): LoadedSecret {
  try {
    switch (definition.kind) {
      case 'certificate': return loadCertificate(definition);
      case 'validation': return loadValidation(definition);
      case 'ticketKeys': return { ok: true, leaf: null, ca: null, contents: { kind: 'ticketKeys',
        keys: definition.keys.map((key, index) => ticketKey(key, `keys[${index}]`)) } };
    }
  } catch (error) {
    if (!(error instanceof Problem)) throw error;
    return { ok: false, problems: [{ field: error.field, reason: error.message }] };
  }
}

export const problemsText = (problems: readonly SecretProblem[]): string =>
  problems.map(({ field, reason }) => `${field}: ${reason}`).join('; ');

function loadCertificate(definition: SecretDefinition & { kind: 'certificate' }): LoadedSecret {
  const { chain: chainData, key: keyData, password: passwordData } = definition;
  const at = place(chainData, 'certificate_chain');
  const blocks = certificateBlocks(bytesOf(chainData, 'certificate_chain'), at);
  const chain = blocks.map((block, index) => certificate(block, index, at));
  const [leaf] = chain;
  if (leaf === undefined) throw new Problem(at.field, `${at.file}holds no certificate in PEM`);
  const keyAt = place(keyData, 'private_key');
  const password = passwordData === null ? null : bytesOf(passwordData, 'password');
  const key = privateKey(bytesOf(keyData, 'private_key'), password, keyAt);
  const keyType = typeOf(key, keyAt);
  if (!leaf.checkPrivateKey(key)) {
    throw new Problem(keyAt.field, `${keyAt.file}is not the key of the certificate${at.file === '' ? ''
      : ` in ${at.file.trimEnd()}`}`);
  }
  const staple = stapleOf(definition.staple, leaf);
  const ocsp = staple === null ? null : { validFromMs: staple.validFromMs, validToMs: staple.validToMs };
  return { ok: true, leaf: factsOf(leaf, chainData.kind === 'file' ? chainData.path : null, ocsp), ca: null, contents: {
    kind: 'certificate', chainPem: blocks.join('\n'), keyPem: key.export({ type: 'pkcs8', format: 'pem' }) as string,
    keyType, serverNames: serverNamesOf(leaf), staple,
    mustStaple: saysMustStaple(leaf, at) } };
}

function saysMustStaple(leaf: X509Certificate, { field, file }: Place): boolean {
  try {
    return mustStaple(leaf.raw);
  } catch (error) {
    if (!(error instanceof DerError)) throw error;
    throw new Problem(field, `${file}has a TLS feature extension that is malformed (${error.message})`);
  }
}

function stapleOf(data: SecretData | null, leaf: X509Certificate): Staple | null {
  if (data === null) return null;
  const { field, file } = place(data, 'ocsp_staple');
  const staple = readStaple(bytesOf(data, 'ocsp_staple'), leaf.raw);
  if (typeof staple === 'string') throw new Problem(field, `${file}${staple}`);
  return staple;
}

function loadValidation(definition: SecretDefinition & { kind: 'validation' }): LoadedSecret {
  const { ca: caData, crl: crlData, rules } = definition;
  let caPem = '', crlPem = '';
  let first: CertificateFacts | null = null;
  if (caData !== null) {
    const at = place(caData, 'trusted_ca');
    const text = bytesOf(caData, 'trusted_ca');
    const blocks = certificateBlocks(text, at);
    if (blocks.length === 0) throw new Problem(at.field, `${at.file}holds no certificate in PEM`);
    const certificates = blocks.map((block, index) => certificate(block, index, at));
    first = factsOf(certificates[0]!, caData.kind === 'file' ? caData.path : null);
    caPem = blocks.join('\n');
    crlPem = revocationBlocks(text, at).join('\n');      // lists may stand beside the roots
  }
  if (crlData !== null) {
    const at = place(crlData, 'crl');
    const lists = revocationBlocks(bytesOf(crlData, 'crl'), at);
    if (lists.length === 0) throw new Problem(at.field, `${at.file}holds no revocation list in PEM`);
    crlPem = [crlPem, ...lists].filter((text) => text !== '').join('\n');
  }
  return { ok: true, leaf: null, ca: first, contents: { kind: 'validation', validation: { ...rules, caPem, crlPem } } };
}

/** Where a part stands, and its file with a space behind it, for messages. */
interface Place { field: string; file: string }
const place = (data: SecretData, field: string): Place => data.kind === 'file'
  ? { field: `${field}.filename`, file: `${data.path} ` } : { field, file: '' };

function bytesOf(data: SecretData, field: string): Buffer {
  if (data.kind === 'inline') return Buffer.from(data.base64, 'base64');
  try {
    const { size } = statSync(data.path);
    if (size > limits.secretFileBytesMax)
      throw new Error(`it is larger than ${limits.secretFileBytesMax} bytes`);
    return readFileSync(data.path);
  } catch (error) {
    throw new Problem(`${field}.filename`, `${data.path} cannot be read: ${(error as Error).message}`);
  }
}

/** Base64 may be broken anywhere, and text may stand around blocks, as OpenSSL lets it. */
function blocksOf(text: Buffer, label: string, { field, file }: Place): string[] {
  const blocks = text.toString('latin1').match(new RegExp(`-----BEGIN ${label}-----[^]*?-----END ${label}-----`, 'g'));
  for (const block of blocks ?? []) {
    const body = block.replace(/-----[A-Z0-9 ]+-----/g, '').replace(/\s/g, '');
    if (body === '' || !/^[A-Za-z0-9+/]+=*$/.test(body))
      throw new Problem(field, `${file}holds a block that is not PEM`);
  }
  return blocks ?? [];
}
const certificateBlocks = (text: Buffer, at: Place): string[] => blocksOf(text, 'CERTIFICATE', at);

/** Node cannot read lists, so only their outermost shape is looked at: one sequence, whole. */
function revocationBlocks(text: Buffer, at: Place): string[] {
  const blocks = blocksOf(text, 'X509 CRL', at);
  for (const block of blocks) {
    const der = Buffer.from(block.replace(/-----[A-Z0-9 ]+-----/g, ''), 'base64');
    const wide = (der[1] ?? 0) & 0x80 ? der[1]! & 0x7f : 0;
    const length = wide === 0 ? der[1] ?? -1 : wide > 4 || der.length < 2 + wide ? -1 : der.readUIntBE(2, wide);
    if (der[0] !== 0x30 || der.length !== 2 + wide + length)
      throw new Problem(at.field, `${at.file}holds a revocation list that cannot be read`);
  }
  return blocks;
}

function certificate(pem: string, index: number, { field, file }: Place): X509Certificate {
  try {
    return new X509Certificate(pem);
  } catch (error) {
    throw new Problem(field, `${file}holds a certificate (number ${index + 1}) that cannot be read: ${
      (error as Error).message}`);
  }
}

function privateKey(pem: Buffer, password: Buffer | null, { field, file }: Place): KeyObject {
  const encrypted = /-----BEGIN ENCRYPTED PRIVATE KEY-----|^Proc-Type: 4,ENCRYPTED/m.test(pem.toString('latin1'));
  if (encrypted && password === null) throw new Problem(field, `${file}is encrypted, and there is no password`);
  try {
    return createPrivateKey({ key: pem, format: 'pem',
      ...(encrypted ? { passphrase: password!.toString('latin1') } : {}) });
  } catch {
    // The library's reason names routines, not what to do.
    throw new Problem(field, encrypted ? `${file}cannot be decrypted with the password`
      : `${file}holds no private key in PEM`);
  } finally {
    pem.fill(0);
  }
}

function typeOf(key: KeyObject, { field, file }: Place): CertificateContents['keyType'] {
  const { modulusLength = 0, namedCurve = '' } = key.asymmetricKeyDetails ?? {};
  if (key.asymmetricKeyType === 'rsa') {
    if (modulusLength >= RSA_BITS_MIN) return 'rsa';
    throw new Problem(field, `${file}has an RSA key of ${modulusLength} bits: at least ${RSA_BITS_MIN} are needed`);
  }
  const type = key.asymmetricKeyType === 'ec' ? curves[namedCurve] : undefined;
  if (type !== undefined) return type;
  throw new Problem(field, `${file}has a key of the type ${key.asymmetricKeyType ?? 'unknown'}${
    namedCurve === '' ? '' : ` (${namedCurve})`}: only RSA, and ECDSA on P-256, P-384 or P-521, are supported`);
}

function ticketKey(data: SecretData, field: string): string {
  const bytes = bytesOf(data, field);
  if (bytes.length !== TICKET_KEY_BYTES) {
    const { field: at, file } = place(data, field);
    throw new Problem(at, `${file}has ${bytes.length} bytes: a session ticket key has ${TICKET_KEY_BYTES}`);
  }
  return bytes.toString('base64');
}
