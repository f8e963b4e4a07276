// What a connection speaks, by its first bytes: every prefix of each protocol's beginning leads to the same answer.
import t from 'tap';
import { recognise } from '../../../src/protocols/recognise.js';
import { boltFrame } from '../../support/bolt.js';
import { hessianCall } from './dubbo-frames.js';

const PREFACE = 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n';
const told = (bytes: Buffer): string => {
  const found = recognise(bytes, 0, bytes.length, []);
  return typeof found === 'string' ? found : found.name;
};

const beginnings: [name: string, bytes: Buffer | string, after: number][] = [
  ['http2', PREFACE, 24], ['bolt', boltFrame({ id: 1 }), 3], ['bolt', boltFrame({ proto: 2, id: 1 }), 4],
  ['bolt', boltFrame({ id: 1, command: 0 }), 3], ['dubbo', hessianCall(), 2], ['example', 'WXP1\x01', 4],
  ['http1', 'GET / HTTP/1.1\r\n', 5], ['http1', 'PRI / HTTP/1.1\r\n', 5], ['http1', 'PRI * HTTP/1.1\r\n', 12],
  ['http1', 'OPTIONS * HTTP/1.1', 9], ['http1', 'GET http://a/ HTTP/1.1', 11], ['http1', 'CONNECT a:443', 9],
  ['http1', 'VERSION-CONTROL http://a', 23], ['unknown', '\x16\x03\x01', 1], ['unknown', 'HELO me', 6],
  ['unknown', 'GET\r\n', 4], ['unknown', ' GET /', 1], ['unknown', 'get / HTTP/1.1', 1], ['unknown', '*1\r\n', 1],
  ['unknown', 'ABCDEFGHIJKLMNOPQRSTUVWXYZ', 24], ['unknown', '\x02\x09', 2], ['unknown', '\x01\x03', 2],
  ['unknown', '\x01\x01\x01', 3], ['unknown', '\xda\xbc', 2], ['unknown', 'CONNECT \r\n', 9],
];
for (const [name, begins, after] of beginnings) {
  const bytes = typeof begins === 'string' ? Buffer.from(begins, 'latin1') : begins;
  t.test(`${name}: ${JSON.stringify(bytes.subarray(0, 24).toString('latin1'))}`, async (t) => {
    for (let n = 0; n <= bytes.length; n++)
      t.equal(told(bytes.subarray(0, n)), n < after ? 'more' : name, `${n} bytes`);
  });
}

t.test('24 bytes always decide', async (t) => {
  for (let first = 0; first < 256; first++)
    for (const rest of [0, 1, 32, 65, 255])
      t.not(told(Buffer.from([first, ...new Array<number>(23).fill(rest)])), 'more');
});
