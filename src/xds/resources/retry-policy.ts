// route.v3.RetryPolicy. What of it is not implemented is refused by the field list.
import type { RetryPolicy as PlainRetryPolicy } from '../../config/types.js';
import type { RetryPolicy, RetryPolicyRateLimitedRetryBackOff } from '../wire/generated/messages.js';
import { fieldPath } from '../wire/message.js';
import type { Report } from '../wire/message.js';
import { millisecondsOf, numberOf } from './fields.js';
import { readHeaderMatcher } from './matchers.js';

const previousHosts = 'envoy.extensions.retry.host.previous_hosts.v3.PreviousHostsPredicate';

export function readRetryPolicy(message: RetryPolicy | undefined, path: string,
  report: Report): PlainRetryPolicy | null {
  if (message === undefined) return null;
  const backOff = message.retryBackOff;
  const backOffPath = fieldPath(path, 'retry_back_off');
  const base = millisecondsOf(backOff?.baseInterval, null, fieldPath(backOffPath, 'base_interval'), report);
  const longest = millisecondsOf(backOff?.maxInterval, null, fieldPath(backOffPath, 'max_interval'), report);
  if (base !== null && longest !== null && longest < base)
    report.fail(fieldPath(backOffPath, 'max_interval'), 'must be at least base_interval');
  const predicates = message.retryHostPredicate ?? [];
  predicates.forEach((predicate, index) => {
    const type = predicate.typedConfig?.type;
    const named = type === undefined && predicate.name === 'envoy.retry_host_predicates.previous_hosts';
    if (type !== previousHosts && !named)
      report.fail(fieldPath(path, `retry_host_predicate[${index}]`), `not implemented: ${type ?? predicate.name}`);
  });
  const headers = (name: string, list: RetryPolicy['retriableHeaders']) => (list ?? []).map((matcher, index) =>
    readHeaderMatcher(matcher, fieldPath(path, `${name}[${index}]`), report));
  return {
    retryOn: message.retryOn ?? '',
    retries: numberOf(message.numRetries, 1),
    perTryTimeoutMs: millisecondsOf(message.perTryTimeout, 0, fieldPath(path, 'per_try_timeout'), report),
    perTryIdleTimeoutMs: millisecondsOf(message.perTryIdleTimeout, 0, fieldPath(path, 'per_try_idle_timeout'), report),
    backOffBaseMs: base,
    backOffMaxMs: longest,
    ...readResetHeaders(message.rateLimitedRetryBackOff, fieldPath(path, 'rate_limited_retry_back_off'), report),
    retriableStatusCodes: message.retriableStatusCodes ?? [],
    retriableHeaders: headers('retriable_headers', message.retriableHeaders),
    retriableRequestHeaders: headers('retriable_request_headers', message.retriableRequestHeaders),
    avoidPreviousHosts: predicates.length > 0,
    hostSelectionAttempts: Number(message.hostSelectionRetryMaxAttempts ?? 1),
  };
}

const RESET_MAX_MS_DEFAULT = 300_000;

function readResetHeaders(message: RetryPolicyRateLimitedRetryBackOff | undefined, path: string,
  report: Report): Pick<PlainRetryPolicy, 'resetHeaders' | 'resetMaxMs'> {
  return {
    resetHeaders: (message?.resetHeaders ?? []).map(({ name, format }) =>
      ({ name: (name ?? '').toLowerCase(), format: format === 1 ? 'unixTimestamp' as const : 'seconds' as const })),
    resetMaxMs: millisecondsOf(message?.maxInterval, RESET_MAX_MS_DEFAULT, fieldPath(path, 'max_interval'), report),
  };
}
