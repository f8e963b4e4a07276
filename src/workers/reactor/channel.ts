// A socket that is not the kernel's: what a TLS session, or one stream of an HTTP/2 connection, offers to whoever would
// own a socket. It has an id like a socket's (sockets.ts), keeps the rules of reactor.ts, and stands on another socket.
import type { SocketOwner } from './reactor.js';

export interface Channel {
  /** The kernel's socket below it. */
  fd(): number;
  setOwner(owner: SocketOwner): void;
  startReceive(): void;
  stopReceive(): void;
  setBulk(bulk: boolean): void;
  send(buffer: number, offset: number, length: number, more: boolean): void;
  pendingSendBytes(): number;
  notifyDrained(): void;
  shutdownSend(): void;
  close(reset: boolean): void;
}

/** Gathers what it sends, and sends it when the loop's turn is over. */
export interface Flusher { flush(): void }
