// Routes, redirects, direct responses, header edits, forwarded-for modes and path rules through the whole proxy.
import t from 'tap';
import { routeTo } from '../support/bootstrap.js';
import { exchange } from '../support/client.js';
import { forEachProxy } from '../support/fixture.js';
import { headerOf, statusOf } from '../support/message.js';

const request = (line: string, ...lines: string[]): string =>
  `${line} HTTP/1.1\r\n${lines.some((entry) => /^host:/i.test(entry)) ? '' : 'Host: a.example\r\n'}` +
  `${lines.map((entry) => `${entry}\r\n`).join('')}\r\n`;
const to = (cluster: string, match: object, fields: object = {}): object => ({ match, route: { cluster, ...fields } });
const header = (key: string, value: string, action = 'APPEND_IF_EXISTS_OR_ADD'): object => ({
  header: { key, value },
  append_action: action,
});

const routes = [
  to('one', { path: '/exact' }),
  to('two', { prefix: '/case', case_sensitive: false }),
  to('two', { prefix: '/headers', headers: [{ name: 'x-who', string_match: { exact: 'two' } }] }),
  to('two', {
    prefix: '/headers',
    headers: [
      { name: 'x-absent', present_match: true, invert_match: true },
      { name: 'x-number', range_match: { start: 5, end: 10 } },
    ],
  }),
  to('two', { prefix: '/headers', headers: [{ name: 'x-regex', string_match: { safe_regex: { regex: 'a+b' } } }] }),
  to('one', { prefix: '/headers' }),
  to('two', {
    prefix: '/query',
    query_parameters: [
      { name: 'who', string_match: { exact: 'two' } },
      { name: 'flag', present_match: true },
    ],
  }),
  to('one', { prefix: '/query' }),
  to('one', { prefix: '/rewrite/' }, { prefix_rewrite: '/new/' }),
  to('one', { prefix: '/host' }, { host_rewrite_literal: 'b.example', append_x_forwarded_host: true }),
  {
    match: { prefix: '/redirect/host' },
    redirect: { host_redirect: 'b.example', path_redirect: '/there', response_code: 'FOUND' },
  },
  { match: { prefix: '/redirect/https' }, redirect: { https_redirect: true } },
  {
    match: { prefix: '/redirect/prefix' },
    redirect: { prefix_rewrite: '/other', strip_query: true, response_code: 'PERMANENT_REDIRECT' },
  },
  { match: { prefix: '/direct' }, direct_response: { status: 418, body: { inline_string: 'teapot' } } },
  {
    match: { prefix: '/edits' },
    route: { cluster: 'one' },
    request_headers_to_add: [
      header('x-add', '1'),
      header('x-set', 'ours', 'OVERWRITE_IF_EXISTS_OR_ADD'),
      header('x-from', '%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT%'),
    ],
    request_headers_to_remove: ['x-gone'],
    response_headers_to_add: [header('x-response', 'yes')],
    response_headers_to_remove: ['x-upstream'],
  },
  {
    match: { prefix: '/weighted' },
    route: {
      weighted_clusters: {
        clusters: [
          { name: 'one', weight: 1 },
          { name: 'two', weight: 3 },
        ],
      },
    },
  },
];
const hosts = [
  { name: 'exact', domains: ['exact.example'], routes: [routeTo('one')] },
  { name: 'suffix', domains: ['*.example'], routes: [{ match: { prefix: '/' }, direct_response: { status: 201 } }] },
  {
    name: 'longer',
    domains: ['*.longer.example'],
    routes: [{ match: { prefix: '/' }, direct_response: { status: 202 } }],
  },
  { name: 'prefix', domains: ['prefix.*'], routes: [{ match: { prefix: '/' }, direct_response: { status: 203 } }] },
  {
    name: 'port',
    domains: ['exact.example:8443'],
    routes: [{ match: { prefix: '/' }, direct_response: { status: 205 } }],
  },
  { name: 'rest', domains: ['*'], routes: [{ match: { prefix: '/' }, direct_response: { status: 206 } }] },
];

void forEachProxy(
  t,
  {
    upstreams: ['one', 'two'],
    listeners: [
      { name: 'main', routes },
      { name: 'hosts', virtualHosts: hosts },
      { name: 'ports', virtualHosts: hosts, manager: { strip_any_host_port: true } },
      { name: 'edge', routes: [routeTo('one')], manager: { use_remote_address: true } },
      { name: 'hops', routes: [routeTo('one')], manager: { use_remote_address: true, xff_num_trusted_hops: 1 } },
      { name: 'noxff', routes: [routeTo('one')], manager: { use_remote_address: true, skip_xff_append: true } },
      { name: 'normal', routes: [routeTo('one')], manager: { normalize_path: true, merge_slashes: true } },
      {
        name: 'reject',
        routes: [routeTo('one')],
        manager: { normalize_path: true, path_with_escaped_slashes_action: 'REJECT_REQUEST' },
      },
      {
        name: 'unescape',
        routes: [routeTo('one')],
        manager: { normalize_path: true, path_with_escaped_slashes_action: 'UNESCAPE_AND_FORWARD' },
      },
      {
        name: 'redirecting',
        routes: [routeTo('one')],
        manager: { normalize_path: true, path_with_escaped_slashes_action: 'UNESCAPE_AND_REDIRECT' },
      },
      {
        name: 'underscores',
        routes: [routeTo('one')],
        manager: { common_http_protocol_options: { headers_with_underscores_action: 'REJECT_REQUEST' } },
      },
      {
        name: 'dropping',
        routes: [routeTo('one')],
        manager: { common_http_protocol_options: { headers_with_underscores_action: 'DROP_HEADER' } },
      },
      {
        name: 'named',
        routes: [routeTo('one')],
        manager: {
          server_name: 'weft-test',
          via: '1.1 weft',
          generate_request_id: false,
          append_x_forwarded_port: true,
        },
      },
      {
        name: 'server',
        routes: [routeTo('one')],
        manager: { server_header_transformation: 'PASS_THROUGH', always_set_request_id_in_response: true },
      },
    ],
  },
  async (t, { upstream: { one, two }, port, kind }) => {
    // Envoy puts an address of its own in place of a loopback client's.
    const remote = kind === 'envoy' ? /^(.*,)(?!127\.)[0-9.]+$/ : /^(.*,)127\.0\.0\.1$/;
    t.beforeEach(() => {
      one.reset();
      two.reset();
    });
    const seenBy = (): string => `${one.requests.length} ${two.requests.length}`;
    const send = (listener: string, line: string, ...lines: string[]) =>
      exchange(port[listener], request(line, ...lines));

    const matches: [name: string, line: string, lines: string[], seen: string][] = [
      ['exact path', 'GET /exact?x', [], '1 0'],
      ['prefix without case', 'GET /CASE/x', [], '0 1'],
      ['header: exact', 'GET /headers', ['x-who: two'], '0 1'],
      ['header: other', 'GET /headers', ['x-who: twoo', 'x-absent: 1'], '1 0'],
      ['headers: inverted and range', 'GET /headers', ['x-number: 9'], '0 1'],
      ['headers: out of range', 'GET /headers', ['x-number: 10'], '1 0'],
      ['header: regex', 'GET /headers', ['x-regex: aaab', 'x-absent: 1'], '0 1'],
      ['header: regex matches whole values', 'GET /headers', ['x-regex: aabc', 'x-absent: 1'], '1 0'],
      ['query: all match', 'GET /query?flag&who=two', [], '0 1'],
      ['query: one is missing', 'GET /query?who=two', [], '1 0'],
    ];
    for (const [name, line, lines, seen] of matches) {
      await t.test(name, async (t) => {
        t.equal(statusOf(await send('main', line, ...lines)), 200);
        t.equal(seenBy(), seen);
      });
    }
    await t.test('a path that only begins like an exact one', async (t) => {
      t.equal(statusOf(await send('main', 'GET /exact/')), 404);
    });
    await t.test('virtual hosts: exact, suffix, longest suffix, prefix, any; without case', async (t) => {
      for (const [host, status] of [
        ['exact.example', 200],
        ['EXACT.example', 200],
        ['x.example', 201],
        ['x.longer.example', 202],
        ['prefix.org', 203],
        ['other', 206],
        ['exact.example:8443', 205],
        ['exact.example:1', 206],
      ] as const) {
        t.equal(statusOf(await send('hosts', 'GET /', `Host: ${host}`)), status, host);
      }
      t.equal(statusOf(await send('ports', 'GET /', 'Host: exact.example:1')), 200, 'with the port stripped');
    });
    await t.test('prefix rewrite', async (t) => {
      await send('main', 'GET /rewrite/a?b');
      t.equal(one.requests[0].start, 'GET /new/a?b HTTP/1.1');
      t.equal(headerOf(one.requests[0], 'x-envoy-original-path'), '/rewrite/a?b');
    });
    await t.test('host rewrite', async (t) => {
      await send('main', 'GET /host');
      t.equal(headerOf(one.requests[0], 'host'), 'b.example');
      t.equal(headerOf(one.requests[0], 'x-forwarded-host'), 'a.example');
    });
    await t.test('redirects', async (t) => {
      for (const [path, status, location] of [
        ['/redirect/host?x', 302, 'http://b.example/there'],
        ['/redirect/https?x=1', 301, 'https://a.example/redirect/https?x=1'],
        ['/redirect/prefix/y?x', 308, 'http://a.example/other/y'],
      ] as const) {
        const response = await send('main', `GET ${path}`);
        t.equal(statusOf(response), status);
        t.equal(headerOf(response, 'location')!.replace(/^(http:\/\/b\.example\/there)(\?x)?$/, '$1'), location);
      }
      t.equal(seenBy(), '0 0');
    });
    await t.test('a direct response, also to HEAD', async (t) => {
      const response = await send('main', 'GET /direct');
      t.equal(statusOf(response), 418);
      t.equal(response.body, 'teapot');
      const head = await exchange(port.main, request('HEAD /direct'), true);
      t.equal(statusOf(head), 418);
    });
    await t.test('header edits', async (t) => {
      one.answer = () => 'HTTP/1.1 200 OK\r\nx-upstream: 1\r\ncontent-length: 0\r\n\r\n';
      const response = await send('main', 'GET /edits', 'x-add: 0', 'x-set: theirs', 'x-gone: 1');
      const [seen] = one.requests;
      t.same(
        seen.headers
          .filter(([name]) => name === 'x-add')
          .map(([, value]) => value)
          .join(),
        '0,1',
      );
      t.equal(headerOf(seen, 'x-set'), 'ours');
      t.equal(headerOf(seen, 'x-from'), '127.0.0.1');
      t.equal(headerOf(seen, 'x-gone'), undefined);
      t.equal(headerOf(response, 'x-response'), 'yes');
      t.equal(headerOf(response, 'x-upstream'), undefined);
    });
    await t.test('weighted clusters', async (t) => {
      for (let i = 0; i < 200; i++) await send('main', 'GET /weighted');
      t.ok(
        two.requests.length > 115 && two.requests.length < 185,
        `${two.requests.length} of 200 went to the cluster of weight 3 of 4`,
      );
    });

    await t.test('x-forwarded-for: an edge appends and does not believe', async (t) => {
      await send(
        'edge',
        'GET /',
        'X-Forwarded-For: 1.1.1.1',
        'X-Forwarded-Proto: https',
        'x-envoy-internal: true',
        'x-envoy-max-retries: 5',
      );
      const [seen] = one.requests;
      t.equal(remote.exec(headerOf(seen, 'x-forwarded-for')!)?.[1], '1.1.1.1,');
      t.equal(headerOf(seen, 'x-forwarded-proto'), 'http');
      t.equal(headerOf(seen, 'x-envoy-max-retries'), undefined);
    });
    await t.test('x-forwarded-for: a trusted hop', async (t) => {
      await send('hops', 'GET /', 'X-Forwarded-For: 1.1.1.1, 2.2.2.2', 'X-Forwarded-Proto: https');
      t.equal(remote.exec(headerOf(one.requests[0], 'x-forwarded-for')!)?.[1], '1.1.1.1, 2.2.2.2,');
      t.equal(headerOf(one.requests[0], 'x-forwarded-proto'), 'https');
    });
    await t.test('x-forwarded-for: not touched', async (t) => {
      await send('noxff', 'GET /', 'X-Forwarded-For: 1.1.1.1');
      t.equal(headerOf(one.requests[0], 'x-forwarded-for'), '1.1.1.1');
      await send('main', 'GET /exact', 'X-Forwarded-For: 1.1.1.1', 'X-Forwarded-Proto: https');
      t.equal(headerOf(one.requests[1], 'x-forwarded-for'), '1.1.1.1', 'use_remote_address is off');
      t.equal(headerOf(one.requests[1], 'x-forwarded-proto'), 'https');
    });

    const paths: [listener: string, sent: string, forwarded: string][] = [
      ['normal', '/a/../b', '/b'],
      ['normal', '/a/./b/', '/a/b/'],
      ['normal', '/../../x', '/x'],
      ['normal', '//a///b?c//d/..', '/a/b?c//d/..'],
      ['normal', '/%61%2e%2e/x', '/a../x'],
      ['normal', '/a/%2e%2e/b', '/b'],
      ['normal', '/a\\b', '/a/b'],
      ['normal', '/a%2Fb', '/a%2Fb'],
      ['normal', '/a/..', '/'],
      ['normal', '/a%zz', '/a%zz'],
      ['exact', '/exact', '/exact'],
      ['unescape', '/a%2Fb%5cc', '/a/b/c'],
      ['unescape', '/a%2F..%2fb', '/b'],
    ];
    await t.test('paths are normalised', async (t) => {
      for (const [listener, sent, forwarded] of paths) {
        one.reset();
        await send(listener === 'exact' ? 'main' : listener, `GET ${sent}`);
        t.equal(one.requests[0]?.start, `GET ${forwarded} HTTP/1.1`, `${listener} ${sent}`);
      }
    });
    await t.test('escaped slashes: rejected, or redirected', async (t) => {
      t.equal(statusOf(await send('reject', 'GET /a%2fb')), 400);
      t.equal(statusOf(await send('reject', 'GET /a%5Cb')), 400);
      const redirect = await send('redirecting', 'GET /a%2fb');
      t.equal(statusOf(redirect), 307);
      t.equal(headerOf(redirect, 'location'), '/a/b');
      t.equal(seenBy(), '0 0');
    });
    await t.test('names with underscores', async (t) => {
      t.equal(statusOf(await send('underscores', 'GET /', 'x_y: 1')), 400);
      t.equal(statusOf(await send('dropping', 'GET /', 'x_y: 1', 'x-y: 2')), 200);
      t.equal(headerOf(one.requests[0], 'x_y'), undefined);
      t.equal(headerOf(one.requests[0], 'x-y'), '2');
    });
    await t.test('server name, via, request id, forwarded port', async (t) => {
      const response = await send('named', 'GET /', 'Via: 1.0 x');
      t.equal(headerOf(response, 'server'), 'weft-test');
      t.equal(headerOf(response, 'via'), '1.1 weft');
      t.equal(headerOf(one.requests[0], 'via'), '1.0 x, 1.1 weft');
      t.equal(headerOf(one.requests[0], 'x-request-id'), undefined);
      t.equal(headerOf(one.requests[0], 'x-forwarded-port'), String(port.named));
    });
    await t.test("the upstream's server name passes", async (t) => {
      one.answer = () => 'HTTP/1.1 200 OK\r\nserver: theirs\r\ncontent-length: 0\r\n\r\n';
      const response = await send('server', 'GET /');
      t.equal(headerOf(response, 'server'), 'theirs');
    });
    await t.test('the request id returns', async (t) => {
      const response = await send('server', 'GET /');
      t.equal(headerOf(response, 'x-request-id'), headerOf(one.requests[0], 'x-request-id'));
    });
  },
);
