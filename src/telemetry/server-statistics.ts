// The statistics that Envoy keeps of itself: `server.`, and the listener and cluster managers' names that exist from
// the start. Facts are read when somebody reads statistics, never sampled.
import type { ComputedStatistic, Statistics } from './statistics.js';

export interface ServerFacts {
  /** Envoy's order: 0 LIVE, 1 DRAINING, 2 PRE_INITIALIZING, 3 INITIALIZING. */
  state(): number;
  uptimeMs(): number;
  concurrency: number;
  /** Downstream connections open now. */
  connections(): number;
  workerDeaths(): number;
  listenersWarming(): number;
  restartEpoch: number;
  /** Connections of the process that this one took over from. */
  parentConnections(): number;
  listenersDraining(): number;
  /** Days; null while no certificate is in use. */
  daysUntilFirstCertificateExpires(): number | null;
  /** Numeric version, three bytes of the commit in Envoy. */
  version: number;
}

/** Envoy's value for "no certificate". */
const NO_CERTIFICATE = 4294967295;

const startingAtZero = [
  'listener_manager.listener_create_failure',
  'listener_manager.listener_create_success',
  'listener_manager.listener_in_place_updated',
  'listener_manager.listener_stopped',
  'cluster_manager.cluster_updated',
  'cluster_manager.cluster_updated_via_merge',
  'cluster_manager.update_merge_cancelled',
  'cluster_manager.update_out_of_merge_window',
  'server.dynamic_unknown_fields',
  'server.static_unknown_fields',
  'server.dropped_stat_flushes',
];

/**
 * Registers everything under `server.`, and the managers' counters, so that they show as 0 before anything happened.
 */
export function addServerStatistics(statistics: Statistics, facts: ServerFacts): void {
  for (const name of startingAtZero) statistics.counter(name);
  statistics.addSource(() => serverStatistics(facts));
}

function serverStatistics(facts: ServerFacts): ComputedStatistic[] {
  const memory = process.memoryUsage();
  const gauge = (name: string, value: number, used = true): ComputedStatistic => ({
    name,
    value,
    type: 'gauge',
    used,
  });
  const state = facts.state();
  return [
    gauge('listener_manager.total_filter_chains_draining', 0, false),
    gauge('listener_manager.total_listeners_draining', facts.listenersDraining()),
    gauge('listener_manager.total_listeners_warming', facts.listenersWarming()),
    // 1 from the moment that workers serve, drain included; pilot-agent waits for it.
    gauge('listener_manager.workers_started', state <= 1 ? 1 : 0),
    gauge('server.concurrency', facts.concurrency),
    gauge('server.days_until_first_cert_expiring', facts.daysUntilFirstCertificateExpires() ?? NO_CERTIFICATE),
    gauge('server.hot_restart_epoch', facts.restartEpoch, facts.restartEpoch > 0),
    gauge('server.hot_restart_generation', facts.restartEpoch + 1),
    gauge('server.live', state === 0 ? 1 : 0),
    gauge('server.memory_allocated', memory.heapUsed + memory.external),
    gauge('server.memory_heap_size', memory.heapTotal + memory.external),
    gauge('server.memory_physical_size', memory.rss),
    gauge('server.parent_connections', facts.parentConnections(), facts.restartEpoch > 0),
    gauge('server.state', state),
    gauge('server.total_connections', facts.connections()),
    gauge('server.uptime', Math.floor(facts.uptimeMs() / 1000)),
    gauge('server.version', facts.version),
    { name: 'server.weft_worker_deaths', value: facts.workerDeaths(), type: 'counter' },
  ];
}
