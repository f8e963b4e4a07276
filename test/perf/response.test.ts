// The load generator's reading of responses, and the scale of the latency picture.
import t from 'tap';
import { newReader, readResponse } from '../../perf/load/response.js';
import { latencyPicture, nines } from '../../perf/picture.js';

const RESPONSE = 'HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello';

t.test('a response is complete at its last byte, wherever it is split', async (t) => {
  for (let at = 1; at < RESPONSE.length; at++) {
    const reader = newReader();
    const bytes = Buffer.from(RESPONSE);
    t.equal(readResponse(reader, bytes, 0, at), false, `first ${at}`);
    t.equal(readResponse(reader, bytes, at, RESPONSE.length - at), true, `rest after ${at}`);
    t.equal(reader.status, 200);
  }
});

t.test('an interim response is passed over', async (t) => {
  const reader = newReader();
  const bytes = Buffer.from(`HTTP/1.1 100 Continue\r\n\r\n${RESPONSE}`);
  t.equal(readResponse(reader, bytes, 0, bytes.length), true);
  t.equal(reader.status, 200);
});

t.test('connection: close is noticed', async (t) => {
  const reader = newReader();
  const bytes = Buffer.from('HTTP/1.1 503 No\r\nconnection: close\r\ncontent-length: 0\r\n\r\n');
  t.equal(readResponse(reader, bytes, 0, bytes.length), true);
  t.equal(reader.keepAlive, false);
});

t.test('more bytes than announced, no length, and no HTTP are errors', async (t) => {
  const read = (text: string): boolean => readResponse(newReader(), Buffer.from(text), 0, text.length);
  t.throws(() => read(`${RESPONSE}!`), /more bytes/);
  t.throws(() => read('HTTP/1.1 200 OK\r\n\r\n'), /no content-length/);
  t.throws(() => read('SSH-2.0-OpenSSH\r\n\r\n'), /not an HTTP response/);
});

t.test('each nine is one step on the percentile axis', async (t) => {
  t.equal(Math.round(nines(90) * 1000), 1000);
  t.equal(Math.round(nines(99.9) * 1000), 3000);
  t.equal(nines(100), nines(99.99));
  const picture = latencyPicture([{ title: 'a < b',
    curves: [{ name: 'x', points: [{ percentile: 50, micros: 100 }] }] }]);
  t.match(picture, /a &lt; b/);
  t.notMatch(picture, /NaN/);
});
