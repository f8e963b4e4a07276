// Fingerprints of ClientHellos, by the examples of those who defined them and by hellos of our own.
import { createHash } from 'node:crypto';
import t from 'tap';
import { ClientHello, HELLO_FOUND } from '../../../src/workers/listener/client-hello.js';
import { HelloNotes } from '../../../src/workers/listener/hello-fingerprints.js';
import { Random } from '../../fuzz/random.js';
import { clientHello } from '../../support/client-hello.js';

const bytesOf = (text: string): Uint8Array => Uint8Array.from(Buffer.from(text, 'latin1'));
function noted(text: string): HelloNotes {
  const hello = new ClientHello();
  hello.notes = new HelloNotes();
  t.equal(hello.read(bytesOf(text), 0, text.length), HELLO_FOUND);
  return hello.notes;
}
function from(version: number, lists: { ciphers: number[]; extensions: number[]; groups?: number[]; formats?: number[];
  signatures?: number[] }): HelloNotes {
  const notes = new HelloNotes();
  notes.version = version;
  notes.ciphers.push(...lists.ciphers);
  notes.extensions.push(...lists.extensions);
  notes.groups.push(...lists.groups ?? []);
  notes.pointFormats.push(...lists.formats ?? []);
  notes.signatures.push(...lists.signatures ?? []);
  return notes;
}

t.test('the example of JA3', async (t) => {
  const notes = from(769, { ciphers: [47, 53, 5, 10, 49161, 49162, 49171, 49172, 50, 56, 19, 4],
    extensions: [0, 10, 11], groups: [23, 24, 25], formats: [0] });
  t.equal(notes.ja3, 'ada70206e40642a3e4461f35503241d5');
  t.equal(from(769, { ciphers: [4, 5, 10, 9, 100, 98, 3, 6, 19, 18, 99], extensions: [] }).ja3,
    'de350869b8c85de67a350c8d186f11e6', 'a client without extensions');
});

t.test('the example of JA4', async (t) => {
  const notes = from(0x0303, {
    ciphers: [0x1301, 0x1302, 0x1303, 0xc02b, 0xc02f, 0xc02c, 0xc030, 0xcca9, 0xcca8, 0xc013, 0xc014, 0x009c, 0x009d,
      0x002f, 0x0035],
    extensions: [0x001b, 0x0000, 0x0033, 0x0010, 0x4469, 0x0017, 0x002d, 0x000d, 0x0005, 0x0023, 0x0012, 0x002b,
      0xff01, 0x000b, 0x000a, 0x0015],
    signatures: [0x0403, 0x0804, 0x0401, 0x0503, 0x0805, 0x0501, 0x0806, 0x0601] });
  t.match(notes.ja4, /^t12d151600_8daaf6152771_e5627efa2ab1$/, 'the digests; version and protocol come with the bytes');
});

t.test('of bytes', async (t) => {
  const notes = noted(clientHello('a.b', ['h2', 'http/1.1']));
  t.match(notes.ja4, /^t13d0306h2_[0-9a-f]{12}_[0-9a-f]{12}$/);
  t.equal(notes.ja3, createHash('md5').update('771,4865-49195-49199,0-10-13-43-16-51,29-23,').digest('hex'));
  t.match(noted(clientHello(null)).ja4, /^t13i030400_/, 'no name, no protocol');
  t.match(noted(clientHello('a', ['h2'], { version: 0x0302 })).ja4, /^t11d/, 'the version of a hello without versions');
  t.match(noted(clientHello('a', ['\x80bc'])).ja4, /^t13d030683_/,
    'a protocol that is not text is told in hexadecimal');
});

t.test('values that clients make up do not count', async (t) => {
  const plain = noted(clientHello('a', ['h2'], { versions: [0x0304, 0x0303] }));
  const made = noted(clientHello('a', ['h2'], { versions: [0x1a1a, 0x0304, 0x0303] }));
  t.same([made.ja3, made.ja4], [plain.ja3, plain.ja4]);
});

t.test('bytes that are broken anywhere break nothing', async (t) => {
  const random = new Random(7);
  const good = bytesOf(clientHello('name.example', ['h2', 'http/1.1']));
  const hello = new ClientHello();
  hello.notes = new HelloNotes();
  for (let round = 0; round < 5000; round++) {
    const bytes = good.slice();
    for (let i = 0; i < 3; i++) bytes[9 + random.below(bytes.length - 9)] = random.below(256);
    if (hello.read(bytes, 0, bytes.length) !== HELLO_FOUND) continue;
    if (!/^[0-9a-f]{32}$/.test(hello.notes.ja3)
      || !/^t\w\w[di]\d{4}.._[0-9a-f]{12}_[0-9a-f]{12}$/.test(hello.notes.ja4))
      t.fail(Buffer.from(bytes).toString('hex'));
  }
  t.pass();
});
