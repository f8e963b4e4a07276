// What a server may write on a connection, checked from all of its bytes at once (RFC 9113 3.4, 4.3, 5.1): whole
// frames, SETTINGS first, header blocks that decode in step, no stream heard of after its end.
import { H2Scope, H2Type } from '../../../src/core/generated/layouts.js';
import { referenceFrame, type JudgedFrame } from './reference-frame.js';
import { ReferenceTable } from './reference-hpack.js';
import { referenceSection } from './reference-section.js';

const ACK = 1, END_STREAM = 1, END_HEADERS = 4;
const FRAME_MAX = 16384;
const LIMITS = { textMax: 1 << 20, listBytesMax: 1 << 20, countMax: 1000 };
type Frame = JudgedFrame & { type: number; flags: number; streamId: number; payload: string };

/** Null, or the first fault. A frame that was cut off by the end is none. */
export function referenceConnection(bytes: Buffer, tableBytes: number): string | null {
  return new ServerWords(tableBytes).fault(bytes);
}

class ServerWords {
  private readonly table: ReferenceTable;
  /** Streams by what was heard of them last. */
  private readonly streams = new Map<number, 'head' | 'ended'>();
  private block = Buffer.alloc(0);
  /** The stream whose header block is not complete, and whether it ends with it. */
  private open = 0;
  private endsStream = false;
  private gone = false;

  constructor(private readonly tableBytes: number) {
    this.table = new ReferenceTable(tableBytes);
  }

  fault(bytes: Buffer): string | null {
    for (let at = 0, count = 0; at < bytes.length; count++) {
      const piece = bytes.subarray(at);
      const frame = referenceFrame(piece, FRAME_MAX) as Frame;
      if (frame.result < 0) return null;
      if (frame.result === 0 || frame.code !== 0)
        return `frame ${count} is bad: ${piece.subarray(0, 20).toString('hex')}`;
      if (frame.type === H2Type.data && 9 + piece.readUIntBE(0, 3) > piece.length) return null;
      const fault = count === 0 && (frame.type !== H2Type.settings || (frame.flags & ACK) !== 0)
        ? 'SETTINGS do not come first' : this.frame(frame);
      if (fault !== null) return `frame ${count}, type ${frame.type}, stream ${frame.streamId}: ${fault}`;
      at += frame.result;
    }
    return null;
  }

  private frame(frame: Frame): string | null {
    if (this.gone) return 'after GOAWAY with an error';
    const { type, streamId } = frame;
    if (this.open !== 0 && (type !== H2Type.continuation || streamId !== this.open)) return 'inside a header block';
    switch (type) {
      case H2Type.headers:
        this.endsStream = (frame.flags & END_STREAM) !== 0;
        this.block = Buffer.alloc(0);
        return this.headers(frame);
      case H2Type.continuation: return this.open === 0 ? 'without HEADERS' : this.headers(frame);
      case H2Type.data:
        if (this.streams.get(streamId) !== 'head') return `stream is ${this.streams.get(streamId)}`;
        if ((frame.flags & END_STREAM) !== 0) this.streams.set(streamId, 'ended');
        return null;
      case H2Type.rstStream:
        this.streams.set(streamId, 'ended');
        return null;
      case H2Type.settings:
        // The acknowledgement of ours: the encoder may use what they allow from now on.
        if ((frame.flags & ACK) !== 0) this.table.resize(this.tableBytes);
        return null;
      case H2Type.goaway:
        this.gone = (frame as unknown as { value: number }).value !== 0;
        return null;
      case H2Type.pushPromise: return 'pushed';
      default: return null;
    }
  }

  private headers(frame: Frame): string | null {
    const { streamId } = frame;
    if (streamId % 2 === 0) return 'a stream that no client opens';
    if (this.streams.get(streamId) === 'ended') return 'the stream has ended';
    this.block = Buffer.concat([this.block, Buffer.from(frame.payload, 'latin1')]);
    this.open = (frame.flags & END_HEADERS) === 0 ? streamId : 0;
    if (this.open !== 0) return null;
    const trailers = this.streams.get(streamId) === 'head';
    const section = referenceSection(trailers ? 'trailers' : 'response', this.block, this.table, LIMITS, {});
    if (section.reason !== 'none') return `${section.reason}: ${this.block.toString('hex')}`;
    if (section.scope === H2Scope.connection) return 'out of step';
    if (trailers && !this.endsStream) return 'trailers that do not end the stream';
    if (section.status >= 200 || trailers) this.streams.set(streamId, this.endsStream ? 'ended' : 'head');
    return null;
  }
}
