// TlsParameters: protocol versions, cipher suites, curves and signature algorithms, each held against what the OpenSSL
// of this Node knows. Names that it does not know are refused, as Envoy does.
import { createRequire } from 'node:module';
import type * as Tls from 'node:tls';
import type { TlsParameters as PlainParameters, TlsVersion } from '../../config/tls.js';
import { fieldPath } from '../wire/message.js';
import type { Report } from '../wire/message.js';
import type { TlsParameters } from '../wire/generated/messages.js';

const versions: readonly TlsVersion[] = [0, 0x0301, 0x0302, 0x0303, 0x0304];
const MINIMUM_DEFAULT = 0x0303;
const MAXIMUM_DEFAULT = 0x0304;

let library: typeof Tls | null = null;
let known: ReadonlySet<string> | null = null;
/** Loaded with the first context: a configuration without TLS starts without it. */
const tls = (): typeof Tls => library ??= createRequire(import.meta.url)('node:tls') as typeof Tls;

export const defaultParameters: PlainParameters = { minVersion: 0, maxVersion: 0, cipherSuites: [], curves: [],
  signatureAlgorithms: [] };

export function readTlsParameters(message: TlsParameters, path: string, report: Report): PlainParameters {
  const minVersion = versions[message.tlsMinimumProtocolVersion ?? 0] ?? 0;
  const maxVersion = versions[message.tlsMaximumProtocolVersion ?? 0] ?? 0;
  if ((minVersion || MINIMUM_DEFAULT) > (maxVersion || MAXIMUM_DEFAULT)) {
    report.fail(fieldPath(path, 'tls_maximum_protocol_version'), minVersion === 0
      ? 'below TLSv1_2, which is the lowest while tls_minimum_protocol_version is not set'
      : 'below tls_minimum_protocol_version');
  }
  return { minVersion, maxVersion,
    cipherSuites: names(message.cipherSuites, splitSuites, fieldPath(path, 'cipher_suites'), suiteProblem, report),
    curves: names(message.ecdhCurves, splitList, fieldPath(path, 'ecdh_curves'),
      (name) => contextProblem({ ecdhCurve: name }) ? 'not a curve that this OpenSSL knows' : null, report),
    signatureAlgorithms: names(message.signatureAlgorithms, splitList, fieldPath(path, 'signature_algorithms'),
      (name) => contextProblem({ sigalgs: name }) ? 'not a signature algorithm that this OpenSSL knows' : null,
      report) };
}

const splitList = (text: string): string[] => text.split(':');
/** `[A|B]` are two that the server has no order of. OpenSSL has no such groups; a list is an order. */
const splitSuites = (text: string): string[] => splitList(text)
  .flatMap((part) => /^\[.*\]$/.test(part) ? part.slice(1, -1).split('|') : [part]);

function names(list: readonly string[] | undefined, split: (text: string) => string[], path: string,
  problemOf: (name: string) => string | null, report: Report): string[] {
  return (list ?? []).flatMap((text, index) => {
    const parts = split(text);
    for (const name of parts) {
      const problem = problemOf(name);
      if (problem !== null) report.fail(`${path}[${index}]`, `'${name}' is ${problem}`);
    }
    return parts;
  });
}

function suiteProblem(name: string): string | null {
  known ??= new Set(tls().getCiphers());
  if (/^TLS_/i.test(name)) return 'a cipher suite of TLS 1.3: those are not configurable';
  return known.has(name.toLowerCase()) ? null : 'not a cipher suite that this OpenSSL knows';
}

/** Would OpenSSL refuse it? Names alone: what a list may hold besides names is not taken. */
function contextProblem(options: { ecdhCurve: string } | { sigalgs: string }): boolean {
  const [[kind, name]] = Object.entries(options) as [[string, string]];
  const key = `${kind} ${name}`;
  let problem = judged.get(key);
  if (problem === undefined) {
    problem = !/^[A-Za-z0-9_-]+$/.test(name) || !accepts(options);
    if (judged.size < JUDGED_MAX) judged.set(key, problem);
  }
  return problem;
}

/** Thousands of contexts have the same few names. */
const judged = new Map<string, boolean>();
const JUDGED_MAX = 1000;

function accepts(options: { ecdhCurve: string } | { sigalgs: string }): boolean {
  try {
    tls().createSecureContext(options);
    return true;
  } catch {
    return false;
  }
}
