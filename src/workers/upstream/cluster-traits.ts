// What requests ask of a cluster's configuration, in one flat object that clusters with equal values share. A mesh has
// thousands of clusters and few kinds of them: so a request finds the values in the cache, whichever its cluster is.
import { RequestEditsFlag } from '../../core/generated/layouts.js';
import { limits } from '../../core/limits.js';
import type { CircuitBreakerThresholds, ClusterConfig } from '../../config/types.js';
import type { ClusterHttp, ServerNameOptions } from '../../config/http2.js';
import { equalKey } from '../../config/values.js';
import { DECODE_LOWER_CASE } from '../codecs.js';

export interface ClusterTraits {
  readonly normal: CircuitBreakerThresholds;
  readonly high: CircuitBreakerThresholds;
  /** Of h1DecodeResponse. */
  readonly decodeOptions: number;
  readonly responseHeadBytesMax: number;
  readonly responseHeadersMax: number;
  /** RequestEditsFlag bits of every request. */
  readonly editFlags: number;
  readonly idleTimeoutMs: number;             // 0 = none
  readonly requestsPerConnectionMax: number;  // 0 = no limit
  readonly enableTrailers: boolean;
  readonly protocol: ClusterHttp['protocol'];
  /** The RPC protocol that it is spoken to in; '' = HTTP, 'downstream' = what the client speaks. */
  readonly rpc: string;
  readonly serverNames: ServerNameOptions | null;
  /** Endpoints are checked: they may take themselves out of service. */
  readonly checked: boolean;
}

const known = new Map<string, ClusterTraits>();

/** Equal traits are the same object, as long as there are not too many kinds. */
export function traitsOf(config: ClusterConfig): ClusterTraits {
  const traits: ClusterTraits = {
    normal: config.circuitBreakers.default, high: config.circuitBreakers.high,
    decodeOptions: config.preserveCase || config.rpc !== null ? 0 : DECODE_LOWER_CASE,
    responseHeadBytesMax: config.maxResponseHeadersBytes, responseHeadersMax: config.maxResponseHeadersCount,
    editFlags: (config.properCaseWords ? RequestEditsFlag.properCase : 0)
      | (config.sendFullyQualifiedUrl ? RequestEditsFlag.absoluteUrl : 0)
      | (config.http.protocol === 'http1' ? 0 : RequestEditsFlag.keepMarks),
    idleTimeoutMs: config.idleTimeoutMs, requestsPerConnectionMax: config.maxRequestsPerConnection,
    enableTrailers: config.enableTrailers, protocol: config.http.protocol, rpc: config.rpc?.protocol ?? '',
    serverNames: config.http.serverNames, checked: config.healthCheck !== null,
  };
  const key = equalKey(traits);
  const same = known.get(key);
  if (same !== undefined) return same;
  if (known.size < limits.clusterTraitsMax) known.set(key, traits);
  return traits;
}
