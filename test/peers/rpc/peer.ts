// What the harness asks of a peer: servers of one service and clients of it, written by others.

/** What a call came to, and whether that is what it has to come to. */
export interface Outcome { said: string; right: boolean }
/** Of many calls: how many went wrong, and the first of those. */
export interface Many { wrong: number; first: string; ms: number }

export interface Caller {
  /** A list of calls, each with its name. */
  all(): Promise<Map<string, Outcome>>;
  /** A call that Weft's routes know by its name, so often at a time; it is right where it fails. */
  special(name: Special, times: number): Promise<Outcome[]>;
  /** A call to which the route adds a word beside the arguments; null: its server does not say such. */
  edited: ((wanted: string) => Promise<Outcome>) | null;
  /** Calls that take `tookMs` at the server. */
  many(count: number, atOnce: number, tookMs: number): Promise<Many>;
  /** Calls that nobody answers; null: this client has none. */
  notes: ((count: number) => Promise<void>) | null;
  close(): Promise<void>;
}

/** To a cluster without endpoints; to one that takes a request at a time; where no route leads. */
export const specials = ['empty', 'busy', 'unrouted'] as const;
export type Special = typeof specials[number];

export const lost = (wrong: number, first: string): string[] =>
  wrong === 0 ? [] : [`${wrong} calls went wrong, the first: ${first}`];

export interface Served {
  facts(): Promise<{ calls: number; notes: number }>;
  /** At once, with its connections. */
  die(): Promise<void>;
  /** As its framework shuts down when it is told to; null: it does not differ. */
  leave: (() => Promise<void>) | null;
}

export interface Peer {
  name: string;
  /** 'any': what comes, on one port. */
  protocol: 'bolt' | 'dubbo' | 'http2' | 'any';
  /** So many calls, and so many of them at a time, are not too many for it by itself. */
  load: { calls: number; atOnce: number };
  /** Its clients' calls go over so many. */
  connections: number;
  /** What its client says where we answer. */
  errors: Record<Special, RegExp>;
  serve(port: number): Promise<Served>;
  call(port: number): Promise<Caller>;
  /** Ends what is left of it. */
  close(): void;
}

/** What the route of `edited` adds. Java reads headers of HTTP as Latin-1. */
export const addedTo = ({ protocol }: Peer): string =>
  protocol === 'http2' || protocol === 'any' ? 'added' : 'added-größe';
export const SERVICE = 'com.weft.peers.Service';
