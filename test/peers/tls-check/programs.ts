// Clients that are programs of this system: openssl s_client and curl.
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, rmSync } from 'node:fs';
import { END_HEADERS, END_STREAM, frame, get, HEADERS, PREFACE, SETTINGS } from '../../support/http2-frames.js';
import { cipherList, HTTP1, oneByOne, signatureNames, type Outcome, type Question, type TlsClient } from './client.js';
import type { Files } from './place.js';

const LIMIT_MS = 10_000;
const SETTLED = frame(SETTINGS, 0, 0);
const HTTP2 = Buffer.concat([PREFACE, SETTLED, frame(HEADERS, END_HEADERS | END_STREAM, 1, get('/'))]);
/** HEADERS with END_HEADERS on stream 1, whose block begins with the static entry of status 200. */
const answered2 = /\x01[\x04\x05]\0\0\0\x01\x88/;
const answered1 = /HTTP\/1\.1 200 OK/;

export const has = (program: string): boolean =>
  spawnSync(program, ['--help'], { stdio: 'ignore' }).error === undefined;

/** Runs it with this input until `enough` is in its output, or it ends. */
export function converse(command: readonly string[], input: Buffer | string, enough: RegExp | null): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn(command[0]!, command.slice(1), { stdio: ['pipe', 'pipe', 'pipe'] });
    const timer = setTimeout(() => child.kill('SIGKILL'), LIMIT_MS);
    let output = '';
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (data: Buffer) => {
      output += data.toString('latin1');
      if (enough !== null && enough.test(output)) setTimeout(() => child.kill('SIGINT'), 30);
    });
    child.stdin.on('error', () => undefined);
    child.stdin.write(input);
    child.on('error', reject).on('close', () => { clearTimeout(timer); resolve(output); });
  });
}

function openSslArguments(question: Question, port: number, files: Files): string[] {
  const { version, suite, curve, signatures, alpn, serverName, anyName, identity } = question;
  const ciphers = cipherList(question);
  return ['openssl', 's_client', '-connect', `127.0.0.1:${port}`, '-CAfile', files.roots, '-verify_return_error',
    '-ign_eof', ...version === '' ? [] : [`-tls1${version === '1.0' ? '' : `_${version[2]}`}`],
    ...ciphers === null ? [] : ['-cipher', ciphers],
    ...suite?.version === '1.3' ? ['-ciphersuites', suite.openssl] : [],
    ...curve === '' ? [] : ['-curves', curve], ...signatures === '' ? [] : ['-sigalgs', signatureNames[signatures]],
    ...alpn.length === 0 ? [] : ['-alpn', alpn.join()],
    ...serverName === '' ? ['-noservername'] : ['-servername', serverName],
    ...anyName || serverName === '' ? [] : ['-verify_hostname', serverName],
    ...identity === null ? [] : ['-cert', files.of(identity), '-key', files.of(identity)]];
}

/** What s_client says of a connection; the last handshake's, and of the last session. */
function openSslOutcome(output: string): Outcome {
  const connected = /(?:New|Reused), (?:TLSv1(?:\.\d)?), Cipher is (\S+)/.exec(output);
  const protocol = /ALPN protocol: (\S+)/.exec(output)?.[1] ?? '';
  const verified = /(?:Verify return code|Verification): (0 \(ok\)|OK)/.test(output);
  if (connected === null || connected[1] === '(NONE)' || !verified)
    return /(?:error:|verify error:)[^\n]*/.exec(output)?.[0] ?? (output.slice(-100) || 'no output');
  if (!(protocol === 'h2' ? answered2 : answered1).test(output)) return 'no answer';
  const versioned = /Protocol\s+: TLSv1(\.\d)?/.exec(output) ?? /(?:New|Reused), TLSv1(\.\d)?/.exec(output);
  const version = versioned?.[1] ?? '.0';
  return { version: `1${version}`, suite: connected[1]!, protocol, resumed: output.includes('Reused, '),
    peer: /subject=.*CN = ([^,\n]*)/.exec(output)?.[1] ?? '' };
}

export const openSsl = (files: Files): TlsClient => ({
  name: 'openssl',
  can: () => true,
  askAll: oneByOne(async (question, port) => {
    const command = openSslArguments(question, port, files);
    const input = question.alpn.includes('h2') ? HTTP2 : HTTP1;
    const enough = question.alpn.includes('h2') ? answered2 : null;
    if (!question.twice) return openSslOutcome(await converse(command, input, enough));
    const session = files.path('session');
    rmSync(session, { force: true });
    const first = openSslOutcome(await converse([...command, '-sess_out', session], input, enough));
    if (typeof first === 'string') return first;
    if (!existsSync(session)) return first;              // no session came
    return openSslOutcome(await converse([...command, '-sess_in', session], input, enough));
  }),
});

export const curl = (files: Files): TlsClient => ({
  name: 'curl',
  can: ({ signatures, alpn, twice }) => signatures === '' && !twice
    && ['', 'http/1.1', 'h2,http/1.1'].includes(alpn.join()),
  askAll: oneByOne(async (question, port) => {
    const { version, suite, curve, alpn, serverName, anyName, identity } = question;
    const host = serverName === '' ? '127.0.0.1' : serverName, ciphers = cipherList(question);
    const output = await converse(['curl', '-sv', '-o', '/dev/null', '--max-time', '10', '--noproxy', '*',
      '-w', '\nANSWER %{http_code} %{http_version}\n', '--resolve', `${host}:${port}:127.0.0.1`, '--cacert',
      files.roots, ...version === '' ? [] : [`--tlsv${version}`, '--tls-max', version],
      ...ciphers === null ? [] : ['--ciphers', ciphers],
      ...suite?.version === '1.3' ? ['--tls13-ciphers', suite.openssl] : [],
      ...curve === '' ? [] : ['--curves', curve], ...anyName || serverName === '' ? ['--insecure'] : [],
      alpn.length === 0 ? '--no-alpn' : alpn.includes('h2') ? '--http2' : '--http1.1',
      ...identity === null ? [] : ['--cert', files.of(identity)], `https://${host}:${port}/`], '', null);
    const connected = /SSL connection using TLSv1(\.\d)? \/ (\S+)/.exec(output);
    const answer = /ANSWER (\d+) (\S+)/.exec(output);
    if (connected === null || answer?.[1] !== '200') return /curl: \(\d+\)[^\n]*/.exec(output)?.[0]
      ?? /\* [^\n]*error[^\n]*/i.exec(output)?.[0] ?? `status ${answer?.[1]}`;
    const protocol = /ALPN: server accepted (\S+)/.exec(output)?.[1] ?? '';
    if ((answer[2] === '2') !== (protocol === 'h2')) return `HTTP/${answer[2]} after ALPN '${protocol}'`;
    return { version: `1${connected[1] ?? '.0'}`, suite: connected[2]!, protocol, resumed: false,
      peer: /subject:.*CN=([^;\n]*)/.exec(output)?.[1] ?? '' };
  }),
});
