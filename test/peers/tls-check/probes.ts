// Hellos and half connections, byte by byte: what a server must refuse, and how it says so.
import { setTimeout as sleep } from 'node:timers/promises';
import { clientHello, helloExtension, helloMessage, record, type HelloOptions } from '../../support/client-hello.js';
import { HANDSHAKE_SECONDS } from './place.js';
import { refusedSuites } from './suites.js';
import { ALERT, APPLICATION, CHANGE_CIPHER, CLOSE_NOTIFY, HANDSHAKE, HEARTBEAT, Tls12Peer } from './tls12-peer.js';

const alertNames: Readonly<Record<number, string>> = { 0: 'close_notify', 10: 'unexpected_message',
  20: 'bad_record_mac', 22: 'record_overflow', 40: 'handshake_failure', 42: 'bad_certificate',
  43: 'unsupported_certificate', 44: 'certificate_revoked',
  45: 'certificate_expired', 46: 'certificate_unknown', 47: 'illegal_parameter',
  48: 'unknown_ca', 50: 'decode_error', 51: 'decrypt_error', 70: 'protocol_version', 71: 'insufficient_security',
  80: 'internal_error', 86: 'inappropriate_fallback', 100: 'no_renegotiation', 109: 'missing_extension',
  110: 'unsupported_extension', 112: 'unrecognized_name', 116: 'certificate_required', 120: 'no_application_protocol' };
export const alertName = (code: number): string => alertNames[code] ?? `alert ${code}`;

export interface Probe {
  name: string;
  /** Until the answer is there, or will not come. */
  run(peer: Tls12Peer): Promise<void>;
  /** What the whole answer must be like. */
  wants: RegExp;
  /** The handshake came about, and this is what ends the connection. */
  secured?: boolean;
  /** The client went away, or we did not wait for it: no error of TLS, but the log says so where it was we. */
  quiet?: RegExp;
}

/** Where an extension or message ends is not looked at: what is asked about are the two that must not be there. */
function helloWords(hello: Buffer): string {
  const at = 34 + 1 + hello[34]!, extensions = hello.subarray(at + 5);
  const found = new Map<number, Buffer>();
  for (let i = 0; i + 4 <= extensions.length; i += 4 + extensions.readUInt16BE(i + 2))
    found.set(extensions.readUInt16BE(i), extensions.subarray(i + 4, i + 4 + extensions.readUInt16BE(i + 2)));
  const version = found.get(43)?.readUInt16BE(0) ?? hello.readUInt16BE(0);
  const sentinel = hello.subarray(26, 34).toString('latin1') === 'DOWNGRD\x01';
  return ['ServerHello', version === 0x0304 ? '1.3' : version === 0x0303 ? '1.2' : version.toString(16),
    ...hello[at + 2] === 0 ? [] : ['compression'], ...found.has(15) ? ['heartbeat'] : [],
    ...found.has(0xff01) ? ['renegotiation_info'] : [], ...found.has(23) ? ['extended_master_secret'] : [],
    ...sentinel ? ['downgrade-sentinel'] : []].join(' ');
}

/** What the server said, and how it ended the connection. */
export function answerOf(peer: Tls12Peer): string {
  const { alerts, serverHello, ended } = peer;
  const heart = peer.records.some(({ type }) => type === HEARTBEAT);
  return [...serverHello === null ? [] : [helloWords(serverHello)], ...heart ? ['a heartbeat'] : [],
    ...peer.text === '' ? [] : [peer.text.startsWith('HTTP/1.1 200') ? 'served' : peer.text.slice(0, 12)],
    ...alerts.map(([level, code]) => `${level === 1 ? 'warning ' : ''}${alertName(code!)}`), ended].join(', ');
}

const latin1 = (text: string): Buffer => Buffer.from(text, 'latin1');
const settled = async (peer: Tls12Peer): Promise<void> => {
  await peer.until(() => peer.ended !== 'open' || peer.serverHello !== null);
  await peer.until(() => peer.ended !== 'open', peer.alerts.length > 0 || peer.serverHello === null ? 3000 : 100);
};
const says = (name: string, bytes: string, wants: RegExp): Probe => ({ name, wants, run: async (peer) => {
  peer.send(latin1(bytes));
  await settled(peer);
} });
const hello = (name: string, options: HelloOptions, wants: RegExp): Probe =>
  says(name, clientHello('localhost', [], options), wants);
const only12: HelloOptions = { versions: [], keyShare: '' };

const CLOSED = /^(warning )?(\w+, )?(FIN|RST)$/;
const alerted = (...names: string[]): RegExp => new RegExp(`^(${names.join('|')}), (FIN|RST)$`);
const SSL2 = '\x80\x2e\x01\x00\x02\x00\x15\x00\x00\x00\x10\x01\x00\x80\x02\x00\x80\x03\x00\x80\x04\x00\x80\x05\x00\x80'
  + '\x06\x00\x40\x07\x00\xc0' + 'c'.repeat(16);

const versions: Probe[] = [
  says('SSLv2 hello', SSL2, CLOSED),
  hello('SSLv3', { version: 0x0300 }, alerted('protocol_version', 'handshake_failure')),
  hello('TLS 1.0', { version: 0x0301 }, alerted('protocol_version')),
  hello('TLS 1.1', { version: 0x0302 }, alerted('protocol_version')),
  hello('TLS 1.1 in supported_versions', { versions: [0x0302, 0x0301] }, alerted('protocol_version')),
  hello('versions of the future only', { versions: [0x0305, 0x7f1c] }, alerted('protocol_version')),
  hello('a version of the future beside 1.3', { versions: [0x7a7a, 0x0304] }, /^ServerHello 1\.3, open$/),
  hello('TLS 1.2 of who could do 1.3', only12, /^ServerHello 1\.2 downgrade-sentinel, open$/),
  hello('TLS_FALLBACK_SCSV below 1.3', { ...only12, suites: [0xc02b, 0xc02f, 0x5600] },
    alerted('inappropriate_fallback')),
  hello('TLS_FALLBACK_SCSV at 1.3', { suites: [0x1301, 0x5600] }, /^ServerHello 1\.3, open$/),
];
const suites: Probe[] = refusedSuites.map(([family, codes]) =>
  hello(`suites: ${family}`, { ...only12, suites: codes }, alerted('handshake_failure')));
const offers: Probe[] = [
  hello('no suite', { suites: [] }, alerted('decode_error', 'illegal_parameter', 'handshake_failure')),
  hello('curves: P-384, P-521, 1.2', { ...only12, groups: [24, 25] }, alerted('handshake_failure')),
  hello('curves: P-384, P-521, 1.3', { groups: [24, 25], versions: [0x0304], keyShare: '' },
    alerted('handshake_failure', 'missing_extension')),
  hello('signatures by SHA-1 and MD5', { ...only12, algorithms: [0x0201, 0x0203, 0x0101] },
    alerted('handshake_failure')),
  hello('signatures by SHA-1, 1.3', { versions: [0x0304], algorithms: [0x0201, 0x0203] },
    alerted('handshake_failure')),
  hello('compression offered', { ...only12, compression: '\x01\0' }, /^ServerHello 1\.2 downgrade-sentinel, open$/),
  hello('compression only', { ...only12, compression: '\x01' }, alerted('illegal_parameter', 'decode_error')),
  hello('compression, 1.3', { versions: [0x0304], compression: '\x01\0' }, alerted('illegal_parameter')),
  hello('heartbeat offered', { ...only12, extensions: helloExtension(15, '\x01') },
    /^ServerHello 1\.2 downgrade-sentinel, open$/),
  hello('renegotiation_info, extended_master_secret', { ...only12, extensions: helloExtension(0xff01, '\0')
    + helloExtension(23, '') }, /renegotiation_info extended_master_secret/),
  hello('renegotiation_info of another connection', { ...only12, extensions: helloExtension(0xff01,
    '\x0c123456789012') }, alerted('handshake_failure', 'illegal_parameter')),
  hello('a key share that is zero', { versions: [0x0304], keyShare: '\0'.repeat(32) },
    alerted('illegal_parameter', 'internal_error')),
  hello('a key share that is short', { versions: [0x0304], keyShare: 'short' },
    alerted('illegal_parameter', 'decode_error')),
  hello('early data after a ticket of nobody', { versions: [0x0304], extensions: helloExtension(42, '')
    + helloExtension(45, '\x01\x01') + helloExtension(41, `\0\x0a\0\x04tick\0\0\0\0\0\x21\x20${'b'.repeat(32)}`) },
  /^ServerHello 1\.3, open$/),
  hello('GREASE everywhere', { suites: [0x2a2a, 0x1301], groups: [0x3a3a, 29], algorithms: [0x4a4a, 0x0403],
    versions: [0x5a5a, 0x0304], extensions: helloExtension(0x6a6a, '') }, /^ServerHello 1\.3, open$/),
];
const ofMessage = (change: (message: string) => string, options: HelloOptions = only12): string =>
  record(change(helloMessage('localhost', [], options)));
const TIMED_OUT = /transport socket timeout was reached$/;
const shapes: Probe[] = [
  hello('12 KiB of padding', { padding: 12_000 }, /^ServerHello 1\.3, open$/),
  says('a hello of 200 KB', record(`\x01\x03\x0d\x40${'h'.repeat(16_000)}`)
    + record('h'.repeat(16_000)).repeat(12), CLOSED),
  says('a hello that says it has 16 MB', record('\x01\xff\xff\xffhello'), /^(\w+, )?(FIN|RST)$/),
  says('garbage', '\xff'.repeat(300), CLOSED),
  says('zeros', '\0'.repeat(300), CLOSED),
  says('HTTP', 'GET / HTTP/1.1\r\nhost: x\r\n\r\n', CLOSED),
  says('application data first', record('GET /', APPLICATION, 0x0303), CLOSED),
  says('an alert first', record('\x02\x28', ALERT), CLOSED),
  says('close_notify first', record('\x01\0', ALERT), CLOSED),
  says('ChangeCipherSpec first', record('\x01', CHANGE_CIPHER), CLOSED),
  says('a heartbeat first', record('\x01\x40\0x', HEARTBEAT, 0x0303), CLOSED),
  says('a record of an unknown type', record('x', 99), CLOSED),
  says('a record of another version', record(helloMessage('localhost'), HANDSHAKE, 0x0505), CLOSED),
  says('a record of 20 KB', record('h'.repeat(20_000)), CLOSED),
  says('a thousand empty records', record('').repeat(1000), CLOSED),
  says('a ServerHello', ofMessage((message) => `\x02${message.slice(1)}`), CLOSED),
  says('a session id of 33 bytes', ofMessage((message) => message, { ...only12, sessionId: 's'.repeat(33) }),
    alerted('decode_error', 'illegal_parameter')),
  says('extensions that are cut', ofMessage((message) => `${message.slice(0, 1)}\0\0\x40${message.slice(4, 68)}`),
    alerted('decode_error', 'illegal_parameter')),
  hello('an extension twice', { ...only12, extensions: helloExtension(23, '').repeat(2) },
    alerted('illegal_parameter', 'decode_error')),
  hello('two server names', { ...only12, extensions: helloExtension(0, '\0\x08\0\0\x01a\0\0\x01b') },
    alerted('illegal_parameter', 'decode_error')),
  { name: 'byte by byte', wants: /^ServerHello 1\.3, open$/, run: async (peer) => {
    for (const byte of latin1(clientHello('localhost'))) { peer.send(Buffer.from([byte])); await sleep(1); }
    await settled(peer);
  } },
  says('a record for each byte', [...helloMessage('localhost')].map((byte) => record(byte)).join(''),
    /^ServerHello 1\.3, open$/),
  { name: 'half a hello, then silence', wants: /^(FIN|RST)$/, quiet: TIMED_OUT, run: async (peer) => {
    peer.send(latin1(clientHello('localhost').slice(0, 80)));
    await peer.until(() => peer.ended !== 'open', 1000 * (HANDSHAKE_SECONDS + 3));
  } },
  { name: 'half a hello, then the end', wants: /^(FIN|RST)$/, quiet: /\|-$/, run: async (peer) => {
    peer.socket.end(latin1(clientHello('localhost').slice(0, 80)));
    await peer.until(() => peer.ended !== 'open');
  } },
  { name: 'half a hello, then a reset', wants: /^open$/, quiet: /system_library.*Connection_reset_by_peer/,
    run: async (peer) => {
      peer.send(latin1(clientHello('localhost').slice(0, 80)));
      await sleep(50);
      peer.socket.resetAndDestroy();
    } },
  { name: 'nothing', wants: /^(FIN|RST)$/, quiet: TIMED_OUT, run: async (peer) => {
    await peer.until(() => peer.ended !== 'open', 1000 * (HANDSHAKE_SECONDS + 3));
  } },
];

const afterHello = (name: string, then: (peer: Tls12Peer) => void, wants: RegExp): Probe => ({ name, wants,
  run: async (peer) => {
    if (!await peer.hello()) return;
    then(peer);
    await peer.until(() => peer.ended !== 'open');
  } });
const secured = (name: string, then: (peer: Tls12Peer) => void, wants: RegExp, options: HelloOptions = {}): Probe => ({
  name, wants, secured: true, run: async (peer) => {
    if (!await peer.secure(options)) return;
    then(peer);
    await peer.until(() => peer.ended !== 'open' || peer.text !== '', 1500);
    await sleep(50);
  } });
const ended = (...names: string[]): RegExp => new RegExp(`^ServerHello 1\\.2[^,]*, (${names.join('|')}), (FIN|RST)$`);
const request = latin1('GET / HTTP/1.1\r\nhost: localhost\r\n\r\n');
/** No second handshake: an alert, and the connection ends. */
const NO_SECOND = /^ServerHello 1\.2[^,]*, (warning )?no_renegotiation(, warning close_notify)?, (FIN|RST)$/;
const middle: Probe[] = [
  afterHello('ChangeCipherSpec before the key', (peer) => peer.write(CHANGE_CIPHER, Buffer.from([1])),
    ended('unexpected_message')),
  afterHello('a heartbeat that says it is long', (peer) => peer.write(HEARTBEAT, Buffer.from([1, 0x40, 0, 120])),
    ended('unexpected_message')),
  afterHello('application data', (peer) => peer.write(APPLICATION, request), ended('unexpected_message')),
  afterHello('a second hello', (peer) => peer.renegotiate(false), ended('unexpected_message')),
  afterHello('a key that is zero', (peer) => peer.write(HANDSHAKE, Buffer.from([16, 0, 0, 33, 32,
    ...new Uint8Array(32)])), ended('illegal_parameter', 'decode_error', 'internal_error', 'handshake_failure',
    'decrypt_error')),
  afterHello('Finished that is wrong', (peer) => {
    peer.write(HANDSHAKE, peer.keyExchange());
    peer.changeCipher();
    peer.write(HANDSHAKE, Buffer.from([20, 0, 0, 12, ...new Uint8Array(12)]));
  }, ended('decrypt_error', 'bad_record_mac', 'handshake_failure')),
  secured('a request', (peer) => peer.write(APPLICATION, request), /^ServerHello 1\.2[^,]*, served, open$/),
  secured('renegotiation, secure', (peer) => {
    peer.renegotiate(true);
    peer.write(APPLICATION, request);
  }, NO_SECOND, { extensions: helloExtension(0xff01, '\0') }),
  secured('renegotiation, insecure', (peer) => {
    peer.renegotiate(false);
    peer.write(APPLICATION, request);
  }, NO_SECOND),
  secured('a heartbeat inside', (peer) => peer.write(HEARTBEAT, Buffer.from([1, 0x40, 0, 120])),
    ended('unexpected_message')),
  secured('a record that was changed', (peer) => peer.send(latin1(record('x'.repeat(60), APPLICATION, 0x0303))),
    ended('bad_record_mac')),
  secured('a record that was sent twice', (peer) => {
    const taken: Buffer[] = [];
    const { send } = peer;
    peer.send = (...bytes) => { taken.push(...bytes); };
    peer.write(APPLICATION, latin1('GET / HTTP/1.1\r\n'));
    peer.send = send;
    peer.send(...taken, ...taken);
  }, ended('bad_record_mac')),
  secured('a record that is too long', (peer) => peer.write(APPLICATION, Buffer.alloc(18_000)),
    ended('record_overflow', 'bad_record_mac', 'illegal_parameter')),
  secured('ChangeCipherSpec inside', (peer) => peer.write(CHANGE_CIPHER, Buffer.from([1])),
    ended('unexpected_message')),
  secured('ten thousand empty records', (peer) => {
    for (let i = 0; i < 10_000; i++) peer.write(APPLICATION, Buffer.alloc(0));
  }, /^ServerHello 1\.2[^,]*, ((\w+, )?(FIN|RST)|open)$/),
  secured('close_notify', (peer) => peer.write(ALERT, CLOSE_NOTIFY),
    /^ServerHello 1\.2[^,]*, warning close_notify, FIN$/),
];

export const groups: readonly { name: string; probes: readonly Probe[] }[] = [
  { name: 'versions', probes: versions }, { name: 'cipher suites', probes: suites }, { name: 'offers', probes: offers },
  { name: 'shapes', probes: shapes }, { name: 'in the middle of TLS 1.2', probes: middle },
];
