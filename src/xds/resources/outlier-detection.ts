// cluster.v3.OutlierDetection.
import type { OutlierDetection as PlainOutlierDetection } from '../../config/health.js';
import { limits } from '../../core/limits.js';
import { fieldPath } from '../wire/message.js';
import type { Report } from '../wire/message.js';
import type { OutlierDetection } from '../wire/generated/messages.js';
import { boolOf, millisecondsOf, numberOf } from './fields.js';

const MAX_EJECTION_MS_DEFAULT = 300_000;

export function readOutlierDetection(message: OutlierDetection | undefined, path: string,
  report: Report): PlainOutlierDetection | null {
  if (message === undefined) return null;
  const baseEjectionMs = millisecondsOf(message.baseEjectionTime, 30_000, fieldPath(path, 'base_ejection_time'),
    report);
  const maxEjectionMs = millisecondsOf(message.maxEjectionTime, Math.max(MAX_EJECTION_MS_DEFAULT, baseEjectionMs),
    fieldPath(path, 'max_ejection_time'), report);
  if (maxEjectionMs < baseEjectionMs)
    report.fail(fieldPath(path, 'max_ejection_time'), 'must not be less than base_ejection_time');
  const volume = (field: 'successRateRequestVolume' | 'failurePercentageRequestVolume', name: string, absent: number) =>
    atMost(numberOf(message[field], absent), limits.outlierRequestsMax, fieldPath(path, name), report);
  return {
    intervalMs: millisecondsOf(message.interval, 10_000, fieldPath(path, 'interval'), report),
    baseEjectionMs,
    maxEjectionMs,
    maxEjectionJitterMs: millisecondsOf(message.maxEjectionTimeJitter, 0, fieldPath(path, 'max_ejection_time_jitter'),
      report),
    maxEjectionPercent: numberOf(message.maxEjectionPercent, 10),
    alwaysEjectOne: boolOf(message.alwaysEjectOneHost, false),
    splitLocalErrors: message.splitExternalLocalOriginErrors ?? false,
    unejectByCheck: boolOf(message.successfulActiveHealthCheckUnejectHost, true),
    consecutive5xx: numberOf(message.consecutive5xx, 5),
    consecutiveGatewayFailures: numberOf(message.consecutiveGatewayFailure, 5),
    consecutiveLocalFailures: numberOf(message.consecutiveLocalOriginFailure, 5),
    successRateHosts: numberOf(message.successRateMinimumHosts, 5),
    successRateRequests: volume('successRateRequestVolume', 'success_rate_request_volume', 100),
    successRateStdev: numberOf(message.successRateStdevFactor, 1900),
    failurePercent: numberOf(message.failurePercentageThreshold, 85),
    failurePercentHosts: numberOf(message.failurePercentageMinimumHosts, 5),
    failurePercentRequests: volume('failurePercentageRequestVolume', 'failure_percentage_request_volume', 50),
    enforcing: {
      consecutive5xx: numberOf(message.enforcingConsecutive5xx, 100),
      consecutiveGateway: numberOf(message.enforcingConsecutiveGatewayFailure, 0),
      consecutiveLocal: numberOf(message.enforcingConsecutiveLocalOriginFailure, 100),
      successRate: numberOf(message.enforcingSuccessRate, 100),
      localSuccessRate: numberOf(message.enforcingLocalOriginSuccessRate, 100),
      failurePercent: numberOf(message.enforcingFailurePercentage, 0),
      localFailurePercent: numberOf(message.enforcingFailurePercentageLocalOrigin, 0),
    },
  };
}

function atMost(value: number, most: number, path: string, report: Report): number {
  if (value > most) report.fail(path, `${value} is beyond this build's limit of ${most}`);
  return value;
}
