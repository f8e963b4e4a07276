// Header mutations through the whole engine: every append action, removal, the order of the levels, and values
// made of commands.
import t from 'tap';
import type { AppendAction, HeaderMutation, RouteConfig } from '../../../src/config/types.js';
import { assignment } from '../../config/snapshot/fixtures.js';
import { Exchange, linesOf } from '../../sim/exchange.js';

const add = (
  name: string,
  value: string,
  action: AppendAction = 'append',
  keepEmptyValue = false,
): HeaderMutation => ({ name, spelling: name, value, action, keepEmptyValue });
const forward = (config: RouteConfig) => {
  const { action } = config.virtualHosts[0]!.routes[0]!;
  if (action.kind !== 'forward') throw new Error('not a forwarding route');
  return action;
};

t.test('append actions with and without the header', (t) => {
  const exchange = new Exchange({
    routes: (config) => {
      config.requestHeaders = {
        remove: [],
        add: [
          add('x-append', '2'),
          add('x-if-absent', '2', 'addIfAbsent'),
          add('x-over', '2', 'overwrite'),
          add('x-over-existing', '2', 'overwriteIfExists'),
        ],
      };
    },
  });
  const names = ['x-append', 'x-if-absent', 'x-over', 'x-over-existing'];
  t.same(linesOf(exchange.get('/', names.map((name) => `${name}: 1\r\n`).join('')).upstream, ...names).sort(), [
    'x-append: 1',
    'x-append: 2',
    'x-if-absent: 1',
    'x-over-existing: 2',
    'x-over: 2',
  ]);
  t.same(linesOf(exchange.get('/').upstream, ...names).sort(), ['x-append: 2', 'x-if-absent: 2', 'x-over: 2']);
  t.end();
});

t.test('removal takes every line of the name, in any case', (t) => {
  const exchange = new Exchange({
    routes: (config) => {
      config.requestHeaders = { add: [], remove: ['x-gone', 'user-agent'] };
    },
  });
  t.same(
    linesOf(
      exchange.get('/', 'X-Gone: 1\r\nx-GONE: 2\r\nUser-Agent: u\r\nX-Stays: 1\r\n').upstream,
      'x-gone',
      'user-agent',
      'x-stays',
    ),
    ['x-stays: 1'],
  );
  t.end();
});

t.test('empty values are left out unless they are to be kept', (t) => {
  const exchange = new Exchange({
    routes: (config) => {
      config.requestHeaders = {
        remove: [],
        add: [add('x-empty', ''), add('x-kept', '', 'append', true), add('x-none', '%REQ(x-missing)%')],
      };
    },
  });
  t.same(linesOf(exchange.get('/').upstream, 'x-empty', 'x-kept', 'x-none'), ['x-kept: ']);
  t.end();
});

for (const [wins, last] of [
  [false, 'config'],
  [true, 'route'],
] as const) {
  t.test(`levels: most specific wins ${wins}`, (t) => {
    const exchange = new Exchange({
      routes: (config) => {
        const level = (name: string) => ({
          remove: [],
          add: [add('x-level', name, 'overwrite'), add('x-all', name)],
        });
        config.mostSpecificHeaderMutationsWins = wins;
        config.requestHeaders = config.responseHeaders = level('config');
        config.virtualHosts[0]!.requestHeaders = config.virtualHosts[0]!.responseHeaders = level('host');
        config.virtualHosts[0]!.routes[0]!.requestHeaders = config.virtualHosts[0]!.routes[0]!.responseHeaders =
          level('route');
        forward(config).clusters[0]!.requestHeaders = forward(config).clusters[0]!.responseHeaders = level('cluster');
      },
    });
    const { upstream, client } = exchange.get('/');
    // A weighted cluster's are always the first.
    const order = wins ? ['cluster', 'config', 'host', 'route'] : ['cluster', 'route', 'host', 'config'];
    for (const message of [upstream, client]) {
      t.same(linesOf(message, 'x-level'), [`x-level: ${last}`]);
      t.same(
        linesOf(message, 'x-all'),
        order.map((name) => `x-all: ${name}`),
      );
    }
    t.end();
  });
}

t.test('values made of commands, in requests, responses and answers of ours', (t) => {
  const exchange = new Exchange({
    routes: (config) => {
      config.requestHeaders = {
        remove: [],
        add: [add('x-made', '%REQ(x-in)%/%PROTOCOL%/%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT%')],
      };
      config.responseHeaders = {
        remove: [],
        add: [add('x-made', '%RESP(x-up)%/%RESPONSE_CODE%/%REQ(x-in)%'), add('x-where', '%UPSTREAM_HOST%')],
      };
      config.virtualHosts[0]!.routes.unshift({
        ...config.virtualHosts[0]!.routes[0]!,
        action: { kind: 'directResponse', status: 200, body: 'hi' },
        match: {
          path: { kind: 'path', value: '/direct' },
          caseSensitive: true,
          headers: [],
          queryParameters: [],
          runtimeFraction: null, certificate: null,
        },
      });
    },
  });
  const { upstream, client } = exchange.get('/', 'X-In: 5\r\n');
  t.same(linesOf(upstream, 'x-made'), ['x-made: 5/HTTP/1.1/10.1.1.1']);
  t.same(linesOf(client, 'x-made', 'x-where', 'x-up', 'server'), [
    'x-up: 1',
    'server: envoy',
    'x-made: 1/200/5',
    'x-where: 127.0.0.1:80',
  ]);
  t.same(linesOf(exchange.get('/direct', 'X-In: 6\r\n').client, 'x-made'), ['x-made: /200/6']);
  t.end();
});

t.test("an answer of ours never shows another request's headers", (t) => {
  const exchange = new Exchange({
    routes: (config) => {
      config.responseHeaders = { remove: [], add: [add('x-made', 'in=%REQ(x-in)%')] };
    },
  });
  exchange.get('/', 'X-In: secret\r\n');
  exchange.world.network.stopServing('127.0.0.1:80');
  exchange.world.configure([{ kind: 'assignment', name: 'one', value: assignment('one') }]);
  t.same(linesOf(exchange.send('GET / HTTP/1.1\r\nHost: a\r\nX-In: mine\r\n\r\n').client, 'x-made'), [
    'x-made: in=mine',
  ]);
  t.end();
});
