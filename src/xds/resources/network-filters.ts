// Network filters that do not end a chain: connection_limit and local_ratelimit.
import type { NetworkFilter } from '../../config/network-filters.js';
import { fieldPath } from '../wire/message.js';
import type { Any, Report } from '../wire/message.js';
import type { ConnectionLimit, NetworkLocalRateLimit } from '../wire/generated/messages.js';
import { millisecondsOf } from './fields.js';
import { readTokenBucket } from './filters/local-rate-limit.js';
import { readRuntimeFlag } from './runtime.js';

const PREFIX = 'envoy.extensions.filters.network.';
const connectionLimitType = `${PREFIX}connection_limit.v3.ConnectionLimit`;
const rateLimitType = `${PREFIX}local_ratelimit.v3.LocalRateLimit`;

export const isNetworkFilter = (type: string): boolean => type === connectionLimitType || type === rateLimitType;

export function readNetworkFilter(any: Any, path: string, report: Report): NetworkFilter {
  if (any.type === connectionLimitType) {
    const { statPrefix = '', maxConnections, delay, runtimeEnabled } = any.value as ConnectionLimit;
    return { kind: 'connectionLimit', statPrefix, maxConnections: Number(maxConnections?.value ?? 0),
      delayMs: millisecondsOf(delay, 0, fieldPath(path, 'delay'), report),
      enabled: readRuntimeFlag(runtimeEnabled, true) };
  }
  const { statPrefix = '', tokenBucket, runtimeEnabled, shareKey = '' } = any.value as NetworkLocalRateLimit;
  return { kind: 'localRateLimit', statPrefix, shareKey, enabled: readRuntimeFlag(runtimeEnabled, true),
    bucket: readTokenBucket(tokenBucket ?? {}, fieldPath(path, 'token_bucket'), report) };
}
