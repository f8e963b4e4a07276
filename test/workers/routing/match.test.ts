// Random route tables and requests: the codec and the regular expressions must choose as the reference does.
import t from 'tap';
import type {
  HeaderMatcher,
  QueryParameterMatcher,
  Route,
  RouteConfig,
  StringMatcher,
} from '../../../src/config/types.js';
import { LARGE } from '../../../src/workers/memory/buffers.js';
import { SimNetwork } from '../../../src/workers/reactor/sim-network.js';
import type { RouteTableRuntime } from '../../../src/workers/routing/route-table.js';
import { cluster, httpChain, listener, routes } from '../../config/snapshot/fixtures.js';
import { World } from '../../sim/world.js';
import { referenceMatch } from './reference.js';
import type { Request } from './reference.js';

const world = new World(2);
const { engine } = world;
const buffer = engine.pool.acquire(LARGE);
const pick = <T>(dice: SimNetwork, list: readonly T[]): T => list[dice.integer(0, list.length - 1)]!;

const DOMAINS = [
  'a.test',
  'b.test',
  'a.test:80',
  '*.test',
  '*.a.test',
  '*-x.test',
  'a.*',
  'b.a.*',
  'b*',
  '*',
  'long.name.test',
];
const HOSTS = [
  'a.test',
  'A.TEST',
  'b.test',
  'c.test',
  'x.a.test',
  'y-x.test',
  'a.org',
  'b.a.org',
  'a.test:80',
  'a.test:81',
  '.test',
  'long.name.test',
  'b',
  '[::1]:80',
];
const PATHS = ['/', '/a', '/a/', '/A', '/a/b', '/ab', '/abc/def', '/api/v1', ''];
const NAMES = ['x-a', 'x-b', 'user-agent', 'accept', ':method', ':path', ':authority', ':scheme', 'content-type'];
const VALUES = ['', 'a', 'A', 'abc', 'xabcx', '42', '-7', '10', 'b,a', 'a,b', 'http', 'GET', 'ab'];
const PAIRS = ['a=1', 'b=2', 'a', 'A=abc', '=', 'b=', 'a=a=b', 'c'];
const PATH_PATTERNS = ['/a.*', '/a|/ab', '/[a-z]+', '/api/v\\d', '^/a/?', '/ab?c*.*', '(?i)/A', '/abc/(def|x)'];
const PATTERNS = ['a.*', '[0-9]+', 'a|b', '', '.*c', '/a(/.*)?', '.*b=2.*'];

function textMatcher(dice: SimNetwork): StringMatcher {
  const kind = pick(dice, ['exact', 'prefix', 'suffix', 'contains', 'regex'] as const);
  return kind === 'regex'
    ? { kind, value: pick(dice, PATTERNS) }
    : { kind, value: pick(dice, VALUES), ignoreCase: dice.chance(0.3) };
}
function headerMatcher(dice: SimNetwork): HeaderMatcher {
  const other = dice.integer(0, 5);
  return {
    name: pick(dice, NAMES),
    invert: dice.chance(0.3),
    treatMissingAsEmpty: dice.chance(0.3),
    match:
      other === 0
        ? { kind: 'present', present: dice.chance(0.5) }
        : other === 1
          ? { kind: 'range', start: dice.integer(-20, 20), end: dice.integer(0, 50) }
          : textMatcher(dice),
  };
}
function queryMatcher(dice: SimNetwork): QueryParameterMatcher {
  return {
    name: pick(dice, ['a', 'b', 'A']),
    match: dice.chance(0.3) ? { kind: 'present', present: dice.chance(0.5) } : textMatcher(dice),
  };
}

function randomConfig(dice: SimNetwork): RouteConfig {
  const config = routes('routes', 'one');
  const base = config.virtualHosts[0]!;
  config.ignorePortInHostMatching = dice.chance(0.3);
  const left = DOMAINS.filter(() => dice.chance(0.6));
  config.virtualHosts = [];
  for (let n = 0; left.length > 0; n++) {
    const domains = left.splice(0, dice.integer(1, 3));
    const list: Route[] = [];
    for (let i = dice.integer(0, 5); i > 0; i--) {
      const kind = pick(dice, ['prefix', 'prefix', 'path', 'connect', 'pathSeparatedPrefix', 'regex'] as const);
      list.push({
        ...base.routes[0]!,
        name: `r${i}`,
        match: {
          caseSensitive: dice.chance(0.7),
          path:
            kind === 'connect'
              ? { kind }
              : { kind, value: pick(dice, kind === 'regex' ? PATH_PATTERNS : PATHS.slice(0, -1)) },
          headers: Array.from({ length: pick(dice, [0, 0, 1, 2]) }, () => headerMatcher(dice)),
          queryParameters: Array.from({ length: pick(dice, [0, 0, 0, 1, 2]) }, () => queryMatcher(dice)),
          runtimeFraction: null, certificate: null,
        },
      });
    }
    config.virtualHosts.push({ ...base, name: `v${n}`, domains, routes: list });
  }
  return config;
}

function randomRequest(dice: SimNetwork): Request {
  const host = pick(dice, HOSTS);
  const method = dice.chance(0.05) ? 'CONNECT' : pick(dice, ['GET', 'POST', 'PURGE']);
  const query = dice.chance(0.5)
    ? `?${Array.from({ length: dice.integer(0, 3) }, () => pick(dice, PAIRS)).join('&')}`
    : '';
  const headers = Array.from({ length: dice.integer(0, 4) }, (): [string, string] => [
    pick(dice, ['x-a', 'X-A', 'x-b', 'user-agent', 'Accept', 'content-type']),
    pick(dice, VALUES),
  ]);
  return method === 'CONNECT'
    ? { method, target: '', host: 'a.test:80', headers }
    : { method, target: pick(dice, PATHS.slice(0, -1)) + query, host, headers };
}

function match(table: RouteTableRuntime, request: Request): number {
  const target = request.method === 'CONNECT' ? request.host : request.target;
  const lines = request.headers.map(([name, value]) => `${name}: ${value}\r\n`).join('');
  const text = `${request.method} ${target} HTTP/1.1\r\nHost: ${request.host}\r\n${lines}\r\n`;
  const at = engine.pool.offsetOf(buffer);
  const end = at + engine.writeText(at, text);
  engine.i32.fill(0, engine.requestEdits >> 2, (engine.requestEdits >> 2) + 28);
  if (engine.codecs.h1DecodeRequest(at, end, engine.requestRecord, 1, 60_000, 100) !== end - at)
    throw new Error(`rejected: ${text}`);
  return (world.proxy as unknown as { match(table: RouteTableRuntime): number }).match(table);
}

t.test('two hundred random tables, sixty requests each', (t) => {
  const dice = new SimNetwork(77);
  let matched = 0,
    differing = 0;
  for (let n = 0; n < 200 && differing < 5; n++) {
    const config = randomConfig(dice);
    world.configure([
      { kind: 'cluster', name: 'one', value: cluster('one') },
      { kind: 'route', name: 'routes', value: config },
      {
        kind: 'listener',
        name: 'main',
        value: listener('main', 1, { filterChains: [httpChain()] }),
      },
    ]);
    const table = engine.snapshot.routeTable(world.publisher.routeSlots.slotOf('routes'))!;
    for (let i = 0; i < 60; i++) {
      const request = randomRequest(dice);
      const wanted = referenceMatch(config, request);
      const first =
        wanted === null
          ? 0
          : config.virtualHosts.slice(0, wanted[0]).reduce((sum, { routes: list }) => sum + list.length, 0);
      const index = match(table, request);
      if (wanted !== null) matched++;
      if ((wanted === null) === index < 0 && (wanted === null || index === first + wanted[1])) continue;
      differing++;
      t.fail(
        `${JSON.stringify(request)}: route ${index}, not ${wanted === null ? 'none' : first + wanted[1]}; ` +
          JSON.stringify(
            wanted === null
              ? config.virtualHosts.flatMap(({ routes: list }) => list)[index]?.match
              : config.virtualHosts[wanted[0]]!.routes[wanted[1]]!.match,
          ),
      );
    }
  }
  t.ok(matched > 1000, `${matched} requests found a route`);
  t.end();
});

t.test('an empty path (absolute form) is "/"', (t) => {
  const config = routes('routes', 'one');
  config.virtualHosts[0]!.routes[0]!.match.path = { kind: 'path', value: '/' };
  world.configure([{ kind: 'route', name: 'routes', value: config }]);
  const table = engine.snapshot.routeTable(world.publisher.routeSlots.slotOf('routes'))!;
  t.equal(match(table, { method: 'GET', target: 'http://a.test', host: 'a.test', headers: [] }), 0);
  t.end();
});
