// The process as the admin server sees it (admin/backend.ts), made of the parts that the server owns. Part of the
// composition root; holds no state but when the bootstrap was read.
import type { AdminBackend, DrainRequest, EndpointInForce, JsonObject } from './admin/backend.js';
import type { Flags } from './cli/flags.js';
import { versionString } from './cli/version.js';
import type { Bootstrap } from './config/bootstrap/bootstrap.js';
import type { Endpoint } from './config/types.js';
import type { LogSink } from './core/log.js';
import type { Dispatcher } from './dispatcher/dispatcher.js';
import type { Lifecycle } from './dispatcher/lifecycle.js';
import type { Restart } from './dispatcher/restart/restart.js';
import type { RuntimeLayers } from './dispatcher/runtime-layers.js';
import type { Statistics } from './telemetry/statistics.js';
import type { Secrets } from './xds/secrets/secrets.js';
import { daysUntilFirstExpires } from './xds/secrets/statistics.js';
import type { ConfigStore } from './xds/store.js';

export interface BackendParts {
  flags: Flags; workers: number; store: ConfigStore; statistics: Statistics; logs: LogSink;
  dispatcher: Dispatcher; lifecycle: Lifecycle; bootstrap: Bootstrap; runtime: RuntimeLayers;
  secrets: Secrets;
  restart: Restart; restartVersion: string; reopenLogs(): void;
}

export function adminBackend(parts: BackendParts): AdminBackend {
  const { flags, workers, store, statistics, logs, dispatcher, lifecycle, bootstrap, runtime } = parts;
  return {
    store, statistics, workers, runtime, log: logs, version: versionString(), bootstrapLoadedMs: Date.now(),
    state: () => lifecycle.shownState,
    uptimeMs: () => Date.now() - lifecycle.startedMs,
    bootstrapJson: () => bootstrap.wireJson,
    commandLineOptions: () => commandLineOptions(flags, workers, parts.restart),
    restart: { epoch: flags.restartEpoch, version: parts.restartVersion,
      parentConnections: () => parts.restart.parentConnections },
    node: () => nodeOf(bootstrap, flags),
    listenerAddresses: (name) => dispatcher.listeners.addressesOf(name),
    clusterSlot: (name) => dispatcher.publisher.clusterSlots.slotOf(name),
    endpoints: (cluster) => endpointsOf(cluster, dispatcher),
    certificates: () => parts.secrets.certificates(),
    daysUntilFirstCertificateExpires: () => daysUntilFirstExpires(parts.secrets, Date.now()),
    outliers: (cluster) => dispatcher.health.detector(cluster),
    drain: ({ inboundOnly, graceful, skipExit }: DrainRequest) =>
      lifecycle.drain({ inboundOnly, graceful, exit: graceful && !skipExit }),
    counts: () => ({ connections: dispatcher.supervisor.connections(),
      workerDeaths: dispatcher.supervisor.counts.deaths, listenersWarming: 0, listenersDraining: 0 }),
    quit: () => void lifecycle.stop(0, '/quitquitquit'),
    failHealthChecks: (fail) => {
      lifecycle.healthChecksFail = fail;
      dispatcher.setHealthChecksFail(fail);
    },
    reopenLogs: () => parts.reopenLogs(),
    cpuProfile: (worker, start) => dispatcher.questions.cpuProfile(worker, start),
    describe: (worker) => dispatcher.questions.describe(worker),
    ...(process.env.WEFT_FAULT_INJECTION === '1'
      ? { killWorker: (worker: number) => dispatcher.supervisor.kill(worker) } : {}),
  };
}

const noLocality: Endpoint['locality'] = { region: '', zone: '', subZone: '' };

/** Endpoints as published. */
const endpointsOf = (cluster: string, dispatcher: Dispatcher): EndpointInForce[] =>
  dispatcher.endpoints(cluster).map((endpoint) => ({ ...endpoint, locality: endpoint.locality ?? noLocality }));

/** The node of the bootstrap, completed from the command line where it has no value of its own. */
function nodeOf(bootstrap: Bootstrap, flags: Flags): JsonObject {
  const configured = (JSON.parse(bootstrap.wireJson) as JsonObject).node;
  const node: JsonObject = typeof configured === 'object' && configured !== null && !Array.isArray(configured)
    ? { ...configured } : {};
  if (!node.id && flags.serviceNode !== '') node.id = flags.serviceNode;
  if (!node.cluster && flags.serviceCluster !== '') node.cluster = flags.serviceCluster;
  if (flags.serviceZone !== '') node.locality = { zone: flags.serviceZone,
    ...(node.locality as JsonObject | undefined) };
  return { ...node, user_agent_name: 'weft' };
}

function commandLineOptions(flags: Flags, workers: number, restart: Restart): JsonObject {
  const seconds = (ms: number) => `${ms / 1000}s`;
  return {
    concurrency: workers, config_path: flags.configPath ?? '', config_yaml: flags.configYaml ?? '',
    allow_unknown_static_fields: flags.allowUnknownStaticFields,
      reject_unknown_dynamic_fields: flags.rejectUnknownDynamicFields,
    ignore_unknown_dynamic_fields: flags.ignoreUnknownDynamicFields, admin_address_path: flags.adminAddressPath ?? '',
    local_address_ip_version: flags.localAddressIpVersion, log_level: flags.logLevel, log_format: flags.logFormat,
    component_log_level: flags.componentLogLevels.map(({ component, level }) => `${component}:${level}`).join(','),
    log_format_escaped: flags.logFormatEscaped, log_path: flags.logPath ?? '', service_cluster: flags.serviceCluster,
    service_node: flags.serviceNode, service_zone: flags.serviceZone,
      file_flush_interval: seconds(flags.fileFlushIntervalMs),
    file_flush_min_size: flags.fileFlushMinBytes / 1024, drain_time: seconds(flags.drainTimeMs),
    drain_strategy: flags.drainStrategy === 'gradual' ? 'Gradual' : 'Immediate', cpuset_threads: flags.cpusetThreads,
    parent_shutdown_time: seconds(flags.parentShutdownTimeMs),
    disable_hot_restart: flags.disableHotRestart || !flags.hotRestart, restart_epoch: flags.restartEpoch,
    base_id: String(restart.baseId), use_dynamic_base_id: flags.dynamicBaseId, base_id_path: flags.baseIdPath ?? '',
    socket_path: flags.socketPath, socket_mode: flags.socketMode,
    skip_hot_restart_on_no_parent: flags.skipHotRestartOnNoParent,
    mode: { serve: 'Serve', validate: 'Validate', init_only: 'InitOnly' }[flags.mode],
  };
}
