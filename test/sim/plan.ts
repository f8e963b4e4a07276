// What one simulated run does: all of it drawn from the seed, so that a seed replays. Profiles go from
// "everything must be served" to "everything breaks everywhere"; what a run may expect follows from its profile.
import type { Balancing, ClusterConfig, Hashing } from '../../src/config/types.js';
import { balancing } from '../config/snapshot/fixtures.js';
import type { SimNetwork, SimFaults } from '../../src/workers/reactor/sim-network.js';

export type Framing = 'none' | 'length' | 'chunked' | 'close';
/** What the upstream does about a request. */
export type UpstreamAct =
  | 'answer'
  | 'answer and close'
  | 'answer and close silently'
  | 'answer early'
  | 'reset'
  | 'fin'
  | 'cut head'
  | 'cut body'
  | 'never'
  | 'garbage'
  | 'too much'
  | 'interim';

export interface RequestPlan {
  id: number;
  method: 'GET' | 'HEAD' | 'POST' | 'PUT';
  request: Framing;
  requestBytes: number;
  response: Framing;
  responseBytes: number;
  status: number;
  act: UpstreamAct;
  withReset: boolean;
  delayMs: number;
  http10: boolean;
  cluster: number;
  tunnel: boolean;
}
export interface ClientPlan {
  requests: RequestPlan[];
  pipelined: boolean;
  arriveMs: number;
  /** Bytes of one write, and the pause after it. */
  writeBytes: number;
  writePauseMs: number;
  /** Bytes of one read, and the pause after it; 0 = as they come. */
  readBytes: number;
  readPauseMs: number;
  leave: 'when done' | 'fin after sending' | 'reset' | 'fin';
  /** Bytes received after which `reset` or `fin` happens. */
  leaveAfterBytes: number;
}
export const profiles = [
  'calm',
  'stale',
  'tunnels',
  'broken upstreams',
  'broken clients',
  'broken network',
  'everything',
  'exhausted',
] as const;
export type Profile = (typeof profiles)[number];
export interface Plan {
  profile: Profile;
  faults: Partial<SimFaults>;
  noSocket: number;
  socketsMax: number;
  clients: ClientPlan[];
  endpoints: number;
  smallBreakers: boolean;
  lbPolicy: ClusterConfig['lbPolicy'];
  balancing: Balancing;
  /** Endpoints are of two priorities. */
  priorities: boolean;
  /** Times that health checks change their mind about an endpoint. */
  healthChanges: number;
  changes: number;
  keepsHeads: boolean;
  mutates: boolean;
  /** What the routes do beside one attempt. */
  retries: boolean;
  hedges: boolean;
  mirrors: boolean;
  /** Every third request is sent to the other cluster by its first answer. */
  redirects: boolean;
}

const SIZES = [0, 1, 5, 100, 1000, 4000, 9000, 20_000, 70_000, 200_000];

export function planOf(seed: number, dice: SimNetwork): Plan {
  const profile = profiles[seed % profiles.length]!;
  const broken = profile === 'broken network' || profile === 'everything' || profile === 'exhausted';
  const chance = (probability: number) => dice.chance(probability);
  const faults: Partial<SimFaults> = {
    shortRead: chance(0.5) ? 0.3 : 0,
    shortWrite: chance(0.5) ? 0.3 : 0,
    delayMsMax: chance(0.7) ? dice.integer(1, 30) : 0,
    capacityBytes: [1500, 8000, 60_000, 256 * 1024][dice.integer(0, 3)]!,
    ...(broken
      ? { reset: chance(0.5) ? 0.01 : 0.001, refuse: chance(0.5) ? 0.1 : 0, silent: chance(0.3) ? 0.05 : 0 }
      : {}),
  };
  const plan: Plan = {
    profile,
    faults,
    noSocket: profile === 'exhausted' ? 0.3 : 0,
    socketsMax: profile === 'exhausted' ? 6 : 512,
    clients: [],
    endpoints: dice.integer(1, 3),
    smallBreakers: profile === 'exhausted' || (profile === 'everything' && chance(0.5)),
    lbPolicy: (['roundRobin', 'leastRequest', 'random'] as const)[dice.integer(0, 2)]!,
    balancing,
    priorities: false,
    healthChanges: 0,
    changes: profile === 'stale' ? 0 : dice.integer(0, 5),
    keepsHeads: chance(0.5),
    mutates: chance(0.3),
    retries: false,
    hedges: false,
    mirrors: false,
    redirects: false,
  };
  let id = 1;
  for (let n = dice.integer(1, 8); n > 0; n--) plan.clients.push(clientOf(profile, dice, () => id++));
  plan.retries = chance(0.5);
  // Each slow attempt that is hedged is a retry less for connections that die unseen.
  plan.hedges = plan.retries && profile !== 'stale' && chance(0.5);
  // Mirrors share the pools: more connections die unseen.
  plan.mirrors = chance(0.4) && profile !== 'stale';
  plan.redirects = profile !== 'stale' && profile !== 'tunnels' && chance(0.4);
  // Drawn last, so that the rest of a seed's plan stays what it was.
  Object.assign(plan, balancerOf(plan, dice));
  return plan;
}

function balancerOf(plan: Plan, dice: SimNetwork): Partial<Plan> {
  const more = { priorities: dice.chance(0.4), healthChanges: plan.profile === 'stale' ? 0 : dice.integer(0, 6) };
  const hashing = (table: Hashing['table']): Partial<Plan> => ({ ...more, balancing: { ...balancing,
    hashing: { table, byName: false, boundPercent: dice.chance(0.5) ? 100 : 0, policies: [] } } });
  switch (dice.integer(0, 7)) {
    case 0: return { lbPolicy: 'ringHash', ...hashing({ kind: 'ring', minimumSize: 64, maximumSize: 128,
      murmur: false }) };
    case 1: return { lbPolicy: 'maglev', ...hashing({ kind: 'maglev', size: 251 }) };
    case 2: return { ...more, lbPolicy: 'peakEwma', balancing: { ...balancing,
      peakEwma: { decayMs: 100, penalty: 1000 } } };
    case 3: return { ...more, lbPolicy: 'clientSideWeightedRoundRobin', balancing: { ...balancing,
      clientWeights: { blackoutMs: 0, expirationMs: 1000, updateMs: 100, errorPenalty: 1, metrics: [] } } };
    case 4: return { ...more, balancing: { ...balancing, localityWeighted: true, slowStart: { windowMs: 500,
      aggression: { runtimeKey: '', defaultValue: 1 }, minimumPercent: 10 } } };
    default: return more;
  }
}

function clientOf(profile: Profile, dice: SimNetwork, nextId: () => number): ClientPlan {
  const chance = (probability: number) => dice.chance(probability);
  const requests: RequestPlan[] = [];
  const tunnel = profile === 'tunnels' || (profile === 'everything' && chance(0.2));
  for (let n = tunnel ? 1 : dice.integer(1, 6); n > 0; n--) requests.push(requestOf(profile, dice, nextId(), tunnel));
  // A client of HTTP/1.0 has nothing to say behind its last request.
  for (const request of requests.slice(0, -1)) request.http10 = false;
  const leaves = profile === 'broken clients' || profile === 'everything';
  return {
    requests,
    pipelined: chance(0.5),
    arriveMs: dice.integer(0, 300),
    writeBytes: [1, 100, 5000, 1 << 20][
      dice.integer(chance(0.3) && requests.every(({ requestBytes }) => requestBytes < 2000) ? 0 : 1, 3)
    ]!,
    writePauseMs: dice.integer(0, 2),
    readBytes: chance(0.3) ? dice.integer(500, 20_000) : 0,
    readPauseMs: dice.integer(1, 10),
    leave:
      leaves && chance(0.6)
        ? (['fin after sending', 'reset', 'fin'] as const)[dice.integer(0, 2)]!
        : chance(0.2) && !tunnel
          ? 'fin after sending'
          : 'when done',
    leaveAfterBytes: dice.integer(0, 20_000),
  };
}

function requestOf(profile: Profile, dice: SimNetwork, id: number, tunnel: boolean): RequestPlan {
  const chance = (probability: number) => dice.chance(probability);
  const size = () => {
    const bound = SIZES[dice.integer(0, SIZES.length - 1)]!;
    return chance(0.5) ? bound : dice.integer(0, bound);
  };
  const stale = profile === 'stale';
  const method = stale ? 'GET' : (['GET', 'HEAD', 'POST', 'PUT'] as const)[dice.integer(0, 3)]!;
  const withBody = method === 'POST' || method === 'PUT';
  const badUpstream = profile === 'broken upstreams' || profile === 'everything';
  const acts: UpstreamAct[] = stale
    ? ['answer', 'answer and close silently']
    : [
        'answer',
        'answer and close',
        'interim',
        ...(badUpstream
          ? ([
              'answer and close silently',
              'answer early',
              'reset',
              'fin',
              'cut head',
              'cut body',
              'never',
              'garbage',
              'too much',
            ] as const)
          : []),
      ];
  return {
    id,
    method: tunnel ? 'GET' : method,
    request: withBody && !tunnel ? (chance(0.5) ? 'length' : 'chunked') : 'none',
    requestBytes: withBody || tunnel ? size() : 0,
    response: (['length', 'chunked', 'close', 'none'] as const)[dice.integer(0, 3)]!,
    responseBytes: size(),
    status: [200, 200, 404, 500, 304][dice.integer(0, 4)]!,
    act: acts[chance(0.4) ? 0 : dice.integer(0, acts.length - 1)]!,
    withReset: chance(0.5),
    delayMs: chance(0.5) ? dice.integer(0, 200) : 0,
    http10: !tunnel && !stale && chance(0.1),
    cluster: dice.integer(0, 1),
    tunnel,
  };
}

/** May nothing but a complete answer of the upstream come back for this request? */
export function mustBeServed(plan: Plan, client: ClientPlan, request: RequestPlan): boolean {
  if (plan.profile !== 'calm' && plan.profile !== 'stale' && plan.profile !== 'tunnels') return false;
  // A request behind one that ends its connection is rightly dropped.
  return !client.requests.slice(0, client.requests.indexOf(request)).some(({ tunnel }) => tunnel);
}
