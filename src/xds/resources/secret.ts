// Certificates, validation contexts and ticket keys, where they stand in a context or as a Secret of their own: each
// into a definition, and what a context asks for by name.
import { noValidation } from '../../config/tls.js';
import type { SanMatcher, TlsValidation } from '../../config/tls.js';
import { loadSecret } from '../secrets/contents.js';
import type { SecretProblem } from '../secrets/contents.js';
import { sdsName, staticName } from '../../config/secret-names.js';
import { ownName } from '../secrets/definition.js';
import type { SecretData, SecretDefinition, SecretKind, SecretUse } from '../secrets/definition.js';
import { fieldPath } from '../wire/message.js';
import type { Report } from '../wire/message.js';
import type { CertificateValidationContext, DataSource, SdsSecretConfig, Secret, SubjectAltNameMatcher,
  TlsCertificate, TlsSessionTicketKeys } from '../wire/generated/messages.js';
import { readConfigSource } from './config-source.js';
import { readStringMatcher } from './matchers.js';

const VERIFY_DEPTH_DEFAULT = null;
const sanTypes: { readonly [type: number]: SanMatcher['type'] } = { 1: 'email', 2: 'dns', 3: 'uri', 4: 'ip',
  5: 'otherName' };
const untyped = ['dns', 'uri', 'email', 'ip'] as const;

/** A Secret by itself; null with the reason in the report. */
export function readSecret(message: Secret, path: string, report: Report): SecretDefinition | null {
  if (message.tlsCertificate !== undefined)
    return readCertificate(message.tlsCertificate, fieldPath(path, 'tls_certificate'), report);
  if (message.validationContext !== undefined)
    return readValidation(message.validationContext, fieldPath(path, 'validation_context'), report);
  if (message.sessionTicketKeys !== undefined)
    return readTicketKeys(message.sessionTicketKeys, fieldPath(path, 'session_ticket_keys'), report);
  report.fail(path, 'one of tls_certificate, validation_context and session_ticket_keys is required');
  return null;
}

export function readCertificate(message: TlsCertificate, path: string, report: Report): SecretDefinition | null {
  const chain = readData(message.certificateChain, fieldPath(path, 'certificate_chain'), report);
  const key = readData(message.privateKey, fieldPath(path, 'private_key'), report);
  const password = message.password === undefined ? null
    : readData(message.password, fieldPath(path, 'password'), report);
  const staple = message.ocspStaple === undefined ? null
    : readData(message.ocspStaple, fieldPath(path, 'ocsp_staple'), report);
  if (message.ocspStaple?.inlineString !== undefined)
    report.fail(fieldPath(path, 'ocsp_staple.inline_string'), 'a response is not text: use inline_bytes or filename');
  if (message.certificateChain === undefined) report.fail(fieldPath(path, 'certificate_chain'), 'required');
  if (message.privateKey === undefined) report.fail(fieldPath(path, 'private_key'), 'required');
  return chain === null || key === null ? null : { kind: 'certificate', chain, key, password,
    staple, watchedDirectory: message.watchedDirectory?.path ?? null };
}

export function readTicketKeys(message: TlsSessionTicketKeys, path: string, report: Report): SecretDefinition {
  return { kind: 'ticketKeys', watchedDirectory: null, keys: (message.keys ?? []).flatMap((key, index) =>
    readData(key, `${fieldPath(path, 'keys')}[${index}]`, report) ?? []) };
}

export function readValidation(message: CertificateValidationContext, path: string, report: Report):
  SecretDefinition & { kind: 'validation' } {
  const data = (source: DataSource | undefined, field: string): SecretData | null => source === undefined ? null
    : readData(source, fieldPath(path, field), report);
  return { kind: 'validation', ca: data(message.trustedCa, 'trusted_ca'), crl: data(message.crl, 'crl'),
    watchedDirectory: message.watchedDirectory?.path ?? null, rules: readRules(message, path, report) };
}

function readRules(message: CertificateValidationContext, path: string, report: Report): TlsValidation {
  const pins = (list: readonly string[] | undefined, field: string, good: (text: string) => boolean): string[] =>
    (list ?? []).map((text, index) => {
      if (!good(text)) report.fail(`${fieldPath(path, field)}[${index}]`, `'${text}' is not a SHA-256`);
      return text;
    });
  return { ...noValidation,
    spkiPins: pins(message.verifyCertificateSpki, 'verify_certificate_spki',
      (text) => /^[A-Za-z0-9+/]{43}=$/.test(text)),
    hashPins: pins(message.verifyCertificateHash, 'verify_certificate_hash',
      (text) => /^([0-9a-f]{64}|[0-9a-f]{2}(:[0-9a-f]{2}){31})$/i.test(text))
      .map((text) => text.replaceAll(':', '').toLowerCase()),
    sanMatchers: [
      ...(message.matchTypedSubjectAltNames ?? []).map((matcher, index) =>
        readSan(matcher, `${fieldPath(path, 'match_typed_subject_alt_names')}[${index}]`, report)),
      ...(message.matchSubjectAltNames ?? []).flatMap((matcher, index) => {
        const plain = readStringMatcher(matcher, `${fieldPath(path, 'match_subject_alt_names')}[${index}]`, report);
        return untyped.map((type): SanMatcher => ({ type, oid: '', matcher: plain }));
      })],
    allowExpired: message.allowExpiredCertificate ?? false,
    trustChainVerification: message.trustChainVerification === 1 ? 'acceptUntrusted' : 'verify',
    onlyLeafCrl: message.onlyVerifyLeafCertCrl ?? false,
    maxDepth: message.maxVerifyDepth === undefined ? VERIFY_DEPTH_DEFAULT : message.maxVerifyDepth.value ?? 0 };
}

function readSan(message: SubjectAltNameMatcher, path: string, report: Report): SanMatcher {
  const type = sanTypes[message.sanType ?? 0] ?? 'dns';
  const oid = message.oid ?? '';
  if (type === 'otherName' && oid === '') report.fail(fieldPath(path, 'oid'), 'required with OTHER_NAME');
  else if (type === 'otherName' && !/^[0-2](\.(0|[1-9]\d*))+$/.test(oid))
    report.fail(fieldPath(path, 'oid'), `'${oid}' is not an object identifier`);
  return { type, oid: type === 'otherName' ? oid : '',
    matcher: readStringMatcher(message.matcher ?? {}, fieldPath(path, 'matcher'), report) };
}

/** Files stay files: they are read again when they change. The environment does not change, and is read now. */
function readData(source: DataSource | undefined, path: string, report: Report): SecretData | null {
  if (source === undefined) return null;
  if (source.filename !== undefined) return { kind: 'file', path: source.filename };
  const inline = (bytes: Buffer): SecretData => ({ kind: 'inline', base64: bytes.toString('base64') });
  if (source.inlineString !== undefined) return inline(Buffer.from(source.inlineString));
  if (source.inlineBytes !== undefined) return inline(Buffer.from(source.inlineBytes));
  const variable = source.environmentVariable;
  if (variable === undefined) return null;      // the check has said that one of them is required
  const value = process.env[variable];
  if (value === undefined) report.fail(fieldPath(path, 'environment_variable'), `${variable} is not set`);
  return value === undefined ? null : inline(Buffer.from(value));
}

/** What a context names instead of holding it. */
export function readReference(message: SdsSecretConfig, wanted: SecretKind, path: string, report: Report):
  SecretUse | null {
  const secret = message.name ?? '';
  if (secret === '') report.fail(fieldPath(path, 'name'), 'required');
  if (message.sdsConfig === undefined)
    return { kind: 'static', name: staticName(secret), secret, wanted, path: fieldPath(path, 'name') };
  const source = readConfigSource(message.sdsConfig, fieldPath(path, 'sds_config'), report);
  return source === null ? null : { kind: 'sds', name: sdsName(secret, source), secret, wanted, source };
}

/** What a context holds itself. Its files are read now, so that what is wrong is said with its place. */
export function ownUse(definition: SecretDefinition, path: string, report: Report): SecretUse & { kind: 'own' } {
  const name = ownName(definition);
  checkContents(definition, name, path, report);
  return { kind: 'own', name, definition };
}

const CHECKED_MS = 1000;
/** Thousands of clusters with the same files are looked at once, not thousands of times. */
/** `lacksStaple`: of a certificate, whether it says itself that it needs one. */
interface Looked { untilMs: number; problems: SecretProblem[]; lacksStaple: 'required' | 'none' | null }
const checked = new Map<string, Looked>();

export function checkContents(definition: SecretDefinition, name: string, path: string, report: Report): void {
  for (const { field, reason } of look(definition, name).problems) report.fail(fieldPath(path, field), reason);
}

/** What a server needs of a certificate that stands in its context; those of SDS are looked at when they come. */
export function checkStaple(definition: SecretDefinition, path: string, must: boolean, report: Report): void {
  const { lacksStaple } = look(definition, ownName(definition));
  if (lacksStaple === 'required') report.fail(fieldPath(path, 'ocsp_staple'), 'the certificate itself requires one');
  else if (lacksStaple === 'none' && must) report.fail(fieldPath(path, 'ocsp_staple'), 'required with MUST_STAPLE');
}

function look(definition: SecretDefinition, name: string): Looked {
  const nowMs = performance.now();
  const known = checked.get(name);
  if (known !== undefined && known.untilMs >= nowMs) return known;
  for (const [key, { untilMs }] of checked) if (untilMs < nowMs) checked.delete(key);
  const loaded = loadSecret(definition);
  const found: Looked = { untilMs: nowMs + CHECKED_MS, problems: loaded.ok ? [] : loaded.problems,
    lacksStaple: !loaded.ok || loaded.contents.kind !== 'certificate' || loaded.contents.staple !== null ? null
      : loaded.contents.mustStaple ? 'required' : 'none' };
  checked.set(name, found);
  return found;
}
