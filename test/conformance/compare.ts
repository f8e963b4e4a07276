// Drives Weft and Envoy with the same bytes over the same bootstrap and says where they differ.
import type { RequestCase } from '../protocols/http1/corpus/case.js';
import { routeTo } from '../support/bootstrap.js';
import { startFixture, stopFixture, type Fixture, type FixtureSpec } from '../support/fixture.js';
import { statusOf } from '../support/message.js';
import type { ProxyKind } from '../support/proxy.js';
import { describe, observe } from './observe.js';

const routes = (cluster: string): object[] => [
  { match: { prefix: '/redirect' }, redirect: { host_redirect: 'b.example', response_code: 'FOUND' } },
  { match: { prefix: '/direct' }, direct_response: { status: 403, body: { inline_string: 'no' } } },
  { match: { prefix: '/old/' }, route: { cluster, prefix_rewrite: '/new/', host_rewrite_literal: 'c.example' } },
  { match: { prefix: '/refused' }, route: { cluster: 'refused' } },
  { match: { prefix: '/empty' }, route: { cluster: 'empty' } },
  { match: { prefix: '/short' }, route: { cluster, timeout: '0.2s' } },
  { match: { prefix: '/missing' }, route: { cluster: 'missing' } },
  {
    match: { prefix: '/edits' },
    route: { cluster },
    request_headers_to_add: [{ header: { key: 'x-add', value: '%PROTOCOL%' } }],
    request_headers_to_remove: ['x-gone'],
    response_headers_to_add: [{ header: { key: 'x-code', value: '%RESPONSE_CODE%' } }],
  },
  { match: { prefix: '/only', headers: [{ name: 'x-yes', present_match: true }] }, route: { cluster } },
  routeTo(cluster),
  { match: { path: '*' }, route: { cluster } },
];

export const laneNames = (count: number): string[] => Array.from({ length: count }, (_, index) => `lane${index}`);
const specOf = (lanes: readonly string[]): FixtureSpec => ({
  upstreams: lanes,
  listeners: lanes.map((name) => ({
    name,
    routes: routes(name),
    routeConfig: { validate_clusters: false },
    manager: { upgrade_configs: [{ upgrade_type: 'websocket' }] },
  })),
  more: () => [
    { name: 'refused', ports: [1] },
    { name: 'empty', ports: [], fields: { load_assignment: { cluster_name: 'empty', endpoints: [] } } },
  ],
});

export interface Pair {
  weft: Fixture;
  envoy: Fixture;
  lanes: string[];
}

export async function startPair(kind: ProxyKind, count: number): Promise<Pair> {
  const lanes = laneNames(count);
  const weft = await startFixture(kind, specOf(lanes));
  try {
    return { weft, envoy: await startFixture('envoy', specOf(lanes)), lanes };
  } catch (error) {
    await stopFixture(weft);
    throw error;
  }
}
export async function stopPair(pair: Pair): Promise<void> {
  await stopFixture(pair.weft);
  await stopFixture(pair.envoy);
}

/** What each proxy answered and passed on, in one line each. */
export async function compareCase(
  pair: Pair,
  lane: string,
  entry: RequestCase,
): Promise<{ weft: string; envoy: string }> {
  const wanted = entry.seen.length + (entry.status === 0 ? 0 : 1);
  const run = async (fixture: Fixture, quietMs: number): Promise<string> => {
    const said = await observe(
      fixture.port[lane],
      fixture.upstream[lane],
      entry.bytes,
      wanted,
      false,
      quietMs,
      entry.status === 0 ? 0 : 80,
    );
    const seen = said.seen.map(({ line, body }) => [line, body.slice(0, 60)]);
    return `${said.responses.map(statusOf).join() || 'nothing'} ${JSON.stringify(seen)}`;
  };
  const [weft, envoy] = await Promise.all([run(pair.weft, 400), run(pair.envoy, 250)]);
  return { weft, envoy };
}

export interface GoodCase {
  name: string;
  bytes: string;
  responses?: number;
  answer?: string;
  closes?: boolean;
  quietMs?: number;
}

/**
 * Everything that can be seen of one good exchange: responses with headers, the forwarded request with headers, the
 * access-log line.
 */
export async function describeGood(fixture: Fixture, lane: string, entry: GoodCase): Promise<string[]> {
  const upstream = fixture.upstream[lane];
  const mark = `${entry.name.replace(/[^a-z0-9]/gi, '-')}-${Math.random().toString(36).slice(2)}`;
  const bytes = entry.bytes.replaceAll('\r\n\r\n', `\r\nx-test: ${mark}\r\n\r\n`);
  const observing = observe(
    fixture.port[lane],
    upstream,
    bytes,
    entry.responses ?? 1,
    entry.closes ?? false,
    entry.quietMs ?? 2000,
  );
  if (entry.answer !== undefined) upstream.answer = () => entry.answer!;
  const lines = describe(await observing);
  let logged: string[] = [];
  for (let tries = 0; tries < 100 && logged.length < (entry.responses ?? 1); tries++) {
    logged = (await fixture.proxy.logLines(lane, 0)).filter((line) => line.endsWith(mark) || line.includes(`${mark}|`));
    if (logged.length < (entry.responses ?? 1)) await new Promise((resolve) => setTimeout(resolve, 20));
  }
  return [...lines, ...logged.map((line) => `log ${line}`)].map((line) =>
    line.replaceAll(mark, '(mark)').replaceAll(String(fixture.port[lane]), '(port)'),
  );
}

export const goodCases: readonly GoodCase[] = [
  { name: 'GET', bytes: 'GET /a/b?c=d HTTP/1.1\r\nHost: a.example\r\nUser-Agent: x\r\nAccept: */*\r\n\r\n' },
  { name: 'POST', bytes: 'POST / HTTP/1.1\r\nHost: a.example\r\nContent-Length: 5\r\n\r\nhello' },
  {
    name: 'two requests',
    bytes: 'GET /1 HTTP/1.1\r\nHost: a.example\r\n\r\nGET /2 HTTP/1.1\r\nHost: a.example\r\n\r\n',
    responses: 2,
  },
  { name: 'close', bytes: 'GET / HTTP/1.1\r\nHost: a.example\r\nConnection: close\r\n\r\n', closes: true },
  {
    name: 'names in capitals, repeated fields',
    bytes: 'GET / HTTP/1.1\r\nHOST: A.Example\r\nX-A: 1\r\nx-b: 2\r\nX-A: 3\r\nCookie: a=b\r\nCookie: c=d\r\n\r\n',
  },
  {
    name: 'hop by hop',
    bytes:
      'GET / HTTP/1.1\r\nHost: a.example\r\nConnection: keep-alive, X-Private\r\nX-Private: 1\r\n' +
      'Keep-Alive: 5\r\nProxy-Connection: x\r\nTE: trailers\r\n\r\n',
  },
  { name: 'absolute form', bytes: 'GET http://b.example:81/x?y HTTP/1.1\r\nHost: a.example\r\n\r\n' },
  { name: 'OPTIONS *', bytes: 'OPTIONS * HTTP/1.1\r\nHost: a.example\r\n\r\n' },
  {
    name: 'not found upstream',
    bytes: 'GET / HTTP/1.1\r\nHost: a.example\r\n\r\n',
    answer: 'HTTP/1.1 404 Not Found\r\nContent-Type: text/plain\r\nX-Up: 1\r\ncontent-length: 4\r\n\r\nnope',
  },
  { name: '204', bytes: 'GET / HTTP/1.1\r\nHost: a.example\r\n\r\n', answer: 'HTTP/1.1 204 No Content\r\n\r\n' },
  {
    name: '304',
    bytes: 'GET / HTTP/1.1\r\nHost: a.example\r\n\r\n',
    answer: 'HTTP/1.1 304 Not Modified\r\netag: x\r\n\r\n',
  },
  {
    name: 'chunked response',
    bytes: 'GET / HTTP/1.1\r\nHost: a.example\r\n\r\n',
    answer:
      'HTTP/1.1 200 OK\r\nServer: theirs\r\nDate: Mon, 01 Jan 2024 00:00:00 GMT\r\n' +
      'transfer-encoding: chunked\r\n\r\n5;x\r\nhello\r\n0\r\n\r\n',
  },
  { name: 'redirect', bytes: 'GET /redirect/x?y HTTP/1.1\r\nHost: a.example\r\n\r\n' },
  { name: 'direct response', bytes: 'GET /direct HTTP/1.1\r\nHost: a.example\r\n\r\n' },
  {
    name: 'direct response to POST',
    bytes: 'POST /direct HTTP/1.1\r\nHost: a.example\r\nContent-Length: 5\r\n\r\nhello',
  },
  { name: 'prefix and host rewrite', bytes: 'GET /old/x HTTP/1.1\r\nHost: a.example\r\n\r\n' },
  { name: 'connection refused', bytes: 'GET /refused HTTP/1.1\r\nHost: a.example\r\n\r\n' },
  { name: 'no endpoints', bytes: 'GET /empty HTTP/1.1\r\nHost: a.example\r\n\r\n' },
  { name: 'no cluster', bytes: 'GET /missing HTTP/1.1\r\nHost: a.example\r\n\r\n' },
  { name: 'header edits', bytes: 'GET /edits HTTP/1.1\r\nHost: a.example\r\nX-Add: 0\r\nX-Gone: 1\r\n\r\n' },
  { name: 'bad upstream', bytes: 'GET / HTTP/1.1\r\nHost: a.example\r\n\r\n', answer: 'nonsense\r\n\r\n' },
  {
    name: 'both lengths from upstream',
    bytes: 'GET / HTTP/1.1\r\nHost: a.example\r\n\r\n',
    answer: 'HTTP/1.1 200 OK\r\ncontent-length: 5\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n',
  },
  {
    name: 'internal headers of a stranger',
    bytes:
      'GET / HTTP/1.1\r\nHost: a.example\r\nx-envoy-internal: true\r\nx-envoy-max-retries: 3\r\n' +
      'x-envoy-upstream-rq-timeout-ms: 20\r\nx-forwarded-for: 1.1.1.1\r\nx-forwarded-proto: https\r\n\r\n',
  },
  {
    name: 'HEAD',
    bytes: 'HEAD / HTTP/1.1\r\nHost: a.example\r\n\r\n',
    answer: 'HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\n',
  },
  {
    name: 'expect',
    bytes: 'PUT / HTTP/1.1\r\nHost: a.example\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\nhello',
    responses: 2,
  },
  {
    name: 'unknown upgrade',
    bytes: 'GET / HTTP/1.1\r\nHost: a.example\r\nConnection: upgrade\r\nUpgrade: other\r\n\r\n',
  },
  { name: 'route timeout', bytes: 'GET /short HTTP/1.1\r\nHost: a.example\r\n\r\n', answer: '' },
];
