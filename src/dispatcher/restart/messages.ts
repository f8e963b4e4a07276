// What an old and a new process of one restart say to each other, typed once, read by both. Texts are JSON, one message
// a packet (os/fd-passing.ts).
//
//   new                                     old
//   hello ------------------------------->
//         <------------------------------- hello           another version or user: the connection ends
//   sockets ----------------------------->
//         <------------------------------- socket, ...     one or several a bound address, descriptors with them
//         <------------------------------- socketsEnd
//      (binds nothing that it was given, reads its configuration, starts its workers)
//   closeAdmin -------------------------->
//         <------------------------------- adminClosed
//   drain ------------------------------->                 from here the new one serves; the old one only finishes
//   connections ------------------------->
//         <------------------------------- connections     asked again and again, for the statistics
//   terminate --------------------------->                 --parent-shutdown-time-s is over
import type { Address } from '../../config/types.js';

/** Both ends must say the same: a change of this file that the other does not understand raises it. */
export const RESTART_VERSION = 1;

export type FromNew =
  | { kind: 'hello'; version: number; epoch: number }
  | { kind: 'sockets' } | { kind: 'closeAdmin' } | { kind: 'drain' } | { kind: 'connections' } | { kind: 'terminate' };

export type FromOld =
  | { kind: 'hello'; version: number; epoch: number; pid: number }
  /** Descriptors that come with the message are bound to the address and listen. */
  | { kind: 'socket'; key: string; address: Address; reusePort: boolean }
  | { kind: 'socketsEnd' } | { kind: 'adminClosed' } | { kind: 'connections'; count: number };

/** Where the process of an epoch listens: `--socket-path`, `--base-id` and the epoch, as Envoy makes it. */
export const restartPath = (socketPath: string, baseId: number, epoch: number): string =>
  `${socketPath}_${baseId}_${epoch}`;
