// The overload manager: measures pressures at an interval, decides what each action does at them, and tells the workers
// when that changes. Pressures are numbers from 0 to 1 and above; an action's value is its strongest trigger's.
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { calm } from '../config/overload.js';
import type { OverloadAction, OverloadConfig, OverloadState, OverloadTrigger, ResourceMonitor }
  from '../config/overload.js';
import { errorText } from '../core/errors.js';
import type { Log } from '../core/log.js';
import { fileLimit } from '../os/file-limit.js';
import { giveBackPages } from '../os/trim.js';
import type { ComputedStatistic } from '../telemetry/statistics.js';

export interface OverloadOptions {
  config: OverloadConfig;
  /** Connections that count against the limit. */
  connections(): number;
  onChange(state: OverloadState): void;
  log: Log;
}

interface Measured { monitor: ResourceMonitor; pressure: number; failed: number }

export class OverloadManager {
  private readonly measured: Measured[];
  private readonly values = new Map<OverloadAction, number>();
  private told: string;
  private timer: NodeJS.Timeout | null = null;

  constructor(private readonly options: OverloadOptions) {
    this.measured = options.config.monitors.map((monitor) => ({ monitor, pressure: 0, failed: 0 }));
    this.told = JSON.stringify(calm);
  }

  start(): void {
    this.refresh();
    this.timer = setInterval(() => this.refresh(), Math.max(1, this.options.config.refreshIntervalMs)).unref();
  }
  close(): void { if (this.timer !== null) clearInterval(this.timer); }

  *statistics(): Iterable<ComputedStatistic> {
    for (const { monitor, pressure, failed } of this.measured) {
      yield { name: `overload.${monitor.name}.pressure`, value: Math.round(pressure * 100), type: 'gauge' };
      yield { name: `overload.${monitor.name}.failed_updates`, value: failed, type: 'counter' };
      yield { name: `overload.${monitor.name}.skipped_updates`, value: 0, type: 'counter' };
    }
    for (const action of this.options.config.actions) {
      const value = this.values.get(action) ?? 0;
      yield { name: `overload.${action.fullName}.active`, value: value >= 1 ? 1 : 0, type: 'gauge' };
      yield { name: `overload.${action.fullName}.scale_percent`, value: Math.round(value * 100), type: 'gauge' };
    }
  }

  /** Measures everything and tells what changed. */
  refresh(): void {
    for (const entry of this.measured) {
      try {
        entry.pressure = this.pressureOf(entry.monitor);
      } catch (error) {
        entry.failed++;
        this.options.log.warn(`overload: ${entry.monitor.name} cannot be measured: ${errorText(error)}`);
      }
    }
    const state = { ...calm };
    for (const { monitor } of this.measured) if (monitor.kind === 'connections') state.connectionsMax = monitor.max;
    for (const action of this.options.config.actions) this.act(action, state);
    const text = JSON.stringify(state);
    if (text === this.told) return;
    this.told = text;
    this.options.onChange(state);
  }

  private act(action: OverloadAction, state: OverloadState): void {
    const before = this.values.get(action) ?? 0;
    const value = action.triggers.reduce((most, trigger) => Math.max(most, this.valueOf(trigger)), 0);
    this.values.set(action, value);
    if ((before >= 1) !== (value >= 1))
      this.options.log.warn(`overload action ${action.fullName} ${value >= 1 ? 'is active' : 'is over'}`);
    switch (action.name) {
      case 'stopAcceptingRequests': state.stopRequests = value; break;
      case 'disableHttpKeepalive': state.disableKeepalive = value; break;
      case 'rejectIncomingConnections': state.rejectConnections = value; break;
      case 'stopAcceptingConnections': state.stopConnections = value >= 1; break;
      case 'shrinkHeap': if (value >= 1) giveBackPages(); break;
      case 'reduceTimeouts':
        state.timeouts = value;
        state.connectionIdle = action.connectionIdle;
        state.streamIdle = action.streamIdle;
    }
  }

  private valueOf({ monitor, from, saturation }: OverloadTrigger): number {
    const pressure = this.measured.find((entry) => entry.monitor.name === monitor)?.pressure ?? 0;
    if (pressure >= saturation) return 1;
    return pressure <= from ? 0 : (pressure - from) / (saturation - from);
  }

  private pressureOf(monitor: ResourceMonitor): number {
    switch (monitor.kind) {
      case 'fixedHeap': return process.memoryUsage.rss() / monitor.maxHeapBytes;
      case 'connections': return this.options.connections() / monitor.max;
      case 'fileDescriptors': return openDescriptors() / fileLimit().soft;
      case 'injected': {
        const value = Number(readFileSync(monitor.file, 'utf8').trim());
        if (!(value >= 0 && value <= 1)) throw new Error(`${monitor.file} holds no number from 0 to 1`);
        return value;
      }
    }
  }
}

/** Linux 6.2 and later tell the number as the folder's size; before, the entries are counted. */
function openDescriptors(): number {
  const { size } = statSync('/proc/self/fd');
  return size > 0 ? size : readdirSync('/proc/self/fd').length;
}
