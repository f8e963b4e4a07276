// What the process is and how it does: /ready, /server_info, /memory, /hot_restart_version, /listeners, /workers.
import { addressJson, addressText } from './address.js';
import { jsonAnswer, jsonType, textAnswer } from './answer.js';
import type { Handlers } from './answer.js';
import type { AdminBackend, JsonObject } from './backend.js';
import { errorText } from '../core/errors.js';

/** envoy.admin.v3.CommandLineOptions with Envoy's defaults. */
const optionDefaults: JsonObject = {
  base_id: '0',
  concurrency: 1,
  config_path: '',
  config_yaml: '',
  allow_unknown_static_fields: false,
  admin_address_path: '',
  local_address_ip_version: 'v4',
  log_level: 'info',
  component_log_level: '',
  log_format: '',
  log_path: '',
  service_cluster: '',
  service_node: '',
  service_zone: '',
  file_flush_interval: '10s',
  drain_time: '600s',
  parent_shutdown_time: '900s',
  mode: 'Serve',
  disable_hot_restart: true,
  enable_mutex_tracing: false,
  restart_epoch: 0,
  cpuset_threads: false,
  reject_unknown_dynamic_fields: false,
  log_format_escaped: false,
  disabled_extensions: [],
  ignore_unknown_dynamic_fields: false,
  use_dynamic_base_id: false,
  base_id_path: '',
  drain_strategy: 'Gradual',
  enable_fine_grain_logging: false,
  socket_path: '',
  socket_mode: 0,
  enable_core_dump: false,
  stats_tag: [],
  skip_hot_restart_on_no_parent: false,
  skip_hot_restart_parent_stats: false,
  skip_deprecated_logs: false,
  file_flush_min_size: 0,
  log_stacktrace_single_entry: false,
};

export function serverInfoHandlers(backend: AdminBackend): Handlers {
  return {
    '/ready': () => {
      const state = backend.state();
      return textAnswer(`${state}\n`, state === 'LIVE' ? 200 : 503);
    },
    '/server_info': () => jsonAnswer(serverInfo(backend)),
    '/memory': () => jsonAnswer(memory()),
    '/hot_restart_version': () => textAnswer(backend.restart.version),
    '/listeners': (query) =>
      query.get('format') === 'json' ? jsonAnswer(listenersJson(backend)) : textAnswer(listenersText(backend)),
    '/workers': async () => ({
      status: 200,
      type: jsonType,
      body: `${JSON.stringify(await workers(backend), null, 1)}\n`,
    }),
  };
}

function serverInfo(backend: AdminBackend): JsonObject {
  const uptime = `${Math.floor(backend.uptimeMs() / 1000)}s`;
  return {
    version: backend.version,
    state: backend.state(),
    uptime_current_epoch: uptime,
    uptime_all_epochs: uptime,
    hot_restart_version: backend.restart.version,
    command_line_options: { ...optionDefaults, ...backend.commandLineOptions() },
    node: backend.node(),
    hot_restart_initializing: false,
  };
}

/** envoy.admin.v3.Memory. Heap figures are V8's on the main thread; the physical size is the whole process's. */
function memory(): JsonObject {
  const usage = process.memoryUsage();
  return {
    allocated: String(usage.heapUsed + usage.external),
    heap_size: String(usage.heapTotal + usage.external),
    pageheap_unmapped: '0',
    pageheap_free: String(usage.heapTotal - usage.heapUsed),
    total_thread_cache: '0',
    total_physical_bytes: String(usage.rss),
  };
}

function listenersText(backend: AdminBackend): string {
  let text = '';
  for (const name of backend.store.listeners.keys()) {
    for (const address of backend.listenerAddresses(name)) text += `${name}::${addressText(address)}\n`;
  }
  return text;
}

function listenersJson(backend: AdminBackend): JsonObject {
  const statuses: JsonObject[] = [];
  for (const name of backend.store.listeners.keys()) {
    const [first, ...rest] = backend.listenerAddresses(name);
    if (first === undefined) continue;
    const status: JsonObject = { name, local_address: addressJson(first) };
    if (rest.length > 0) status.additional_local_addresses = rest.map(addressJson);
    statuses.push(status);
  }
  return { listener_statuses: statuses };
}

async function workers(backend: AdminBackend): Promise<JsonObject> {
  const described = await Promise.all(
    Array.from({ length: backend.workers }, async (_, worker): Promise<JsonObject> => {
      try {
        const text = await backend.describe(worker);
        return { worker, state: parsed(text) };
      } catch (error) {
        return { worker, error: errorText(error) };
      }
    }),
  );
  return { workers: described };
}

function parsed(text: string) {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
