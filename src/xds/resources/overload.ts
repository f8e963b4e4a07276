// config.overload.v3.OverloadManager: monitors by their types, actions and their triggers by Envoy's names.
import type { OverloadAction, OverloadActionName, OverloadConfig, OverloadTrigger, ResourceMonitor, ScaledTimeout }
  from '../../config/overload.js';
import type { DownstreamConnectionsConfig, FixedHeapConfig, InjectedResourceConfig, OverloadAction as ActionMessage,
  OverloadManager, ResourceMonitor as MonitorMessage, ScaleTimersOverloadActionConfig, Trigger }
  from '../wire/generated/messages.js';
import { fieldPath } from '../wire/message.js';
import type { Report } from '../wire/message.js';
import { millisecondsOf } from './fields.js';

const types = 'envoy.extensions.resource_monitors.';
const scaleTimersType = 'envoy.config.overload.v3.ScaleTimersOverloadActionConfig';
const REFRESH_MS_DEFAULT = 1000;
const DESCRIPTORS = 'weft.resource_monitors.file_descriptors';

const actions: { readonly [name: string]: OverloadActionName } = {
  'envoy.overload_actions.stop_accepting_requests': 'stopAcceptingRequests',
  'envoy.overload_actions.disable_http_keepalive': 'disableHttpKeepalive',
  'envoy.overload_actions.stop_accepting_connections': 'stopAcceptingConnections',
  'envoy.overload_actions.reject_incoming_connections': 'rejectIncomingConnections',
  'envoy.overload_actions.reduce_timeouts': 'reduceTimeouts',
  'envoy.overload_actions.shrink_heap': 'shrinkHeap',
};

export function readOverload(message: OverloadManager, path: string, report: Report): OverloadConfig {
  const monitors = (message.resourceMonitors ?? []).flatMap((monitor, index) =>
    readMonitor(monitor, fieldPath(path, `resource_monitors[${index}]`), report));
  const names = new Set<string>();
  for (const { name } of monitors) {
    if (names.has(name)) report.fail(fieldPath(path, 'resource_monitors'), `duplicate resource monitor ${name}`);
    names.add(name);
  }
  const seen = new Set<string>();
  return {
    refreshIntervalMs: millisecondsOf(message.refreshInterval, REFRESH_MS_DEFAULT, fieldPath(path, 'refresh_interval'),
      report),
    monitors,
    actions: (message.actions ?? []).flatMap((action, index) => {
      const at = fieldPath(path, `actions[${index}]`);
      if (seen.has(action.name ?? '')) report.fail(at, `duplicate overload action ${action.name}`);
      seen.add(action.name ?? '');
      return readAction(action, names, at, report);
    }),
  };
}

function readMonitor(message: MonitorMessage, path: string, report: Report): ResourceMonitor[] {
  const name = message.name ?? '';
  const at = fieldPath(path, 'typed_config');
  const any = message.typedConfig;
  if (any === undefined) {
    if (name === DESCRIPTORS) return [{ name, kind: 'fileDescriptors' }];
    report.fail(at, 'required');
    return [];
  }
  if (any.type === `${types}fixed_heap.v3.FixedHeapConfig`)
    return [{ name, kind: 'fixedHeap', maxHeapBytes: Number((any.value as FixedHeapConfig).maxHeapSizeBytes ?? 0) }];
  if (any.type === `${types}downstream_connections.v3.DownstreamConnectionsConfig`) {
    const max = Number((any.value as DownstreamConnectionsConfig).maxActiveDownstreamConnections ?? 0);
    return [{ name, kind: 'connections', max }];
  }
  if (any.type === `${types}injected_resource.v3.InjectedResourceConfig`)
    return [{ name, kind: 'injected', file: (any.value as InjectedResourceConfig).filename ?? '' }];
  report.fail(at, `not implemented: resource monitor ${any.type}`);
  return [];
}

function readAction(message: ActionMessage, monitors: ReadonlySet<string>, path: string,
  report: Report): OverloadAction[] {
  const fullName = message.name ?? '';
  const name = actions[fullName];
  if (name === undefined) {
    report.fail(fieldPath(path, 'name'), `not implemented: overload action ${fullName}`);
    return [];
  }
  const triggers = (message.triggers ?? []).map((trigger, index) =>
    readTrigger(trigger, monitors, fieldPath(path, `triggers[${index}]`), report));
  const action: OverloadAction = { name, fullName, triggers, connectionIdle: null, streamIdle: null };
  if (name === 'reduceTimeouts') readTimers(message, action, fieldPath(path, 'typed_config'), report);
  else if (message.typedConfig !== undefined)
    report.fail(fieldPath(path, 'typed_config'), `${fullName} takes no configuration`);
  return [action];
}

function readTrigger(message: Trigger, monitors: ReadonlySet<string>, path: string, report: Report): OverloadTrigger {
  const monitor = message.name ?? '';
  if (!monitors.has(monitor)) report.fail(fieldPath(path, 'name'), `unknown resource monitor ${monitor}`);
  if (message.scaled === undefined) {
    const value = message.threshold?.value ?? 0;
    return { monitor, from: value, saturation: value };
  }
  const { scalingThreshold: from = 0, saturationThreshold: saturation = 0 } = message.scaled;
  if (from >= saturation)
    report.fail(fieldPath(path, 'scaled'), 'scaling_threshold must be below saturation_threshold');
  return { monitor, from, saturation };
}

function readTimers(message: ActionMessage, action: OverloadAction, path: string, report: Report): void {
  const any = message.typedConfig;
  if (any === undefined || any.type !== scaleTimersType) {
    report.fail(path, `${scaleTimersType} is required`);
    return;
  }
  const { timerScaleFactors = [] } = any.value as ScaleTimersOverloadActionConfig;
  timerScaleFactors.forEach((factor, index) => {
    const at = fieldPath(path, `timer_scale_factors[${index}]`);
    const least: ScaledTimeout = factor.minTimeout !== undefined
      ? { minMs: millisecondsOf(factor.minTimeout, 0, fieldPath(at, 'min_timeout'), report) }
      : { minShare: (factor.minScale?.value ?? 0) / 100 };
    if (factor.timer === 1) action.connectionIdle = least;
    else if (factor.timer === 2) action.streamIdle = least;
    else report.fail(fieldPath(at, 'timer'), 'not implemented: TRANSPORT_SOCKET_CONNECT');
  });
}
