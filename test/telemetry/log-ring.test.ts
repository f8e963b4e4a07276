import t from 'tap';
import { limits } from '../../src/core/limits.js';
import { Control, memoryMap, workerControl, workerLogRing } from '../../src/core/memory-map.js';
import {
  LogRingReader,
  recordBytes,
  RING_WRAP,
  ringCost,
  ringFree,
  writeRecord,
} from '../../src/telemetry/log-ring.js';

const map = memoryMap(160, 2);
const memory = new SharedArrayBuffer(map.perWorker + map.perWorkerBytes + limits.logRingBytes);
const words = new Int32Array(memory);
const text = (s: string) => new TextEncoder().encode(s);

function startAt(worker: number, counter: number): LogRingReader {
  const control = workerControl(map, worker) >> 2;
  words[control + Control.logHead] = counter | 0;
  words[control + Control.logTail] = counter | 0;
  words[control + Control.logDropped] = 0;
  return new LogRingReader(memory, map, worker);
}
function drained(reader: LogRingReader): string[] {
  const lines: string[] = [];
  reader.drain((sink, bytes) => lines.push(`${sink}:${Buffer.from(bytes).toString()}`));
  return lines;
}

t.test('lines come out in order with their sinks', async (t) => {
  const reader = startAt(0, 0);
  t.ok(writeRecord(memory, map, 0, 3, text('first\n')));
  t.ok(writeRecord(memory, map, 0, 9, text('second, longer\n')));
  t.same(drained(reader), ['3:first\n', '9:second, longer\n']);
  t.equal(reader.pending(), 0);
});

t.test('workers do not share a ring', async (t) => {
  const zero = startAt(0, 0);
  const one = startAt(1, 0);
  writeRecord(memory, map, 1, 1, text('x'));
  t.same(drained(zero), []);
  t.same(drained(one), ['1:x']);
});

t.test(
  'a record that does not fit before the end starts again at 0, and the counters account for the gap',
  async (t) => {
    const reader = startAt(0, limits.logRingBytes - 24);
    writeRecord(memory, map, 0, 1, text('0123456789abcdefgh'));
    t.equal(new Uint32Array(memory)[(workerLogRing(map, 0) + limits.logRingBytes - 24) >> 2], RING_WRAP);
    t.equal(reader.pending(), 24 + recordBytes(18));
    t.same(drained(reader), ['1:0123456789abcdefgh']);
  },
);

t.test('a record that ends exactly at the end needs no marker', async (t) => {
  const reader = startAt(0, limits.logRingBytes - 24);
  writeRecord(memory, map, 0, 1, text('0123456789abcdef'));
  writeRecord(memory, map, 0, 2, text('next'));
  t.same(drained(reader), ['1:0123456789abcdef', '2:next']);
});

t.test('the counters wrap at 2^32', async (t) => {
  const reader = startAt(0, 2 ** 32 - 16);
  for (let i = 0; i < 5; i++) t.ok(writeRecord(memory, map, 0, i, text(`line ${i}`)));
  t.same(
    drained(reader),
    [0, 1, 2, 3, 4].map((i) => `${i}:line ${i}`),
  );
});

t.test('a full ring drops and counts, and takes lines again after a drain', async (t) => {
  const reader = startAt(0, 4096);
  const line = text('x'.repeat(1016));
  let written = 0;
  while (writeRecord(memory, map, 0, 1, line)) written++;
  t.equal(written, limits.logRingBytes / 1024);
  t.equal(reader.dropped(), 1);
  t.equal(ringFree(4096, 4096 + limits.logRingBytes), 0);
  let lines = 0;
  t.equal(
    reader.drain(() => {
      lines++;
    }, 10 * 1024),
    10 * 1024,
  );
  t.equal(lines, 10);
  t.ok(writeRecord(memory, map, 0, 1, line));
});

t.test('many random lengths over many turns arrive whole', async (t) => {
  const reader = startAt(0, 2 ** 32 - 3 * limits.logRingBytes);
  let seed = 7,
    sent = 0,
    received = 0,
    bad = 0;
  const random = () => (seed = (seed * 48271) % 2147483647) / 2147483647;
  for (let i = 0; i < 4000; i++) {
    const line = new Uint8Array(Math.floor(random() * 2000)).fill(sent & 255);
    if (writeRecord(memory, map, 0, sent, line)) sent++;
    if (random() < 0.05) {
      reader.drain((sink, bytes) => {
        if (sink !== received++ || bytes.some((b) => b !== (sink & 255))) bad++;
      });
    }
  }
  reader.drain((sink, bytes) => {
    if (sink !== received++ || bytes.some((b) => b !== (sink & 255))) bad++;
  });
  t.equal(received, sent);
  t.equal(bad, 0);
  t.equal(reader.corrupted, 0);
});

t.test('nonsense in the ring is skipped and counted', async (t) => {
  const reader = startAt(0, 0);
  writeRecord(memory, map, 0, 1, text('a'));
  new Uint32Array(memory)[workerLogRing(map, 0) >> 2] = 5_000_000;
  t.same(drained(reader), []);
  t.equal(reader.corrupted, 1);
  writeRecord(memory, map, 0, 1, text('b'));
  t.same(drained(reader), ['1:b']);
});

t.test('the cost of a record says what the ring must have free', async (t) => {
  t.equal(ringCost(0, 1), 16);
  t.equal(ringCost(limits.logRingBytes - 8, 1), 24);
});
