// The process's own keys of session tickets. Who learns one can read what was sent in sessions that were resumed with
// it, so each seals tickets for a few hours only and opens them for as long again; the rest of a ticket's life a client
// makes a whole handshake. All workers have the same keys.
import { randomBytes } from 'node:crypto';
import { limits } from '../core/limits.js';

const KEY_BYTES = 80;

export class TicketKeys {
  /** Base64; the first seals. */
  keys: readonly string[] = [newKey()];
  private timer: NodeJS.Timeout | null = null;

  constructor(private readonly onChanged: (keys: readonly string[]) => void) {}

  start(): void {
    this.timer = setInterval(() => this.rotate(), limits.ticketKeyMs);
    this.timer.unref();
  }

  rotate(): void {
    this.keys = [newKey(), ...this.keys].slice(0, limits.ticketKeysMax);
    this.onChanged(this.keys);
  }

  end(): void {
    if (this.timer !== null) clearInterval(this.timer);
    this.timer = null;
  }
}

const newKey = (): string => randomBytes(KEY_BYTES).toString('base64');
