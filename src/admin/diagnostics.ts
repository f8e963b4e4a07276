// Endpoints of Envoy that look into parts which Weft does not have, answered as an Envoy without those parts answers:
// targets of initialisation, mutexes, heap profiles of tcmalloc, look-ups of statistic names.
import { jsonAnswer, textAnswer } from './answer.js';
import type { Handlers } from './answer.js';

const NO_LOOKUPS = 'Lookup tracking is not enabled. Use /stats/recentlookups/enable to enable.\n\ntotal: 0\n';

export function diagnosticsHandlers(): Handlers {
  const noHeapProfiler = () => textAnswer('The current build does not support heap profiler', 501);
  return {
    // what is not ready is never in force: a configuration is published whole, or not at all
    '/init_dump': () => jsonAnswer({}),
    '/contention': () => textAnswer('Mutex contention tracing is not enabled. To enable, run Envoy with flag '
      + '--enable-mutex-tracing.'),
    '/heapprofiler': noHeapProfiler,
    '/heap_dump': () => textAnswer('Heap dump is only supported by builds with tcmalloc', 501),
    // names are never looked up: a statistic is a cell at a known place
    '/stats/recentlookups': () => textAnswer(NO_LOOKUPS),
    '/stats/recentlookups/clear': () => textAnswer('OK\n'),
    '/stats/recentlookups/disable': () => textAnswer('OK\n'),
    '/stats/recentlookups/enable': () => textAnswer('OK\n'),
  };
}
