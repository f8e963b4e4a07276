// Contents of secrets: what is read, what is refused and how it is said, and that nothing of a key is ever said.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createPrivateKey, generateKeyPairSync, X509Certificate } from 'node:crypto';
import t from 'tap';
import { noValidation } from '../../../src/config/tls.js';
import { altNamesOf, daysLeft } from '../../../src/config/certificates.js';
import { factsOf } from '../../../src/xds/secrets/certificates.js';
import { loadSecret } from '../../../src/xds/secrets/contents.js';
import type { SecretData, SecretDefinition } from '../../../src/xds/secrets/definition.js';
import { issue, revocationList, root } from '../../support/certificates.js';

const directory = mkdtempSync(join(tmpdir(), 'weft-secrets-'));
t.teardown(() => rmSync(directory, { recursive: true }));
const ca = root();
const leaf = issue({ name: 'leaf', issuer: ca, sans: ['DNS:A.example.com', 'DNS:*.b.example', 'URI:spiffe://td/x',
  'IP:10.0.0.1', 'email:a@b.c'] });

const inline = (text: string): SecretData => ({ kind: 'inline', base64: Buffer.from(text).toString('base64') });
function file(name: string, text: string): SecretData {
  writeFileSync(join(directory, name), text);
  return { kind: 'file', path: join(directory, name) };
}
const certificate = (chain: SecretData, key: SecretData, password: SecretData | null = null): SecretDefinition =>
  ({ kind: 'certificate', chain, key, password, staple: null, watchedDirectory: null });
const validation = (ca: SecretData | null, crl: SecretData | null = null): SecretDefinition =>
  ({ kind: 'validation', ca, crl, rules: { ...noValidation, maxDepth: 2 }, watchedDirectory: null });
function problem(definition: SecretDefinition): string {
  const loaded = loadSecret(definition);
  return loaded.ok ? 'none' : loaded.problems.map(({ field, reason }) => `${field}: ${reason}`).join('; ');
}

t.test('a certificate and its key, from files or inline', async (t) => {
  const loaded = loadSecret(certificate(file('leaf.pem', `subject=...\n${leaf.chainPem}`),
    file('leaf.key', leaf.keyPem)));
  t.match(loaded, { ok: true, ca: null, contents: { kind: 'certificate', keyType: 'ecdsa-p256',
    serverNames: ['a.example.com', '*.b.example'], chainPem: leaf.chainPem.trim() },
  leaf: { path: join(directory, 'leaf.pem'), serial: leaf.serial.toString('hex'), altNames: [
    { type: 'dns', value: 'A.example.com' }, { type: 'dns', value: '*.b.example' },
    { type: 'uri', value: 'spiffe://td/x' }, { type: 'ip', value: '10.0.0.1' }, { type: 'email', value: 'a@b.c' }] } });
  const rsa = issue({ name: 'rsa.example.com', issuer: ca, keyType: 'rsa' });
  t.match(loadSecret(certificate(inline(rsa.chainPem), inline(rsa.keyPem))), { ok: true, leaf: { path: null },
    contents: { keyType: 'rsa', serverNames: ['rsa.example.com'] } }, 'without alternative names the common name');
});

t.test('an intermediate goes with its leaf', async (t) => {
  const middle = issue({ name: 'middle', issuer: ca, ca: true });
  const below = issue({ name: 'below', issuer: middle });
  const loaded = loadSecret(certificate(inline(below.chainPem), inline(below.keyPem)));
  t.equal(loaded.ok && loaded.contents.kind === 'certificate'
    && loaded.contents.chainPem.match(/BEGIN CERTIFICATE/g)!.length, 2);
});

t.test('a key with a password is kept without it', async (t) => {
  const pem = createPrivateKey(leaf.keyPem).export({ type: 'pkcs8', format: 'pem', cipher: 'aes-256-cbc',
    passphrase: 'secret-word' }) as string;
  const good = loadSecret(certificate(inline(leaf.certPem), inline(pem), inline('secret-word')));
  t.match(good, { ok: true, contents: { keyPem: leaf.keyPem } });
  t.equal(problem(certificate(inline(leaf.certPem), file('locked.key', pem))),
    `private_key.filename: ${directory}/locked.key is encrypted, and there is no password`);
  const wrong = problem(certificate(inline(leaf.certPem), inline(pem), inline('other-word')));
  t.equal(wrong, 'private_key: cannot be decrypted with the password');
});

t.test('what is wrong with a certificate or a key is said with its file', async (t) => {
  const other = issue({ name: 'other', issuer: ca });
  const [pem, key] = [file('a.pem', leaf.certPem), file('a.key', leaf.keyPem)];
  t.equal(problem(certificate(pem, file('other.key', other.keyPem))), `private_key.filename: ${directory}/other.key `
    + `is not the key of the certificate in ${directory}/a.pem`);
  t.match(problem(certificate({ kind: 'file', path: join(directory, 'none.pem') }, key)),
    new RegExp(`^certificate_chain.filename: ${directory}/none.pem cannot be read: ENOENT`));
  t.equal(problem(certificate(file('empty.pem', 'nothing'), key)),
    `certificate_chain.filename: ${directory}/empty.pem holds no certificate in PEM`);
  t.match(problem(certificate(file('broken.pem', leaf.certPem.replace(/MII./, 'MIIA')), key)),
    /broken.pem holds a certificate \(number 1\) that cannot be read: /);
  t.equal(problem(certificate(inline('-----BEGIN CERTIFICATE-----\n!!\n-----END CERTIFICATE-----'), key)),
    'certificate_chain: holds a block that is not PEM');
  t.equal(problem(certificate(pem, inline(leaf.certPem))), 'private_key: holds no private key in PEM');
  t.notMatch(problem(certificate(pem, inline(leaf.keyPem.replace('MIG', 'MIH')))), leaf.keyPem.split('\n')[1]!);
});

t.test('a certificate with any byte altered is taken or refused, never thrown about', async (t) => {
  const odd = issue({ name: 'odd', issuer: ca, sans: ['DNS:odd.example', 'URI:spiffe://td/x'], mustStaple: true });
  const key = inline(odd.keyPem), answers = new Set<string>();
  for (let at = 0; at < odd.der.length; at++) {
    for (const value of [0x00, 0x7f, 0x84, 0xff, odd.der[at]! ^ 1]) {
      const der = Buffer.from(odd.der);
      der[at] = value;
      const text = `-----BEGIN CERTIFICATE-----\n${der.toString('base64')}\n-----END CERTIFICATE-----`;
      answers.add(problem(certificate(inline(text), key)).replace(/ \(.*| that cannot be read: .*/, ''));
    }
  }
  t.ok(answers.has('none'));
  t.ok(answers.has('certificate_chain: has a TLS feature extension that is malformed'));
});

t.test('keys that a handshake would not take are refused', async (t) => {
  const small = issue({ name: 'small', keyType: 'rsa', rsaBits: 1024 });
  t.equal(problem(certificate(inline(small.certPem), inline(small.keyPem))),
    'private_key: has an RSA key of 1024 bits: at least 2048 are needed');
  const ed = generateKeyPairSync('ed25519').privateKey.export({ type: 'pkcs8', format: 'pem' }) as string;
  t.match(problem(certificate(inline(leaf.certPem), inline(ed))), /has a key of the type ed25519: only RSA/);
  const curve = generateKeyPairSync('ec', { namedCurve: 'secp256k1' }).privateKey;
  t.match(problem(certificate(inline(leaf.certPem),
    inline(curve.export({ type: 'pkcs8', format: 'pem' }) as string))), /type ec \(secp256k1\)/);
});

t.test('roots and revocation lists', async (t) => {
  const list = revocationList(ca, [leaf]);
  const loaded = loadSecret(validation(file('roots.pem', ca.certPem + root('another').certPem), file('crl.pem', list)));
  t.match(loaded, { ok: true, leaf: null, ca: { path: join(directory, 'roots.pem') },
    contents: { validation: { crlPem: list.trim(), maxDepth: 2 } } });
  t.equal(loaded.ok && loaded.contents.kind === 'validation'
    && loaded.contents.validation.caPem.match(/BEGIN/g)!.length, 2);
  t.match(loadSecret(validation(inline(ca.certPem + list))), { contents: { validation: { crlPem: list.trim() } } },
    'a list may stand beside the roots');
  t.equal(problem(validation(inline('x'))), 'trusted_ca: holds no certificate in PEM');
  t.equal(problem(validation(inline(ca.certPem), inline('x'))), 'crl: holds no revocation list in PEM');
  const cut = list.split('\n').filter((_, index) => index !== 2).join('\n');
  t.equal(problem(validation(inline(ca.certPem), inline(cut))), 'crl: holds a revocation list that cannot be read');
  t.match(loadSecret(validation(null)), { ok: true, ca: null, contents: { validation: { caPem: '', crlPem: '' } } });
});

t.test('ticket keys have eighty bytes', async (t) => {
  const keys = (...list: SecretData[]): SecretDefinition => ({ kind: 'ticketKeys', keys: list,
    watchedDirectory: null });
  t.same(loadSecret(keys(inline('k'.repeat(80)), inline('l'.repeat(80)))), { ok: true, leaf: null, ca: null,
    contents: { kind: 'ticketKeys', keys: ['k', 'l'].map((c) => Buffer.from(c.repeat(80)).toString('base64')) } });
  t.equal(problem(keys(inline('k'.repeat(80)), file('short', 'k'.repeat(48)))),
    `keys[1].filename: ${directory}/short has 48 bytes: a session ticket key has 80`);
});

t.test('names that could be mistaken for several are one', async (t) => {
  const odd = issue({ name: 'x', sans: ['DNS:a.b, DNS:evil.example', 'URI:spiffe://x/, IP Address:1.1.1.1'] });
  t.same(altNamesOf(new X509Certificate(odd.certPem).subjectAltName), [
    { type: 'dns', value: 'a.b, DNS:evil.example' }, { type: 'uri', value: 'spiffe://x/, IP Address:1.1.1.1' }]);
  t.same(altNamesOf(undefined), []);
});

t.test('days that are left are whole, and none after the end', async (t) => {
  const until = (ms: number) => factsOf(new X509Certificate(issue({ name: 'x',
    notAfter: new Date(Date.now() + ms) }).certPem), null);
  t.equal(daysLeft(until(3.5 * 86_400_000), Date.now()), 3);
  t.equal(daysLeft(until(-1000), Date.now()), 0);
});
