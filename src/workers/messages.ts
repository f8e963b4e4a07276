// Everything main and a worker say to each other, typed once, read by both sides.
// Small and rare: fds, roots and counters travel through shared memory (core/memory-map.ts), not through here.
// A worker reads with receiveMessageOnPort after its eventfd wakes it; it answers with port.postMessage.
import type { MessagePort } from 'node:worker_threads';
import type { EjectionType } from '../config/health.js';
import type { OverloadState } from '../config/overload.js';
import type { Endpoint } from '../config/types.js';
import type { Answer, Question } from '../config/questions.js';
import type { RuntimeEntries } from '../config/runtime.js';

/** `workerData` of an engine worker. */
export interface WorkerStart {
  worker: number;                   // index, 0 .. workers-1
  workers: number;
  memory: WebAssembly.Memory;
  memoryMiB: number;
  codecs: WebAssembly.Module;
  io: 'uring' | 'epoll';
  wakeFd: number;                   // eventfd owned by main
  port: MessagePort;
  generation: number;
  seed: [number, number, number, number];  // 128 bits for the worker's request-id generator
  ticketKeys: readonly string[];    // base64 of the process's own TLS ticket keys; the first seals
  rpcCodecs: readonly RpcCodecModule[];
}

/** A codec of users' (core/rpc-codec.ts). */
export interface RpcCodecModule { name: string; module: WebAssembly.Module }

/** What the bootstrap says of this process, sent before any configuration. */
export interface NodeMessage { kind: 'node'; cluster: string; localCluster: string; locality: Endpoint['locality'] }

export type ToWorker =
  /** A listening socket that this worker accepts on itself (SO_REUSEPORT, or the only worker). */
  | { kind: 'listen'; listenerSlot: number; fd: number; backlog: number; acceptsPerEvent: number }
  /** Stop accepting on that fd; main closes it after `unlistened`. */
  | { kind: 'unlisten'; listenerSlot: number; fd: number }
  /**
   * Drain the downstream connections of a listener slot's older blob (changed or removed listener), or all with slot
   * -1. Gradual: the share of responses that are a connection's last grows over graceMs. Immediate: each is. closeIdle:
   * connections without a request end at once; else they may send one more for a while.
   */
  | { kind: 'drain'; listenerSlot: number; inboundOnly: boolean; graceMs: number; mode: 'gradual' | 'immediate';
    closeIdle: boolean }
  | { kind: 'cpuProfile'; start: boolean; id: number }
  | { kind: 'describe'; id: number }                // pools, connections: for /clusters, /memory and debugging
  | { kind: 'ticketKeys'; keys: readonly string[] }
  /** All runtime values that are in force from now on. */
  | { kind: 'runtime'; entries: RuntimeEntries }
  | NodeMessage
  /** Before any configuration. */
  | { kind: 'rpcCodecs'; codecs: readonly RpcCodecModule[] }
  | { kind: 'overload'; state: OverloadState }
  /** An endpoint has become unhealthy: no connection of before serves another request; `close`: tunnels end now. */
  | { kind: 'endpointFailed'; cluster: number; state: number; close: boolean }
  | { kind: 'answer'; id: number; answer: Answer }
  | { kind: 'stop' };

export type FromWorker =
  | { kind: 'ready' }
  /** Answered by an 'answer' with the id. */
  | { kind: 'ask'; id: number; question: Question }
  | { kind: 'unlistened'; listenerSlot: number; fd: number }
  | { kind: 'log'; level: 'debug' | 'info' | 'warn' | 'error'; text: string; fields: Record<string, string | number> }
  | { kind: 'cpuProfile'; id: number; profile: string | null; error: string | null }
  | { kind: 'described'; id: number; text: string }
  /** An endpoint takes itself out of service (x-envoy-immediate-health-check-fail). */
  | { kind: 'healthFailed'; cluster: number; state: number }
  /** A run of failures is as long as outlier detection allows. */
  | { kind: 'outlier'; cluster: number; state: number; ejection: EjectionType }
  | { kind: 'ended' };
