// Starts one proxy for the scenarios of some areas, runs them side by side, and gives each one's outcome as lines of
// text. A start costs a second of processor time, so areas share one.
import { writeFileSync } from 'node:fs';
import { bootstrap, type ClusterSpec, type ListenerSpec } from '../support/bootstrap.js';
import { freePort } from '../support/ports.js';
import { Proxy, type ProxyKind } from '../support/proxy.js';
import { Upstream } from '../support/upstream.js';
import { answerChecks, runSteps } from './exchange.js';
import type { RawUpstream, Scenario } from './scenario.js';

export interface Running {
  scenario: Scenario;
  id: string;
  upstreams: Map<string, Upstream>;
  ports: Map<string, number>;
  /** Replaces names in braces; `back` undoes it in what was seen. */
  fill: (text: string) => string;
  back: (text: string) => string;
}

/** Scenarios at a time in one process. */
const LANES = 8;
/** Processes at a time: while one waits for clocks, another starts. */
const PROCESSES = 3;
/** Scenarios of an area are s0, s1 and so on, those of the next q0: of one length, for answers hold them. */
const LETTERS = 'sqjyzwkvgh';

/** Outcomes by scenario, of areas that share a process. Scenarios that need a process of their own get one. */
export async function runScenarios(kind: ProxyKind, areas: readonly (readonly Scenario[])[]):
  Promise<Map<Scenario, string[]>> {
  if (areas.length > LETTERS.length) throw new Error('too many areas for one process');
  const outcomes = new Map<Scenario, string[]>();
  const together: Named[] = [], groups: Named[][] = [];
  for (const [area, scenarios] of areas.entries()) {
    if (new Set(scenarios.map(({ name }) => name)).size !== scenarios.length)
      throw new Error('two scenarios have the same name');
    for (const [index, scenario] of scenarios.filter(({ alone }) => alone === undefined).entries())
      together.push({ scenario, id: `${LETTERS[area]}${index}` });
    for (const scenario of scenarios) if (scenario.alone !== undefined) groups.push([{ scenario, id: 's0' }]);
  }
  if (together.length > 0) groups.unshift(together);
  await inLanes(PROCESSES, groups, (group) => runGroup(kind, group, outcomes));
  return outcomes;
}

interface Named { scenario: Scenario; id: string }

/** Does `work` for each item in order, so many at a time. */
async function inLanes<T>(lanes: number, items: readonly T[], work: (item: T) => Promise<void>): Promise<void> {
  const queue = [...items];
  const lane = async (): Promise<void> => {
    for (let next = queue.shift(); next !== undefined; next = queue.shift()) await work(next);
  };
  await Promise.all(Array.from({ length: lanes }, lane));
}

async function runGroup(kind: ProxyKind, group: readonly Named[], outcomes: Map<Scenario, string[]>): Promise<void> {
  const adminPort = await freePort();
  const running: Running[] = [];
  for (const { scenario, id } of group) running.push(await prepare(scenario, id));
  const { alone } = group[0].scenario;
  const proxy = await Proxy.start(kind, adminPort, (folder) => configure(adminPort, folder, running),
    [...(alone?.options ?? [])]);
  try {
    await inLanes(LANES, running, async (one) => { outcomes.set(one.scenario, await outcomeOf(proxy, one)); });
  } finally {
    await proxy.stop();
    for (const { upstreams } of running) for (const upstream of upstreams.values()) await upstream.stop();
  }
}

async function outcomeOf(proxy: Proxy, running: Running): Promise<string[]> {
  try {
    return await runSteps(proxy, running);
  } catch (error) {
    return [`error ${running.back(String((error as Error).message))}`];
  }
}

async function prepare(scenario: Scenario, id: string): Promise<Running> {
  const upstreams = new Map<string, Upstream>(), ports = new Map<string, number>();
  for (const name of scenario.upstreams ?? ['up']) {
    const upstream = await Upstream.start(await freePort());
    upstreams.set(name, upstream);
    answerChecks(name, upstream, new Map(Object.entries(scenario.firstChecks ?? {})));
    const raw = scenario.rawUpstreams?.[name];
    if (raw !== undefined) behave(upstream, raw);
    ports.set(name, upstream.port);
  }
  for (const name of ['main', ...Object.keys(scenario.listeners ?? {}), ...Object.keys(scenario.rawListeners ?? {})])
    ports.set(name, await freePort());
  const clusters = [...upstreams.keys(), ...(scenario.clusters ?? []).map(({ name }) => name)];
  const fill = (text: string): string => text.replace(/\{(port:)?([\w-]+)\}/g, (whole, port, name) => {
    if (port !== undefined) return ports.has(name) ? String(ports.get(name)) : whole;
    if (name === 'id') return id;
    return clusters.includes(name) ? `${id}-${name}` : whole;
  });
  const back = (text: string): string => {
    let result = text;
    for (const [name, port] of ports)      // not in the midst of a longer number
      result = result.replace(new RegExp(`(?<!\\d)${port}(?!\\d)`, 'g'), `{port:${name}}`);
    return result.replace(new RegExp(`\\b${id}-([\\w-]+)`, 'g'), '{$1}')
      .replace(new RegExp(`\\b${id}\\b`, 'g'), '{id}');
  };
  return { scenario, id, upstreams, ports, fill, back };
}

function behave(upstream: Upstream, raw: RawUpstream): void {
  upstream.endsRaw = raw.farewell === undefined && raw.stays !== true;
  upstream.onRaw = (socket) => {
    if (raw.say !== undefined) socket.write(raw.say, 'latin1');
    if (raw.close === 'atOnce') socket.end();
    let answered = false;
    socket.on('data', (data) => {
      if (raw.echo === true) socket.write(data);
      if (raw.answer !== undefined && !answered) setTimeout(() => socket.write(raw.answer!), raw.answerMs ?? 0);
      answered = true;
      if (raw.close === 'afterBytes') socket.end();
      if (raw.close === 'reset') socket.resetAndDestroy();
    });
    const { farewell } = raw;
    if (farewell !== undefined) socket.on('end', () => socket.end(farewell));
  };
}

/** Replaces names in every text of a piece of configuration; a text that is one port becomes a number. */
function filled(value: unknown, running: Running, folder: string): unknown {
  if (typeof value === 'string') {
    const text = running.fill(value).replaceAll('{folder}', folder);
    return /^\{port:[\w-]+\}$/.test(value) ? Number(text) : text;
  }
  if (Array.isArray(value)) return value.map((entry) => filled(entry, running, folder));
  if (typeof value === 'object' && value !== null && !(value instanceof RegExp)) {
    return Object.fromEntries(Object.entries(value)
      .map(([key, entry]) => [running.fill(key), filled(entry, running, folder)]));
  }
  return value;
}

function configure(adminPort: number, folder: string, all: readonly Running[]): object {
  const listeners: ListenerSpec[] = [], clusters: ClusterSpec[] = [], raw: object[] = [];
  let more: Record<string, unknown> = {};
  for (const running of all) {
    const { scenario, id } = running;
    const named = { ...(scenario.main === undefined ? {} : { main: scenario.main }), ...scenario.listeners };
    for (const [name, spec] of Object.entries(named)) {
      listeners.push({ ...filled(spec, running, folder) as object, name: `${id}-${name}`,
        port: running.ports.get(name)!, logFile: `${folder}/${id}-${name}.log` });
    }
    for (const [name, listener] of Object.entries(scenario.rawListeners ?? {}))
      raw.push({ name: `${id}-${name}`, ...filled(listener, running, folder) as object });
    for (const [name, upstream] of running.upstreams) {
      const fields = filled(scenario.clusterFields?.[name] ?? {}, running, folder) as Record<string, unknown>;
      clusters.push({ name: `${id}-${name}`, ports: [upstream.port], fields });
    }
    for (const cluster of scenario.clusters ?? []) {
      const ports = (filled(cluster.ports ?? [], running, folder) as number[]);
      const fields = filled(cluster.fields ?? {}, running, folder) as Record<string, unknown>;
      clusters.push({ name: `${id}-${cluster.name}`, ports, fields });
    }
    more = filled(scenario.alone?.bootstrap ?? {}, running, folder) as Record<string, unknown>;
  }
  const whole = bootstrap(adminPort, listeners, clusters) as { static_resources: { listeners: object[] } };
  whole.static_resources.listeners.push(...raw);
  const result = { ...whole, ...more };
  if (process.env.WEFT_DIFFERENTIAL_SHOW !== undefined)
    writeFileSync(process.env.WEFT_DIFFERENTIAL_SHOW, JSON.stringify(result, null, 1));
  return result;
}
