// Which balancer a cluster uses, said by lb_policy and the fields beside it, or by the list of load_balancing_policy.
import type { Balancing, ClientWeights, ClusterConfig, OverrideSource, ZoneAware } from '../../config/types.js';
import { fieldPath } from '../wire/message.js';
import type { Duration, Report } from '../wire/message.js';
import type { ClientSideWeightedRoundRobin, Cluster, ClusterSlowStartConfig, LeastRequest, LoadBalancingPolicy,
  LocalityLbConfig, LocalityLbConfigZoneAwareLbConfig, Maglev, MetadataKey, OverrideHost,
  OverrideHostOverrideHostSource, PeakEwma, Random, RingHash, RoundRobin, SlowStartConfig, Subset, WrrLocality
} from '../wire/generated/messages.js';
import { boolOf, millisecondsOf, numberOf, percentOf } from './fields.js';
import { readHashing, readMaglev, readRing } from './hash-tables.js';
import { readRuntimeNumber } from './runtime.js';
import { readSubsets } from './subsets.js';

const CHOICE_COUNT_DEFAULT = 2;
const PANIC_PERCENT_DEFAULT = 50;
const MIN_SIZE_DEFAULT = 6;
const SLOW_START_PERCENT_DEFAULT = 10;
const DECAY_MS_DEFAULT = 10_000, PENALTY_DEFAULT = 1_000_000;
const BLACKOUT_MS_DEFAULT = 10_000, EXPIRATION_MS_DEFAULT = 180_000, UPDATE_MS_DEFAULT = 1000, UPDATE_MS_MIN = 100;
const POLICY_CONFIG = 7;           // Cluster.LbPolicy.LOAD_BALANCING_POLICY_CONFIG
const FULL_SCAN = 1;               // LeastRequest.SelectionMethod
const MURMUR = 1, TYPED_MURMUR = 2;   // Cluster.RingHashLbConfig.HashFunction, RingHash.HashFunction
const policies: { [policy: number]: ClusterConfig['lbPolicy'] } = { 0: 'roundRobin', 1: 'leastRequest', 2: 'ringHash',
  3: 'random', 5: 'maglev', 6: 'clusterProvided' };
const notCombined = ['zone_aware_lb_config', 'locality_weighted_lb_config', 'consistent_hashing_lb_config'];

type LoadBalancing = Pick<ClusterConfig, 'lbPolicy' | 'leastRequestChoiceCount' | 'balancing'>;

/** The balancer; of a list the first that Weft has, as Envoy takes the first that it has. */
export function readLoadBalancing(message: Cluster, type: ClusterConfig['type'] | undefined, path: string,
  report: Report): LoadBalancing {
  const found = message.loadBalancingPolicy === undefined ? readPolicy(message, path, report)
    : readTyped(message, message.loadBalancingPolicy, path, report);
  if ((type === 'originalDst') !== (found.lbPolicy === 'clusterProvided')) {
    report.fail(fieldPath(path, 'lb_policy'), type === 'originalDst'
      ? `only CLUSTER_PROVIDED is allowed with ${message.clusterType === undefined ? 'the type ORIGINAL_DST'
        : 'cluster_type'}` : 'CLUSTER_PROVIDED needs the type ORIGINAL_DST');
  }
  if (found.balancing.hashing?.byName === true && type !== 'strictDns')
    report.fail(fieldPath(path, message.loadBalancingPolicy !== undefined ? 'load_balancing_policy'
      : 'common_lb_config.consistent_hashing_lb_config.use_hostname_for_hashing'),
    'hashing by host name needs the type STRICT_DNS');
  return found;
}

/** What every balancer has where its configuration says nothing. */
function plain(message: Cluster): Balancing {
  const panic = percentOf(message.commonLbConfig?.healthyPanicThreshold, PANIC_PERCENT_DEFAULT);
  return { healthyPanicPercent: Math.min(100, Math.round(panic)), localityWeighted: false, hashing: null,
    closeOnChange: message.commonLbConfig?.closeConnectionsOnHostSetChange ?? false,
    zoneAware: readZoneAware(undefined),
    slowStart: null, activeRequestBias: null, fullScan: false, peakEwma: null, clientWeights: null,
    subsets: null, overrideHost: null };
}

function readPolicy(message: Cluster, path: string, report: Report): LoadBalancing {
  const policy = message.lbPolicy ?? 0;
  if (policy === POLICY_CONFIG) report.fail(fieldPath(path, 'load_balancing_policy'), 'required by lb_policy');
  const lbPolicy = policies[policy] ?? 'roundRobin';
  const balancing: Balancing = { ...plain(message),
    ...readLocality(message.commonLbConfig) };
  const least = message.leastRequestLbConfig;
  switch (lbPolicy) {
    case 'roundRobin':
      balancing.slowStart = readSlowStart(message.roundRobinLbConfig?.slowStartConfig,
        `${fieldPath(path, 'round_robin_lb_config')}.slow_start_config`, report);
      break;
    case 'leastRequest':
      balancing.slowStart = readSlowStart(least?.slowStartConfig,
        `${fieldPath(path, 'least_request_lb_config')}.slow_start_config`, report);
      balancing.activeRequestBias = readBias(least?.activeRequestBias);
      break;
    case 'ringHash': {
      const ring = message.ringHashLbConfig;
      balancing.hashing = readHashing(message.commonLbConfig?.consistentHashingLbConfig, readRing(ring?.minimumRingSize,
        ring?.maximumRingSize, ring?.hashFunction === MURMUR, fieldPath(path, 'ring_hash_lb_config'), report),
      path, report);
      break;
    }
    case 'maglev':
      balancing.hashing = readHashing(message.commonLbConfig?.consistentHashingLbConfig,
        readMaglev(message.maglevLbConfig?.tableSize, fieldPath(path, 'maglev_lb_config'), report), path, report);
      break;
    default:
  }
  // Without a selector there are no subsets, whatever the rest says.
  if ((message.lbSubsetConfig?.subsetSelectors ?? []).length > 0) {
    const at = fieldPath(path, 'lb_subset_config');
    balancing.subsets = readSubsets(message.lbSubsetConfig!, at, report);
    if (lbPolicy === 'clusterProvided') report.fail(at, 'cannot be combined with CLUSTER_PROVIDED');
  }
  return { lbPolicy, leastRequestChoiceCount: numberOf(least?.choiceCount, CHOICE_COUNT_DEFAULT), balancing };
}

function readTyped(message: Cluster, list: LoadBalancingPolicy, path: string, report: Report): LoadBalancing {
  const common = message.commonLbConfig;
  if (common?.zoneAwareLbConfig !== undefined || common?.localityWeightedLbConfig !== undefined
    || common?.consistentHashingLbConfig !== undefined) {
    report.fail(fieldPath(path, 'load_balancing_policy'),
      `cannot be combined with ${notCombined.join(', ')} of common_lb_config`);
  }
  if (message.lbSubsetConfig !== undefined)
    report.fail(fieldPath(path, 'lb_subset_config'), 'cannot be combined with load_balancing_policy');
  return readList(list, plain(message), fieldPath(path, 'load_balancing_policy'), report);
}

type Reader = (value: never, common: Balancing, at: string, report: Report) => LoadBalancing;
const typePrefix = 'envoy.extensions.load_balancing_policies.';
const readers: { readonly [type: string]: Reader } = {
  [`${typePrefix}round_robin.v3.RoundRobin`]: (value: RoundRobin, common, at, report) =>
    chosen('roundRobin', common, { ...readLocality(value.localityLbConfig),
      slowStart: readSlowStart(value.slowStartConfig, `${at}.slow_start_config`, report) }),
  [`${typePrefix}least_request.v3.LeastRequest`]: (value: LeastRequest, common, at, report) =>
    chosen('leastRequest', common, { ...readLocality(value.localityLbConfig),
      slowStart: readSlowStart(value.slowStartConfig, `${at}.slow_start_config`, report),
      activeRequestBias: readBias(value.activeRequestBias),
      fullScan: value.selectionMethod === FULL_SCAN || boolOf(value.enableFullScan, false) },
    numberOf(value.choiceCount, CHOICE_COUNT_DEFAULT)),
  [`${typePrefix}random.v3.Random`]: (value: Random, common) =>
    chosen('random', common, readLocality(value.localityLbConfig)),
  [`${typePrefix}cluster_provided.v3.ClusterProvided`]: (_value, common) => chosen('clusterProvided', common, {}),
  [`${typePrefix}peak_ewma.v3alpha.PeakEwma`]: (value: PeakEwma, common, at, report) =>
    chosen('peakEwma', common, { peakEwma: readPeakEwma(value, at, report) }),
  [`${typePrefix}subset.v3.Subset`]: (value: Subset, common, at, report) => {
    const inner = readList(value.subsetLbPolicy ?? {}, common, `${at}.subset_lb_policy`, report);
    const { subsets, overrideHost } = inner.balancing;
    if (inner.lbPolicy === 'clusterProvided' || subsets !== null || overrideHost !== null)
      report.fail(`${at}.subset_lb_policy`, 'neither ClusterProvided, nor OverrideHost, nor another Subset');
    return { ...inner, balancing: { ...inner.balancing, subsets: readSubsets(value, at, report) } };
  },
  [`${typePrefix}override_host.v3.OverrideHost`]: (value: OverrideHost, common, at, report) => {
    const behind = readList(value.fallbackPolicy ?? {}, common, `${at}.fallback_policy`, report);
    if (behind.lbPolicy === 'clusterProvided' || behind.balancing.overrideHost !== null)
      report.fail(`${at}.fallback_policy`, 'neither ClusterProvided nor another OverrideHost');
    const { selectedHostKey: selected } = value;
    if (selected !== undefined && (selected.path ?? []).length === 0)
      report.fail(`${at}.selected_host_key.path`, 'required');
    return { ...behind, balancing: { ...behind.balancing, overrideHost: {
      sources: (value.overrideHostSources ?? []).map((source, index) =>
        readOverrideSource(source, `${at}.override_host_sources[${index}]`, report)),
      selected: selected === undefined ? null : { namespace: selected.key ?? '', path: pathOf(selected) } } } };
  },
  [`${typePrefix}client_side_weighted_round_robin.v3.ClientSideWeightedRoundRobin`]:
    (value: ClientSideWeightedRoundRobin, common, at, report) => chosen('clientSideWeightedRoundRobin', common,
      { clientWeights: readClientWeights(value, at, report) }),
  [`${typePrefix}wrr_locality.v3.WrrLocality`]: (value: WrrLocality, common, at, report) => {
    const inner = readList(value.endpointPickingPolicy ?? {}, common, `${at}.endpoint_picking_policy`, report);
    if (inner.lbPolicy !== 'clientSideWeightedRoundRobin' && inner.lbPolicy !== 'roundRobin')
      report.fail(`${at}.endpoint_picking_policy`, 'only ClientSideWeightedRoundRobin and RoundRobin');
    return { ...inner, balancing: { ...inner.balancing, localityWeighted: true } };
  },
  [`${typePrefix}ring_hash.v3.RingHash`]: (value: RingHash, common, at, report) => {
    const consistent = value.consistentHashingLbConfig ?? { useHostnameForHashing: value.useHostnameForHashing,
      hashBalanceFactor: value.hashBalanceFactor };
    return chosen('ringHash', common, { localityWeighted: value.localityWeightedLbConfig !== undefined,
      hashing: readHashing(consistent, readRing(value.minimumRingSize, value.maximumRingSize,
        value.hashFunction === TYPED_MURMUR, at, report), at, report) });
  },
  [`${typePrefix}maglev.v3.Maglev`]: (value: Maglev, common, at, report) =>
    chosen('maglev', common, { localityWeighted: value.localityWeightedLbConfig !== undefined,
      hashing: readHashing(value.consistentHashingLbConfig, readMaglev(value.tableSize, at, report), at, report) }),
};

const chosen = (lbPolicy: ClusterConfig['lbPolicy'], common: Balancing, own: Partial<Balancing>,
  leastRequestChoiceCount = CHOICE_COUNT_DEFAULT): LoadBalancing =>
  ({ lbPolicy, leastRequestChoiceCount, balancing: { ...common, ...own } });

/** The first of the list that Weft has. */
function readList(message: LoadBalancingPolicy, common: Balancing, path: string, report: Report): LoadBalancing {
  const list = message.policies ?? [];
  for (const [index, policy] of list.entries()) {
    const any = policy.typedExtensionConfig?.typedConfig;
    const reader = any === undefined ? undefined : readers[any.type];
    if (any === undefined || reader === undefined) continue;
    return reader(any.value as never, common, `${path}.policies[${index}].typed_extension_config.typed_config`, report);
  }
  const names = list.map((policy) => policy.typedExtensionConfig?.typedConfig?.type ?? '?').join(', ');
  report.fail(`${path}.policies`, list.length === 0 ? 'at least one required' : `not implemented: ${names}`);
  return chosen('roundRobin', common, {});
}

const readLocality = (config: LocalityLbConfig | undefined): Pick<Balancing, 'localityWeighted' | 'zoneAware'> =>
  ({ localityWeighted: config?.localityWeightedLbConfig !== undefined,
    zoneAware: readZoneAware(config?.zoneAwareLbConfig) });

const readZoneAware = (config: LocalityLbConfigZoneAwareLbConfig | undefined): ZoneAware => ({
  routingPercent: Math.min(100, Math.round(percentOf(config?.routingEnabled, 100))),
  minClusterSize: config?.minClusterSize === undefined ? MIN_SIZE_DEFAULT : Number(config.minClusterSize.value ?? 0),
  failTrafficOnPanic: config?.failTrafficOnPanic ?? false });

const readBias = (bias: LeastRequest['activeRequestBias']): Balancing['activeRequestBias'] =>
  bias === undefined ? null : readRuntimeNumber(bias, 1);

function readSlowStart(config: ClusterSlowStartConfig | SlowStartConfig | undefined, at: string,
  report: Report): Balancing['slowStart'] {
  const windowMs = millisecondsOf(config?.slowStartWindow, 0, `${at}.slow_start_window`, report);
  if (config === undefined || windowMs === 0) return null;
  return { windowMs, aggression: readRuntimeNumber(config.aggression, 1),
    minimumPercent: percentOf(config.minWeightPercent, SLOW_START_PERCENT_DEFAULT) };
}

function readPeakEwma(value: PeakEwma, at: string, report: Report): Balancing['peakEwma'] {
  const decayMs = millisecondsOf(value.decayTime, DECAY_MS_DEFAULT, `${at}.decay_time`, report);
  if (decayMs === 0) report.fail(`${at}.decay_time`, 'must be greater than 0s');
  return { decayMs, penalty: numberOf(value.penaltyValue, PENALTY_DEFAULT) };
}

function readOverrideSource(source: OverrideHostOverrideHostSource, at: string, report: Report): OverrideSource {
  const header = source.header === undefined || source.header === '' ? null : source.header.toLowerCase();
  if ((header === null) === (source.metadata === undefined)) report.fail(at, 'one of header and metadata is required');
  return { header, namespace: source.metadata?.key ?? '', path: pathOf(source.metadata) };
}

const pathOf = (key: MetadataKey | undefined): string[] => (key?.path ?? []).map((segment) => segment.key ?? '');

function readClientWeights(value: ClientSideWeightedRoundRobin, at: string, report: Report): ClientWeights {
  const period = (name: string, duration: Duration | undefined, absent: number): number =>
    millisecondsOf(duration, absent, `${at}.${name}`, report);
  return {
    blackoutMs: period('blackout_period', value.blackoutPeriod, BLACKOUT_MS_DEFAULT),
    expirationMs: period('weight_expiration_period', value.weightExpirationPeriod, EXPIRATION_MS_DEFAULT),
    updateMs: Math.max(UPDATE_MS_MIN, period('weight_update_period', value.weightUpdatePeriod, UPDATE_MS_DEFAULT)),
    errorPenalty: numberOf(value.errorUtilizationPenalty, 1),
    metrics: value.metricNamesForComputingUtilization ?? [],
  };
}
