// Dubbo's read-only event from an endpoint that is about to end: no worker picks it any more, what it has in progress
// is answered, and when its connection is gone it is picked again. Where all are read-only, they are all there is.
import t from 'tap';
import { frame, hessianCall, hex } from '../protocols/rpc/dubbo-frames.js';
import { bootstrap, routeTo } from '../support/bootstrap.js';
import { DubboClient, DubboServer } from '../support/dubbo.js';
import type { DubboFrame } from '../support/dubbo.js';
import { freePort } from '../support/ports.js';
import { Proxy, weftKinds } from '../support/proxy.js';

const TYPE = 'type.googleapis.com/weft.extensions.';
const spoken = { typed_extension_protocol_options: {
  'weft.extensions.upstreams.rpc.v1.RpcProtocolOptions': { '@type': `${TYPE}upstreams.rpc.v1.RpcProtocolOptions`,
    protocol: 'DUBBO' } } };
const OK = 20, hi = hex('91026869');
const READ_ONLY = frame(0xa2, 0, 2n, hex('0152'));

for (const kind of weftKinds) {
  t.test(kind, async (t) => {
    const [a, b] = [await DubboServer.start(await freePort()), await DubboServer.start(await freePort())];
    const [port, adminPort] = [await freePort(), await freePort()];
    const proxy = await Proxy.start(kind, adminPort, () => bootstrap(adminPort, [{ name: 'in', port,
      routes: [routeTo('dubbo')], manager: { '@type': `${TYPE}filters.network.rpc_proxy.v1.RpcProxy`,
        protocol: 'DUBBO' } }], [{ name: 'dubbo', ports: [a.port, b.port], fields: spoken }]), ['--concurrency', '2']);
    const clients: DubboClient[] = [];
    for (let i = 0; i < 8; i++) clients.push(await DubboClient.open(port));       // of both workers
    t.teardown(async () => {
      for (const client of clients) client.close();
      await proxy.stop();
      await a.stop();
      await b.stop();
    });
    for (const one of [a, b]) one.serve = (_frame, answer) => { answer(OK, hi); };
    let id = 0n;
    const ask = (client = clients[0]!): Promise<DubboFrame> => client.ask(hessianCall({ id: ++id }));
    /** How many of some calls of every client each of the two gets. */
    const share = async (): Promise<number[]> => {
      a.requests.length = b.requests.length = 0;
      for (let round = 0; round < 4; round++)
        for (const client of clients) t.equal((await ask(client)).status, OK);
      return [a, b].map(({ requests }) => requests.length);
    };
    const tell = (server: DubboServer): void => { for (const socket of server.sockets) socket.write(READ_ONLY); };

    await t.test('it is not picked, and answers what it has', async (t) => {
      t.notOk((await share()).includes(0));
      const held: (() => void)[] = [];
      a.serve = (_frame, answer) => { held.push(() => { answer(OK, hi); }); };
      const waiting = clients.map((client) => [ask(client), ask(client)]).flat();
      while (held.length < 1) await new Promise((resolve) => setTimeout(resolve, 5));
      tell(a);
      await proxy.untilStat('cluster.dubbo.membership_healthy', 1);
      t.same((await share())[0], 0);
      t.match((await proxy.admin('/clusters')).body, /health_flags::\/read_only/);
      for (const answer of held) answer();
      for (const answer of waiting) t.equal((await answer).status, OK);
      t.equal(a.sockets.size > 0, true, 'its connections are its to close');
    });

    await t.test('it comes back when it has closed', async (t) => {
      a.serve = (_frame, answer) => { answer(OK, hi); };
      a.dropConnections();
      await proxy.untilStat('cluster.dubbo.membership_healthy', 2);
      t.notOk((await share()).includes(0));
    });

    await t.test('where all are, calls are made all the same', async (t) => {
      tell(a);
      tell(b);
      await proxy.untilStat('cluster.dubbo.membership_healthy', 0);
      t.equal((await share()).reduce((sum, count) => sum + count), 32);
    });
  });
}
