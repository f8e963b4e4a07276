// One way to ask one endpoint. A probe keeps its connection between checks where that is wanted; it knows nothing of
// thresholds, intervals or timeouts.
import { connect } from 'node:net';
import type { Socket } from 'node:net';
import type { Address } from '../../config/types.js';
import type { CheckTls } from './tls.js';

/** envoy.data.core.v3.HealthCheckFailureType */
export type FailureType = 'ACTIVE' | 'PASSIVE' | 'NETWORK' | 'NETWORK_TIMEOUT';

/** `excluded`: the endpoint itself says that it is out of service. `status`: of HTTP, 0 = there was none. */
export interface Failure { ok: false; type: FailureType; retriable: boolean; excluded: boolean; status: number }
export type ProbeResult = { ok: true; degraded: boolean } | Failure;

export const SUCCEEDED: ProbeResult = { ok: true, degraded: false };
export const failed = (type: FailureType, status = 0, retriable = false, excluded = false): Failure =>
  ({ ok: false, type, retriable, excluded, status });

export interface Probe {
  /** Begins a check; its result comes through the callback that the probe was made with. */
  start(): void;
  /** The check took too long, or nobody wants its result any more: no result comes. */
  abort(): void;
  /** As `abort`, for good. */
  end(): void;
}

export interface ProbeTarget {
  address: Address; hostname: string; reuseConnection: boolean;
  /** What each connection begins with: a PROXY header that tells of no client. */
  greeting: Buffer;
  /** Null: plain bytes. `serverHost`: the endpoint's own name, for auto_host_sni. */
  tls: CheckTls | null; serverHost: string;
}
export type OnResult = (result: ProbeResult) => void;

const GREETINGS = [Buffer.alloc(0), Buffer.from('PROXY UNKNOWN\r\n'),
  Buffer.from('0d0a0d0a000d0a515549540a20000000', 'hex')] as const;
export const greetingOf = (proxyProtocol: 1 | 2 | null): Buffer => GREETINGS[proxyProtocol ?? 0];

/**
 * A connection to the target that has greeted it and, where it is TLS, knows who it is. `ready` is told once, null
 * where none came about; never after the returned function was called, which ends the connection in any state.
 */
export function dial({ address, greeting, tls, serverHost }: ProbeTarget, ready: (socket: Socket | null) => void):
  () => void {
  const socket = connect(address.kind === 'pipe'
    ? { path: address.path.startsWith('@') ? `\0${address.path.slice(1)}` : address.path }
    : { host: address.host, port: address.port }).setNoDelay(true);
  let settled = false;
  const settle = (result: Socket | null): void => {
    if (settled) return;
    settled = true;
    if (result === null) socket.destroy();
    ready(result);
  };
  socket.on('error', () => {});                            // 'close' follows
  socket.once('close', () => settle(null));
  socket.once('connect', () => {
    if (greeting.length > 0) socket.write(greeting);
    if (tls === null) settle(socket); else tls.secure(socket, serverHost, settle);
  });
  return () => {
    settled = true;
    socket.destroy();
  };
}
