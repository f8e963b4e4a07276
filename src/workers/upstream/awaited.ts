// Who waits for one stream of a shared connection of an endpoint, and what is coming for them, by what they speak: a
// connection of one protocol serves nobody who speaks another.
import type { RpcProtocol } from '../../protocols/protocol.js';

export class Awaited {
  connecting = 0;
  pending = 0;
  /** Of those who wait: they want a connection for themselves while they send. */
  alone = 0;
  /** `protocol`: null: HTTP/2. */
  constructor(readonly protocol: RpcProtocol | null, readonly next: Awaited | null) {}
}

export class AwaitedByProtocol {
  private first: Awaited | null = null;

  of(protocol: RpcProtocol | null): Awaited {
    let one = this.first;
    while (one !== null && one.protocol !== protocol) one = one.next;
    return one ?? (this.first = new Awaited(protocol, this.first));
  }

  get connecting(): number {
    let sum = 0;
    for (let one = this.first; one !== null; one = one.next) sum += one.connecting;
    return sum;
  }
  get pending(): number {
    let sum = 0;
    for (let one = this.first; one !== null; one = one.next) sum += one.pending;
    return sum;
  }
}
