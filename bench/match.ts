// Finding the route of a decoded request in the binary route table: by the number of virtual hosts, by how the host is
// matched, and by the number of routes in a virtual host. Ten thousand hosts must cost what ten cost.
import { encodeRouteTable } from '../src/config/snapshot/route-table.js';
import type { HeaderMutations, Route, RouteConfig } from '../src/config/types.js';
import { HeadRecordBytes } from '../src/core/generated/layouts.js';
import { limits } from '../src/core/limits.js';
import { DECODE_LOWER_CASE } from '../src/workers/codecs.js';
import { bench } from './bench.js';
import { benchEngine, putText, scratchOf, smallRequest } from './engine.js';

const RECORDS = 16;
const RECORD_BYTES = HeadRecordBytes + (limits.headersCountDefault + 1) * 16;
const HEAD_ROOM_BYTES = 2048;
const none: HeaderMutations = { add: [], remove: [] };

function route(prefix: string): Route {
  return { name: prefix, metadata: null, statPrefix: '', filters: [], keptBytesMax: null, requestHeaders: none,
    responseHeaders: none,
    match: { path: { kind: 'prefix', value: prefix }, caseSensitive: true, headers: [], queryParameters: [],
      runtimeFraction: null, certificate: null },
    action: { kind: 'directResponse', status: 200, body: '' } };
}

function config(domains: string[][], routes: Route[]): RouteConfig {
  return { name: 'bench', requestHeaders: none, responseHeaders: none, mostSpecificHeaderMutationsWins: false,
    filters: [],
    ignorePortInHostMatching: true,
    virtualHosts: domains.map((names, index) => ({ name: `host-${index}`, domains: names, routes, requireTls: 'none',
      virtualClusters: [],
      retryPolicy: null, keptBytesMax: null,
      includeRequestAttemptCount: false, includeAttemptCountInResponse: false, includeTimeoutRetry: false,
        filters: [], rateLimits: [],
      metadata: null, requestHeaders: none, responseHeaders: none })) };
}

/** Sixteen different requests, decoded, in turn: one alone would stay in the cache as nothing does in a mesh. */
const matching = (name: string, routes: RouteConfig, hostOf: (turn: number) => string, path: string) => bench({
  name,
  setup: () => {
    const engine = benchEngine();
    const records = scratchOf(engine);
    const heads = records + RECORDS * RECORD_BYTES;
    const table = Math.ceil((heads + RECORDS * HEAD_ROOM_BYTES) / 4096) * 4096;
    engine.u8.set(encodeRouteTable(routes, () => 0, () => 0, { scope: () => 0, bucket: () => 0 }), table);
    for (let turn = 0; turn < RECORDS; turn++) {
      const at = heads + turn * HEAD_ROOM_BYTES;
      const end = putText(engine, at, smallRequest(hostOf(turn), path));
      engine.codecs.h1DecodeRequest(at, end, records + turn * RECORD_BYTES, DECODE_LOWER_CASE,
        limits.requestHeadBytesDefault, limits.headersCountDefault);
      if (engine.codecs.routeMatch(table, records + turn * RECORD_BYTES, 0, 0, 0, 0, 0) < 0) {
        throw new Error(`${name}: request ${turn} has no route`);
      }
    }
    return { codecs: engine.codecs, table, records };
  },
  run: ({ codecs, table, records }, iterations) => {
    let sum = 0;
    for (let turn = 0; turn < iterations; turn++) {
      sum += codecs.routeMatch(table, records + (turn & (RECORDS - 1)) * RECORD_BYTES, 0, 0, 0, 0, 0);
    }
    return sum;
  },
});

const names = (count: number): string[][] => Array.from({ length: count }, (_, index) =>
  [`service-${index}.mesh.local`, `service-${index}`]);
const hostOf = (count: number) => (turn: number): string => `service-${(turn * 617) % count}.mesh.local:8080`;
const everything = [route('/')];
const many = [...Array.from({ length: 49 }, (_, index) => route(`/api/v1/resource-${index}/`)), route('/')];

export const benches = [
  matching('exact host among 10 virtual hosts', config(names(10), everything), hostOf(10), '/'),
  matching('exact host among 10,000 virtual hosts', config(names(10_000), everything), hostOf(10_000), '/'),
  matching('suffix wildcard among 10,000 virtual hosts',
    config([...names(10_000), ['*.wild.mesh.local']], everything), (turn) => `tenant-${turn}.wild.mesh.local`, '/'),
  matching('the last of 50 routes', config([['*']], many), () => 'shop.example.com', '/api/v1/elsewhere'),
];
