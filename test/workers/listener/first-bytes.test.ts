// What listener filters read of a connection's first bytes: every prefix waits, whole heads are understood, and no
// bytes whatever make a reader fail or leave its input.
import t from 'tap';
import { ClientHello, HELLO_FOUND, HELLO_MORE, HELLO_NONE } from '../../../src/workers/listener/client-hello.js';
import { PROXY_BAD, PROXY_MORE, PROXY_NONE, ProxyHeader } from '../../../src/workers/listener/proxy-header.js';
import { LINE_HTTP10, LINE_HTTP11, LINE_HTTP2, LINE_MORE, LINE_OTHER, requestLine }
  from '../../../src/workers/listener/request-line.js';
import { limits } from '../../../src/core/limits.js';
import { Random } from '../../fuzz/random.js';
import { clientHello, helloMessage, proxyV2, record, tlv } from '../../support/client-hello.js';

const bytesOf = (text: string): Uint8Array => Uint8Array.from(Buffer.from(text, 'latin1'));
const hello = new ClientHello();
const readHello = (text: string): number => hello.read(bytesOf(text), 0, text.length);
const proxy = new ProxyHeader();
const readProxy = (text: string, mayMiss = false, without: ('v1' | 'v2')[] = []): number =>
  proxy.read(bytesOf(text), 0, text.length, mayMiss, without);
const line = (text: string): number => requestLine(bytesOf(text), 0, text.length);

t.test('a ClientHello, whole and in part', async (t) => {
  const text = clientHello('Www.Example', ['h2', 'http/1.1']);
  for (let end = 0; end < text.length; end++) t.equal(readHello(text.slice(0, end)), HELLO_MORE);
  t.equal(readHello(`${text}more`), HELLO_FOUND);
  t.same([hello.serverName, hello.protocols, hello.hasProtocols], ['www.example', ['h2', 'http/1.1'], true]);
  t.equal(readHello(clientHello(null)), HELLO_FOUND);
  t.same([hello.serverName, hello.protocols, hello.hasProtocols], ['', [], false]);
  const message = helloMessage('a');
  t.equal(readHello([...message].map((byte) => record(byte)).join('')), HELLO_FOUND, 'a record for each byte');
  t.equal(hello.serverName, 'a');
});

t.test('what is no ClientHello', async (t) => {
  for (const text of ['GET / HTTP/1.1\r\n', record('x'.repeat(5), 23), record(''), record(helloMessage('a'), 22,
    0x0201),
    record('\x02\0\0\0'), record('\x01\0\x50\0' + 'x'.repeat(100)), clientHello('a\0b'), clientHello('n'.repeat(256)),
    clientHello('a', [], { versions: [0x0300, 0x7f12] }), clientHello('a', [], { compression: '\x01' })])
    t.equal(readHello(text), HELLO_NONE, JSON.stringify(text.slice(0, 20)));
  t.equal(readHello(`\x16\x03\x01\xff\xff${'x'.repeat(10)}`), HELLO_NONE, 'a record that is too long');
});

t.test('PROXY headers', async (t) => {
  const one = 'PROXY TCP4 1.2.3.4 5.6.7.8 80 443\r\n';
  for (let end = 0; end < one.length; end++) t.equal(readProxy(one.slice(0, end)), PROXY_MORE);
  t.equal(readProxy(`${one}GET`), one.length);
  t.same([proxy.version, proxy.remote, proxy.local], [1, { kind: 'ip', host: '1.2.3.4', port: 80 },
    { kind: 'ip', host: '5.6.7.8', port: 443 }]);
  const two = proxyV2('2001:db8::1', 1, '2001:db8::2', 65535, { extensions: tlv(4, 'abc') });
  for (let end = 0; end < two.length; end++) t.equal(readProxy(two.slice(0, end)), PROXY_MORE);
  t.equal(readProxy(`${two}x`), two.length);
  t.same([proxy.version, proxy.remote, proxy.local], [2, { kind: 'ip', host: '2001:db8::1', port: 1 },
    { kind: 'ip', host: '2001:db8::2', port: 65535 }]);
  t.equal(readProxy(proxyV2('', 0, '', 0, { command: 0x20, family: 0, extensions: 'anything' })), 24);
  t.same([proxy.remote, proxy.local], [null, null]);
  t.same(['GET / HTTP/1.1\r\nhost', 'GE', 'x\r\n', '\r\n\r'].map((text) => readProxy(text)),
    [PROXY_NONE, PROXY_MORE, PROXY_BAD, PROXY_MORE]);
  t.same(['GE', 'PRO', '\r\n', one, two].map((text) => readProxy(text, true, ['v2'])),
    [PROXY_NONE, PROXY_MORE, PROXY_NONE, one.length, PROXY_NONE]);
  t.equal(readProxy(`PROXY TCP4 ${' '.repeat(97)}`), PROXY_BAD, 'a line that does not end in 108 bytes');
  t.ok(16 + 65_535 > limits.proxyHeaderBytesMax);
  t.equal(readProxy(proxyV2('1.1.1.1', 1, '2.2.2.2', 2, { extensions: tlv(1, 'x'.repeat(65_520)) })), PROXY_BAD,
    'longer than the limit');
});

t.test('request lines', async (t) => {
  t.same(['', 'G', 'GET / HTTP/1.1', 'PRI * HTTP/2.0\r\n\r\nSM'].map(line), Array(4).fill(LINE_MORE));
  t.same(['GET / HTTP/1.1\r\n', 'GET / HTTP/1.0\r\n', 'GET /\n', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 'word\n',
    '\r\n', 'a b c d\n', '\x80', 'GET / HTTX/1\n'].map(line),
  [LINE_HTTP11, LINE_HTTP10, LINE_HTTP10, LINE_HTTP2, ...Array(5).fill(LINE_OTHER) as number[]]);
});

t.test('random bytes', async (t) => {
  const random = new Random(3);
  const seeds = [clientHello('a.b', ['h2']), record(helloMessage('x').slice(0,
    50)) + record(helloMessage('x').slice(50)),
    proxyV2('1.2.3.4', 5, '6.7.8.9', 10, { extensions: tlv(1, 'y') }), 'PROXY TCP6 ::1 ::2 1 2\r\n',
      'GET / HTTP/1.1\r\n'];
  for (let n = 0; n < 20_000; n++) {
    const bytes = bytesOf(random.pick(seeds));
    for (let changes = random.below(4); changes >= 0; changes--) bytes[random.below(bytes.length)] = random.below(256);
    const end = random.below(bytes.length + 1);
    hello.read(bytes, 0, end);
    const length = proxy.read(bytes, 0, end, random.below(2) === 0, []);
    if (length > end) t.fail('more bytes than there are');
    requestLine(bytes, 0, end);
  }
  t.pass('nothing failed');
});
