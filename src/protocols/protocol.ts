// What an RPC protocol is to the engine. A protocol adds: its codec (assembly/rpc/), one file beside this one, and a
// line in protocols.ts.
import type { RpcCalls } from '../workers/codecs-rpc.js';
import type { Codecs } from '../workers/codecs.js';

export interface RpcProtocol {
  /** As configuration names it (config/rpc.ts). */
  readonly name: string;
  /** As logs say it (%PROTOCOL%). */
  readonly label: string;
  /** Is a connection whose first bytes are [at, end) of this protocol? 1 yes, 0 no, -1 more bytes decide (of 24). */
  recognise(bytes: Uint8Array, at: number, end: number): number;
  calls(codecs: Codecs): RpcCalls;
  /** Status of a reply of ours, by its response flags (core/response-flags.ts) and HTTP status. */
  statusOf(flags: number, httpStatus: number): number;
  /** Its clients know the frame that says "no further request": they are told of a drain without being asked. */
  readonly tellsDrain: boolean;
  /** The same frame of an endpoint is about all of the endpoint, not about one connection of it. */
  readonly leavesAsWhole: boolean;
  /** The status that tells a client that its frame was refused. */
  readonly refusedStatus: number;
}
