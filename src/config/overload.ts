// The overload manager's configuration as plain values: what is measured, and what is done at which pressure.

export type ResourceMonitor = { name: string } & (
  /** Resident memory of the process. */
  | { kind: 'fixedHeap'; maxHeapBytes: number }
  /** Downstream connections of all listeners that do not ignore the limit; checked at each accept. */
  | { kind: 'connections'; max: number }
  /** A file with a number from 0 to 1, for tests. */
  | { kind: 'injected'; file: string }
  /** Open descriptors against the process's limit. */
  | { kind: 'fileDescriptors' });

/** A trigger's value: 0 below, 1 at saturation; a threshold jumps. */
export interface OverloadTrigger { monitor: string; from: number; saturation: number }

export type OverloadActionName = 'stopAcceptingRequests' | 'disableHttpKeepalive' | 'stopAcceptingConnections'
  | 'rejectIncomingConnections' | 'reduceTimeouts' | 'shrinkHeap';

/** The least a timeout becomes at full pressure: a duration, or a share of itself. */
export type ScaledTimeout = { minMs: number } | { minShare: number };

export interface OverloadAction {
  name: OverloadActionName;
  /** Envoy's name, for statistics. */
  fullName: string;
  triggers: OverloadTrigger[];
  connectionIdle: ScaledTimeout | null;
  streamIdle: ScaledTimeout | null;
}

export interface OverloadConfig { refreshIntervalMs: number; monitors: ResourceMonitor[]; actions: OverloadAction[] }

/** What workers are told: values from 0 (off) to 1. */
export interface OverloadState {
  stopRequests: number; disableKeepalive: number; rejectConnections: number; stopConnections: boolean;
  timeouts: number; connectionIdle: ScaledTimeout | null; streamIdle: ScaledTimeout | null;
  /** Most connections of the process; 0 = no limit. */
  connectionsMax: number;
}

export const calm: OverloadState = { stopRequests: 0, disableKeepalive: 0, rejectConnections: 0, stopConnections: false,
  timeouts: 0, connectionIdle: null, streamIdle: null, connectionsMax: 0 };

/** A timeout under pressure: linear between itself and its least value. */
export function scaledMs(timeoutMs: number, least: ScaledTimeout | null, pressure: number): number {
  if (least === null || timeoutMs === 0) return timeoutMs;
  const floor = Math.min(timeoutMs, 'minMs' in least ? least.minMs : timeoutMs * least.minShare);
  return Math.max(1, Math.round(timeoutMs - (timeoutMs - floor) * pressure));
}
