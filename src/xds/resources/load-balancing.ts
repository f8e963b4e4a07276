// Which balancer a cluster uses, said by lb_policy or by the list of load_balancing_policy.
import type { Balancing, ClusterConfig } from '../../config/types.js';
import { fieldPath } from '../wire/message.js';
import type { Report } from '../wire/message.js';
import type { Cluster, LeastRequest } from '../wire/generated/messages.js';
import { numberOf, percentOf } from './fields.js';

const CHOICE_COUNT_DEFAULT = 2;
const PANIC_PERCENT_DEFAULT = 50;
const POLICY_CONFIG = 7;   // Cluster.LbPolicy.LOAD_BALANCING_POLICY_CONFIG
const policies: { [policy: number]: ClusterConfig['lbPolicy'] } = { 0: 'roundRobin', 1: 'leastRequest', 3: 'random',
  6: 'clusterProvided' };
const refusedPolicies: { [policy: number]: string } = { 2: 'RING_HASH', 5: 'MAGLEV' };
const typePrefix = 'envoy.extensions.load_balancing_policies.';
const typedPolicies: { [type: string]: ClusterConfig['lbPolicy'] } = {
  [`${typePrefix}round_robin.v3.RoundRobin`]: 'roundRobin',
  [`${typePrefix}least_request.v3.LeastRequest`]: 'leastRequest',
  [`${typePrefix}random.v3.Random`]: 'random',
  [`${typePrefix}cluster_provided.v3.ClusterProvided`]: 'clusterProvided',
};

type Choice = Pick<ClusterConfig, 'lbPolicy' | 'leastRequestChoiceCount'>;
type LoadBalancing = Choice & Pick<ClusterConfig, 'balancing'>;

/** The balancer; of a list the first that Weft has, as Envoy takes the first that it has. */
export function readLoadBalancing(message: Cluster, type: ClusterConfig['type'] | undefined, path: string,
  report: Report): LoadBalancing {
  const found = message.loadBalancingPolicy !== undefined ? readPolicyList(message, path, report)
    : readPolicy(message, path, report);
  if ((type === 'originalDst') !== (found.lbPolicy === 'clusterProvided')) {
    report.fail(fieldPath(path, 'lb_policy'), type === 'originalDst'
      ? 'only CLUSTER_PROVIDED is allowed with the type ORIGINAL_DST' : 'CLUSTER_PROVIDED needs the type ORIGINAL_DST');
  }
  return { ...found, balancing: readBalancing(message) };
}

function readPolicy(message: Cluster, path: string, report: Report): Choice {
  const policy = message.lbPolicy ?? 0;
  const at = fieldPath(path, 'lb_policy');
  if (policy === POLICY_CONFIG) report.fail(fieldPath(path, 'load_balancing_policy'), 'required by lb_policy');
  else if (policies[policy] === undefined) report.fail(at, `not implemented: ${refusedPolicies[policy] ?? policy}`);
  return { lbPolicy: policies[policy] ?? 'roundRobin',
    leastRequestChoiceCount: numberOf(message.leastRequestLbConfig?.choiceCount, CHOICE_COUNT_DEFAULT) };
}

function readPolicyList(message: Cluster, path: string, report: Report): Choice {
  const at = fieldPath(path, 'load_balancing_policy.policies');
  const list = message.loadBalancingPolicy?.policies ?? [];
  for (const policy of list) {
    const any = policy.typedExtensionConfig?.typedConfig;
    const lbPolicy = any === undefined ? undefined : typedPolicies[any.type];
    if (any === undefined || lbPolicy === undefined) continue;
    const choices = lbPolicy === 'leastRequest' ? (any.value as LeastRequest).choiceCount : undefined;
    return { lbPolicy, leastRequestChoiceCount: numberOf(choices, CHOICE_COUNT_DEFAULT) };
  }
  const names = list.map((policy) => policy.typedExtensionConfig?.typedConfig?.type ?? '?').join(', ');
  report.fail(at, list.length === 0 ? 'at least one required' : `not implemented: ${names}`);
  return { lbPolicy: 'roundRobin', leastRequestChoiceCount: CHOICE_COUNT_DEFAULT };
}

function readBalancing({ commonLbConfig: common }: Cluster): Balancing {
  const panic = percentOf(common?.healthyPanicThreshold, PANIC_PERCENT_DEFAULT);
  return { healthyPanicPercent: Math.min(100, Math.round(panic)),
    localityWeighted: common?.localityWeightedLbConfig !== undefined };
}
