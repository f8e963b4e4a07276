// A user during reloads and restarts: request after request on one connection, or each on a new one. Every answer is
// checked to its last byte. Nothing is tried again but what was never begun.
import { connect, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

const ANSWER_MS = 10_000;
/** Every so many requests one takes this long, so that some are always under way. */
const SLOW_EACH = 10, SLOW_MS = 150;

export class Tally {
  answered = 0;
  connections = 0;
  /** Connections that the proxy asked to leave, or closed between two requests. */
  left = 0;
  readonly failures: string[] = [];
  readonly milliseconds: number[] = [];
}

export class Client {
  stopped = false;
  private socket: Socket | null = null;
  private text = '';
  private change: () => void = () => undefined;

  constructor(private readonly port: number, private readonly keeps: boolean, private readonly host: string,
    private readonly pauseMs: number, private readonly tally: Tally, private readonly startMs: number) {}

  async run(): Promise<void> {
    for (let turn = 0; !this.stopped; turn++) {
      const fault = await this.once(turn).catch((error: Error) => error.message);
      if (fault !== null) {
        const seconds = ((performance.now() - this.startMs) / 1000).toFixed(2);
        this.tally.failures.push(`${seconds} s, ${this.keeps ? 'kept' : 'new'} connection, ${this.host}: ${fault}`);
        this.drop();
      }
      await sleep(this.pauseMs * Math.random() * 2);
    }
    this.drop();
  }

  /** Null, or what went wrong. */
  private async once(turn: number): Promise<string | null> {
    const beganMs = performance.now();
    if (this.socket === null) await this.open();
    const mark = `${turn}-${Math.random().toString(36).slice(2)}-sample`;
    this.text = '';
    const slow = turn % SLOW_EACH === SLOW_EACH - 1;
    const path = slow ? `/wait/${SLOW_MS}/${mark}` : `/bytes/${mark.length}/${mark}`;
    this.socket!.write(`GET ${path} HTTP/1.1\r\nhost: ${this.host}\r\n\r\n`);
    const end = await this.until(() => this.text.includes('\r\n\r\n'));
    if (end !== null) return `${end} before an answer`;
    const at = this.text.indexOf('\r\n\r\n') + 4;
    const head = this.text.slice(0, at);
    const bytes = Number(/^content-length: (\d+)/im.exec(head)?.[1] ?? -1);
    const cut = await this.until(() => this.text.length >= at + bytes);
    if (cut !== null) return `${cut} within an answer`;
    if (!head.startsWith('HTTP/1.1 200 ') || this.text.slice(at) !== (slow ? mark.slice(0, 8) : mark))
      return `${head.slice(0, head.indexOf('\r'))} ${JSON.stringify(this.text.slice(at, at + 100))}`;
    this.tally.answered++;
    this.tally.milliseconds.push(performance.now() - beganMs - (slow ? SLOW_MS : 0));
    if (this.keeps && /^connection: close/im.test(head)) this.tally.left++;
    if (!this.keeps || /^connection: close/im.test(head)) this.drop();
    return null;
  }

  private async open(): Promise<void> {
    const socket = connect({ port: this.port, host: '127.0.0.1', noDelay: true });
    this.tally.connections++;
    await new Promise<void>((resolve, reject) => { socket.once('connect', resolve).once('error', reject); });
    this.socket = socket;
    socket.on('data', (data) => { this.text += data.toString('latin1'); this.change(); });
    socket.on('error', () => undefined);            // 'close' follows
    for (const event of ['end', 'close']) socket.on(event, () => {
      if (this.socket !== socket) return;
      this.tally.left++;
      this.drop();
      this.change();
    });
  }

  private drop(): void {
    this.socket?.destroy();
    this.socket = null;
  }

  /** Null when the condition holds, or how the connection ended instead. */
  private until(holds: () => boolean): Promise<string | null> {
    if (holds()) return Promise.resolve(null);
    return new Promise((resolve) => {
      const done = (fault: string | null): void => {
        clearTimeout(timer);
        this.change = () => undefined;
        resolve(fault);
      };
      const timer = setTimeout(() => done(`nothing for ${ANSWER_MS / 1000} s`), ANSWER_MS);
      this.change = () => { if (holds()) done(null); else if (this.socket === null) done('the connection ended'); };
    });
  }
}
