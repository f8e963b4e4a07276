// How connections to upstreams end, by whom, and whether a request was under way: what is counted.
import { answer, get, post, type Scenario, type Step } from '../scenario.js';

const stats = ['upstream_cx_total', 'upstream_cx_active', 'upstream_cx_destroy_with_active_rq',
  'upstream_cx_destroy_local_with_active_rq', 'upstream_cx_destroy_remote_with_active_rq', 'upstream_rq_completed',
  'upstream_rq_rx_reset', 'upstream_rq_tx_reset', 'upstream_cx_protocol_error'].map((name) => `cluster.{up}.${name}`)
  .concat('http.{id}-main.rq_reset_after_downstream_response_started');

type Fields = Record<string, unknown>;
const ending = (name: string, step: Step, route: Fields = {}, more: Partial<Scenario> = {}): Scenario => ({ name,
  main: { routes: [{ match: { prefix: '/' }, route: { cluster: '{up}', ...route } }] }, steps: [step], stats,
    ...more });

const whole = 'HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok';
const endless = 'HTTP/1.1 200 OK\r\nconnection: close\r\n\r\nhello';
const started = 'HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 9\r\n\r\nhello';
const chunks = 'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhel';
const half = 'POST / HTTP/1.1\r\nhost: a.example\r\ncontent-length: 10\r\n\r\nhello';
const retry = { retry_policy: { retry_on: '5xx', retry_back_off: { base_interval: '0.001s' } } };

export const scenarios: readonly Scenario[] = [
  ending('none', { send: get('/') }),
  ending('an answer that says so', { send: get('/'), answer: answer(200, 'x', 'connection: close') }),
  ending('no answer', { send: post('/', 'x'), answer: { close: true } }),
  ending('a reset', { send: post('/', 'x'), answer: { reset: true } }),
  ending('the time of the route', { send: get('/'), answer: { hang: true }, forwarded: 1 },
    { timeout: '0.4s' }),
  ending('not HTTP', { send: get('/'), answer: 'what?\r\n\r\n' }),
  ending('more than an answer', { send: get('/'), answer: `${whole}more` }),
  ending('another attempt', { send: get('/'), answer: [answer(500, 'x'), answer(200, 'y')] }, retry),
  ending('another attempt, without bytes', { send: get('/'), answer: [answer(500, ''), answer(200, 'y')] }, retry),
  ending('an answer until the end', { send: get('/'), answer: { close: true, say: endless } }),
  ending('an answer that is cut', { send: get('/'), answer: { close: true, say: started }, ends: true }),
  ending('an answer that is reset', { send: get('/'), answer: { reset: true, say: started }, ends: true }),
  ending('chunks that are cut', { send: get('/'), answer: { close: true, say: chunks }, ends: true }),
  ending('a gRPC call that is cut', { send: post('/', 'x', 'content-type: application/grpc'), answer: { close: true,
    say: started }, ends: true }),
  ending('chunks that are reset', { send: get('/'), answer: { reset: true, say: chunks }, ends: true }),
  ending('a head that is cut', { send: post('/', 'x'), answer: { close: true, say: 'HTTP/1.1 200 OK\r\ncontent' } }),
  ending('a head that is reset', { send: post('/', 'x'), answer: { reset: true, say: 'HTTP/1.1 200 OK\r\ncontent' } }),
  ending('an answer before the whole request', { send: half }, {}, { rawUpstreams: { up: { answer: whole } },
    main: { manager: { generate_request_id: false }, routes: [{ match: { prefix: '/' },
      route: { cluster: '{up}' } }] } }),
];
