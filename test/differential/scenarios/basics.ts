// The ground that the other areas stand on: forwarding, refusing, answering directly, and the first counters.
import { answer, get, post, type Scenario } from '../scenario.js';

const forward = [{ match: { prefix: '/' }, route: { cluster: '{up}' } }];

export const scenarios: readonly Scenario[] = [
  {
    name: 'a request is forwarded and its answer returned',
    main: { routes: forward },
    steps: [{ send: get('/a?b=c', 'x-own: 1'), answer: answer(200, 'hello', 'x-up: 1') }],
    stats: ['cluster.{up}.upstream_rq_total', 'cluster.{up}.upstream_rq_2xx', 'http.{id}-main.downstream_rq_total'],
  },
  {
    name: 'a body is forwarded',
    main: { routes: forward },
    steps: [{ send: post('/a', 'body') }, { send: post('/b', 'more'), sameConnection: true }],
  },
  {
    name: 'no route',
    main: { routes: [{ match: { prefix: '/only' }, route: { cluster: '{up}' } }] },
    steps: [{ send: get('/other') }],
    stats: ['http.{id}-main.no_route'],
  },
  {
    name: 'a direct response, and a redirect',
    main: { routes: [
      { match: { prefix: '/direct' }, direct_response: { status: 418, body: { inline_string: 'tea' } } },
      { match: { prefix: '/' }, redirect: { host_redirect: 'b.example', https_redirect: true } },
    ] },
    steps: [{ send: get('/direct') }, { send: get('/x?y') }],
  },
  {
    name: 'the upstream closes without an answer',
    main: { routes: forward },
    steps: [{ send: post('/', 'x'), answer: { close: true } }],
    stats: ['cluster.{up}.upstream_rq_5xx', 'cluster.{up}.upstream_cx_destroy_remote_with_active_rq'],
  },
];
