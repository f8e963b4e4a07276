// Clients in other languages. A program is started once for all of its questions (client.go, TlsClient.java), but for
// those about what a Java process can only be told at its start.
import { spawn, spawnSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { repositoryRoot } from '../../support/root.js';
import type { Outcome, Question, TlsClient } from './client.js';
import type { Files, ListenerName } from './place.js';
import { openSslName } from './suites.js';

type Ports = Readonly<Record<ListenerName, number>>;
const sources = join(repositoryRoot, 'test/peers/tls-check');
const LIMIT_MS = 120_000;

function askProgram(command: readonly string[], questions: readonly Question[], port: Ports,
  files: Files): Promise<Outcome[]> {
  const lines = questions.map((question, id) => [id, port[question.listener], question.serverName, question.version,
    question.suite?.standard ?? '', question.curve, question.signatures, question.alpn.join(),
    question.identity === null ? '' : files.of(question.identity), files.roots, question.anyName ? 'any' : '',
    question.twice ? 'twice' : ''].join('\t'));
  return new Promise((resolve, reject) => {
    const child = spawn(command[0]!, command.slice(1), { stdio: ['pipe', 'pipe', 'pipe'] });
    const timer = setTimeout(() => child.kill('SIGKILL'), LIMIT_MS);
    let output = '', problems = '';
    child.stdout.on('data', (data) => { output += String(data); });
    child.stderr.on('data', (data) => { problems += String(data); });
    child.stdin.on('error', () => undefined);
    child.stdin.end(`${lines.join('\n')}\n`);
    child.on('error', reject).on('close', () => {
      clearTimeout(timer);
      const outcomes = new Array<Outcome>(questions.length).fill(`ended without an answer: ${problems.slice(-200)}`);
      for (const line of output.split('\n').filter((one) => one.includes('\t'))) {
        const [id, outcome, version, suite, protocol, peer, resumed, reason] = line.split('\t');
        outcomes[Number(id)] = outcome === 'ok' ? { version: version!, suite: openSslName(suite!),
          protocol: protocol!, peer: peer!, resumed: resumed === 'true' } : reason!;
      }
      resolve(outcomes);
    });
  });
}

/** Null: there is no Go here. */
export function go(files: Files): TlsClient | null {
  const folder = join(repositoryRoot, 'perf/results/cache/go'), program = join(folder, 'tls-client');
  mkdirSync(folder, { recursive: true });
  const built = spawnSync('go', ['build', '-o', program, join(sources, 'client.go')],
    { encoding: 'utf8', env: { ...process.env, GO111MODULE: 'off' } });
  if (built.error !== undefined) return null;
  if (built.status !== 0) throw new Error(`client.go cannot be built: ${built.stderr}`);
  return { name: 'go', can: ({ signatures, suite }) => signatures === '' && suite?.version !== '1.3',
    askAll: (questions, port) => askProgram([program], questions, port, files) };
}

const javaGroups: Readonly<Record<Question['curve'], string>> = { 'X25519': 'x25519', 'P-256': 'secp256r1', '': '' };
const javaSignatures: Readonly<Record<Question['signatures'], string>> = { rsa: 'rsa_pss_rsae_sha256,rsa_pkcs1_sha256',
  ecdsa: 'ecdsa_secp256r1_sha256', '': '' };

/** Null: there is no Java here. */
export function java(files: Files): TlsClient | null {
  if (spawnSync('java', ['-version'], { stdio: 'ignore' }).status !== 0) return null;
  return { name: 'java', can: () => true, askAll: async (questions, port) => {
    const outcomes = new Array<Outcome>(questions.length).fill('not asked');
    const started = (question: Question): string => `${question.curve} ${question.signatures}`;
    for (const start of new Set(questions.map(started))) {
      const [curve, signatures] = start.split(' ') as [Question['curve'], Question['signatures']];
      const chosen = [...questions.keys()].filter((i) => started(questions[i]!) === start);
      const found = await askProgram(['java', '-XX:TieredStopAtLevel=1', '-Xshare:auto', '-XX:+UseSerialGC',
        ...javaGroups[curve] === '' ? [] : [`-Djdk.tls.namedGroups=${javaGroups[curve]}`],
        ...javaSignatures[signatures] === '' ? [] : [`-Djdk.tls.client.SignatureSchemes=${javaSignatures[signatures]}`],
        join(sources, 'TlsClient.java')], chosen.map((i) => questions[i]!), port, files);
      chosen.forEach((i, at) => { outcomes[i] = found[at]!; });
    }
    return outcomes;
  } };
}
