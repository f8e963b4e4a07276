// Cluster.OriginalDstLbConfig: where an ORIGINAL_DST cluster learns the address that a request wants to go to.
import type { ClusterConfig, OriginalDestination } from '../../config/types.js';
import { fieldPath } from '../wire/message.js';
import type { Report } from '../wire/message.js';
import type { Cluster, ClusterConfig as ForwardProxy, ClusterCustomClusterType } from '../wire/generated/messages.js';
import { readDnsCache } from './filters/forward-proxy.js';
import { millisecondsOf } from './fields.js';

const CLEANUP_INTERVAL_MS_DEFAULT = 5000;
const HEADER_DEFAULT = 'x-envoy-original-dst-host';

/** Null for clusters of other types. */
export function readOriginalDestination(message: Cluster, type: ClusterConfig['type'] | undefined, path: string,
  report: Report): OriginalDestination | null {
  const options = message.originalDstLbConfig;
  const cleanupIntervalMs = millisecondsOf(message.cleanupInterval, CLEANUP_INTERVAL_MS_DEFAULT,
    fieldPath(path, 'cleanup_interval'), report);
  if (message.clusterType !== undefined) return readForwardProxy(message.clusterType, fieldPath(path, 'cluster_type'),
    report);
  if (type !== 'originalDst') {
    if (options !== undefined) {
      report.fail(fieldPath(path, 'original_dst_lb_config'), 'set in a cluster whose type is not ORIGINAL_DST');
    }
    return null;
  }
  const named = options?.httpHeaderName ?? '';
  return { resolved: false,
    headerName: options?.useHttpHeader === true ? (named === '' ? HEADER_DEFAULT : named).toLowerCase() : null,
    portOverride: options?.upstreamPortOverride?.value ?? null, cleanupIntervalMs };
}

export const forwardProxyType = 'envoy.extensions.clusters.dynamic_forward_proxy.v3.ClusterConfig';

/** A cluster whose endpoints are what names in requests resolve to; the filter of the same cache resolves them. */
function readForwardProxy({ typedConfig }: ClusterCustomClusterType, path: string,
  report: Report): OriginalDestination | null {
  const at = fieldPath(path, 'typed_config');
  if (typedConfig === undefined || typedConfig.type !== forwardProxyType || typedConfig.value === undefined) {
    report.fail(at, `not implemented: cluster type ${typedConfig?.type ?? 'without a configuration'}`);
    return null;
  }
  const cache = readDnsCache((typedConfig.value as ForwardProxy).dnsCacheConfig, at, report);
  return { resolved: true, headerName: null, portOverride: null,
    cleanupIntervalMs: cache?.hostTtlMs ?? CLEANUP_INTERVAL_MS_DEFAULT };
}
