// The side of a restart that starts: takes the listening sockets of its predecessor, and tells it when to drain and
// when to end. Every answer is waited for a bounded time; a predecessor that does not answer ends the start, so that
// the old process goes on serving.
import { StartError, errorText } from '../../core/errors.js';
import { limits } from '../../core/limits.js';
import type { Log } from '../../core/log.js';
import { connectAt, peerUser } from '../../os/fd-passing.js';
import { close } from '../../os/libc.js';
import { Channel } from './channel.js';
import { RESTART_VERSION } from './messages.js';
import type { FromNew, FromOld } from './messages.js';

const POLL_MS = 1000;

export class NewProcess {
  /** Connections of the predecessor, as it last said. */
  parentConnections = 0;
  private readonly channel: Channel<FromOld, FromNew>;
  private readonly inherited = new Map<string, { reusePort: boolean; fds: number[] }>();
  private waiting: { kind: FromOld['kind']; resolve(): void } | null = null;
  private gone = false;
  private timer: NodeJS.Timeout | null = null;
  private onGone: () => void = () => undefined;

  private constructor(fd: number) {
    this.channel = new Channel(fd, { onMessage: (message, fds) => this.take(message, fds), onEnd: () => this.ended() });
  }

  /** Greets the process of epoch - 1. Throws StartError. */
  static async connect(path: string, epoch: number, log: Log): Promise<NewProcess> {
    let fd: number;
    try {
      fd = connectAt(path);
    } catch (error) {
      throw new StartError([`weft: --restart-epoch ${epoch}: no process of epoch ${epoch - 1}: ${errorText(error)}`]);
    }
    if (peerUser(fd) !== process.getuid!()) {
      close(fd);
      throw new StartError([`weft: --restart-epoch ${epoch}: ${path} belongs to another user`]);
    }
    const parent = new NewProcess(fd);
    await parent.ask({ kind: 'hello', version: RESTART_VERSION, epoch }, 'hello');
    await parent.ask({ kind: 'sockets' }, 'socketsEnd');
    log.info(`took ${[...parent.inherited.values()].reduce((sum, { fds }) => sum + fds.length, 0)} listening sockets ` +
      `from epoch ${epoch - 1}`);
    return parent;
  }

  /** The sockets of an address; whoever calls owns them. Null: the predecessor has none. */
  takeSockets(key: string): { fds: number[]; reusePort: boolean } | null {
    const found = this.inherited.get(key);
    this.inherited.delete(key);
    return found ?? null;
  }

  /** Closes what nobody has taken. */
  dropUnused(): void {
    for (const { fds } of this.inherited.values()) for (const fd of fds) close(fd);
    this.inherited.clear();
  }

  /** The predecessor gives up the admin address. */
  closeAdmin(): Promise<void> { return this.ask({ kind: 'closeAdmin' }, 'adminClosed'); }

  /** This process serves. `onGone` is called once when the predecessor has ended. */
  serving(parentShutdownMs: number, onGone: () => void): void {
    this.onGone = onGone;
    this.channel.send({ kind: 'drain' });
    if (this.gone) { onGone(); return; }
    const endMs = performance.now() + parentShutdownMs;
    this.channel.unref();
    this.timer = setInterval(() => {
      this.channel.send(performance.now() < endMs ? { kind: 'connections' } : { kind: 'terminate' });
    }, POLL_MS).unref();
  }

  close(): void {
    if (this.timer !== null) clearInterval(this.timer);
    this.channel.close();
    this.dropUnused();
  }

  private take(message: FromOld, fds: number[]): void {
    if (message.kind === 'socket') {
      const known = this.inherited.get(message.key);
      if (known !== undefined) known.fds.push(...fds);
      else this.inherited.set(message.key, { reusePort: message.reusePort, fds });
      return;
    }
    for (const fd of fds) close(fd);
    if (message.kind === 'connections') this.parentConnections = message.count;
    if (this.waiting?.kind === message.kind) this.waiting.resolve();
  }

  private ended(): void {
    this.gone = true;
    this.parentConnections = 0;
    if (this.timer !== null) clearInterval(this.timer);
    this.waiting?.resolve();
    this.onGone();
  }

  private async ask(question: FromNew, answer: FromOld['kind']): Promise<void> {
    let timer: NodeJS.Timeout | null = null;
    const answered = await new Promise<boolean>((resolve) => {
      timer = setTimeout(() => resolve(false), limits.restartAnswerMs);
      this.waiting = { kind: answer, resolve: () => resolve(!this.gone) };
      if (this.gone || !this.channel.send(question)) resolve(false);
    });
    if (timer !== null) clearTimeout(timer);
    this.waiting = null;
    if (!answered) throw new StartError([`weft: the running process did not answer '${question.kind}'`]);
  }
}
