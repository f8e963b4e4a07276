// What an HTTP filter is, and what it may do with a stream. A filter belongs to a connection manager, or to a route
// that configures it otherwise; it holds what was compiled, never anything of a request: that stands in the stream.
import type { CompiledMutations } from '../routing/mutations.js';
import type { ClusterRuntime } from '../upstream/cluster.js';
import type { Stream } from '../proxy/stream.js';
import type { Transform } from '../proxy/transform.js';

/** The request goes on to the next filter. */
export const CONTINUE = 0;
/** The request was answered, the stream has ended. */
export const ANSWERED = 1;
/** The filter answers later: `Actions.resume`, or the deadline of `Actions.wait`. Others are served meanwhile. */
export const SUSPENDED = 2;

export interface HttpFilter {
  /** A change of the response is made of the request's head. */
  readonly keepsHead?: boolean;
  /** The request's head is in engine.requestRecord. Returns CONTINUE, ANSWERED or SUSPENDED. */
  onRequest(stream: Stream, actions: Actions): number;
  /** A suspended request goes on with this filter, which asked for it. */
  onResume?(stream: Stream, actions: Actions): number;
  /** Changes of the response's head, an upstream's or one of ours; null: none for this stream. */
  responseMutations?(stream: Stream): CompiledMutations | null;
  /** The response's head is in `record`, not sent yet; 0: the response is ours, with these header lines. */
  onResponse?(stream: Stream, record: number, lines: string): void;
  /** The stream is over, however it ended. */
  onEnd?(stream: Stream): void;
  /** Gives what was compiled back to the arena. */
  release(): void;
}

/** What a filter may do; given by proxy/filtering.ts. */
export interface Actions {
  /** Ends the stream with an answer of ours. `headers`: whole lines with their ends. Returns ANSWERED. */
  reply(stream: Stream, status: number, flag: number, details: number, body: string, headers?: string): number;
  /**
   * Changes the head in hand, for the filters that follow and the upstream. `exact`: behind what the connection manager
   * changes, which the mutations read or undo. False: it was answered 503.
   */
  mutate(stream: Stream, mutations: CompiledMutations, exact?: boolean): boolean;
  /** Suspends until somebody calls `resume`. Returns SUSPENDED, or ANSWERED when that failed. */
  suspend(stream: Stream): number;
  /** The suspended request goes on with its filter's onResume. */
  resume(stream: Stream): void;
  /** The request's host becomes another. False: it was answered 503. */
  rewriteHost(stream: Stream, host: string): boolean;
  /** Does the request go to a cluster whose endpoints are resolved names? */
  goesToResolved(stream: Stream): boolean;
  /**
   * Suspends: the filter's onResume is called after `milliseconds`. Returns SUSPENDED, or ANSWERED when that failed.
   */
  wait(stream: Stream, milliseconds: number): number;
  /** Suspends until the body has been received, at most `bytesMax` of it. As `wait`. */
  collectBody(stream: Stream, bytesMax: number): number;
  /** The cluster that the request goes to; null: none. */
  clusterOf(stream: Stream): ClusterRuntime | null;
  /** Endpoints of a cluster, and the healthy ones among them; null: there is no such cluster. */
  clusterHealth(cluster: string): { total: number; healthy: number } | null;
  /**
   * Changes the head in hand as text, header lines with their ends; it asks for trailers where nothing else is said.
   * False: it was answered 503.
   */
  rewrite(stream: Stream, edit: (head: string) => string, teTrailers?: boolean): boolean;
  /** The response goes through this, and the request where it says so. */
  transform(stream: Stream, transform: Transform): void;
  /** The request's body goes through the transform as it comes. */
  transformRequest(stream: Stream): void;
  /** A copy of the body that was collected. */
  collectedBody(stream: Stream): Uint8Array;
  /** The request is complete, with this body, whose length the head says or nobody. False: it was answered 503. */
  replaceBody(stream: Stream, body: Uint8Array, ofLength?: boolean): boolean;
  /** Finds the route of the head as it is now. False: it was answered. */
  reroute(stream: Stream): boolean;
  /** The response's body gets no faster than this. */
  limitResponse(stream: Stream, bytesPerSecond: number): void;
}
