// envoy.extensions.filters.http.fault.v3.HTTPFault
import type { FaultFilter } from '../../../config/http-filters.js';
import type { RuntimeFraction } from '../../../config/runtime.js';
import type { HTTPFault } from '../../wire/generated/messages.js';
import { durationMs } from '../../wire/check.js';
import { fieldPath } from '../../wire/message.js';
import type { Report } from '../../wire/message.js';
import { numberOf } from '../fields.js';
import { readHeaderMatcher } from '../matchers.js';
import { readFraction } from '../runtime.js';

const NO_LIMIT = 2 ** 32 - 1;
const keyOr = (key: string | undefined, standard: string): string => key === undefined || key === '' ? standard : key;

export function readFault(message: HTTPFault, path: string, report: Report): FaultFilter {
  const { delay, abort, responseRateLimit: limit } = message;
  const share = (percentage: Parameters<typeof readFraction>[0], key: string): RuntimeFraction =>
    ({ ...readFraction(percentage), runtimeKey: key });
  return {
    kind: 'fault',
    delay: delay === undefined ? null : {
      fixedMs: delay.fixedDelay === undefined ? null : { defaultValue: Math.ceil(durationMs(delay.fixedDelay)),
        runtimeKey: keyOr(message.delayDurationRuntime, 'fault.http.delay.fixed_duration_ms') },
      percentage: share(delay.percentage,
        keyOr(message.delayPercentRuntime, 'fault.http.delay.fixed_delay_percent')) },
    abort: abort === undefined ? null : {
      status: abort.httpStatus === undefined ? null : { defaultValue: abort.httpStatus,
        runtimeKey: keyOr(message.abortHttpStatusRuntime, 'fault.http.abort.http_status') },
      grpcStatus: abort.grpcStatus === undefined ? null : { defaultValue: abort.grpcStatus,
        runtimeKey: keyOr(message.abortGrpcStatusRuntime, 'fault.http.abort.grpc_status') },
      byHeader: abort.headerAbort !== undefined,
      percentage: share(abort.percentage, keyOr(message.abortPercentRuntime, 'fault.http.abort.abort_percent')) },
    responseRateLimit: limit === undefined ? null : {
      kibPerSecond: limit.fixedLimit === undefined ? null : Number(limit.fixedLimit.limitKbps ?? 0),
      percentage: share(limit.percentage,
        keyOr(message.responseRateLimitPercentRuntime, 'fault.http.rate_limit.response_percent')) },
    upstreamCluster: message.upstreamCluster ?? '',
    headers: (message.headers ?? []).map((matcher, index) =>
      readHeaderMatcher(matcher, `${fieldPath(path, 'headers')}[${index}]`, report)),
    downstreamNodes: message.downstreamNodes ?? [],
    maxActiveFaults: { defaultValue: numberOf(message.maxActiveFaults, NO_LIMIT),
      runtimeKey: keyOr(message.maxActiveFaultsRuntime, 'fault.http.max_active_faults') },
  };
}
