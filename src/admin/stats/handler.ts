// /stats and /stats/prometheus: checks the request, collects the listing in pieces and streams it in the format asked
// for.
import type { AdminBackend } from '../backend.js';
import type { Answer, Handlers } from '../answer.js';
import { jsonType, textAnswer, textType } from '../answer.js';
import type { Query } from '../query.js';
import { HistogramIntervals } from '../../telemetry/histogram-intervals.js';
import type { NamedScope } from '../../telemetry/statistics.js';
import type { SharedStates } from './cluster-facts.js';
import { addServerStatistics } from '../../telemetry/server-statistics.js';
import { collect } from './groups.js';
import { statsJson } from './json.js';
import { statsPrometheus } from './prometheus.js';
import { statsRequest } from './request.js';
import type { StatsRequest } from './request.js';
import { statsText } from './text.js';

export function statsHandlers(backend: AdminBackend, states: SharedStates): Handlers {
  addSources(backend);
  const intervals = new HistogramIntervals(backend.statistics, function* (): Iterable<NamedScope> {
    yield* backend.statistics.scopes();
    yield* backend.statistics.clusterScopes();
  });
  const answer = async (query: Query, prometheus: boolean): Promise<Answer> => {
    const request = wanted(await statsRequest(query, prometheus), backend);
    if (request.format !== 'prometheus') intervals.touch();
    const body = function* (): Generator<string, void> {
      const collecting = collect(backend, states, request.mayMatch);
      let step = collecting.next();
      for (; step.done !== true; step = collecting.next()) yield '';
      const listing = step.value;
      if (request.format === 'prometheus') yield* statsPrometheus(backend, listing, request);
      else if (request.format === 'json') yield* statsJson(backend, intervals, listing, request);
      else yield* statsText(backend, intervals, listing, request);
    };
    return { status: 200, type: request.format === 'json' ? jsonType : textType,
      body: body() };
  };
  return {
    '/stats': (query) => answer(query, query.get('format') === 'prometheus'),
    '/stats/prometheus': (query) => answer(query, true),
    '/reset_counters': () => {
      backend.statistics.resetCounters();
      return textAnswer('OK\n');
    },
  };
}

/** What stats_matcher does not admit is not there. */
function wanted(request: StatsRequest, { statistics: { names } }: AdminBackend): StatsRequest {
  const { filter } = request;
  if (names.all) return request;
  return { ...request, filter: (name) => names.admits(name) && (filter === null || filter(name)) };
}

const serverStates = ['LIVE', 'DRAINING', 'PRE_INITIALIZING', 'INITIALIZING'] as const;

/** What is not counted anywhere but follows from the process: `server.`, and the configuration's own statistics. */
function addSources(backend: AdminBackend): void {
  const { statistics } = backend;
  statistics.addSource(function* () {
    for (const row of backend.store.statistics()) {
      // Gauges that only a success sets; Envoy does not call them used before.
      const untouched = /\.(version|update_time)$/.test(row.name) && row.value === 0;
      yield untouched ? { ...row, used: false } : row;
    }
  });
  addServerStatistics(statistics, {
    state: () => serverStates.indexOf(backend.state()),
    uptimeMs: () => backend.uptimeMs(),
    concurrency: backend.workers,
    connections: () => backend.counts?.().connections ?? 0,
    workerDeaths: () => backend.counts?.().workerDeaths ?? 0,
    listenersWarming: () => backend.counts?.().listenersWarming ?? 0,
    listenersDraining: () => backend.counts?.().listenersDraining ?? 0,
    restartEpoch: backend.restart.epoch,
    parentConnections: () => backend.restart.parentConnections(),
    daysUntilFirstCertificateExpires: () => backend.daysUntilFirstCertificateExpires(),
    version: Number(/\/(\d+)\./.exec(backend.version)?.[1] ?? 0),
  });
}
