// Handshakes wait for their turn: each costs as much as hundreds of requests, and those who have come through are not
// to wait for those who are coming. So many a turn are done, the others in the turns that follow.
import { limits } from '../../core/limits.js';
import type { Engine } from '../engine.js';
import type { Flusher } from '../reactor/channel.js';

export interface Handshaking { proceed(): void }

export class Handshakes implements Flusher {
  private queue: Handshaking[] = [];
  private next = 0;
  private asked = false;

  constructor(private readonly engine: Engine) {}

  /** Its turn comes before the worker waits again, or a few turns later. */
  add(handshake: Handshaking): void {
    this.queue.push(handshake);
    this.ask();
  }

  private ask(): void {
    if (this.asked) return;
    this.asked = true;
    this.engine.reactor.flushLater(this);
  }

  flush(): void {
    this.asked = false;
    const end = Math.min(this.queue.length, this.next + limits.handshakesPerTurnMax);
    while (this.next < end) {
      const handshake = this.queue[this.next++]!;
      try { handshake.proceed(); } catch (error) { this.engine.report(error); }
    }
    if (this.next < this.queue.length) { this.ask(); return; }
    this.queue.length = 0;
    this.next = 0;
  }
}
