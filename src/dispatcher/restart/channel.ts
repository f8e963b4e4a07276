// One end of the connection between an old and a new process: messages in order, with their descriptors.
import { limits } from '../../core/limits.js';
import { close } from '../../os/libc.js';
import { receiveMessage, sendMessage } from '../../os/fd-passing.js';
import { watchReadable } from '../../os/watch.js';
import type { Watch } from '../../os/watch.js';

export interface ChannelEvents<In> {
  /** The descriptors belong to whoever takes the message. */
  onMessage(message: In, fds: number[]): void;
  onEnd(): void;
}

export class Channel<In extends { kind: string }, Out extends { kind: string }> {
  private readonly watch: Watch;
  private closed = false;

  constructor(private readonly fd: number, private readonly events: ChannelEvents<In>) {
    this.watch = watchReadable(fd, () => this.readable());
  }

  /** False: the other end is gone, or takes nothing. */
  send(message: Out, fds: readonly number[] = []): boolean {
    return !this.closed && sendMessage(this.fd, JSON.stringify(message), fds);
  }

  /** Nothing is told after this. */
  close(): void {
    if (this.closed) return;
    this.closed = true;
    this.watch.close();
    close(this.fd);
  }

  unref(): void { this.watch.unref(); }

  private readable(): void {
    for (let n = 0; n < limits.restartMessagesPerTurnMax && !this.closed; n++) {
      const received = receiveMessage(this.fd);
      if (received === 'none') return;
      const message = received === 'ended' ? null : parse<In>(received.text);
      if (message === null || received === 'ended') {
        if (received !== 'ended') for (const fd of received.fds) close(fd);
        this.close();
        this.events.onEnd();
        return;
      }
      this.events.onMessage(message, received.fds);
    }
  }
}

/** Null when it is not a message: the other end is not what it should be. */
function parse<In extends { kind: string }>(text: string): In | null {
  try {
    const value = JSON.parse(text) as In;
    return typeof value === 'object' && value !== null && typeof value.kind === 'string' ? value : null;
  } catch {
    return null;
  }
}
