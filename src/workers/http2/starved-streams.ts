// Streams for which no buffer was free. They end with the turn, by RST_STREAM, not under the hands of whoever sends.
import { H2Error } from '../../core/generated/layouts.js';
import { RESET_LOCAL } from '../../core/reset-reasons.js';
import type { Session } from './session.js';
import type { FramedStream } from './stream.js';

export class StarvedStreams {
  private readonly streams: FramedStream[] = [];

  constructor(private readonly session: Session) {}

  add(stream: FramedStream): void {
    if (stream.starved) return;
    stream.starved = true;
    this.streams.push(stream);
    this.session.engine.reactor.flushLater(this.session.out);
  }

  turnOver(): void {
    for (let stream = this.streams.pop(); stream !== undefined; stream = this.streams.pop()) {
      if (!stream.starved || stream.streamId === 0) continue;
      this.session.sendReset(stream.streamId, H2Error.enhanceYourCalm);
      stream.lost(RESET_LOCAL);
    }
  }
}
