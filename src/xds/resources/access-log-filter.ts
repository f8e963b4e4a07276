// accesslog.v3.AccessLogFilter: which requests a log shows. CEL and traces are refused.
import type { AccessLogFilter as PlainFilter } from '../../config/types.js';
import { limits } from '../../core/limits.js';
import { fieldPath } from '../wire/message.js';
import type { Report } from '../wire/message.js';
import type { AccessLogFilter, ComparisonFilter } from '../wire/generated/messages.js';
import { boolOf } from './fields.js';
import { readHeaderMatcher } from './matchers.js';
import { readMetadataMatcher } from './metadata-matcher.js';
import { readFraction, readRuntimeNumber } from './runtime.js';

const comparisons = ['eq', 'ge', 'le'] as const;
/** envoy.data.accesslog.v3.AccessLogType */
const logTypes = ['NotSet', 'TcpUpstreamConnected', 'TcpPeriodic', 'TcpConnectionEnd', 'DownstreamStart',
  'DownstreamPeriodic', 'DownstreamEnd', 'UpstreamPoolReady', 'UpstreamPeriodic', 'UpstreamEnd',
  'DownstreamTunnelSuccessfullyEstablished', 'UdpTunnelUpstreamConnected', 'UdpPeriodic', 'UdpSessionEnd'] as const;

export function readAccessLogFilter(filter: AccessLogFilter, path: string, report: Report, depth = 1): PlainFilter {
  const none: PlainFilter = { kind: 'notHealthCheck' };
  if (depth > limits.predicateDepthMax) {
    report.fail(path, `filters are nested deeper than ${limits.predicateDepthMax}`);
    return none;
  }
  const joined = (kind: 'and' | 'or', list: AccessLogFilter[] | undefined): PlainFilter => ({ kind,
    filters: (list ?? []).map((inner, index) => readAccessLogFilter(inner,
      `${fieldPath(path, `${kind}_filter`)}.filters[${index}]`, report, depth + 1)) });
  if (filter.statusCodeFilter !== undefined) return compared('statusCode', filter.statusCodeFilter.comparison);
  if (filter.durationFilter !== undefined) return compared('duration', filter.durationFilter.comparison);
  if (filter.notHealthCheckFilter !== undefined) return none;
  if (filter.runtimeFilter !== undefined) {
    const { runtimeKey, percentSampled, useIndependentRandomness } = filter.runtimeFilter;
    return { kind: 'runtime', fraction: { ...readFraction(percentSampled), runtimeKey: runtimeKey ?? '' },
      independentRandomness: useIndependentRandomness ?? false };
  }
  if (filter.andFilter !== undefined) return joined('and', filter.andFilter.filters);
  if (filter.orFilter !== undefined) return joined('or', filter.orFilter.filters);
  if (filter.headerFilter !== undefined) {
    return { kind: 'header',
      matcher: readHeaderMatcher(filter.headerFilter.header ?? {}, fieldPath(path, 'header_filter.header'), report) };
  }
  if (filter.responseFlagFilter !== undefined) {
    return { kind: 'responseFlag', flags: [...filter.responseFlagFilter.flags ?? []] };
  }
  if (filter.grpcStatusFilter !== undefined) {
    return { kind: 'grpcStatus', statuses: [...filter.grpcStatusFilter.statuses ?? []],
      exclude: filter.grpcStatusFilter.exclude ?? false };
  }
  if (filter.metadataFilter !== undefined) {
    const { matcher, matchIfKeyNotFound } = filter.metadataFilter;
    return { kind: 'metadata', ifMissing: boolOf(matchIfKeyNotFound, true), matcher: matcher === undefined ? null
      : readMetadataMatcher(matcher, fieldPath(path, 'metadata_filter.matcher'), report) };
  }
  if (filter.logTypeFilter !== undefined) {
    return { kind: 'logType', exclude: filter.logTypeFilter.exclude ?? false,
      types: (filter.logTypeFilter.types ?? []).map((type) => logTypes[type] ?? 'NotSet') };
  }
  return none;                     // the check has said that one is required
}

function compared(kind: 'statusCode' | 'duration', comparison: ComparisonFilter | undefined): PlainFilter {
  return { kind, comparison: comparisons[comparison?.op ?? 0] ?? 'eq', value: readRuntimeNumber(comparison?.value, 0) };
}
