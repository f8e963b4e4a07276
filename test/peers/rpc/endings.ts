// What ends takes no call with it that may be sent again: an endpoint that is lost, one that shuts down as its
// framework does, and a proxy that drains.
import { setTimeout as sleep } from 'node:timers/promises';
import type { Proxy } from '../../support/proxy.js';
import { lost, type Caller, type Many, type Served } from './peer.js';
import { note, show } from './report.js';
import { cutAnswers } from './through.js';

const DYING = { calls: 1000, atOnce: 64, tookMs: 10 }, DYING_AFTER_MS = 60;
const LEAVING = { calls: 640, atOnce: 32, tookMs: 100 }, LEAVING_AFTER_MS = 200;
const DRAINED = { calls: 50, atOnce: 50, tookMs: 700 }, DRAIN_AFTER_MS = 200;

/** Lines of a log are in its file after that. */
const LOG_WRITTEN_MS = 300;

const lostOf = ({ wrong, first }: Many): string[] => lost(wrong, first);

type Load = Readonly<{ calls: number; atOnce: number; tookMs: number }>;

async function during(caller: Caller, { calls, atOnce, tookMs }: Load, afterMs: number,
    ending: () => Promise<unknown>): Promise<Many> {
  const calling = caller.many(calls, atOnce, tookMs);
  await sleep(afterMs);
  await ending();
  return await calling;
}

export async function dies(proxy: Proxy, caller: Caller, server: Served): Promise<void> {
  const { wrong, first } = await during(caller, DYING, DYING_AFTER_MS, () => server.die());
  if (wrong > 0) await sleep(LOG_WRITTEN_MS);
  const cut = wrong > 0 ? cutAnswers(proxy) : 0;
  show('an endpoint dies', lost(Math.max(0, wrong - cut), first));
  if (cut > 0) note(`answers that it had begun: ${cut}`);
}

/** `serve` starts it where the one that died was. */
export async function leaves(proxy: Proxy, caller: Caller, serve: () => Promise<Served>): Promise<void> {
  const server = await serve();
  if (server.leave === null) return;
  let heard = 0;
  for (let tries = 0; heard === 0 && tries < 50; tries++) {                 // until it is called
    await caller.many(20, 10, 10);
    heard = (await server.facts()).calls;
  }
  const before = await proxy.stat('cluster.servers.upstream_rq_retry');
  show('an endpoint shuts down', [...(heard === 0 ? ['it was never called'] : []),
    ...lostOf(await during(caller, LEAVING, LEAVING_AFTER_MS, server.leave))]);
  const again = await proxy.stat('cluster.servers.upstream_rq_retry') - before;
  if (again > 0) note(`calls that were sent again: ${again}`);
}

export async function drains(proxy: Proxy, caller: Caller): Promise<void> {
  show('a proxy drains', lostOf(await during(caller, DRAINED, DRAIN_AFTER_MS, () =>
    fetch(`http://127.0.0.1:${proxy.adminPort}/drain_listeners`, { method: 'POST' }))));
}
