// State bits of a socket slot, shared by the drivers. Bits from 16 on are io_uring's own (uring-layout.ts).
export const OPEN = 1;
export const RECEIVING = 2;          // startReceive was called
export const READABLE = 4;           // the kernel may hold bytes or an end that were not yet asked for
export const END_SEEN = 8;           // the kernel reported the end (FIN, reset): receive until it is reached
export const RECEIVE_ENDED = 16;     // onReceiveEnd was called; no callback of receiving follows
export const CONNECTING = 32;
export const SEND_DEAD = 64;         // sending failed; what is sent from now on is dropped
export const SHUTDOWN_WANTED = 128;  // shut down when the queue is empty
export const DRAIN_WANTED = 256;     // notifyDrained was called
export const CONNECT_DONE = 512;     // onConnected is due (deferred)
export const SEND_FAILED = 1024;     // onSendFailed is due (deferred)
export const FLUSH_WANTED = 2048;    // pieces were held back because of `more` (deferred)
export const REGISTERED = 4096;      // epoll: added to the set
export const OUT_REGISTERED = 8192;  // epoll: with EPOLLOUT
export const BULK = 16384;           // setBulk

import type { SocketOwner } from './reactor.js';

function unowned(): never { throw new Error('a callback for a socket slot that is not open'); }

/** Fills free slots, so that the owner array stays packed and a stray callback is loud. */
export const NO_OWNER: SocketOwner = {
  onConnected: unowned, onReceived: unowned, onReceiveEnd: unowned, onSendFailed: unowned, onSendDrained: unowned,
};
