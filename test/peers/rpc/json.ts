// HTTP with JSON between peers: their servers called by HTTP, and their clients' calls that go by HTTP to their
// servers, both in one proxy: Weft makes a request of a call, and a call of that request.
import { bootstrap } from '../../support/bootstrap.js';
import { freePort } from '../../support/ports.js';
import { Proxy, weftKinds, type ProxyKind } from '../../support/proxy.js';
import { askJson, jsonManager, routeCalls, routeRequests, spokenIn } from '../../support/rpc-json.js';
import { SERVICE, type Peer } from './peer.js';
import { show, title } from './report.js';

const RPC_PROXY = 'type.googleapis.com/weft.extensions.filters.network.rpc_proxy.v1.RpcProxy';
const STRING = 'java.lang.String', LIST = 'java.util.List', MAP = 'java.util.Map', BYTES_MAX = 8 << 20;

interface Method { path: string; name: string; types: readonly string[]; result: string }
/** Node's servers have one echo for all; Java's have one for each type. */
const methodsOf = ({ name }: Peer): readonly Method[] => {
  const echo = (type: string): string => name.startsWith('Node') ? 'echo' : `echo${type}`;
  return [{ path: '/plus', name: 'plus', types: ['int', 'int'], result: 'int' },
    { path: '/text', name: 'echo', types: [STRING], result: STRING },
    { path: '/list', name: echo('List'), types: [LIST], result: LIST },
    { path: '/map', name: echo('Map'), types: [MAP], result: MAP },
    { path: '/fails', name: 'fails', types: [], result: STRING },
    { path: '/none', name: 'none', types: [], result: '' }];
};

/** Answers are the JSON of what was sent, a value, or the status of an error. */
const requests: readonly [path: string, body: string, wanted: string | number][] = [
  ['/plus', '[1,2]', '3'], ['/plus', '[-70000,3]', '-69997'], ['/text', '["größe € \u{1f600}"]', '"größe € \u{1f600}"'],
  ['/text', '[""]', '""'], ['/text', `["${'\u20ac'.repeat(1000)}"]`, `"${'\u20ac'.repeat(1000)}"`],
  ['/text', `["${'x'.repeat(1 << 20)}"]`, `"${'x'.repeat(1 << 20)}"`],
  ['/list', '[[1,null,true,1.5,"x",[2]]]', '[1,null,true,1.5,"x",[2]]'],
  ['/map', '[{"a":1,"b":{"c":["x"]}}]', '{"a":1,"b":{"c":["x"]}}'], ['/fails', '[]', 500], ['/none', '[]', 500],
  ['/plus', '[1,2147483648]', 400], ['/plus', '[1,2.5]', 400], ['/text', '[1]', 400], ['/plus', '[1]', 400],
];

async function callServer(peer: Peer, port: number): Promise<string[]> {
  const wrong: string[] = [];
  for (const [path, body, wanted] of requests) {
    if (peer.name === 'Node Dubbo' && wanted === '""') continue;         // its server breaks off, directly too
    const { status, text } = await askJson(port, path, body);
    const right = typeof wanted === 'number' ? status === wanted && text.startsWith('{"error":')
      : status === 200 && text === wanted;
    if (!right) wrong.push(`${path} ${body.slice(0, 60)}: ${status} ${text.slice(0, 200)}`);
  }
  return wrong;
}

/**
 * Calls of these names, which have types that JSON can carry, come to what they come to directly. Node's clients state
 * other types each time that they call echo, and a route has the types of one method.
 */
const CARRIED = /numbers|^text|^nothing$|characters$|mebibyte$|^after all/, OF_JAVA = /^a (list|map)$/;
async function callBack(peer: Peer, direct: number, listens: number): Promise<string[]> {
  const [one, other] = [await peer.call(direct), await peer.call(listens)];
  const wanted = await one.all(), found = await other.all();
  await one.close();
  await other.close();
  return [...wanted].filter(([name]) => CARRIED.test(name) || (OF_JAVA.test(name) && !peer.name.startsWith('Node')))
    .filter(([name, { said, right }]) => right && found.get(name)?.said !== said)
    .map(([name, { said }]) => `${name}: ${found.get(name)?.said.slice(0, 200)}, directly ${said.slice(0, 200)}`);
}

async function onOne(kind: ProxyKind, peer: Peer, protocol: 'BOLT' | 'DUBBO', server: number): Promise<void> {
  title(`${kind}, HTTP/JSON and ${peer.name}`);
  const adminPort = await freePort(), http = await freePort(), rpc = await freePort();
  const methods = methodsOf(peer), version = peer.name.startsWith('Node') ? '1.0' : '';
  const limits = { max_request_bytes: BYTES_MAX, max_response_bytes: BYTES_MAX };
  const typed = (types: readonly string[]): object[] => types.map((type) => ({ type }));
  const calls = methods.map(({ path, name, types }) => routeCalls({ path }, 'servers', { protocol, service: SERVICE,
    method: name, version, arguments: typed(types) }, limits));
  const made = methods.map(({ path, name, types, result }) => routeRequests({ path: `/${SERVICE}/${name}` }, 'web',
    { path_template: path, arguments: typed(types), result }, limits));
  const proxy = await Proxy.start(kind, adminPort, () => bootstrap(adminPort, [
    { name: 'http', port: http, manager: jsonManager(), routes: calls },
    { name: 'rpc', port: rpc, manager: { ...jsonManager(), '@type': RPC_PROXY, protocol }, routes: made,
      listener: { address: { socket_address: { address: '0.0.0.0', port_value: rpc } } } }],
  [{ name: 'servers', ports: [server], fields: spokenIn(protocol) }, { name: 'web', ports: [http] }]));
  try {
    show('its servers, called by HTTP', await callServer(peer, http));
    show('its clients, by HTTP to its servers', await callBack(peer, server, rpc));
    const exceptions = await proxy.stat('server.weft.exceptions');
    if (exceptions !== 0) show('exceptions', [String(exceptions)]);
  } finally { await proxy.stop(); }
}

/** Of those that speak Bolt or Dubbo in Hessian. */
export async function showsJson(peer: Peer): Promise<void> {
  const { protocol } = peer;
  try {
    if (protocol === 'http2' || peer.name.includes('fastjson2')) return;
    const port = await freePort();
    await peer.serve(port);
    for (const kind of weftKinds) await onOne(kind, peer, protocol === 'bolt' ? 'BOLT' : 'DUBBO', port);
  } finally { peer.close(); }
}
