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
import type { CompiledLog, Piece } from './log-format.js';
import { sentHead } from './request-id.js';
import type { Stream } from './stream.js';

const NEWLINE = 10;

export class AccessLogWriter {
  private readonly formatter: Formatter;
  private readonly ring: number;
  private tail: number;

  constructor(private readonly engine: Engine) {
    this.formatter = new Formatter(engine);
    this.ring = workerLogRing(engine.map, engine.worker);
    this.tail = Atomics.load(engine.i32, engine.control + Control.logTail) >>> 0;
  }

  write(stream: Stream, log: CompiledLog): void {
    const { engine, formatter } = this;
    const request = log.needsRequestHead ? sentHead(engine, stream) : 0;
    const response = log.needsResponseHead && stream.responseBuffer >= 0 ? this.responseRecord(stream) : 0;
    const { writer } = formatter;
    writer.begin(engine.text, engine.text + limits.logLineBytesMax);
    for (let i = 0; i < log.pieces.length; i++) this.piece(stream, log.pieces[i], request, response, log.omitEmpty);
    // cut: the next line still begins on its own
    if (writer.at === writer.end) engine.u8[writer.end - 1] = NEWLINE;
    this.put(log.sink, engine.text, writer.at - engine.text);
  }

  private piece(stream: Stream, piece: Piece, request: number, response: number, omitEmpty: boolean): void {
    const { formatter } = this;
    const { writer } = formatter;
    if (piece.literal !== null) formatter.write(stream, piece.literal, 0, 0);
    const { operators } = piece;
    if (piece.form === 'text') {
      for (let i = 0; i < operators.length; i++)
        if (!formatter.write(stream, operators[i], request, response) && !omitEmpty) writer.byte(45);
      return;
    }
    if (piece.form === 'number') {
      if (!formatter.write(stream, operators[0], request, response)) writer.text('null');
      return;
    }
    if (operators.length === 1) {
      writer.byte(34);
      const from = writer.at;
      if (formatter.write(stream, operators[0], request, response)) this.escape(from);
      else { writer.at = from - 1; writer.text(omitEmpty ? '""' : 'null'); return; }
      writer.byte(34);
      return;
    }
    writer.byte(34);
    const from = writer.at;
    for (let i = 0; i < operators.length; i++)
      if (!formatter.write(stream, operators[i], request, response) && !omitEmpty) writer.byte(45);
    this.escape(from);
    writer.byte(34);
  }

  /**
   * Escapes what was written since `from` for JSON, if anything needs it. Bytes above ASCII are kept: they are UTF-8
   * or the peer's business.
   */
  private escape(from: number): void {
    const { engine, formatter } = this;
    const { u8 } = engine;
    const { writer } = formatter;
    let needed = false;
    for (let i = from; i < writer.at && !needed; i++)
      needed = u8[i] < 32 || u8[i] === 34 || u8[i] === 92 || u8[i] > 126;
    if (!needed) return;
    const text = Buffer.from(u8.slice(from, writer.at)).toString('utf8');
    const escaped = Buffer.from(JSON.stringify(text).slice(1, -1), 'utf8');
    const room = Math.min(escaped.length, writer.end - from);
    u8.set(escaped.subarray(0, room), from);
    writer.at = from + room;
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
