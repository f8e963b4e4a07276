// Cluster.OriginalDstLbConfig: where an ORIGINAL_DST cluster learns the address that a request wants to go to.
import type { ClusterConfig, OriginalDestination } from '../../config/types.js';
import { fieldPath } from '../wire/message.js';
import type { Report } from '../wire/message.js';
import type { Cluster } from '../wire/generated/messages.js';
import { millisecondsOf } from './fields.js';

const CLEANUP_INTERVAL_MS_DEFAULT = 5000;
const HEADER_DEFAULT = 'x-envoy-original-dst-host';

/** Null for clusters of other types. */
export function readOriginalDestination(message: Cluster, type: ClusterConfig['type'] | undefined, path: string,
  report: Report): OriginalDestination | null {
  const options = message.originalDstLbConfig;
  const cleanupIntervalMs = millisecondsOf(message.cleanupInterval, CLEANUP_INTERVAL_MS_DEFAULT,
    fieldPath(path, 'cleanup_interval'), report);
  if (type !== 'originalDst') {
    if (options !== undefined) {
      report.fail(fieldPath(path, 'original_dst_lb_config'), 'set in a cluster whose type is not ORIGINAL_DST');
    }
    return null;
  }
  const named = options?.httpHeaderName ?? '';
  return { headerName: options?.useHttpHeader === true ? (named === '' ? HEADER_DEFAULT : named).toLowerCase() : null,
    portOverride: options?.upstreamPortOverride?.value ?? null, cleanupIntervalMs };
}
