// npm run peers: clients and servers of SOFARPC and Dubbo that others wrote, directly and through us, on both drivers:
// the same results; many calls over one connection; an endpoint that dies takes no call with it that may be sent again.
import { setTimeout as sleep } from 'node:timers/promises';
import { bootstrap, routeTo } from '../../support/bootstrap.js';
import { freePort } from '../../support/ports.js';
import { Proxy, weftKinds, type ProxyKind } from '../../support/proxy.js';
import { call, many, outcomes, serve, speeches, type Speech } from './sofa.js';

const CALLS = 2000, AT_ONCE = 64;
const PREVIOUS_HOSTS = 'type.googleapis.com/envoy.extensions.retry.host.previous_hosts.v3.PreviousHostsPredicate';
const TYPE = 'type.googleapis.com/weft.extensions.';
let failed = 0;

function show(name: string, wrong: readonly string[]): void {
  failed += wrong.length;
  process.stdout.write(`  ${name}: ${wrong.length === 0 ? 'ok' : 'NOT OK'}\n`);
  for (const line of wrong) process.stdout.write(`    ${line}\n`);
}

async function through(kind: ProxyKind, speech: Speech, listens: number, behind: number[],
    run: () => Promise<void>): Promise<void> {
  const adminPort = await freePort(), protocol = speech.protocol.toUpperCase();
  const spoken = { typed_extension_protocol_options: { 'weft.extensions.upstreams.rpc.v1.RpcProtocolOptions': {
    '@type': `${TYPE}upstreams.rpc.v1.RpcProtocolOptions`, protocol } } };
  const again = { timeout: '5s', retry_policy: { retry_on: 'connect-failure,reset', num_retries: 3,
    host_selection_retry_max_attempts: 5, retry_host_predicate: [{ name: 'previous',
      typed_config: { '@type': PREVIOUS_HOSTS } }] } };
  const proxy = await Proxy.start(kind, adminPort, () => bootstrap(adminPort, [{ name: 'in', port: listens,
    routes: [routeTo('servers', again)],
    manager: { '@type': `${TYPE}filters.network.rpc_proxy.v1.RpcProxy`, protocol } }],
  [{ name: 'servers', ports: behind, fields: { ...spoken,
    circuit_breakers: { thresholds: [{ max_retries: 1000 }] } } }]));
  try {
    await run();
    const exceptions = await proxy.stat('server.weft.exceptions');
    if (exceptions !== 0) show('exceptions', [String(exceptions)]);
  } finally { await proxy.stop(); }
}

/** The same calls at a port come to what they came to directly. */
async function compare(speech: Speech, port: number, wanted: ReadonlyMap<string, string>): Promise<string[]> {
  const caller = await call(speech, port);
  const found = await outcomes(caller);
  await caller.close();
  return [...wanted].filter(([name, said]) => found.get(name) !== said)
    .map(([name, said]) => `${name}: ${found.get(name)!.slice(0, 200)}, directly ${said.slice(0, 200)}`);
}

const lost = (wrong: readonly unknown[]): string[] =>
  wrong.length === 0 ? [] : [`${wrong.length} calls went wrong, the first: ${String(wrong[0])}`];

async function load(speech: Speech, port: number): Promise<{ wrong: unknown[]; ms: number }> {
  const caller = await call(speech, port);
  const result = await many(caller, CALLS, AT_ONCE);
  await caller.close();
  return result;
}

async function onOne(kind: ProxyKind, speech: Speech): Promise<void> {
  const port = await freePort(), [a, b] = [await freePort(), await freePort()];
  const first = await serve(speech, a), second = await serve(speech, b);
  const direct = await call(speech, a);
  const wanted = await outcomes(direct);
  await direct.close();
  const alone = await load(speech, a);
  process.stdout.write(`${kind}, ${speech.name}\n`);
  await through(kind, speech, port, [a, b], async () => {
    show('the same results', await compare(speech, port, wanted));
    const { wrong, ms } = await load(speech, port);
    show(`${CALLS} calls, ${AT_ONCE} at a time, in ${Math.round(ms)} ms, ${Math.round(alone.ms)} directly`,
      lost(wrong));
    const dying = load(speech, port);
    await sleep(40);
    await second.stop();
    const left = await dying;
    show('an endpoint dies', lost(left.wrong));
    if (first.calls === 0 || second.calls === 0) show('both endpoints', ['one was never called']);
  });
  await first.stop();
}

for (const kind of weftKinds) {
  for (const speech of speeches) await onOne(kind, speech);
}
process.stdout.write(failed === 0 ? 'ok\n' : `NOT OK: ${failed} failed\n`);
process.exit(failed === 0 ? 0 : 1);
