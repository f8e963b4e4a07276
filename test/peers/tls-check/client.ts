// What clients are asked: one connection with these offers, one request on it, and what came of it.
import type { Issued } from '../../support/certificates.js';
import type { ListenerName } from './place.js';
import type { Suite } from './suites.js';

export interface Question {
  name: string;
  listener: ListenerName;
  /** '' = the client's own choice, as everywhere here. */
  version: '' | '1.0' | '1.1' | '1.2' | '1.3';
  suite: Suite | null;
  curve: '' | 'X25519' | 'P-256';
  signatures: '' | 'rsa' | 'ecdsa';
  alpn: readonly string[];
  serverName: string;
  /** The certificate need not be for the name. */
  anyName: boolean;
  identity: Issued | null;
  /** Two connections; the second one is told of, and resumes the session of the first. */
  twice: boolean;
  wants: Found;
}
/** '' of a wish: any will do. The cipher suite by OpenSSL's name. */
export interface Found { version: string; suite: string; protocol: string; peer: string; resumed: boolean }

/** Of a failure: why. */
export type Outcome = Found | string;
export interface TlsClient {
  name: string;
  /** Some have no switch for some choices. */
  can(question: Question): boolean;
  askAll(questions: readonly Question[], port: Readonly<Record<ListenerName, number>>): Promise<Outcome[]>;
}

/** Asks one after the other. */
export const oneByOne = (ask: (question: Question, port: number) => Promise<Outcome>): TlsClient['askAll'] =>
  async (questions, port) => {
    const outcomes: Outcome[] = [];
    for (const question of questions) outcomes.push(await ask(question, port[question.listener])
      .catch((error: unknown) => error instanceof Error ? error.message : String(error)));
    return outcomes;
  };

export const HTTP1 = 'GET / HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n';
/** Of signature algorithms, OpenSSL's names. */
export const signatureNames = { rsa: 'RSA-PSS+SHA256:RSA+SHA256', ecdsa: 'ECDSA+SHA256' } as const;
export const isOld = (version: string): boolean => version === '1.0' || version === '1.1';
/** OpenSSL's list of suites before TLS 1.3; signatures of the old versions are forbidden at its usual level. */
export const cipherList = ({ suite, version }: Question): string | null => isOld(version)
  ? `${suite?.openssl ?? 'ALL'}:@SECLEVEL=0` : suite?.version === '1.2' ? suite.openssl : null;
