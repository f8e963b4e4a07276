// The scenario files, by area: one line each. An area is recorded in recorded/<area>.json.
import { messageAreas } from './message-areas.js';
import type { Scenario } from './scenario.js';
import { scenarios as balancing } from './scenarios/balancing.js';
import { scenarios as basics } from './scenarios/basics.js';
import { scenarios as ends } from './scenarios/ends.js';
import { scenarios as listeners } from './scenarios/listeners.js';
import { scenarios as hashing } from './scenarios/hashing.js';
import { scenarios as hedging } from './scenarios/hedging.js';
import { scenarios as internal } from './scenarios/internal.js';
import { scenarios as metadata } from './scenarios/metadata.js';
import { scenarios as mirroring } from './scenarios/mirroring.js';
import { scenarios as overrideHost } from './scenarios/override-host.js';
import { scenarios as redirects } from './scenarios/redirects.js';
import { scenarios as filters } from './scenarios/filters.js';
import { scenarios as filtersMore } from './scenarios/filters-more.js';
import { scenarios as filtersTogether } from './scenarios/filters-together.js';
import { scenarios as forwardProxy } from './scenarios/forward-proxy.js';
import { scenarios as statistics } from './scenarios/statistics.js';
import { scenarios as retries } from './scenarios/retries.js';
import { scenarios as retryHosts } from './scenarios/retry-hosts.js';
import { scenarios as routing } from './scenarios/routing.js';
import { scenarios as tcp } from './scenarios/tcp.js';
import { scenarios as subsets } from './scenarios/subsets.js';
import { scenarios as scopes } from './scenarios/scopes.js';
import { scenarios as telemetry } from './scenarios/telemetry.js';
import { scenarios as grpcBridge } from './scenarios/grpc-bridge.js';
import { scenarios as grpcStats } from './scenarios/grpc-stats.js';
import { scenarios as grpcTimeouts } from './scenarios/grpc-timeouts.js';
import { scenarios as grpcWeb } from './scenarios/grpc-web.js';
import { scenarios as transcoder } from './scenarios/transcoder.js';
import { scenarios as transcoderHostile } from './scenarios/transcoder-hostile.js';
import { scenarios as transcoderJson } from './scenarios/transcoder-json.js';
import { scenarios as transcoderStreams } from './scenarios/transcoder-streams.js';
import { scenarios as upstreams } from './scenarios/upstreams.js';
import { scenarios as zones } from './scenarios/zones.js';
import { scenarios as virtualHosts } from './scenarios/virtual-hosts.js';

export const areas: Readonly<Record<string, readonly Scenario[]>> = {
  ...messageAreas,
  balancing,
  hashing,
  basics,
  ends,
  listeners,
  hedging,
  internal,
  metadata,
  mirroring,
  'override-host': overrideHost,
  redirects,
  filters,
  'filters-more': filtersMore,
  'filters-together': filtersTogether,
  'forward-proxy': forwardProxy,
  retries,
  statistics,
  'retry-hosts': retryHosts,
  routing,
  tcp,
  subsets,
  scopes,
  telemetry,
  'grpc-bridge': grpcBridge,
  'grpc-stats': grpcStats,
  'grpc-timeouts': grpcTimeouts,
  'grpc-web': grpcWeb,
  transcoder,
  'transcoder-hostile': transcoderHostile,
  'transcoder-json': transcoderJson,
  'transcoder-streams': transcoderStreams,
  upstreams,
  'virtual-hosts': virtualHosts,
  zones,
};
