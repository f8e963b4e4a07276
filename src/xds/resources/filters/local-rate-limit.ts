// envoy.extensions.filters.http.local_ratelimit.v3.LocalRateLimit, the token buckets it fills, and route.v3.RateLimit,
// which says what the descriptors of a request are.
import type { LocalRateLimitFilter, RateLimit as PlainRateLimit, RateLimitAction,
  TokenBucket as PlainBucket } from '../../../config/http-filters.js';
import { never } from '../../../config/runtime.js';
import { limits } from '../../../core/limits.js';
import { durationMs } from '../../wire/check.js';
import type { LocalRateLimit, RateLimit, RateLimitAction as ActionMessage, TokenBucket }
  from '../../wire/generated/messages.js';
import { fieldPath } from '../../wire/message.js';
import type { Report } from '../../wire/message.js';
import { boolOf, numberOf } from '../fields.js';
import { readAdditions } from '../header-mutations.js';
import { readHeaderMatcher, readQueryParameterMatcher } from '../matchers.js';
import { readRuntimeFraction } from '../runtime.js';

const FILL_INTERVAL_MS_MIN = 50;
const STATUS_DEFAULT = 429;
const hostLimits = ['override', 'include', 'ignore'] as const;

export function readTokenBucket(message: TokenBucket, path: string, report: Report): PlainBucket {
  const fillIntervalMs = message.fillInterval === undefined ? 0 : durationMs(message.fillInterval);
  if (fillIntervalMs < FILL_INTERVAL_MS_MIN)
    report.fail(fieldPath(path, 'fill_interval'), `must be at least ${FILL_INTERVAL_MS_MIN} ms`);
  return { maxTokens: message.maxTokens ?? 0, tokensPerFill: numberOf(message.tokensPerFill, 1), fillIntervalMs };
}

export function readLocalRateLimit(message: LocalRateLimit, path: string, report: Report): LocalRateLimitFilter {
  const descriptors = message.descriptors ?? [];
  const status = message.status?.code ?? STATUS_DEFAULT;
  if (descriptors.length > limits.rateLimitDescriptorsMax)
    report.fail(fieldPath(path, 'descriptors'), `more than ${limits.rateLimitDescriptorsMax}`);
  const keys = new Set<string>();
  return {
    kind: 'localRateLimit',
    statPrefix: message.statPrefix ?? '',
    status: status < 400 ? STATUS_DEFAULT : status,
    bucket: message.tokenBucket === undefined ? null
      : readTokenBucket(message.tokenBucket, fieldPath(path, 'token_bucket'), report),
    enabled: readRuntimeFraction(message.filterEnabled, never),
    enforced: readRuntimeFraction(message.filterEnforced, never),
    requestHeadersWhenNotEnforced: readAdditions(message.requestHeadersToAddWhenNotEnforced, path,
      'request_headers_to_add_when_not_enforced', report),
    responseHeaders: readAdditions(message.responseHeadersToAdd, path, 'response_headers_to_add', report),
    descriptors: descriptors.map(({ entries, tokenBucket }, index) => {
      const at = `${fieldPath(path, 'descriptors')}[${index}]`;
      const plain = (entries ?? []).map(({ key, value }) => ({ key: key ?? '', value: value ?? '' }));
      const text = JSON.stringify(plain);
      if (keys.has(text)) report.fail(fieldPath(at, 'entries'), 'duplicate descriptor');
      keys.add(text);
      return { entries: plain, bucket: readTokenBucket(tokenBucket ?? {}, fieldPath(at, 'token_bucket'), report) };
    }),
    stage: message.stage ?? 0,
    perConnection: message.localRateLimitPerDownstreamConnection ?? false,
    rateLimitHeaders: (message.enableXRatelimitHeaders ?? 0) === 1,
    alwaysConsumeDefault: boolOf(message.alwaysConsumeDefaultTokenBucket, true),
    virtualHostLimits: hostLimits[message.vhRateLimits ?? 0] ?? 'override',
  };
}

/** rate_limits of a route or a virtual host. */
export function readRateLimits(messages: RateLimit[] | undefined, path: string, report: Report): PlainRateLimit[] {
  return (messages ?? []).map((message, index) => {
    const at = `${fieldPath(path, 'rate_limits')}[${index}]`;
    return { stage: numberOf(message.stage, 0), disableKey: message.disableKey ?? '',
      actions: (message.actions ?? []).flatMap((action, i) => readAction(action, `${at}.actions[${i}]`, report)) };
  });
}

function readAction(action: ActionMessage, path: string, report: Report): RateLimitAction[] {
  if (action.sourceCluster !== undefined) return [{ kind: 'sourceCluster' }];
  if (action.destinationCluster !== undefined) return [{ kind: 'destinationCluster' }];
  if (action.remoteAddress !== undefined) return [{ kind: 'remoteAddress' }];
  if (action.maskedRemoteAddress !== undefined) {
    const { v4PrefixMaskLen, v6PrefixMaskLen } = action.maskedRemoteAddress;
    return [{ kind: 'maskedRemoteAddress', ipv4Bits: numberOf(v4PrefixMaskLen, 32),
      ipv6Bits: numberOf(v6PrefixMaskLen, 128) }];
  }
  if (action.requestHeaders !== undefined) {
    const { headerName = '', descriptorKey = '', skipIfAbsent = false } = action.requestHeaders;
    return [{ kind: 'requestHeaders', header: headerName.toLowerCase(), key: descriptorKey, skipIfAbsent }];
  }
  if (action.genericKey !== undefined) {
    const { descriptorKey, descriptorValue = '' } = action.genericKey;
    return [{ kind: 'genericKey', value: descriptorValue,
      key: descriptorKey === undefined || descriptorKey === '' ? 'generic_key' : descriptorKey }];
  }
  if (action.metadata !== undefined) {
    const { descriptorKey = '', metadataKey, defaultValue = '', source, skipIfAbsent = false } = action.metadata;
    return [{ kind: 'metadata', key: descriptorKey, whenMissing: defaultValue, skipIfAbsent, ofRoute: source === 1,
      path: [metadataKey?.key ?? '', ...(metadataKey?.path ?? []).map(({ key }) => key ?? '')] }];
  }
  if (action.headerValueMatch !== undefined) {
    const { descriptorKey, descriptorValue = '', expectMatch, headers = [] } = action.headerValueMatch;
    return [{ kind: 'headerValueMatch', value: descriptorValue, expect: boolOf(expectMatch, true),
      key: descriptorKey === undefined || descriptorKey === '' ? 'header_match' : descriptorKey,
      headers: headers.map((matcher, index) =>
        readHeaderMatcher(matcher, `${path}.header_value_match.headers[${index}]`, report)) }];
  }
  if (action.queryParameterValueMatch === undefined) return [];
  const { descriptorKey, descriptorValue = '', expectMatch, queryParameters = [] } = action.queryParameterValueMatch;
  return [{ kind: 'queryParameterValueMatch', value: descriptorValue, expect: boolOf(expectMatch, true),
    key: descriptorKey === undefined || descriptorKey === '' ? 'query_match' : descriptorKey,
    parameters: queryParameters.map((matcher, index) => readQueryParameterMatcher(matcher,
      `${path}.query_parameter_value_match.query_parameters[${index}]`, report)) }];
}
