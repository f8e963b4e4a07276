// cluster.v3.Cluster into a ClusterConfig, with its endpoints or the file that they come from.
import type { FileSource } from '../../config/bootstrap/bootstrap.js';
import type { ClusterConfig, EndpointAssignment } from '../../config/types.js';
import { fieldPath } from '../wire/message.js';
import type { Report } from '../wire/message.js';
import type { Cluster, ClusterLoadAssignment } from '../wire/generated/messages.js';
import { readCircuitBreakers } from './circuit-breakers.js';
import { findHttpOptions } from './cluster-protocols.js';
import { readConfigSource } from './config-source.js';
import { readDns } from './dns.js';
import { readAssignment } from './endpoint.js';
import { millisecondsOf, numberOf, readMetadata } from './fields.js';
import { readHealth } from './health-check.js';
import { readHeadBytes, readHeaderKeyFormat, readHeadersCount, readIdleTimeoutMs, refuseFields }
  from './http-protocol-options.js';
import type { CodecReference } from './rpc.js';
import { readConnections } from './upstream-connections.js';
import { readLoadBalancing } from './load-balancing.js';
import { readOutlierDetection } from './outlier-detection.js';
import { readOriginalDestination } from './original-destination.js';
import { GatheredSecrets } from './tls-context.js';
import { readTransportSocketMatches, readUpstreamTransport } from './transport-socket.js';

const CONNECT_TIMEOUT_MS_DEFAULT = 5000;
const BUFFER_BYTES_DEFAULT = 1024 * 1024;
const discoveryTypes: { [type: number]: ClusterConfig['type'] } = { 0: 'static', 1: 'strictDns', 2: 'logicalDns',
  3: 'eds', 4: 'originalDst' };

export interface ClusterParts { config: ClusterConfig; eds: FileSource | null; secrets: GatheredSecrets;
  codecs: CodecReference[] }

/** A cluster. */
export function readCluster(message: Cluster, path: string, report: Report): ClusterParts {
  const name = message.name ?? '';
  const type = message.clusterType !== undefined ? 'originalDst' : discoveryTypes[message.type ?? 0];
  if (type === undefined) {
    report.fail(fieldPath(path, 'type'), `not implemented: ${message.type}`);
  }
  const eds = readEds(message, type, path, report);
  const secrets = new GatheredSecrets();
  const codecs: CodecReference[] = [];
  const config: ClusterConfig = {
    name,
    altStatName: message.altStatName === undefined || message.altStatName === '' ? name : message.altStatName,
    metadata: readMetadata(message.metadata),
    perEndpointStats: message.trackClusterStats?.perEndpointStats ?? false,
    type: type ?? 'static',
    originalDestination: readOriginalDestination(message, type, path, report),
    edsServiceName: message.edsClusterConfig?.serviceName ?? '',
    loadAssignment: readEndpoints(message, type, path, report),
    ...readLoadBalancing(message, type, path, report),
    connectTimeoutMs: millisecondsOf(message.connectTimeout, CONNECT_TIMEOUT_MS_DEFAULT,
      fieldPath(path, 'connect_timeout'), report),
    perConnectionBufferBytes: numberOf(message.perConnectionBufferLimitBytes, BUFFER_BYTES_DEFAULT),
    circuitBreakers: readCircuitBreakers(message.circuitBreakers, fieldPath(path, 'circuit_breakers'), report),
    ...readHttpOptions(message, path, report, secrets, codecs),
    dns: readDns(message, path, report),
    ...readHealth(message, type, path, report),
    outlierDetection: readOutlierDetection(message.outlierDetection, fieldPath(path, 'outlier_detection'), report),
  };
  return { config, eds, secrets, codecs };
}

function readEds(message: Cluster, type: ClusterConfig['type'] | undefined, path: string,
  report: Report): FileSource | null {
  const at = fieldPath(path, 'eds_cluster_config');
  if (type === 'eds') return readConfigSource(message.edsClusterConfig?.edsConfig, fieldPath(at, 'eds_config'), report);
  if (message.edsClusterConfig !== undefined) report.fail(at, 'set in a cluster whose type is not EDS');
  return null;
}

function readEndpoints(message: Cluster, type: ClusterConfig['type'] | undefined, path: string, report: Report):
  ClusterConfig['loadAssignment'] {
  const at = fieldPath(path, 'load_assignment');
  if (message.loadAssignment === undefined) {
    if (type !== 'eds' && type !== 'originalDst') report.fail(at, 'required');
    return null;
  }
  if (type === 'eds' || type === 'originalDst') {
    report.fail(at, `set in a cluster whose type is ${type === 'eds' ? 'EDS' : 'ORIGINAL_DST'}`);
    return null;
  }
  if (type === 'logicalDns') return readLogical(message.loadAssignment, at, report);
  return readAssignment(message.loadAssignment, type === 'strictDns' ? 'resolve' : 'connect', at, report);
}

/** One name, whose address may change while the endpoint stays the same. */
function readLogical(message: ClusterLoadAssignment, path: string, report: Report): EndpointAssignment {
  const assignment = readAssignment(message, 'resolve', path, report);
  const [only] = assignment.endpoints;
  if (assignment.endpoints.length !== 1 || only?.address.kind !== 'ip') {
    report.fail(fieldPath(path, 'endpoints'), 'of the type LOGICAL_DNS: exactly one endpoint, with a name and a port');
    return assignment;
  }
  return { ...assignment, endpoints: [{ ...only, logicalName: `${only.address.host}:${only.address.port}` }] };
}

function readHttpOptions(message: Cluster, path: string, report: Report, secrets: GatheredSecrets,
  codecs: CodecReference[]) {
  const { common, commonPath, http1, http1Path, http, rpc } = findHttpOptions(message, path, report, codecs);
  const transport = readUpstreamTransport(message.transportSocket, fieldPath(path, 'transport_socket'), report,
    secrets);
  const matches = readTransportSocketMatches(message.transportSocketMatches,
    fieldPath(path, 'transport_socket_matches'), report, secrets);
  refuseFields(common, { maxStreamDuration: 'max_stream_duration',
    headersWithUnderscoresAction: 'headers_with_underscores_action' }, commonPath, report);
  refuseFields(http1, { acceptHttp10: 'accept_http_10', defaultHostForHttp10: 'default_host_for_http_10',
  }, http1Path, report);
  return {
    idleTimeoutMs: readIdleTimeoutMs(common, commonPath, report),
    maxRequestsPerConnection: numberOf(common.maxRequestsPerConnection, numberOf(message.maxRequestsPerConnection, 0)),
    maxResponseHeadersBytes: rpc?.headerBytesMax
      ?? readHeadBytes(numberOf(common.maxResponseHeadersKb, 60), fieldPath(commonPath, 'max_response_headers_kb'),
        report),
    maxResponseHeadersCount: readHeadersCount(common, commonPath, report),
    ...readHeaderKeyFormat(http1, http1Path, report),
    ...rpc !== null && { preserveCase: true },
    enableTrailers: http1.enableTrailers ?? false,
    sendFullyQualifiedUrl: http1.sendFullyQualifiedUrl ?? false,
    http,
    rpc: rpc?.options ?? null,
    connections: readConnections(message, common, commonPath, transport.proxyProtocol, path, report),
    tls: transport.tls,
    transportSocketMatches: matches,
  };
}
