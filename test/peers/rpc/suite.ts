// What one peer shows: the same calls directly and through us; what only we answer; many at a time on one connection;
// silence that heartbeats fill; endings (endings.ts).
import { setTimeout as sleep } from 'node:timers/promises';
import { freePort } from '../../support/ports.js';
import { weftKinds, type Proxy, type ProxyKind } from '../../support/proxy.js';
import { dies, drains, leaves } from './endings.js';
import { addedTo, lost, specials, type Caller, type Many, type Outcome, type Peer, type Served } from './peer.js';
import { note, show, title } from './report.js';
import { startBefore } from './through.js';

const CALL_MS = 20, NOTES = 20;
/** Longer than a peer waits for signs of life (three intervals of a second, Bolt's answers counted in). */
const SILENCE_MS = 6000;

/** What came of the same calls; one that goes wrong directly is the peer's own. */
function compare(wanted: ReadonlyMap<string, Outcome>, found: ReadonlyMap<string, Outcome>): string[] {
  const wrong: string[] = [];
  for (const [name, direct] of wanted) {
    const said = found.get(name)?.said ?? 'nothing';
    if (direct.right && said !== direct.said)
      wrong.push(`${name}: ${said.slice(0, 200)}, directly ${direct.said.slice(0, 200)}`);
    else if (!direct.right)
      note(`peer fails by itself: ${name}: ${direct.said.slice(0, 200)}; through Weft: ${said.slice(0, 200)}`);
  }
  return wrong;
}

/** Errors that are ours; of three calls at a time one is let in. */
async function ours(peer: Peer, caller: Caller): Promise<string[]> {
  const wrong: string[] = [];
  for (const name of specials) {
    const letIn = name === 'busy' ? 1 : 0;
    const outcomes = await caller.special(name, letIn * 2 + 1);
    const refused = outcomes.filter(({ said, right }) => right && peer.errors[name].test(said)).length;
    if (refused !== outcomes.length - letIn || outcomes.filter(({ right }) => !right).length !== letIn)
      wrong.push(`${name}: ${outcomes.map(({ said }) => said.slice(0, 300)).join('; ')}`);
  }
  return wrong;
}

async function notes(caller: Caller, servers: readonly Served[]): Promise<string[]> {
  const heard = async (): Promise<number> => {
    const facts = await Promise.all(servers.map((server) => server.facts()));
    return facts.reduce((sum, one) => sum + one.notes, 0);
  };
  const before = await heard();
  await caller.notes!(NOTES);
  let came = 0;
  for (let tries = 0; came < NOTES && tries < 200; tries++) {
    await sleep(20);
    came = await heard() - before;
  }
  return came === NOTES ? [] : [`${came} of ${NOTES} came`];
}

/** The peer cannot do it directly either: said, and not counted. */
function own(alone: Many, wrong: number): string[] {
  note(`peer fails by itself: ${lost(alone.wrong, alone.first).join()}; through Weft ${wrong}`);
  return [];
}

const connections = async (proxy: Proxy): Promise<string> =>
  `${await proxy.stat('http.in.downstream_cx_total')} and ${await proxy.stat('cluster.servers.upstream_cx_total')}`;

async function through(proxy: Proxy, peer: Peer, caller: Caller, servers: readonly Served[],
    wanted: ReadonlyMap<string, Outcome>, alone: Many): Promise<void> {
  show('the same results', compare(wanted, await caller.all()));
  show('errors of ours', await ours(peer, caller));
  if (caller.edited !== null) {
    const { said, right } = await caller.edited(addedTo(peer));
    show('what a route adds', right ? [] : [said]);
  }
  if (caller.notes === null) note('one-way: this client has none');
  else show('one-way', await notes(caller, servers));
  const opened = await proxy.stat('http.in.downstream_cx_total');
  const { wrong, first, ms } = await caller.many(peer.load.calls, peer.load.atOnce, CALL_MS);
  const one = await proxy.stat('http.in.downstream_cx_active')
    + await proxy.stat('http.in.downstream_cx_total') - opened;
  const { calls, atOnce } = peer.load;
  show(`${calls} calls, ${atOnce} at a time, in ${Math.round(ms)} ms, ${Math.round(alone.ms)} directly`,
    [...(alone.wrong === 0 ? lost(wrong, first) : own(alone, wrong)),
      ...(one === peer.connections ? [] : [`over ${one} connections`])]);
  const before = await connections(proxy);
  await sleep(SILENCE_MS);
  const after = await caller.many(10, 10, 0);
  const now = await connections(proxy);
  show('silence', [...lost(after.wrong, after.first),
    ...(before === now ? [] : [`connections ${before}, then ${now}`])]);
  await dies(proxy, caller, servers[1]!);
  for (const server of servers) if ((await server.facts()).calls === 0) show('both', ['one was never called']);
}

async function ends(proxy: Proxy, caller: Caller, serve: () => Promise<Served>): Promise<void> {
  await leaves(proxy, caller, serve);
  await drains(proxy, caller);
  const exceptions = await proxy.stat('server.weft.exceptions');
  if (exceptions !== 0) show('exceptions', [String(exceptions)]);
}

async function onOne(kind: ProxyKind, peer: Peer, first: Served, firstPort: number,
    wanted: ReadonlyMap<string, Outcome>, alone: Many): Promise<void> {
  title(`${kind}, ${peer.name}`);
  const secondPort = await freePort(), port = await freePort();
  const second = await peer.serve(secondPort);
  const proxy = await startBefore(kind, peer, port, [firstPort, secondPort]);
  try {
    const caller = await peer.call(port);
    await through(proxy, peer, caller, [first, second], wanted, alone);
    await ends(proxy, caller, () => peer.serve(secondPort));
    await caller.close();
  } finally { await proxy.stop(); }
}

export async function shows(peer: Peer): Promise<void> {
  try {
    const port = await freePort();
    const server = await peer.serve(port);
    const direct = await peer.call(port);
    const wanted = await direct.all();
    const alone = await direct.many(peer.load.calls, peer.load.atOnce, CALL_MS);
    await direct.close();
    for (const kind of weftKinds) await onOne(kind, peer, server, port, wanted, alone);
  } finally { peer.close(); }
}
