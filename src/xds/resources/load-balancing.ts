// Which balancer a cluster uses, said by lb_policy and the fields beside it, or by the list of load_balancing_policy.
import { isPrime } from '../../config/hash-tables.js';
import type { Balancing, ClusterConfig, Hashing } from '../../config/types.js';
import { limits } from '../../core/limits.js';
import { fieldPath } from '../wire/message.js';
import type { Report, Wrapper } from '../wire/message.js';
import type { Cluster, LeastRequest } from '../wire/generated/messages.js';
import { numberOf, percentOf } from './fields.js';

const CHOICE_COUNT_DEFAULT = 2;
const PANIC_PERCENT_DEFAULT = 50;
const RING_SIZE_DEFAULT = 1024;
const RING_SIZE_MAX_DEFAULT = 8_388_608;
const MAGLEV_SIZE_DEFAULT = 65_537;
const POLICY_CONFIG = 7;   // Cluster.LbPolicy.LOAD_BALANCING_POLICY_CONFIG
const MURMUR = 1;          // Cluster.RingHashLbConfig.HashFunction
const policies: { [policy: number]: ClusterConfig['lbPolicy'] } = { 0: 'roundRobin', 1: 'leastRequest', 2: 'ringHash',
  3: 'random', 5: 'maglev', 6: 'clusterProvided' };
const typePrefix = 'envoy.extensions.load_balancing_policies.';
const typedPolicies: { [type: string]: ClusterConfig['lbPolicy'] } = {
  [`${typePrefix}round_robin.v3.RoundRobin`]: 'roundRobin',
  [`${typePrefix}least_request.v3.LeastRequest`]: 'leastRequest',
  [`${typePrefix}random.v3.Random`]: 'random',
  [`${typePrefix}cluster_provided.v3.ClusterProvided`]: 'clusterProvided',
};

type LoadBalancing = Pick<ClusterConfig, 'lbPolicy' | 'leastRequestChoiceCount' | 'balancing'>;

/** The balancer; of a list the first that Weft has, as Envoy takes the first that it has. */
export function readLoadBalancing(message: Cluster, type: ClusterConfig['type'] | undefined, path: string,
  report: Report): LoadBalancing {
  const found = message.loadBalancingPolicy !== undefined ? readPolicyList(message, path, report)
    : readPolicy(message, path, report);
  if ((type === 'originalDst') !== (found.lbPolicy === 'clusterProvided')) {
    report.fail(fieldPath(path, 'lb_policy'), type === 'originalDst'
      ? 'only CLUSTER_PROVIDED is allowed with the type ORIGINAL_DST' : 'CLUSTER_PROVIDED needs the type ORIGINAL_DST');
  }
  if (found.balancing.hashing?.byName === true && type !== 'strictDns')
    report.fail(fieldPath(path, 'common_lb_config.consistent_hashing_lb_config.use_hostname_for_hashing'),
      'needs the type STRICT_DNS');
  return found;
}

function readPolicy(message: Cluster, path: string, report: Report): LoadBalancing {
  const policy = message.lbPolicy ?? 0;
  if (policy === POLICY_CONFIG) report.fail(fieldPath(path, 'load_balancing_policy'), 'required by lb_policy');
  return { lbPolicy: policies[policy] ?? 'roundRobin',
    leastRequestChoiceCount: numberOf(message.leastRequestLbConfig?.choiceCount, CHOICE_COUNT_DEFAULT),
    balancing: { ...readCommon(message), hashing: readHashing(message, path, report),
      localityWeighted: message.commonLbConfig?.localityWeightedLbConfig !== undefined } };
}

function readPolicyList(message: Cluster, path: string, report: Report): LoadBalancing {
  const at = fieldPath(path, 'load_balancing_policy.policies');
  const list = message.loadBalancingPolicy?.policies ?? [];
  const balancing: Balancing = { ...readCommon(message), localityWeighted: false, hashing: null };
  for (const policy of list) {
    const any = policy.typedExtensionConfig?.typedConfig;
    const lbPolicy = any === undefined ? undefined : typedPolicies[any.type];
    if (any === undefined || lbPolicy === undefined) continue;
    const choices = lbPolicy === 'leastRequest' ? (any.value as LeastRequest).choiceCount : undefined;
    return { lbPolicy, leastRequestChoiceCount: numberOf(choices, CHOICE_COUNT_DEFAULT), balancing };
  }
  const names = list.map((policy) => policy.typedExtensionConfig?.typedConfig?.type ?? '?').join(', ');
  report.fail(at, list.length === 0 ? 'at least one required' : `not implemented: ${names}`);
  return { lbPolicy: 'roundRobin', leastRequestChoiceCount: CHOICE_COUNT_DEFAULT, balancing };
}

function readCommon({ commonLbConfig: common }: Cluster): Pick<Balancing, 'healthyPanicPercent'> {
  const panic = percentOf(common?.healthyPanicThreshold, PANIC_PERCENT_DEFAULT);
  return { healthyPanicPercent: Math.min(100, Math.round(panic)) };
}

function readHashing(message: Cluster, path: string, report: Report): Hashing | null {
  const consistent = message.commonLbConfig?.consistentHashingLbConfig;
  const more = { byName: consistent?.useHostnameForHashing ?? false,
    boundPercent: numberOf(consistent?.hashBalanceFactor, 0) };
  switch (policies[message.lbPolicy ?? 0]) {
    case 'ringHash': {
      const ring = message.ringHashLbConfig;
      return { ...more, table: readRing(ring?.minimumRingSize, ring?.maximumRingSize, ring?.hashFunction === MURMUR,
        fieldPath(path, 'ring_hash_lb_config'), report) };
    }
    case 'maglev': return { ...more, table: readMaglev(message.maglevLbConfig?.tableSize,
      fieldPath(path, 'maglev_lb_config'), report) };
    default: return null;
  }
}

type Size = Wrapper<number | string> | undefined;
const sizeOf = (size: Size, absent: number): number => size === undefined ? absent : Number(size.value ?? 0);

function readRing(minimum: Size, maximum: Size, murmur: boolean, path: string, report: Report): Hashing['table'] {
  const minimumSize = sizeOf(minimum, RING_SIZE_DEFAULT), maximumSize = sizeOf(maximum, RING_SIZE_MAX_DEFAULT);
  const at = fieldPath(path, 'minimum_ring_size');
  if (minimumSize > maximumSize) report.fail(at, `${minimumSize} is more than maximum_ring_size, ${maximumSize}`);
  else if (minimumSize > limits.hashTableEntriesMax) report.fail(at, `at most ${limits.hashTableEntriesMax} here`);
  return { kind: 'ring', minimumSize, maximumSize, murmur };
}

function readMaglev(tableSize: Size, path: string, report: Report): Hashing['table'] {
  const size = sizeOf(tableSize, MAGLEV_SIZE_DEFAULT);
  const at = fieldPath(path, 'table_size');
  if (!isPrime(size)) report.fail(at, 'must be a prime number');
  else if (size > limits.hashTableEntriesMax) report.fail(at, `at most ${limits.hashTableEntriesMax} here`);
  return { kind: 'maglev', size };
}
