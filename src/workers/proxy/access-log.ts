// Writes one line per ended stream into this worker's ring in shared memory (telemetry/log-ring.ts); main writes the
// files. A full ring drops the line and counts it. Request values are read from the head as it was sent upstream,
// decoded again from the stream's head buffer.
import { limits } from '../../core/limits.js';
import { Control, workerLogRing } from '../../core/memory-map.js';
import { RECORD_HEADER_BYTES, RING_WRAP, recordBytes, ringCost, ringFree } from '../../telemetry/log-ring.js';
import { WorkerStat } from '../../telemetry/schema.js';
import { DECODE_LOWER_CASE } from '../codecs.js';
import type { Engine } from '../engine.js';
import { Formatter } from './formatter.js';
import type { LogType } from './log-filter.js';
import type { CompiledLog } from './log-format.js';
import { LogLine } from './log-line.js';
import { sentHead } from './request-id.js';
import type { Stream } from './stream.js';

const NEWLINE = 10;

export class AccessLogWriter {
  private readonly formatter: Formatter;
  private readonly line: LogLine;
  private readonly ring: number;
  private tail: number;

  constructor(private readonly engine: Engine) {
    this.formatter = new Formatter(engine);
    this.line = new LogLine(engine, this.formatter);
    this.ring = workerLogRing(engine.map, engine.worker);
    this.tail = Atomics.load(engine.i32, engine.control + Control.logTail) >>> 0;
  }

  write(stream: Stream, log: CompiledLog, logType: LogType): void {
    const { engine, formatter } = this;
    formatter.values.logType = logType;
    const heads = log.filter !== null && log.filter.needsHeads;
    const request = log.needsRequestHead || heads ? sentHead(engine, stream) : 0;
    const response = (log.needsResponseHead || heads) && stream.responseBuffer >= 0 ? this.responseRecord(stream) : 0;
    if (log.filter !== null && !log.filter.admits(stream, logType, request, response)) return;
    const { writer } = formatter;
    writer.begin(engine.text, engine.text + limits.logLineBytesMax);
    this.line.write(stream, log, request, response);
    // cut: the next line still begins on its own
    if (writer.at === writer.end) engine.u8[writer.end - 1] = NEWLINE;
    this.put(log.sink, engine.text, writer.at - engine.text);
  }

  private responseRecord(stream: Stream): number {
    const { engine } = this;
    const used = engine.codecs.h1DecodeResponse(stream.responseAt, stream.responseEnd, engine.responseRecord,
      DECODE_LOWER_CASE, limits.bufferLargeBytes, limits.headersCountMax);
    return used > 0 ? engine.responseRecord : 0;
  }

  private put(sink: number, at: number, bytes: number): void {
    const { engine } = this;
    const { i32 } = engine;
    const head = Atomics.load(i32, engine.control + Control.logHead) >>> 0;
    if (ringCost(this.tail, bytes) > ringFree(head, this.tail)) {
      Atomics.add(i32, engine.control + Control.logDropped, 1);
      engine.count(engine.statsBase, WorkerStat.access_log_dropped);
      return;
    }
    const size = limits.logRingBytes;
    let position = this.tail & (size - 1);
    if (recordBytes(bytes) > size - position) {
      i32[(this.ring + position) >> 2] = RING_WRAP | 0;
      this.tail = (this.tail + size - position) >>> 0;
      position = 0;
    }
    const record = this.ring + position;
    i32[record >> 2] = bytes;
    i32[(record >> 2) + 1] = sink;
    engine.codecs.copyExact(record + RECORD_HEADER_BYTES, at, bytes);
    this.tail = (this.tail + recordBytes(bytes)) >>> 0;
    Atomics.store(i32, engine.control + Control.logTail, this.tail | 0);
    engine.count(engine.statsBase, WorkerStat.access_log_written);
  }
}
