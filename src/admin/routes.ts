// All handlers of the admin server by path. Loaded with the first request, so that a process nobody asks pays nothing
// for it.
import { textAnswer } from './answer.js';
import type { Handlers } from './answer.js';
import type { AdminBackend } from './backend.js';
import { certificateHandlers } from './certificates.js';
import { clustersHandlers } from './clusters.js';
import { configDumpHandlers } from './dump/handler.js';
import { helpText } from './endpoints.js';
import { pageHandlers } from './page.js';
import { overviewHandlers } from './overview.js';
import { diagnosticsHandlers } from './diagnostics.js';
import { loggingHandlers } from './logging.js';
import { runtimeHandlers } from './runtime.js';
import { operationsHandlers } from './operations.js';
import { profilerHandlers } from './profiler.js';
import { serverInfoHandlers } from './server-info.js';
import type { SharedStates } from './stats/cluster-facts.js';
import { statsHandlers } from './stats/handler.js';

export function allHandlers(
  backend: AdminBackend,
  states: SharedStates,
  profileDirectory: string,
): Map<string, Handlers[string]> {
  return new Map(
    Object.entries({
      '/help': () => textAnswer(helpText()),
      ...pageHandlers(),
      ...overviewHandlers(backend, states),
      ...diagnosticsHandlers(),
      ...certificateHandlers(backend),
      ...serverInfoHandlers(backend),
      ...operationsHandlers(backend),
      ...loggingHandlers(backend),
      ...runtimeHandlers(backend),
      ...profilerHandlers(backend, profileDirectory),
      ...statsHandlers(backend, states),
      ...clustersHandlers(backend, states),
      ...configDumpHandlers(backend),
    } satisfies Handlers),
  );
}
