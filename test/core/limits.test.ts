// The relations between limits that code relies on: what must fit into what, what must be a power of two, what must be
// reached before what. A limit that is changed alone fails here, with the reason.
import t from 'tap';
import type { Test } from 'tap';
import { limits } from '../../src/core/limits.js';
import { Control, EndpointShare, Shared } from '../../src/core/memory-map.js';

const isPowerOfTwo = (value: number) => value > 0 && (value & (value - 1)) === 0;
/** A relation with its reason; `sum` is what must not exceed `bound`. */
const fits = (t: Test, sum: number, bound: number, reason: string) =>
  t.ok(sum <= bound, `${reason}: ${sum} <= ${bound}`);

t.test('every limit is a positive whole number', async (t) => {
  for (const [name, value] of Object.entries(limits)) {
    t.ok(Number.isSafeInteger(value) && value > 0, `${name} = ${value}`);
  }
});

t.test('defaults lie within what may be configured', async (t) => {
  fits(t, limits.requestHeadBytesDefault, limits.requestHeadBytesMax, 'head bytes');
  fits(t, limits.headersCountDefault, limits.headersCountMax, 'header lines');
  fits(t, limits.memoryMiBMin, limits.memoryFixedMiB, 'the least memory is not above the default');
  fits(t, limits.memoryFixedMiB + limits.memoryPerWorkerMiB, limits.memoryMiBMax, 'one worker by default');
  fits(t, limits.memoryMiBMax * 1024 * 1024, 0x7fffffff, 'offsets are positive 32-bit integers');
});

t.test('buffers', async (t) => {
  t.ok(limits.bufferSmallBytes < limits.bufferMediumBytes && limits.bufferMediumBytes < limits.bufferLargeBytes,
    'small < medium < large');
  for (const bytes of [limits.bufferSmallBytes, limits.bufferMediumBytes, limits.bufferLargeBytes]) {
    t.equal(bytes % 4096, 0, 'whole pages, so that each begins on one');
  }
  fits(t, limits.requestHeadBytesMax + limits.addedHeadBytesMax, limits.bufferLargeBytes,
    'the longest head with everything that is added to it');
  fits(t, limits.receiveBytesMax, limits.bufferLargeBytes, 'one receive');
  fits(t, limits.pipelinedBytesMax + limits.receiveBytesMax, limits.bufferLargeBytes,
    'what waits, and the receive that was under way when reading paused');
  fits(t, limits.trailerBytesMax, limits.bufferMediumBytes, 'trailers are collected whole');
  fits(t, limits.chunkLineBytesMax, limits.bufferSmallBytes, 'a chunk-size line');
});

t.test('tables of hashes', async (t) => {
  fits(t, limits.hashTableEntriesMax, (1 << 21) - 1, 'remainders of hashes are exact below 2^21');
});

t.test('rings are powers of two, for their positions wrap by masking', async (t) => {
  t.ok(isPowerOfTwo(limits.dealtRingEntries), 'dealtRingEntries');
  t.ok(isPowerOfTwo(limits.logRingBytes), 'logRingBytes');
  fits(t, limits.logLineBytesMax * 4, limits.logRingBytes, 'a ring holds several of the longest lines');
});

t.test('back-pressure', async (t) => {
  fits(t, limits.sendPiecesHighWatermark + 1, limits.sendQueueEntriesMax, 'the source pauses before the queue is full');
  fits(t, limits.sendQueueEntriesMax, limits.sendNodesMax, 'one socket cannot ask for more nodes than there are');
  fits(t, limits.sendGatherBytesMax, limits.sendHighWatermarkBytes, 'gathering ends before the source pauses');
  fits(t, limits.receiveBytesMax, limits.sendHighWatermarkBytes, 'one receive is never over the mark by itself');
  fits(t, limits.sendVectorsMax, limits.sendQueueEntriesMax, 'pieces of one call');
});

t.test('log sinks and telemetry', async (t) => {
  fits(t, limits.logSinkPieceBytes, limits.logSinkQueueBytes, 'one write is part of the queue');
  fits(t, limits.logLineBytesMax, limits.logSinkPieceBytes, 'a line goes into one write');
  t.ok(limits.logPumpBusyIntervalMs < limits.logPumpIntervalMs, 'busy rings are looked at more often');
});

t.test('times', async (t) => {
  t.ok(limits.receiveRetryMs < limits.pollWaitMsMax && limits.acceptRetryMs < limits.pollWaitMsMax,
    'retries are not later than the longest wait');
  t.ok(limits.subscriptionSettleMs < limits.subscriptionPollMs, 'a burst settles before the next poll');
});

t.test('indexes fit the types that hold them', async (t) => {
  fits(t, limits.workersMax + 1, 0x7fff, 'fd owners are Int16: worker + 1');
  fits(t, limits.headersCountMax, 0xffff, 'Head.known holds u16 line numbers');
  fits(t, limits.requestHeadBytesMax, 0xffff, 'a header line holds the length of its name in 16 bits');
  t.equal(Control.bytes % 64, 0, 'control blocks of two workers share no cache line');
  t.equal(Shared.bytes % 64, 0, 'nor with the shared one');
  t.equal(EndpointShare.bytes % 4, 0, 'endpoint shares are Int32 words');
});
