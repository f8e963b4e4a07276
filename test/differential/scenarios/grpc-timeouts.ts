// grpc-timeout: as the timeout of a request (max_grpc_timeout) and of a stream's life (max_stream_duration), and what
// the upstream is told of it.
import { answer, post, type Scenario, type Step } from '../scenario.js';

type Fields = Record<string, unknown>;
const HANG = { hang: true } as const;
const GRPC = 'content-type: application/grpc';
const up = (...names: string[]): string[] => names.map((name) => `cluster.{up}.${name}`);
const STATS = [...up('upstream_rq_timeout', 'upstream_rq_total', 'upstream_rq_retry', 'upstream_rq_per_try_timeout'),
  'http.{id}-main.downstream_rq_max_duration_reached'];

const call = (name: string, route: Fields, headers: readonly string[], step: Partial<Step> = {}, manager: Fields = {},
  more: Partial<Scenario> = {}): Scenario => ({
  name, main: { manager, routes: [{ match: { prefix: '/' }, route: { cluster: '{up}', ...route } }] },
  steps: [{ send: post('/a.Service/Method', 'body', ...headers), ...step }], stats: STATS, ...more });
/** What the upstream is told. */
const told = (name: string, route: Fields, said: string | null, type = GRPC, manager: Fields = {}): Scenario =>
  call(`told: ${name}`, route, [type, ...(said === null ? [] : [`grpc-timeout: ${said}`])],
    { answer: answer(200, '') }, manager);

const any = { max_grpc_timeout: '0s' };
const numbers = ['1H', '2M', '3S', '4000m', '500001u', '3000000000n', '99999999n', '99999999m', '99999999S',
  '99999999H', '100000000m', '0m', '0n', '1', 'm', '-1S', '1X', '1s', '1.5S', '01S', '', '5S5', ' 7S '];

const values: readonly Scenario[] = numbers.map((said) => told(`"${said}"`, { ...any }, said));

const requests: readonly Scenario[] = [
  told('no header', any, null),
  told('unread', { timeout: '7s' }, '3S'),
  told('no gRPC', { ...any, timeout: '7s' }, '3S', 'content-type: text/plain'),
  told('another gRPC type', any, '3S', 'content-type: application/grpc+proto'),
  told('a type with a parameter', any, '3S', 'content-type: application/grpc;charset=utf-8'),
  told('gRPC of the web', any, '3S', 'content-type: application/grpc-web'),
  told('at most', { max_grpc_timeout: '2s' }, '3S'),
  told('at most, and no header', { max_grpc_timeout: '2s' }, null),
  told('at most, and endless', { max_grpc_timeout: '2s' }, '0S'),
  told('less an offset', { ...any, grpc_timeout_offset: '1s' }, '3S'),
  told('less an offset that is all', { ...any, grpc_timeout_offset: '3s' }, '3S'),
  told('less an offset, at most', { max_grpc_timeout: '1s', grpc_timeout_offset: '1s' }, '3S'),
  told('an offset alone', { grpc_timeout_offset: '1s', timeout: '9s' }, '3S'),
  told('beside the timeout of a try', { ...any, retry_policy: { retry_on: '5xx', per_try_timeout: '1s' } }, '3S'),
  told('beside a longer timeout of a try', { ...any, retry_policy: { retry_on: '5xx', per_try_timeout: '5s' } }, '3S'),
  { ...told('twice', any, '3S\r\ngrpc-timeout: 4S'), differs: [{ line: /grpc-timeout/,
    heading: 'Repeated headers' }] },
  call('the time is over', { ...any, timeout: '9s' }, [GRPC, 'grpc-timeout: 250m'], { answer: HANG }),
  call('the most is over', { max_grpc_timeout: '0.25s' }, [GRPC, 'grpc-timeout: 9S'], { answer: HANG }),
  call('a client from inside may say more', any, [GRPC, 'grpc-timeout: 9S', 'x-forwarded-for: 10.0.0.1',
    'x-envoy-upstream-rq-timeout-ms: 250'], { answer: HANG }),
  told('of a request from inside', any, '3S\r\nx-forwarded-for: 10.0.0.1\r\nx-envoy-upstream-rq-timeout-ms: 2000'),
  told('of a request from inside that asks for a try\'s', any,
    '3S\r\nx-forwarded-for: 10.0.0.1\r\nx-envoy-upstream-rq-per-try-timeout-ms: 2000'),
  call('a second try', { ...any, retry_policy: { retry_on: '5xx', per_try_timeout: '1s' } },
    [GRPC, 'grpc-timeout: 900S'], { answer: [answer(503), answer(200)] }),
  call('a second try after a timeout', { ...any, retry_policy: { retry_on: '5xx', num_retries: 1,
    per_try_timeout: '0.25s' } }, [GRPC, 'grpc-timeout: 9S'], { answer: [HANG, answer(200)] }),
  call('headers that a route adds', { ...any }, [GRPC, 'grpc-timeout: 3S'], { answer: answer(200) }, {}, {
    main: { manager: {}, routes: [{ match: { prefix: '/' }, route: { cluster: '{up}', ...any },
      request_headers_to_add: [{ header: { key: 'x-told', value: '%REQ(grpc-timeout)%' } }] }] },
    differs: [{ line: /x-told/, heading: 'Added headers' }] }),
  call('endless', { ...any, timeout: '0.2s' }, [GRPC], { answer: { afterMs: 500, reply: answer(200, 'late') } }),
];

const within = (fields: Fields): Fields => ({ max_stream_duration: fields });
const lives: readonly Scenario[] = [
  told('the stream\'s life', within({ grpc_timeout_header_max: '0s' }), '3S'),
  told('the stream\'s life, at most', within({ grpc_timeout_header_max: '2s' }), '3S'),
  told('the stream\'s life, no header', within({ grpc_timeout_header_max: '2s' }), null),
  told('the stream\'s life, no header, and another life', within({ grpc_timeout_header_max: '2s',
    max_stream_duration: '5s' }), null),
  told('the stream\'s life less an offset', within({ grpc_timeout_header_max: '0s', grpc_timeout_header_offset: '1s' }),
    '3S'),
  told('the stream\'s life less an offset, at most', within({ grpc_timeout_header_max: '2s',
    grpc_timeout_header_offset: '0.5s' }), '3S'),
  told('the route\'s own life', within({ max_stream_duration: '5s' }), '3S'),
  told('the route\'s own life, no header', within({ max_stream_duration: '5s' }), null),
  told('the route\'s own life is endless', within({ max_stream_duration: '0s' }), '3S'),
  told('the manager\'s life', within({}), '3S', GRPC, { common_http_protocol_options: { max_stream_duration: '6s' } }),
  told('no gRPC, with a life', within({ grpc_timeout_header_max: '2s' }), '3S', 'content-type: text/plain'),
  told('max_grpc_timeout beside a life', { ...any, ...within({ max_stream_duration: '5s' }) }, '3S'),
  call('the life is over', within({ grpc_timeout_header_max: '0s' }), [GRPC, 'grpc-timeout: 250m'], { answer: HANG }),
  call('the life is over, no gRPC', within({ grpc_timeout_header_max: '0s' }), ['grpc-timeout: 250m'],
    { answer: HANG }),
  call('the route\'s own life is over', within({ max_stream_duration: '0.25s' }), [GRPC], { answer: HANG }),
];

export const scenarios: readonly Scenario[] = [...values, ...requests, ...lives];
