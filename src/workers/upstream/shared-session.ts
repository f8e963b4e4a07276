// A connection of an endpoint that carries many requests at a time, whatever protocol it speaks.
import type { Borrower } from './borrower.js';
import type { UpstreamConnection } from './connection.js';

export interface SharedSession {
  readonly connection: UpstreamConnection;
  /** May another request have a stream of it? */
  readonly hasRoom: boolean;
  readonly isUsed: boolean;
  /** It would have room, but its server does not read. */
  readonly isBackedUp: boolean;
  /** Its server has said what it takes. */
  readonly settled: boolean;
  mayCarry(borrower: Borrower): boolean;
  /** Lends a stream. False: there are too many channels. */
  lend(borrower: Borrower): boolean;
  /** No further request; it ends with the last one that it has. */
  drain(): void;
}
