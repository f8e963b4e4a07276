// cluster.v3.CircuitBreakers: limits by priority, for the cluster and for each of its endpoints.
import type { CircuitBreakerThresholds, ClusterConfig } from '../../config/types.js';
import { fieldPath } from '../wire/message.js';
import type { Report } from '../wire/message.js';
import type { CircuitBreakers, CircuitBreakersThresholds, CircuitBreakersThresholdsRetryBudget }
  from '../wire/generated/messages.js';
import { numberOf } from './fields.js';

const NO_LIMIT = 2 ** 32 - 1;
const thresholdsDefault: CircuitBreakerThresholds = { maxConnections: 1024, maxPendingRequests: 1024,
  maxRequests: 1024, maxRetries: 3, retryBudget: null, trackRemaining: false, maxConnectionsPerEndpoint: NO_LIMIT };
const BUDGET_PERCENT_DEFAULT = 20;
const BUDGET_CONCURRENCY_DEFAULT = 3;
const ofClusterOnly: readonly (readonly [keyof CircuitBreakersThresholds, string])[] = [
  ['maxPendingRequests', 'max_pending_requests'], ['maxRequests', 'max_requests'], ['maxRetries', 'max_retries'],
  ['retryBudget', 'retry_budget'], ['trackRemaining', 'track_remaining']];

export function readCircuitBreakers(message: CircuitBreakers | undefined, path: string,
  report: Report): ClusterConfig['circuitBreakers'] {
  const result = { default: thresholdsDefault, high: thresholdsDefault };
  const seen = new Set<string>();
  (message?.thresholds ?? []).forEach((thresholds, index) => {
    const priority = priorityOf(thresholds);
    if (seen.has(priority)) report.fail(`${path}.thresholds[${index}]`, `a second entry for the priority ${priority}`);
    seen.add(priority);
    result[priority] = {
      maxConnections: numberOf(thresholds.maxConnections, thresholdsDefault.maxConnections),
      maxPendingRequests: numberOf(thresholds.maxPendingRequests, thresholdsDefault.maxPendingRequests),
      maxRequests: numberOf(thresholds.maxRequests, thresholdsDefault.maxRequests),
      maxRetries: numberOf(thresholds.maxRetries, thresholdsDefault.maxRetries),
      retryBudget: readRetryBudget(thresholds.retryBudget),
      trackRemaining: thresholds.trackRemaining ?? false,
      maxConnectionsPerEndpoint: NO_LIMIT,
    };
  });
  readPerEndpoint(message?.perHostThresholds ?? [], result, fieldPath(path, 'per_host_thresholds'), report);
  return result;
}

const priorityOf = ({ priority }: CircuitBreakersThresholds) => priority === 1 ? 'high' as const : 'default' as const;

/** Of each priority the first entry counts, as in Envoy; only connections are limited. */
function readPerEndpoint(list: readonly CircuitBreakersThresholds[], result: ClusterConfig['circuitBreakers'],
  path: string, report: Report): void {
  list.forEach((thresholds, index) => {
    for (const [json, name] of ofClusterOnly)
      if (thresholds[json] !== undefined)
        report.fail(`${path}[${index}].${name}`, 'not implemented for single endpoints');
  });
  for (const thresholds of [...list].reverse()) {
    const priority = priorityOf(thresholds);
    result[priority] = { ...result[priority],
      maxConnectionsPerEndpoint: numberOf(thresholds.maxConnections, thresholdsDefault.maxConnections) };
  }
}

const readRetryBudget = (
  budget: CircuitBreakersThresholdsRetryBudget | undefined): CircuitBreakerThresholds['retryBudget'] =>
  budget === undefined ? null : {
    percent: budget.budgetPercent === undefined ? BUDGET_PERCENT_DEFAULT : budget.budgetPercent.value ?? 0,
    minConcurrency: numberOf(budget.minRetryConcurrency, BUDGET_CONCURRENCY_DEFAULT),
  };
