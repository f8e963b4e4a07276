// How many retries a cluster may have at once: a number, or a share of the requests that it has
// (circuit_breakers.retry_budget).
import type { CircuitBreakerThresholds } from './types.js';

/** `requests`: those in progress for the whole process, waiting ones included. */
export function retriesMax({ maxRetries, retryBudget }: CircuitBreakerThresholds, requests: number): number {
  if (retryBudget === null) return maxRetries;
  return Math.max(Math.floor(retryBudget.percent / 100 * requests), retryBudget.minConcurrency);
}
