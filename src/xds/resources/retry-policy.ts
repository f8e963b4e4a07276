// route.v3.RetryPolicy. What of it is not implemented is refused by the field list.
import type { MetadataMatch, RetryPolicy as PlainRetryPolicy } from '../../config/types.js';
import type { OmitHostMetadataConfig, PreviousPrioritiesConfig, RetryPolicy, RetryPolicyRateLimitedRetryBackOff }
  from '../wire/generated/messages.js';
import { fieldPath } from '../wire/message.js';
import type { Report } from '../wire/message.js';
import { millisecondsOf, numberOf } from './fields.js';
import { readHeaderMatcher } from './matchers.js';
import { readMetadataMatch } from './subsets.js';

const prefix = 'envoy.extensions.retry.';
const predicates: { readonly [name: string]: 'hosts' | 'canaries' | 'metadata' } = {
  [`${prefix}host.previous_hosts.v3.PreviousHostsPredicate`]: 'hosts',
  'envoy.retry_host_predicates.previous_hosts': 'hosts',
  [`${prefix}host.omit_canary_hosts.v3.OmitCanaryHostsPredicate`]: 'canaries',
  'envoy.retry_host_predicates.omit_canary_hosts': 'canaries',
  [`${prefix}host.omit_host_metadata.v3.OmitHostMetadataConfig`]: 'metadata',
};
const previousPriorities = `${prefix}priority.previous_priorities.v3.PreviousPrioritiesConfig`;

export function readRetryPolicy(message: RetryPolicy | undefined, path: string,
  report: Report): PlainRetryPolicy | null {
  if (message === undefined) return null;
  const backOff = message.retryBackOff;
  const backOffPath = fieldPath(path, 'retry_back_off');
  const base = millisecondsOf(backOff?.baseInterval, null, fieldPath(backOffPath, 'base_interval'), report);
  const longest = millisecondsOf(backOff?.maxInterval, null, fieldPath(backOffPath, 'max_interval'), report);
  if (base !== null && longest !== null && longest < base)
    report.fail(fieldPath(backOffPath, 'max_interval'), 'must be at least base_interval');
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
    ...readHostPredicates(message, path, report),
    prioritiesEvery: readPriorities(message, path, report),
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

function readHostPredicates(message: RetryPolicy, path: string, report: Report):
  Pick<PlainRetryPolicy, 'avoidPreviousHosts' | 'avoidCanaries' | 'avoidMetadata'> {
  const found = { avoidPreviousHosts: false, avoidCanaries: false, avoidMetadata: [] as MetadataMatch[] };
  (message.retryHostPredicate ?? []).forEach((predicate, index) => {
    const name = predicate.typedConfig?.type ?? predicate.name ?? '';
    switch (predicates[name]) {
      case 'hosts': found.avoidPreviousHosts = true; break;
      case 'canaries': found.avoidCanaries = true; break;
      case 'metadata': {
        const config = predicate.typedConfig!.value as OmitHostMetadataConfig;
        found.avoidMetadata.push(readMetadataMatch(config.metadataMatch, undefined) ?? { keys: [], values: [] });
        break;
      }
      default: report.fail(fieldPath(path, `retry_host_predicate[${index}]`), `not implemented: ${name}`);
    }
  });
  return found;
}

function readPriorities(message: RetryPolicy, path: string, report: Report): number {
  if (message.retryPriority === undefined) return 0;
  const any = message.retryPriority.typedConfig;
  if (any?.type === previousPriorities) return (any.value as PreviousPrioritiesConfig).updateFrequency ?? 0;
  report.fail(fieldPath(path, 'retry_priority'), `not implemented: ${any?.type ?? 'no typed_config'}`);
  return 0;
}
