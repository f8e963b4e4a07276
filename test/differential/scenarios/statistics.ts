// Which statistics there are: stats_matcher, and those of single endpoints. Each in a process of its own.
import { answer, get, type Scenario } from '../scenario.js';

const main = { routes: [{ match: { prefix: '/' }, route: { cluster: '{up}' } }] };
const stats = ['cluster.{up}.upstream_rq_total', 'cluster.{up}.upstream_cx_total', 'http.{id}-main.downstream_rq_total',
  'http.{id}-main.downstream_cx_total', 'server.live'];
const matching = (name: string, stats_matcher: object): Scenario => ({ name, main, stats,
  steps: [{ send: get('/') }, { send: get('/') }], alone: { bootstrap: { stats_config: { stats_matcher } } } });
const endpoint = (name: string): string => `cluster.{up}.endpoint.127.0.0.1_{port:up}.${name}`;

export const scenarios: readonly Scenario[] = [
  matching('an inclusion list by prefix', { inclusion_list: { patterns: [{ prefix: 'cluster.' }] } }),
  matching('an inclusion list by suffix', { inclusion_list: { patterns: [{ suffix: 'rq_total' }] } }),
  matching('an inclusion list by expression', { inclusion_list: { patterns: [{ safe_regex: {
    regex: 'http[.].*[.]downstream_cx_total' } }] } }),
  matching('an exclusion list', { exclusion_list: { patterns: [{ prefix: 'cluster.' }, { contains: 'cx_total' }] } }),
  matching('no statistics at all', { reject_all: true }),
  matching('all of them', { reject_all: false }),
  { name: 'statistics of endpoints', main, clusterFields: { up: { track_cluster_stats: { per_endpoint_stats: true } } },
    steps: [{ send: get('/') }, { send: get('/'), answer: answer(500) }, { send: get('/'), answer: answer(404) }],
    stats: ['rq_total', 'rq_success', 'rq_error', 'rq_timeout', 'rq_active', 'cx_total', 'cx_connect_fail',
      'healthy'].map(endpoint) },
];
