// What an operator tells the process to do: drain, quit, fail or pass health checks, open the logs again.
import { textAnswer } from './answer.js';
import type { Handlers } from './answer.js';
import type { AdminBackend } from './backend.js';

export function operationsHandlers(backend: AdminBackend): Handlers {
  const done = (action: () => void) => () => {
    action();
    return textAnswer('OK\n');
  };
  return {
    '/drain_listeners': (query) => {
      backend.drain({
        inboundOnly: query.has('inboundonly'),
        graceful: query.has('graceful'),
        skipExit: query.has('skip_exit'),
      });
      return textAnswer('OK\n');
    },
    '/weft/kill_worker': (query) => {
      if (backend.killWorker === undefined) return textAnswer('only with WEFT_FAULT_INJECTION=1\n', 403);
      const worker = Number(query.get('worker') ?? Math.floor(Math.random() * backend.workers));
      return backend.killWorker(worker) ? textAnswer('OK\n') : textAnswer('no such worker\n', 404);
    },
    '/quitquitquit': () => ({ ...textAnswer('OK\n'), afterwards: () => backend.quit() }),
    '/healthcheck/fail': done(() => backend.failHealthChecks(true)),
    '/healthcheck/ok': done(() => backend.failHealthChecks(false)),
    '/reopen_logs': done(() => backend.reopenLogs()),
  };
}
