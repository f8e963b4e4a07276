// The parts of a configuration dump, each with its repeated fields and how their elements are made from the store's
// records. Elements are made one at a time while the answer is sent.
import { ownNameOf } from '../../config/secret-names.js';
import { addressJson } from '../address.js';
import type { AdminBackend, EndpointInForce, JsonObject } from '../backend.js';
import { healthName } from '../clusters.js';
import type { ErrorState, ResourceKind, ResourceRecord } from '../../xds/store.js';
import { resourceTypeUrls } from '../../xds/store.js';

const ADMIN = 'type.googleapis.com/envoy.admin.v3.';

export interface Element {
  name: string;
  make(): JsonObject;
}
export interface Field {
  name: string;
  elementType: string;
  elements(): Iterable<Element>;
}
export interface Section {
  type: string;
  scalars(): JsonObject;
  fields: Field[];
}

/** All sections in Envoy's order; endpoints only when asked for. */
export function sections(backend: AdminBackend, includeEds: boolean): Section[] {
  const { store } = backend;
  const result: Section[] = [
    {
      type: `${ADMIN}ClustersConfigDump`,
      scalars: () => version(store.versions.cds),
      fields: clusterFields(backend),
    },
    {
      type: `${ADMIN}ListenersConfigDump`,
      scalars: () => version(store.versions.lds),
      fields: listenerFields(backend),
    },
    { type: `${ADMIN}ScopedRoutesConfigDump`, scalars: () => ({}), fields: [] },
    { type: `${ADMIN}RoutesConfigDump`, scalars: () => ({}), fields: routeFields(backend) },
    { type: `${ADMIN}SecretsConfigDump`, scalars: () => ({}), fields: secretFields(backend) },
  ];
  if (includeEds)
    result.splice(1, 0, {
      type: `${ADMIN}EndpointsConfigDump`,
      scalars: () => ({}),
      fields: endpointFields(backend),
    });
  return result;
}

export const bootstrapSection = (backend: AdminBackend): JsonObject => ({
  '@type': `${ADMIN}BootstrapConfigDump`,
  bootstrap: JSON.parse(backend.bootstrapJson()),
  last_updated: time(backend.bootstrapLoadedMs),
});

const version = (text: string): JsonObject => (text === '' ? {} : { version_info: text });
const time = (ms: number): string => new Date(ms).toISOString();

function message(record: ResourceRecord): JsonObject {
  return { '@type': record.typeUrl, ...JSON.parse(record.wireJson()) };
}

/** `{version_info, <field>, last_updated}` of a record. */
function state(record: ResourceRecord, field: string): JsonObject {
  return { ...version(record.versionInfo), [field]: message(record), last_updated: time(record.lastUpdatedMs) };
}

function errorJson(kind: ResourceKind, name: string, error: ErrorState): JsonObject {
  const nameField = kind === 'assignment' ? 'cluster_name' : 'name';
  return {
    failed_configuration: { '@type': resourceTypeUrls[kind], [nameField]: kind === 'secret' ? ownNameOf(name) : name },
    last_update_attempt: time(error.lastUpdateAttemptMs),
    details: error.details,
    ...version(error.versionInfo),
  };
}

function* ofOrigin(
  backend: AdminBackend,
  kind: ResourceKind,
  origin: 'static' | 'dynamic',
  field: string,
  wrap: (record: ResourceRecord) => JsonObject = (record) => state(record, field),
): Iterable<Element> {
  for (const record of [...backend.store.records[kind].values()]) {
    if (record.origin !== origin) continue;
    yield { name: record.name, make: () => withError(backend, kind, record.name, wrap(record)) };
  }
}

function withError(backend: AdminBackend, kind: ResourceKind, name: string, json: JsonObject): JsonObject {
  const error = backend.store.errorState(kind, name);
  return error === null ? json : { ...json, error_state: errorJson(kind, name, error) };
}

/** Resources whose only version was refused. */
function* refused(backend: AdminBackend, kind: ResourceKind, wrap: (name: string) => JsonObject): Iterable<Element> {
  for (const [name, error] of [...backend.store.errors[kind]]) {
    if (backend.store.records[kind].has(name)) continue;
    yield { name, make: () => ({ ...wrap(name), error_state: errorJson(kind, name, error) }) };
  }
}

function clusterFields(backend: AdminBackend): Field[] {
  const type = `${ADMIN}ClustersConfigDump.`;
  return [
    {
      name: 'static_clusters',
      elementType: `${type}StaticCluster`,
      elements: () => ofOrigin(backend, 'cluster', 'static', 'cluster'),
    },
    {
      name: 'dynamic_active_clusters',
      elementType: `${type}DynamicCluster`,
      elements: () => ofOrigin(backend, 'cluster', 'dynamic', 'cluster'),
    },
    {
      name: 'dynamic_warming_clusters',
      elementType: `${type}DynamicCluster`,
      elements: () => refused(backend, 'cluster', () => ({})),
    },
  ];
}

function listenerFields(backend: AdminBackend): Field[] {
  const type = `${ADMIN}ListenersConfigDump.`;
  return [
    {
      name: 'static_listeners',
      elementType: `${type}StaticListener`,
      elements: () => ofOrigin(backend, 'listener', 'static', 'listener'),
    },
    {
      name: 'dynamic_listeners',
      elementType: `${type}DynamicListener`,
      elements: function* () {
        yield* ofOrigin(backend, 'listener', 'dynamic', '', (record) => ({
          name: record.name,
          active_state: state(record, 'listener'),
        }));
        yield* refused(backend, 'listener', (name) => ({ name }));
      },
    },
  ];
}

function routeFields(backend: AdminBackend): Field[] {
  const type = `${ADMIN}RoutesConfigDump.`;
  const routes = function* (inline: boolean): Iterable<Element> {
    for (const record of [...backend.store.routes.values()]) {
      if ((record.owner !== null || record.origin === 'static') !== inline) continue;
      // The name inside the message: an inline route configuration is stored under its listener's.
      yield {
        name: record.owner === null ? record.name : String(JSON.parse(record.wireJson()).name ?? ''),
        make: () => withError(backend, 'route', record.name, state(record, 'route_config')),
      };
    }
  };
  return [
    { name: 'static_route_configs', elementType: `${type}StaticRouteConfig`, elements: () => routes(true) },
    {
      name: 'dynamic_route_configs',
      elementType: `${type}DynamicRouteConfig`,
      elements: function* () {
        yield* routes(false);
        yield* refused(backend, 'route', () => ({}));
      },
    },
  ];
}

/** Static ones and those of SDS; what stands in a context is shown in its place, redacted like the rest. */
function secretFields(backend: AdminBackend): Field[] {
  const type = `${ADMIN}SecretsConfigDump.`;
  const named = (origin: 'static' | 'dynamic') => function* (): Iterable<Element> {
    for (const record of [...backend.store.records.secret.values()]) {
      if (record.origin !== origin || record.wireJson() === '') continue;
      const name = String((JSON.parse(record.wireJson()) as JsonObject).name ?? '');
      yield { name, make: () => withError(backend, 'secret', record.name, { name, ...state(record, 'secret') }) };
    }
  };
  return [
    { name: 'static_secrets', elementType: `${type}StaticSecret`, elements: named('static') },
    { name: 'dynamic_active_secrets', elementType: `${type}DynamicSecret`, elements: named('dynamic') },
    {
      name: 'dynamic_warming_secrets',
      elementType: `${type}DynamicSecret`,
      elements: () => refused(backend, 'secret', (name) => ({ name: ownNameOf(name) })),
    },
  ];
}

function endpointFields(backend: AdminBackend): Field[] {
  const type = `${ADMIN}EndpointsConfigDump.`;
  const endpoints = function* (origin: 'static' | 'dynamic'): Iterable<Element> {
    for (const record of [...backend.store.clusters.values()]) {
      if (record.origin === origin)
        yield { name: record.name, make: () => ({ endpoint_config: assignment(backend, record.name) }) };
    }
  };
  return [
    {
      name: 'static_endpoint_configs',
      elementType: `${type}StaticEndpointConfig`,
      elements: () => endpoints('static'),
    },
    {
      name: 'dynamic_endpoint_configs',
      elementType: `${type}DynamicEndpointConfig`,
      elements: function* () {
        yield* endpoints('dynamic');
        yield* refused(backend, 'assignment', () => ({}));
      },
    },
  ];
}

/** The endpoints that a cluster really has, as a ClusterLoadAssignment. */
function assignment(backend: AdminBackend, cluster: string): JsonObject {
  const config = backend.store.clusters.get(cluster)?.config;
  const assigned = config?.loadAssignment ?? backend.store.assignments.get(config?.edsServiceName || cluster)?.config;
  const localities = new Map<string, { json: JsonObject; endpoints: JsonObject[] }>();
  for (const endpoint of backend.endpoints(cluster)) {
    const { region, zone, subZone } = endpoint.locality;
    const key = JSON.stringify([endpoint.priority, region, zone, subZone]);
    let locality = localities.get(key);
    if (locality === undefined) {
      const endpoints: JsonObject[] = [];
      const json: JsonObject = {
        locality: { ...(region && { region }), ...(zone && { zone }), ...(subZone && { sub_zone: subZone }) },
        lb_endpoints: endpoints,
        ...(endpoint.priority !== 0 && { priority: endpoint.priority }),
      };
      localities.set(key, (locality = { json, endpoints }));
    }
    locality.endpoints.push(endpointJson(endpoint));
  }
  return {
    '@type': resourceTypeUrls.assignment,
    cluster_name: cluster,
    ...(localities.size > 0 && { endpoints: [...localities.values()].map(({ json }) => json) }),
    policy: { overprovisioning_factor: assigned?.policy.overprovisioningPercent ?? 140,
      ...(assigned?.policy.weightedPriorityHealth && { weighted_priority_health: true }) },
  };
}

const endpointJson = (endpoint: EndpointInForce): JsonObject => ({
  endpoint: {
    address: addressJson(endpoint.address),
    health_check_config: {},
    ...(endpoint.hostname !== '' && { hostname: endpoint.hostname }),
  },
  health_status: healthName(endpoint),
  ...(endpoint.metadata !== null && { metadata: { filter_metadata: { 'envoy.lb': endpoint.metadata as JsonObject } } }),
  load_balancing_weight: endpoint.weight,
});
