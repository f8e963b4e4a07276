// Paths through the whole engine: normalisation as Envoy documents it, redirects, prefix rewrites.
import t from 'tap';
import type { HttpConnectionManager, RedirectAction } from '../../../src/config/types.js';
import { Exchange, linesOf } from '../../sim/exchange.js';

function paths(
  name: string,
  hcm: Partial<HttpConnectionManager>,
  cases: readonly (readonly [string, string])[],
): void {
  t.test(name, (t) => {
    const exchange = new Exchange({ hcm });
    for (const [path, wanted] of cases) {
      const { upstream, client } = exchange.get(path);
      const got =
        upstream === ''
          ? `${client.split(' ')[1]}${linesOf(client, 'location')
              .map((line) => ` ${line.slice(10)}`)
              .join('')}`
          : upstream.split(' ')[1]!;
      t.equal(got, wanted, path);
    }
    t.end();
  });
}

paths('normalize_path', { normalizePath: true }, [
  ['/a/./b', '/a/b'],
  ['/a/../b', '/b'],
  ['/../../b', '/b'],
  ['/a/..', '/'],
  ['/a/.', '/a/'],
  ['/a/b/..', '/a/'],
  ['/%2e%2e/b', '/b'],
  ['/a/%2E/b', '/a/b'],
  ['/a%41', '/aA'],
  ['/a%20b', '/a%20b'],
  ['/a\\b', '/a/b'],
  ['/a%2fb', '/a%2fb'],
  ['/a/../b?x=/../y', '/b?x=/../y'],
  ['/a//b', '/a//b'],
  ['/a%', '/a%'],
  ['/a%zz', '/a%zz'],
  ['/%00', '400'],
  ['/...', '/...'],
  ['/.a/..b', '/.a/..b'],
  ['/a?b=%2e', '/a?b=%2e'],
]);
paths('merge_slashes', { mergeSlashes: true }, [
  ['//a///b//', '/a/b/'],
  ['/a?x=//', '/a?x=//'],
  ['/a/../b', '/a/../b'],
]);
paths('both', { normalizePath: true, mergeSlashes: true }, [
  ['/a//../b', '/a/b'],
  ['//a/./b', '/a/b'],
]);
paths('escaped slashes: reject', { pathWithEscapedSlashes: 'reject' }, [
  ['/a%2fb', '400'],
  ['/a%5Cb', '400'],
  ['/ab?x=%2f', '/ab?x=%2f'],
]);
paths(
  'escaped slashes: unescape and forward',
  { pathWithEscapedSlashes: 'unescapeAndForward', normalizePath: true },
  [
    ['/a%2Fb', '/a/b'],
    ['/a%5cb', '/a/b'],
    ['/a/%2e%2e%2fb', '/b'],
  ],
);
paths('escaped slashes: unescape and redirect', { pathWithEscapedSlashes: 'unescapeAndRedirect' }, [
  ['/a%2fb?c', '307 /a/b?c'],
  ['/ab', '/ab'],
]);
paths('fragments are refused', {}, [
  ['/a#b', '400'],
  ['/a?b#c', '400'],
]);

const redirect = (change: Partial<RedirectAction>): RedirectAction => ({
  kind: 'redirect',
  status: 301,
  scheme: null,
  httpsRedirect: false,
  host: null,
  port: null,
  path: null,
  prefixRewrite: null, regexRewrite: null,
  stripQuery: false,
  ...change,
});

t.test('redirects', (t) => {
  const cases: [Partial<RedirectAction>, string, string, string][] = [
    [{ httpsRedirect: true }, 'a.test', '/x?y=1', 'https://a.test/x?y=1'],
    [{ httpsRedirect: true }, 'a.test:80', '/x', 'https://a.test/x'],
    [{ httpsRedirect: true }, 'a.test:8080', '/x', 'https://a.test:8080/x'],
    [{ host: 'b.test' }, 'a.test', '/x', 'http://b.test/x'],
    [{ port: 8443, httpsRedirect: true }, 'a.test:80', '/', 'https://a.test:8443/'],
    [{ path: '/new' }, 'a.test', '/x?y', 'http://a.test/new?y'],
    [{ path: '/new?z', status: 302 }, 'a.test', '/x?y', 'http://a.test/new?z'],
    [{ prefixRewrite: '/n/' }, 'a.test', '/x', 'http://a.test/n/x'],
    [{ stripQuery: true, status: 308 }, 'a.test', '/x?y', 'http://a.test/x'],
  ];
  for (const [change, host, path, location] of cases) {
    const action = redirect(change);
    const exchange = new Exchange({
      routes: (config) => {
        config.virtualHosts[0]!.routes[0]!.action = action;
      },
    });
    const { client } = exchange.send(`GET ${path} HTTP/1.1\r\nHost: ${host}\r\n\r\n`);
    t.equal(client.split(' ')[1], String(action.status));
    t.same(linesOf(client, 'location'), [`location: ${location}`]);
  }
  t.end();
});

t.test('prefix rewrite keeps the rest and the query, and tells the original', (t) => {
  const exchange = new Exchange({
    routes: (config) => {
      const route = config.virtualHosts[0]!.routes[0]!;
      route.match.path = { kind: 'prefix', value: '/api' };
      if (route.action.kind === 'forward') route.action.prefixRewrite = '/v1';
    },
  });
  const { upstream } = exchange.get('/api/x?y=1');
  t.equal(upstream.split(' ')[1], '/v1/x?y=1');
  t.same(linesOf(upstream, 'x-envoy-original-path'), ['x-envoy-original-path: /api/x?y=1']);
  t.equal(exchange.get('/other').client.split(' ')[1], '404');
  t.end();
});
