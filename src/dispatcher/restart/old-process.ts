// The side of a restart that runs already: listens for its successor, hands over its listening sockets, and drains when
// the successor serves. A successor that goes away before that changes nothing.
import { unlinkSync } from 'node:fs';
import { errorText } from '../../core/errors.js';
import type { Log } from '../../core/log.js';
import { acceptFrom, FDS_PER_MESSAGE_MAX, listenAt, peerUser } from '../../os/fd-passing.js';
import { close } from '../../os/libc.js';
import { watchReadable } from '../../os/watch.js';
import type { Watch } from '../../os/watch.js';
import type { Address } from '../../config/types.js';
import { Channel } from './channel.js';
import { RESTART_VERSION } from './messages.js';
import type { FromNew, FromOld } from './messages.js';

export interface BoundSockets { key: string; address: Address; reusePort: boolean; fds: readonly number[] }

export interface OldProcessOptions {
  path: string;
  mode: number;
  epoch: number;
  log: Log;
  sockets(): BoundSockets[];
  connections(): number;
  closeAdmin(): Promise<void>;
  /** The successor went away before it served. */
  openAdmin(): Promise<void>;
  /** The successor serves: nothing more is accepted, what is open ends by itself. */
  drain(): void;
  terminate(): void;
}

type Connection = Channel<FromNew, FromOld>;

export class OldProcess {
  private readonly fd: number;
  private readonly watch: Watch;
  private successor: Connection | null = null;
  private greeted = false;
  private adminClosed = false;
  private drained = false;

  /** Throws SystemCallError: another process has the name (--base-id). */
  constructor(private readonly options: OldProcessOptions) {
    this.fd = listenAt(options.path, options.mode);
    this.watch = watchReadable(this.fd, () => this.accept());
    this.watch.unref();
  }

  close(): void {
    this.watch.close();
    close(this.fd);
    this.successor?.close();
    const { path } = this.options;
    if (path.startsWith('@')) return;
    try {
      unlinkSync(path);
    } catch { /* somebody removed it */ }
  }

  private accept(): void {
    const fd = acceptFrom(this.fd);
    if (fd < 0) return;
    const user = peerUser(fd);
    if (user !== process.getuid!() || this.successor !== null) {
      this.options.log.warn(`a successor was refused: ${this.successor !== null ? 'there is one' : `user ${user}`}`);
      close(fd);
      return;
    }
    this.greeted = false;
    this.successor = new Channel(fd, {
      onMessage: (message, fds) => {
        for (const passed of fds) close(passed);              // nobody sends us any
        void this.take(message).catch((error: unknown) => this.options.log.error(errorText(error)));
      },
      onEnd: () => this.ended(),
    });
    this.successor.unref();
  }

  private ended(): void {
    this.successor = null;
    if (this.drained) return;
    this.options.log.warn('the successor ended before it served; this process goes on');
    if (!this.adminClosed) return;
    this.adminClosed = false;
    void this.options.openAdmin().catch((error: unknown) => this.options.log.error(errorText(error)));
  }

  private async take(message: FromNew): Promise<void> {
    const { options } = this;
    const successor = this.successor!;
    if (message.kind !== 'hello' && !this.greeted) { successor.close(); this.ended(); return; }
    switch (message.kind) {
      case 'hello':
        if (message.version !== RESTART_VERSION || message.epoch !== options.epoch + 1) {
          options.log.warn(`a successor of version ${message.version} and epoch ${message.epoch} was refused`);
          successor.close();
          this.successor = null;
          return;
        }
        this.greeted = true;
        successor.send({ kind: 'hello', version: RESTART_VERSION, epoch: options.epoch, pid: process.pid });
        break;
      case 'sockets': this.sendSockets(successor); break;
      case 'closeAdmin':
        this.adminClosed = true;
        await options.closeAdmin();
        successor.send({ kind: 'adminClosed' });
        break;
      case 'drain':
        this.drained = true;
        options.log.info(`epoch ${options.epoch + 1} serves, this process drains`);
        options.drain();
        break;
      case 'connections': successor.send({ kind: 'connections', count: options.connections() }); break;
      case 'terminate': options.terminate(); break;
    }
  }

  private sendSockets(successor: Connection): void {
    for (const { key, address, reusePort, fds } of this.options.sockets()) {
      for (let from = 0; from < fds.length; from += FDS_PER_MESSAGE_MAX)
        successor.send({ kind: 'socket', key, address, reusePort }, fds.slice(from, from + FDS_PER_MESSAGE_MAX));
    }
    successor.send({ kind: 'socketsEnd' });
  }
}
