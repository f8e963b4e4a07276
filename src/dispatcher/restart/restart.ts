// Restarts of the binary without a refused connection: this process takes over from the one of the epoch before, and
// may be taken over from by the next. Off unless a flag asks for it, so that two proxies on a host never meet by
// accident.
import { writeFileSync } from 'node:fs';
import { StartError, errorText } from '../../core/errors.js';
import { randomSeed } from '../../core/ids.js';
import type { Log } from '../../core/log.js';
import { EADDRINUSE, SystemCallError } from '../../os/errno.js';
import { RESTART_VERSION, restartPath } from './messages.js';
import { NewProcess } from './new-process.js';
import { OldProcess } from './old-process.js';
import type { OldProcessOptions } from './old-process.js';

/** The flags that concern restarts. */
export interface RestartFlags {
  hotRestart: boolean; disableHotRestart: boolean; skipHotRestartOnNoParent: boolean;
  restartEpoch: number; baseId: number; dynamicBaseId: boolean; baseIdPath: string | null;
  socketPath: string; socketMode: number; parentShutdownTimeMs: number;
}

export type RestartTarget = Pick<OldProcessOptions,
  'sockets' | 'connections' | 'closeAdmin' | 'openAdmin' | 'drain' | 'terminate'>;

const DYNAMIC_TRIES = 16;

/** What --hot-restart-version and the admin server print: processes with equal texts can follow each other. */
export const restartVersion = (flags: RestartFlags): string =>
  flags.disableHotRestart ? 'disabled' : `weft.${RESTART_VERSION}`;

export class Restart {
  private parent: NewProcess | null = null;
  private own: OldProcess | null = null;
  baseId: number;

  private constructor(private readonly flags: RestartFlags, private readonly log: Log) { this.baseId = flags.baseId; }

  /** Takes over sockets from a predecessor, if there is one, and waits for a successor. Throws StartError. */
  static async begin(flags: RestartFlags, target: RestartTarget, log: Log): Promise<Restart> {
    const restart = new Restart(flags, log);
    if (!flags.hotRestart || flags.disableHotRestart) return restart;
    if (flags.restartEpoch > 0) await restart.connect();
    restart.listen(target);
    if (flags.baseIdPath !== null) writeFileSync(flags.baseIdPath, String(restart.baseId));
    return restart;
  }

  /** Connections that the predecessor still has. */
  get parentConnections(): number { return this.parent?.parentConnections ?? 0; }

  /** Listening sockets of an address that the predecessor had. */
  takeSockets(key: string): { fds: number[]; reusePort: boolean } | null {
    return this.parent?.takeSockets(key) ?? null;
  }

  /** Before the admin address is bound. */
  async closeParentAdmin(): Promise<void> { await this.parent?.closeAdmin(); }

  /** All workers serve: the predecessor may go. */
  serving(): void {
    const { parent } = this;
    if (parent === null) return;
    parent.dropUnused();
    parent.serving(this.flags.parentShutdownTimeMs, () => {
      this.log.info(`the process of epoch ${this.flags.restartEpoch - 1} has ended`);
      parent.close();
    });
  }

  close(): void {
    this.parent?.close();
    this.own?.close();
  }

  private async connect(): Promise<void> {
    const { flags } = this;
    const path = restartPath(flags.socketPath, flags.baseId, flags.restartEpoch - 1);
    try {
      this.parent = await NewProcess.connect(path, flags.restartEpoch, this.log);
    } catch (error) {
      if (!flags.skipHotRestartOnNoParent) throw error;
      this.log.warn(`starting without a predecessor: ${errorText(error)}`);
    }
  }

  private listen(target: RestartTarget): void {
    const { flags } = this;
    for (let tries = 0; ; tries++) {
      if (flags.dynamicBaseId) this.baseId = randomSeed()[0] & 0x7fffffff;
      const path = restartPath(flags.socketPath, this.baseId, flags.restartEpoch);
      try {
        this.own = new OldProcess({ ...target, path, mode: flags.socketMode, epoch: flags.restartEpoch,
          log: this.log });
        return;
      } catch (error) {
        const taken = error instanceof SystemCallError && error.errno === EADDRINUSE;
        if (taken && flags.dynamicBaseId && tries < DYNAMIC_TRIES) continue;
        throw new StartError([`weft: restarts at ${path}: ${errorText(error)}` +
          (taken ? '; another process has this base id and epoch: give one of them another --base-id' : '')]);
      }
    }
  }
}
