// A header block that comes in several frames (RFC 9113 4.3): HEADERS, then CONTINUATION of the same stream and nothing
// else until END_HEADERS. One that comes whole is decoded where it lies and never gets here.
import { limits } from '../../core/limits.js';
import { Held } from '../connection/held.js';
import type { Engine } from '../engine.js';

export class HeaderBlock {
  /** The stream whose block is not complete; 0 = there is none. */
  stream = 0;
  endsStream = false;
  /** Frames after the first. */
  private frames = 0;
  private readonly held: Held;

  constructor(engine: Engine) { this.held = new Held(engine); }

  /** False: it has become longer, or came in more frames, than anybody needs; or no buffer is free. */
  begin(stream: number, endsStream: boolean, at: number, bytes: number): boolean {
    this.stream = stream;
    this.endsStream = endsStream;
    this.frames = 0;
    return this.held.keep(at, bytes);
  }

  /** As begin, with what follows. */
  append(at: number, bytes: number): boolean {
    if (++this.frames > limits.continuationFramesMax) return false;
    if (bytes === 0) return true;
    return this.held.bytes === 0 ? this.held.keep(at, bytes) : this.held.append(at, bytes) === bytes;
  }

  get at(): number { return this.held.at; }
  get bytes(): number { return this.held.bytes; }

  drop(): void {
    this.stream = 0;
    this.held.drop();
  }
}
