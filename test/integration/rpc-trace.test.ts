// Traces of SOFATracer through the sidecar of an application: what comes in keeps its ids or begins a trace, what the
// application sends on with the same ids is numbered as its children, whichever worker sees it.
import t from 'tap';
import { BoltClient, BoltServer, sofaHeaders } from '../support/bolt.js';
import { bootstrap, routeTo } from '../support/bootstrap.js';
import { exchange } from '../support/client.js';
import { freePort } from '../support/ports.js';
import { Proxy, weftKinds } from '../support/proxy.js';
import { Upstream } from '../support/upstream.js';

const TYPE = 'type.googleapis.com/weft.extensions.';
const TRACE = 'rpc_trace_context.sofaTraceId', CALL = 'rpc_trace_context.sofaRpcId';
const spoken = { typed_extension_protocol_options: {
  'weft.extensions.upstreams.rpc.v1.RpcProtocolOptions': { '@type': `${TYPE}upstreams.rpc.v1.RpcProtocolOptions`,
    protocol: 'BOLT' } } };
const filters = [{ name: 'trace', typed_config: { '@type': `${TYPE}filters.http.sofa_trace.v1.SofaTrace` } },
  { name: 'router', typed_config: {
    '@type': 'type.googleapis.com/envoy.extensions.filters.http.router.v3.Router' } }];
const rpc = { '@type': `${TYPE}filters.network.rpc_proxy.v1.RpcProxy`, protocol: 'BOLT', http_filters: filters };

for (const kind of weftKinds) {
  t.test(kind, async (t) => {
    const server = await BoltServer.start(await freePort()), http = await Upstream.start(await freePort());
    const inbound = await freePort(), outbound = await freePort(), web = await freePort();
    const adminPort = await freePort();
    const proxy = await Proxy.start(kind, adminPort, () => bootstrap(adminPort, [
      { name: 'in', port: inbound, routes: [routeTo('bolt')], manager: rpc,
        listener: { traffic_direction: 'INBOUND' } },
      { name: 'out', port: outbound, routes: [routeTo('bolt')], manager: rpc,
        listener: { traffic_direction: 'OUTBOUND' } },
      { name: 'web', port: web, routes: [routeTo('http')], manager: { http_filters: filters },
        listener: { traffic_direction: 'INBOUND' } }],
    [{ name: 'bolt', ports: [server.port], fields: spoken }, { name: 'http', ports: [http.port] }]),
    ['--concurrency', '2']);
    t.teardown(async () => {
      await proxy.stop();
      await server.stop();
      await http.stop();
    });
    let id = 0;
    /** The pairs that the server gets of a call with these. */
    const call = async (port: number, pairs: [string, string][]): Promise<ReadonlyMap<string, string>> => {
      const client = await BoltClient.open(port);            // another connection, and at times another worker
      await client.ask({ id: ++id, headers: sofaHeaders('S:1.0', 'm', pairs) });
      client.close();
      return new Map(server.requests.at(-1)!.headers);
    };

    await t.test('a call without a trace begins one', async (t) => {
      const before = Date.now();
      const pairs = await call(inbound, []);
      const [, address, time, number, process] = /^(.{8})(\d{13})(\d{4})(\d+)$/.exec(pairs.get(TRACE)!)!;
      t.equal(address, '7f000001');
      t.ok(Number(time) >= before - 5 && Number(time) <= Date.now() + 5);
      t.ok(Number(number) >= 1000 && Number(number) <= 9000);
      t.equal(Number(process), proxy.child.pid);
      t.equal(pairs.get(CALL), '0');
      t.not((await call(inbound, [])).get(TRACE), pairs.get(TRACE));
    });

    await t.test('what the application sends on is numbered', async (t) => {
      const ids: [string, string][] = [[TRACE, '0ba616a11535985491878148229106'], [CALL, '0.3']];
      const outcomes = [];
      for (const port of [outbound, inbound, outbound, outbound, inbound, outbound]) {
        const pairs = await call(port, ids);
        t.equal(pairs.get(TRACE), ids[0]![1]);
        outcomes.push(pairs.get(CALL));
      }
      t.same(outcomes, ['0.3', '0.3', '0.3.1', '0.3.2', '0.3', '0.3.3']);
      const begun = await call(inbound, []);
      t.equal((await call(outbound, [[TRACE, begun.get(TRACE)!], [CALL, '0']])).get(CALL), '0.1');
    });

    await t.test('ids that are its own, too long, or in the newer form stay', async (t) => {
      const trace: [string, string] = [TRACE, '0ba616a11535985491878148229107'];
      await call(inbound, [trace, [CALL, '0']]);
      t.equal((await call(outbound, [trace, [CALL, '0.7']])).get(CALL), '0.7');
      const long = `0${'.1'.repeat(64)}`;
      await call(inbound, [trace, [CALL, long]]);
      t.equal((await call(outbound, [trace, [CALL, long]])).get(CALL), long);
      const newer: [string, string][] = [['new_rpc_trace_context', 'tcid=1&spid=0']];
      t.same([...await call(inbound, newer)], sofaHeaders('S:1.0', 'm', newer));
    });

    await t.test('HTTP has them in headers of its own', async (t) => {
      await exchange(web, 'GET / HTTP/1.1\r\nHost: a\r\n\r\n');
      const headers = new Map(http.requests.at(-1)!.headers);
      t.match(headers.get('sofa-traceid'), /^7f000001\d{18,}$/);
      t.equal(headers.get('sofa-rpcid'), '0');
      await exchange(web, 'GET / HTTP/1.1\r\nHost: a\r\nSOFA-TraceId: t\r\nSOFA-RpcId: 0.1\r\n\r\n');
      t.match(new Map(http.requests.at(-1)!.headers), new Map([['sofa-traceid', 't'], ['sofa-rpcid', '0.1']]));
    });
  });
}
