// DownstreamTlsContext and UpstreamTlsContext into plain contexts, and the secrets that they ask for.
import { noValidation } from '../../config/tls.js';
import type { DownstreamTls, TlsCommon, UpstreamTls } from '../../config/tls.js';
import { tlsProblem } from '../../os/openssl.js';
import type { ContextSecrets, SecretDefinition, SecretUse } from '../secrets/definition.js';
import { fieldPath } from '../wire/message.js';
import type { Report } from '../wire/message.js';
import type { CommonTlsContext, DownstreamTlsContext, SdsSecretConfig, UpstreamTlsContext }
  from '../wire/generated/messages.js';
import { boolOf, millisecondsOf, numberOf } from './fields.js';
import { checkStaple, ownUse, readCertificate, readReference, readTicketKeys, readValidation } from './secret.js';
import { defaultParameters, readTlsParameters } from './tls-parameters.js';

const ALPN_BYTES_MAX = 255;

/** Secrets of one resource, as its contexts are read. */
export class GatheredSecrets {
  readonly contexts: ContextSecrets[] = [];
  private readonly byName = new Map<string, SecretUse>();

  get uses(): SecretUse[] { return [...this.byName.values()]; }

  use(name: string): SecretUse | null { return this.byName.get(name) ?? null; }

  add(use: SecretUse | null): string[] {
    if (use === null) return [];
    this.byName.set(use.name, use);
    return [use.name];
  }
}

export function readDownstreamTls(message: DownstreamTlsContext, path: string, report: Report,
  secrets: GatheredSecrets): DownstreamTls {
  const common = readCommon(message.commonTlsContext ?? {}, fieldPath(path, 'common_tls_context'), report, secrets);
  const ocspStapling = policies[message.ocspStaplePolicy ?? 0] ?? 'lenient';
  checkStaples(common, ocspStapling, fieldPath(path, 'common_tls_context.tls_certificates'), report, secrets);
  const { tlsCertificates = [], tlsCertificateSdsSecretConfigs = [] } = message.commonTlsContext ?? {};
  if (tlsCertificates.length + tlsCertificateSdsSecretConfigs.length === 0)
    report.fail(fieldPath(path, 'common_tls_context'), 'a server needs at least one certificate');
  const requireClientCertificate = boolOf(message.requireClientCertificate, false);
  return { kind: 'downstream', common, requireClientCertificate,
    sessionTickets: { disabled: message.disableStatelessSessionResumption ?? false,
      secret: readTickets(message, path, report, secrets) },
    sessionTimeoutSeconds: Math.floor(millisecondsOf(message.sessionTimeout, 0, fieldPath(path, 'session_timeout'),
      report) / 1000),
    preferClientCiphers: message.preferClientCiphers ?? false, ocspStapling };
}

const policies: { readonly [number: number]: DownstreamTls['ocspStapling'] } = { 0: 'lenient', 1: 'strict', 2: 'must' };
function checkStaples(common: TlsCommon, policy: DownstreamTls['ocspStapling'], path: string, report: Report,
  secrets: GatheredSecrets): void {
  for (const [index, name] of common.certificateSecrets.entries()) {
    const use = secrets.use(name);
    if (use?.kind === 'own') checkStaple(use.definition, `${path}[${index}]`, policy === 'must', report);
  }
}

function readTickets(message: DownstreamTlsContext, path: string, report: Report, secrets: GatheredSecrets):
  string | null {
  const { sessionTicketKeys, sessionTicketKeysSdsSecretConfig } = message;
  const at = fieldPath(path, 'session_ticket_keys');
  const use = sessionTicketKeys !== undefined ? ownUse(readTicketKeys(sessionTicketKeys, at, report), at, report)
    : sessionTicketKeysSdsSecretConfig !== undefined ? readReference(sessionTicketKeysSdsSecretConfig, 'ticketKeys',
      fieldPath(path, 'session_ticket_keys_sds_secret_config'), report) : null;
  return secrets.add(use)[0] ?? null;
}

export function readUpstreamTls(message: UpstreamTlsContext, path: string, report: Report,
  secrets: GatheredSecrets): UpstreamTls {
  const at = fieldPath(path, 'common_tls_context');
  const common = readCommon(message.commonTlsContext ?? {}, at, report, secrets);
  const { tlsCertificates = [], tlsCertificateSdsSecretConfigs = [] } = message.commonTlsContext ?? {};
  if (tlsCertificates.length > 1) report.fail(`${at}.tls_certificates`, 'a client has at most one certificate');
  if (tlsCertificateSdsSecretConfigs.length > 1)
    report.fail(`${at}.tls_certificate_sds_secret_configs`, 'a client has at most one certificate');
  const sni = message.sni ?? '';
  if (sni.includes('\0')) report.fail(fieldPath(path, 'sni'), 'must not hold a NUL');
  const autoSniSanValidation = message.autoSniSanValidation ?? false;
  if (autoSniSanValidation && common.validation === null && common.validationSecrets.length === 0)
    report.fail(fieldPath(path, 'auto_sni_san_validation'), 'needs a validation context');
  return { kind: 'upstream', common, sni, autoHostSni: message.autoHostSni ?? false, autoSniSanValidation,
    maxSessionKeys: numberOf(message.maxSessionKeys, 1) };
}

function readCommon(message: CommonTlsContext, path: string, report: Report, secrets: GatheredSecrets): TlsCommon {
  const problem = tlsProblem();
  if (problem !== null) report.fail(path, problem);
  const certificateSecrets = readCertificates(message, path, report, secrets);
  const { validation, validationSecrets } = readPeers(message, path, report, secrets);
  secrets.contexts.push({ certificates: certificateSecrets, validation: validationSecrets });
  return {
    parameters: message.tlsParams === undefined ? defaultParameters
      : readTlsParameters(message.tlsParams, fieldPath(path, 'tls_params'), report),
    alpn: (message.alpnProtocols ?? []).map((name, index) => {
      const bytes = Buffer.byteLength(name);
      if (bytes === 0 || bytes > ALPN_BYTES_MAX)
        report.fail(`${fieldPath(path, 'alpn_protocols')}[${index}]`, `must have 1 to ${ALPN_BYTES_MAX} bytes`);
      return name;
    }),
    certificateSecrets, validation, validationSecrets,
  };
}

function readCertificates(message: CommonTlsContext, path: string, report: Report, secrets: GatheredSecrets):
  string[] {
  const references = message.tlsCertificateSdsSecretConfigs ?? [];
  const own = message.tlsCertificates ?? [];
  const at = fieldPath(path, 'tls_certificate_sds_secret_configs');
  if (own.length > 0 && references.length > 0) report.fail(at, 'must not be set beside tls_certificates');
  return [...own.flatMap((certificate, index) => {
    const place = `${fieldPath(path, 'tls_certificates')}[${index}]`;
    const definition = readCertificate(certificate, place, report);
    return definition === null ? [] : secrets.add(ownUse(definition, place, report));
  }), ...references.flatMap((reference, index) =>
    secrets.add(readReference(reference, 'certificate', `${at}[${index}]`, report)))];
}

type Peers = Pick<TlsCommon, 'validation' | 'validationSecrets'>;

/** What stands in the context is parted: rules stay in it, roots and lists become a secret, which many may share. */
function readPeers(message: CommonTlsContext, path: string, report: Report, secrets: GatheredSecrets): Peers {
  const { validationContext, validationContextSdsSecretConfig, combinedValidationContext } = message;
  const reference = (config: SdsSecretConfig, at: string): string[] =>
    secrets.add(readReference(config, 'validation', at, report));
  if (validationContext !== undefined) {
    const at = fieldPath(path, 'validation_context');
    const definition = readValidation(validationContext, at, report);
    checkAlone(definition, at, report);
    return parted(definition, at, report, secrets);
  }
  if (validationContextSdsSecretConfig !== undefined) {
    return { validation: null, validationSecrets: reference(validationContextSdsSecretConfig,
      fieldPath(path, 'validation_context_sds_secret_config')) };
  }
  if (combinedValidationContext === undefined) return { validation: null, validationSecrets: [] };
  const at = fieldPath(path, 'combined_validation_context');
  const under = parted(readValidation(combinedValidationContext.defaultValidationContext ?? {},
    fieldPath(at, 'default_validation_context'), report), fieldPath(at, 'default_validation_context'), report, secrets);
  return { validation: under.validation, validationSecrets: [...under.validationSecrets,
    ...reference(combinedValidationContext.validationContextSdsSecretConfig ?? {},
      fieldPath(at, 'validation_context_sds_secret_config'))] };
}

function parted(definition: SecretDefinition & { kind: 'validation' }, path: string, report: Report,
  secrets: GatheredSecrets): Peers {
  const { rules, ...files } = definition;
  const has = files.ca !== null || files.crl !== null;
  return { validation: rules, validationSecrets: has
    ? secrets.add(ownUse({ ...files, rules: noValidation }, path, report)) : [] };
}

/** Without roots nobody's names and dates are looked at, so that asking for it would only look safe. */
function checkAlone({ ca, crl, rules }: SecretDefinition & { kind: 'validation' }, path: string, report: Report): void {
  if (ca !== null) return;
  if (crl !== null) report.fail(fieldPath(path, 'crl'), 'needs trusted_ca');
  if (rules.sanMatchers.length > 0)
    report.fail(path, 'alternative names are verified only beside trusted_ca: without it they are anybody\'s');
  if (rules.allowExpired) report.fail(fieldPath(path, 'allow_expired_certificate'), 'needs trusted_ca');
}
