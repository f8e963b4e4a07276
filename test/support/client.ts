// A client that sends exact bytes and looks at exact bytes.
import { connect, type Socket } from 'node:net';
import { HANG_MS } from './hang.js';
import { parseMessage, type Message } from './message.js';

export class RawClient {
  received = '';
  ended = false; // the peer's FIN
  closed = false;
  error: NodeJS.ErrnoException | null = null;
  private taken = 0;
  private waiters: (() => void)[] = [];

  private constructor(readonly socket: Socket) {
    socket.on('data', (data) => {
      this.received += data.toString('latin1');
      this.wake();
    });
    socket.on('end', () => {
      this.ended = true;
      this.wake();
    });
    socket.on('error', (error) => {
      this.error = error;
      this.wake();
    });
    socket.on('close', () => {
      this.closed = true;
      this.wake();
    });
  }

  static open(port: number, allowHalfOpen = true, host = '127.0.0.1', localAddress?: string): Promise<RawClient> {
    return new Promise((resolve, reject) => {
      const socket = connect({ port, host, localAddress, allowHalfOpen, noDelay: true }, () => {
        socket.off('error', reject);
        resolve(new RawClient(socket));
      });
      socket.once('error', reject);
    });
  }

  send(bytes: string | Uint8Array): void {
    this.socket.write(typeof bytes === 'string' ? Buffer.from(bytes, 'latin1') : bytes);
  }
  halfClose(): void {
    this.socket.end();
  }
  close(): void {
    this.socket.destroy();
  }
  reset(): void {
    this.socket.resetAndDestroy();
  }
  pauseReading(): void {
    this.socket.pause();
  }
  resumeReading(): void {
    this.socket.resume();
  }

  /** What has arrived and has not been taken. */
  get rest(): string {
    return this.received.slice(this.taken);
  }
  take(bytes: number): string {
    const text = this.rest.slice(0, bytes);
    this.taken += bytes;
    return text;
  }

  /**
   * The next response; `noBody` for answers to HEAD. Throws after `timeoutMs`, or when the connection ends before
   * it is complete.
   */
  async response(noBody = false, timeoutMs = HANG_MS): Promise<Message> {
    let message: Message | null = null;
    await this.until(
      () => {
        message = parseMessage(this.rest, 'response', noBody, this.ended || this.closed);
        return (message !== null && message.complete) || this.ended || this.closed;
      },
      timeoutMs,
      'a response',
    );
    const found = message as Message | null;
    if (found === null)
      throw new Error(
        `the connection ended before a response: ${JSON.stringify(this.rest.slice(0, 200))} ${this.error?.code ?? ''}`,
      );
    this.taken += found.bytes;
    return found;
  }

  async until(condition: () => boolean, timeoutMs = HANG_MS, what = 'a condition'): Promise<void> {
    const limit = performance.now() + timeoutMs;
    while (!condition()) {
      const left = limit - performance.now();
      if (left <= 0)
        throw new Error(`waited ${timeoutMs} ms for ${what}; received ${JSON.stringify(this.rest.slice(0, 300))}`);
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, left);
        this.waiters.push(() => {
          clearTimeout(timer);
          resolve();
        });
      });
    }
  }
  /** Waits for the peer to end the connection, orderly or not. */
  async end(timeoutMs = HANG_MS): Promise<void> {
    await this.until(() => this.ended || this.closed, timeoutMs, 'the end of the connection');
  }

  private wake(): void {
    const waiters = this.waiters;
    this.waiters = [];
    for (const waiter of waiters) waiter();
  }
}

/** One exchange on a connection of its own. */
export async function exchange(port: number, bytes: string, noBody = false): Promise<Message> {
  const client = await RawClient.open(port);
  try {
    client.send(bytes);
    return await client.response(noBody);
  } finally {
    client.close();
  }
}
