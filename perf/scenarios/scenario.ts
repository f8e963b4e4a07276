// The CPU scenarios: shapes of the proxy and traffics.
import { hostSample, type Shape } from '../bootstrap.js';
import type { Traffic } from '../load/closed.js';
import type { CpuScenario } from './cpu-scenario.js';
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

function protocols(name: string, title: string, client: 'h1' | 'h1-tls' | 'h2',
  server: 'h1' | 'h1-mtls' | 'h2'): CpuScenario {
  const traffic: Traffic = { ...get(client === 'h2' ? 8 : 64), protocol: client };
  return scenario(name, title, { ...SMALL, name, protocols: { client, server } }, traffic);
}

const mesh = (connections: number): Traffic => ({ ...get(connections), hosts: hostSample(MESH.hosts, MESH.hosts) });

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
    variants: [{ suffix: '', shape: { ...SMALL, name: 'handshakes', protocols: { client: 'h1-tls', server: 'h1' } },
      traffic: { ...get(32), close: true, protocol: 'h1-tls' } }] },
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

/** Names on the command line that stand for several scenarios. */
const groups: Record<string, string[]> = {
  'small-get': ['small-calm', 'small-crowded'],
  mesh: ['mesh-calm', 'mesh-crowded'],
  bodies: ['download-64k', 'download-1m', 'upload-64k', 'upload-1m'],
  large: ['large-memory', 'hosts'],
  protocols: ['tls', 'mtls', 'h2-h1', 'h2-h2', 'h1-h2', 'handshakes'],
  filters: ['filters-get', 'filters-post'],
  all: ['start', 'small-calm', 'small-crowded', 'mesh-calm', 'mesh-crowded', 'download-64k', 'download-1m',
    'upload-64k',
    'upload-1m', 'connection-per-request', 'tls', 'mtls', 'h2-h1', 'h2-h2', 'h1-h2',
    'handshakes', 'idle', 'large-memory', 'hosts', 'latency', 'collections'],
};
const others = ['start', 'idle', 'large-memory', 'latency', 'collections'];

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
