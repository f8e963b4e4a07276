import t from 'tap';
import { decodeSockaddr, encodeSockaddr, familyOf, formatAddress, parseAddress, unmapped, SOCKADDR_BYTES_MAX }
  from '../../src/os/sockaddr.js';
import type { SocketAddress } from '../../src/os/sockaddr.js';

function roundTrip(address: SocketAddress): { length: number; back: SocketAddress | null } {
  const view = new DataView(new ArrayBuffer(SOCKADDR_BYTES_MAX + 8));
  new Uint8Array(view.buffer).fill(0xee);
  const length = encodeSockaddr(address, view, 8);
  return { length, back: decodeSockaddr(view, 8, length) };
}

t.test('IPv4 survives', async t => {
  const { length, back } = roundTrip({ kind: 'ip', host: '10.1.2.255', port: 65535 });
  t.equal(length, 16);
  t.same(back, { kind: 'ip', host: '10.1.2.255', port: 65535 });
});

for (const [host, printed] of [
  ['::', '::'], ['::1', '::1'], ['1::', '1::'], ['fe80::1:2', 'fe80::1:2'],
  ['2001:db8:0:0:1:0:0:1', '2001:db8::1:0:0:1'],
  ['1:0:2:0:3:0:4:0', '1:0:2:0:3:0:4:0'], ['::ffff:1.2.3.4', '::ffff:1.2.3.4'], ['ABCD::0012', 'abcd::12'],
  ['1:2:3:4:5:6:7::', '1:2:3:4:5:6:7:0'], ['64:ff9b::192.0.2.33', '64:ff9b::c000:221'],
] as const) {
  t.test(`IPv6 ${host} is printed as inet_ntop does`, async t => {
    t.same(roundTrip({ kind: 'ip', host, port: 1 }).back, { kind: 'ip', host: printed, port: 1 });
  });
}

t.test('an IPv6 scope is kept', async t => {
  t.same(roundTrip({ kind: 'ip', host: 'fe80::1%3', port: 1 }).back, { kind: 'ip', host: 'fe80::1%3', port: 1 });
});

t.test('unix paths and abstract names survive', async t => {
  t.same(roundTrip({ kind: 'pipe', path: '/tmp/a' }), { length: 9, back: { kind: 'pipe', path: '/tmp/a' } });
  t.same(roundTrip({ kind: 'pipe', path: '@name' }), { length: 7, back: { kind: 'pipe', path: '@name' } });
  t.equal(roundTrip({ kind: 'pipe', path: '/' + 'x'.repeat(106) }).length, 110);
});

t.test('what no kernel would take throws', async t => {
  for (const address of [
    { kind: 'ip', host: 'example.com', port: 1 }, { kind: 'ip', host: '1.2.3.4', port: 65536 },
    { kind: 'ip', host: '1.2.3.4', port: NaN },
    { kind: 'pipe', path: '/' + 'x'.repeat(107) }, { kind: 'pipe', path: '' },
    { kind: 'ip', host: 'fe80::1%no-such-interface', port: 1 },
  ] as SocketAddress[]) t.throws(() => roundTrip(address), RangeError);
});

t.test('a sockaddr cut short or of another family is null', async t => {
  const view = new DataView(new ArrayBuffer(32));
  t.equal(decodeSockaddr(view, 0, 0), null);
  view.setUint16(0, 2, true);
  t.equal(decodeSockaddr(view, 0, 8), null);
  view.setUint16(0, 17, true);
  t.equal(decodeSockaddr(view, 0, 20), null);
});

t.test('text and back', async t => {
  for (const text of ['1.2.3.4:80', '[::1]:443', '/run/x.sock', '@abstract']) {
    t.equal(formatAddress(parseAddress(text)!), text);
  }
  const bad = ['1.2.3.4', '::1:80', '[1.2.3.4]:80', '1.2.3.4:70000', 'host:80'];
  for (const text of bad) t.equal(parseAddress(text), null);
});

t.test('a mapped IPv4 peer is shown as IPv4', async t => {
  t.same(unmapped({ kind: 'ip', host: '::ffff:1.2.3.4', port: 9 }), { kind: 'ip', host: '1.2.3.4', port: 9 });
  t.same(unmapped({ kind: 'ip', host: '::1', port: 9 }), { kind: 'ip', host: '::1', port: 9 });
});

t.test('families', async t => {
  t.same([familyOf({ kind: 'ip', host: '::', port: 0 }), familyOf({ kind: 'ip', host: 'x', port: 0 }),
    familyOf({ kind: 'pipe', path: '@' })], [10, 0, 1]);
});
