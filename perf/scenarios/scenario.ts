// The CPU scenarios: shapes of the proxy and traffics.
import { hostSample, type Shape } from '../bootstrap.js';
import type { Traffic } from '../load/traffic.js';
import type { CpuScenario } from './cpu-scenario.js';
import type { RpcName } from '../rpc/frames.js';
import { filterScenarios } from './filters.js';

const SMALL: Shape = { name: 'small', hosts: 0, accessLog: false };
const MESH: Shape = { name: 'mesh', hosts: 1000, accessLog: true };
const TEN: Shape = { name: 'ten', hosts: 10, accessLog: false };
export const LARGE: Shape = { name: 'large', hosts: 10_000, accessLog: false };

const get = (connections: number): Traffic =>
  ({ method: 'GET', path: '/', bodyBytes: 0, connections, hosts: ['backend'], close: false });

function scenario(name: string, title: string, shape: Shape, traffic: Traffic, crowded = false): CpuScenario {
  return { name, title, crowded, variants: [{ suffix: '', shape, traffic }], baselineSuffix: null };
}

const TLS = { client: 'h1-tls', server: 'h1', grpc: false } as const;

function protocols(name: string, title: string, client: 'h1' | 'h1-tls' | 'h2',
  server: 'h1' | 'h1-mtls' | 'h2', more: Partial<Traffic> = {}): CpuScenario {
  const traffic: Traffic = { ...get(client === 'h2' ? 8 : 64), protocol: client, ...more };
  return scenario(name, title, { ...SMALL, name, protocols: { client, server, grpc: traffic.grpc ?? false } }, traffic);
}

/** A call of gRPC: one message each way, trailers at the end. */
const call = (requestBytes: number, path: string): Partial<Traffic> =>
  ({ method: 'POST', path, bodyBytes: requestBytes, grpc: true });

/** Calls of 1 KiB each way, `streams` in progress on each connection. */
function rpc(protocol: RpcName, connections: number, streams: number): CpuScenario {
  const title = `${protocol === 'bolt' ? 'Bolt' : 'Dubbo'}, 1 KiB each way, ${connections} connections, ` +
    `${streams} in progress on each; HAProxy and Envoy move bytes`;
  return scenario(`${protocol}-${connections}x${streams}`, title, { ...SMALL, name: protocol, rpc: protocol },
    { ...get(connections), rpc: protocol, streams });
}

const mesh = (connections: number): Traffic => ({ ...get(connections), hosts: hostSample(MESH.hosts, MESH.hosts) });

const rpcScenarios = (['bolt', 'dubbo'] as const).flatMap((protocol) =>
  [[64, 1], [64, 16], [500, 1], [500, 16]].map(([connections, streams]) => rpc(protocol, connections, streams)));

export const cpuScenarios: CpuScenario[] = [
  scenario('small-calm', 'small GET, 128-byte response, 64 connections, proxy alone on its core', SMALL, get(64)),
  scenario('small-crowded', 'small GET, 128 connections, backend on the proxy\'s core', SMALL, get(128), true),
  scenario('mesh-calm', '1,000 clusters and virtual hosts, access log to a file, 64 connections', MESH, mesh(64)),
  scenario('mesh-crowded', '1,000 clusters and virtual hosts, access log, 128 connections, crowded', MESH, mesh(128),
    true),
  scenario('download-64k', '64 KiB responses, 32 connections', SMALL, { ...get(32), path: '/64k' }),
  scenario('download-1m', '1 MiB responses, 8 connections', SMALL, { ...get(8), path: '/1m' }),
  scenario('upload-64k', '64 KiB requests, 32 connections', SMALL,
    { ...get(32), method: 'POST', path: '/sink', bodyBytes: 65536 }),
  scenario('upload-1m', '1 MiB requests, 8 connections', SMALL,
    { ...get(8), method: 'POST', path: '/sink', bodyBytes: 1048576 }),
  scenario('connection-per-request', 'small GET, a new connection for each request, 32 at a time', SMALL,
    { ...get(32), close: true }),
  protocols('tls', 'TLS 1.3 from the client (ECDSA P-256), plain to the backend, 64 connections', 'h1-tls', 'h1'),
  protocols('mtls', 'TLS from the client, mutual TLS to the backend, 64 connections', 'h1-tls', 'h1-mtls'),
  protocols('h2-h1', 'HTTP/2 from the client, 8 connections of 32 streams, HTTP/1.1 to the backend', 'h2', 'h1'),
  protocols('h2-h2', 'HTTP/2 on both sides, 8 connections of 32 streams', 'h2', 'h2'),
  protocols('h1-h2', 'HTTP/1.1 from the client, 64 connections, HTTP/2 to the backend', 'h1', 'h2'),
  { ...protocols('handshakes', 'TLS 1.3, a new connection for each request, 32 at a time', 'h1-tls', 'h1'),
    variants: [{ suffix: '', shape: { ...SMALL, name: 'handshakes', protocols: TLS },
      traffic: { ...get(32), close: true, protocol: 'h1-tls' } }] },
  protocols('resumed-1.3', 'resumed handshakes of TLS 1.3, one after the other', 'h1-tls', 'h1', { resumes: '1.3' }),
  { ...protocols('resumed-1.2', 'resumed handshakes of TLS 1.2, one after the other', 'h1-tls', 'h1'),
    variants: [{ suffix: '', traffic: { ...get(1), protocol: 'h1-tls', resumes: '1.2' },
      shape: { ...SMALL, name: 'resumed-1.2', protocols: { ...TLS, old: true } } }] },
  protocols('grpc-small', 'gRPC, 8 connections of 32 streams, messages of 100 and 128 bytes', 'h2', 'h2',
    call(105, '/perf.Service/Small')),
  protocols('grpc-64k', 'gRPC, 8 connections of 4 streams, messages of 100 bytes there and of 64 KiB back', 'h2', 'h2',
    { ...call(105, '/perf.Service/Large'), streams: 4 }),
  protocols('grpc-64k-up', 'gRPC, 8 connections of 4 streams, messages of 64 KiB there and of 128 bytes back', 'h2',
    'h2', { ...call(65541, '/perf.Service/Small'), streams: 4 }),
  ...rpcScenarios,
  ...filterScenarios,
  {
    name: 'hosts', title: 'the same ten hosts among ten and among 10,000 virtual hosts, 64 connections', crowded: false,
    baselineSuffix: '@10',
    variants: [
      { suffix: '@10', shape: TEN, traffic: { ...get(64), hosts: hostSample(TEN.hosts, 10) } },
      { suffix: '@10000', shape: LARGE, traffic: { ...get(64), hosts: hostSample(LARGE.hosts, 10) } },
    ],
  },
];

/** Protocols whose latency at fixed rates, or whose garbage, is measured; by the names of CPU scenarios. */
export const latencyProtocols = ['tls', 'mtls', 'h2-h1', 'h2-h2', 'h1-h2', 'grpc-small'];
const collectionProtocols = ['tls', 'mtls', 'h2-h2', 'grpc-small', 'bolt-64x1', 'bolt-500x16', 'dubbo-64x1',
  'dubbo-500x16'];
export const protocolScenario = (name: string): CpuScenario =>
  cpuScenarios.find((entry) => entry.name === name.replace(/^[a-z]+-/, ''))!;

/** Names on the command line that stand for several scenarios. */
const groups: Record<string, string[]> = {
  'small-get': ['small-calm', 'small-crowded'],
  mesh: ['mesh-calm', 'mesh-crowded'],
  bodies: ['download-64k', 'download-1m', 'upload-64k', 'upload-1m'],
  large: ['large-memory', 'hosts'],
  protocols: ['tls', 'mtls', 'h2-h1', 'h2-h2', 'h1-h2', 'handshakes', 'resumed-1.3', 'resumed-1.2'],
  grpc: ['grpc-small', 'grpc-64k', 'grpc-64k-up'],
  latencies: ['latency', ...latencyProtocols.map((name) => `latency-${name}`)],
  'idle-all': ['idle', 'idle-tls', 'idle-h2'],
  'collections-all': ['collections', ...collectionProtocols.map((name) => `collections-${name}`)],
  rpc: rpcScenarios.map(({ name }) => name),
  filters: ['filters-get', 'filters-post'],
  all: ['start', 'small-calm', 'small-crowded', 'mesh-calm', 'mesh-crowded', 'download-64k', 'download-1m',
    'upload-64k',
    'upload-1m', 'connection-per-request', 'tls', 'mtls', 'h2-h1', 'h2-h2', 'h1-h2',
    'handshakes', 'resumed-1.3', 'resumed-1.2', 'grpc-small', 'grpc-64k', 'grpc-64k-up',
    ...rpcScenarios.map(({ name }) => name), 'idle', 'idle-tls', 'idle-h2',
    'large-memory', 'hosts', 'latency', ...latencyProtocols.map((name) => `latency-${name}`), 'collections'],
};
const others = ['start', 'idle', 'idle-tls', 'idle-h2', 'large-memory', 'latency', 'collections',
  ...latencyProtocols.map((name) => `latency-${name}`), ...collectionProtocols.map((name) => `collections-${name}`)];

/** Expands groups; throws on a name that does not exist. */
export function expandScenarios(names: readonly string[]): string[] {
  const known = new Set([...cpuScenarios.map((entry) => entry.name), ...others]);
  const expanded = names.flatMap((name) => groups[name] ?? [name]);
  for (const name of expanded) {
    if (!known.has(name)) {
      throw new Error(`unknown scenario ${name}: known are ${[...known, ...Object.keys(groups)].join(', ')}`);
    }
  }
  return [...new Set(expanded)];
}
