// endpoint.v3.ClusterLoadAssignment into an EndpointAssignment.
import type { Endpoint as PlainEndpoint, EndpointAssignment } from '../../config/types.js';
import { limits } from '../../core/limits.js';
import type { Report } from '../wire/message.js';
import type { ClusterLoadAssignment, ClusterLoadAssignmentPolicyDropOverload, EndpointAdditionalAddress, LbEndpoint,
  LocalityLbEndpoints } from '../wire/generated/messages.js';
import { readAddress } from './address.js';
import type { AddressUse } from './address.js';
import { numberOf, readLbMetadata, readMatchMetadata } from './fields.js';
import { readFraction } from './runtime.js';
import { readEndpointHealthCheck } from './health-check.js';

const OVERPROVISIONING_PERCENT_DEFAULT = 140;
const WEIGHT_SUM_MAX = 2 ** 32 - 1;
const healths = ['unknown', 'healthy', 'unhealthy', 'draining', 'timeout', 'degraded'] as const;

/** The endpoints of a cluster. Names instead of IP addresses are for clusters that resolve them. */
export function readAssignment(message: ClusterLoadAssignment, use: AddressUse, path: string,
  report: Report): EndpointAssignment {
  const endpoints: PlainEndpoint[] = [];
  const prefix = path === '' ? '' : `${path}.`;
  (message.endpoints ?? []).forEach((locality, index) =>
    readLocality(locality, use, `${prefix}endpoints[${index}]`, report, endpoints));
  const sum = endpoints.reduce((total, endpoint) => total + endpoint.weight, 0);
  if (sum > WEIGHT_SUM_MAX) {
    report.fail(`${prefix}endpoints`, `the sum of the endpoints' weights must be at most ${WEIGHT_SUM_MAX}`);
  }
  return { clusterName: message.clusterName ?? '', endpoints, policy: {
    overprovisioningPercent: numberOf(message.policy?.overprovisioningFactor, OVERPROVISIONING_PERCENT_DEFAULT),
    weightedPriorityHealth: message.policy?.weightedPriorityHealth ?? false,
    dropped: readDropped(message.policy?.dropOverloads, `${prefix}policy.drop_overloads`, report) } };
}

/** As in Envoy there may be one category; its name is not looked at. */
function readDropped(list: ClusterLoadAssignmentPolicyDropOverload[] | undefined, path: string,
  report: Report): number {
  if (list === undefined || list.length === 0) return 0;
  if (list.length > 1) report.fail(path, 'at most one');
  const { numerator, denominator } = readFraction(list[0]!.dropPercentage);
  if (numerator > denominator) report.fail(`${path}[0].drop_percentage`, 'must be at most 100 %');
  return numerator / denominator;
}

function readLocality(message: LocalityLbEndpoints, use: AddressUse, path: string, report: Report,
  endpoints: PlainEndpoint[]): void {
  const locality = { region: message.locality?.region ?? '', zone: message.locality?.zone ?? '',
    subZone: message.locality?.subZone ?? '' };
  const localityWeight = numberOf(message.loadBalancingWeight, 0);
  const priority = message.priority ?? 0;
  const ofLocality = readMatchMetadata(message.metadata);
  (message.lbEndpoints ?? []).forEach((entry, index) => {
    const endpoint = readEndpoint(entry, use, `${path}.lb_endpoints[${index}]`, report);
    if (endpoint === null) return;
    const own = readMatchMetadata(entry.metadata);
    endpoints.push({ ...endpoint, priority, locality, localityWeight,
      ...(own !== null || ofLocality !== null ? { transportMatch: { own, locality: ofLocality } } : {}) });
  });
}

function readEndpoint(message: LbEndpoint, use: AddressUse, path: string, report: Report):
  Pick<PlainEndpoint, 'address' | 'hostname' | 'weight' | 'health' | 'healthCheck' | 'metadata' | 'logicalName'
    | 'additionalAddresses'> | null {
  if (message.endpoint === undefined || message.endpoint === null) {
    report.fail(`${path}.endpoint`, 'required');
    return null;
  }
  const address = readAddress(message.endpoint.address, use, `${path}.endpoint.address`, report);
  if (address === null) return null;
  return {
    address,
    hostname: message.endpoint.hostname ?? '',
    weight: numberOf(message.loadBalancingWeight, 1),
    health: healths[message.healthStatus ?? 0] ?? 'unknown',
    metadata: readLbMetadata(message.metadata),
    healthCheck: readEndpointHealthCheck(message.endpoint.healthCheckConfig, use,
      `${path}.endpoint.health_check_config`, report),
    logicalName: '',
    additionalAddresses: readAdditional(message.endpoint.additionalAddresses, use,
      `${path}.endpoint.additional_addresses`, report),
  };
}

function readAdditional(list: EndpointAdditionalAddress[] | undefined, use: AddressUse, path: string,
  report: Report): PlainEndpoint['additionalAddresses'] {
  const found = list ?? [];
  if (found.length >= limits.endpointAddressesMax)
    report.fail(path, `${found.length + 1} addresses are beyond this build's limit of ${limits.endpointAddressesMax}`);
  return found.flatMap(({ address }, index) => {
    const one = readAddress(address, use, `${path}[${index}].address`, report);
    return one === null ? [] : [one];
  });
}
