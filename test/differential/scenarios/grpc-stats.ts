// grpc_stats: calls, messages and statuses of a cluster, or of its methods.
import { answer, post, withRouter, type Scenario, type Step } from '../scenario.js';

type Fields = Record<string, unknown>;
const GRPC = 'content-type: application/grpc';
const message = (text: string): string => `\0\0\0\0${String.fromCharCode(text.length)}${text}`;
const ok = (body: string, ...headers: string[]): string => answer(200, body, GRPC, ...headers);
const cells = ['request_message_count', 'response_message_count', 'success', 'failure', 'total', '0', '2', '5', '12',
  '14'];
const under = (prefix: string): string[] => cells.map((name) => `cluster.{up}.grpc.${prefix}${name}`);
const ALL = [...under(''), ...under('a.Service.Method.'), ...under('a_b.Service.Method.')];

const filtered = (config: Fields): Fields => ({ ...withRouter({ name: 'envoy.filters.http.grpc_stats',
  type: 'grpc_stats.v3.FilterConfig', config }) });
const counted = (name: string, config: Fields, steps: readonly Step[], more: Partial<Scenario> = {}): Scenario => ({
  name, main: { manager: filtered(config), routes: [{ match: { prefix: '/' }, route: { cluster: '{up}' } }] }, steps,
  stats: ALL, ...more });
const call = (body: string, reply: Step['answer'], path = '/a.Service/Method', type = GRPC): Step =>
  ({ send: post(path, body, type), answer: reply });
const two = message('one') + message('');

export const scenarios: readonly Scenario[] = [
  counted('of a cluster', {}, [call(two, ok(message('answer'), 'grpc-status: 0'))]),
  counted('a failure', {}, [call(two, ok('', 'grpc-status: 5'))]),
  counted('several calls', { stats_for_all_methods: false }, [call(two, ok(two + two, 'grpc-status: 0')),
    call(message('x'.repeat(100)), ok('', 'grpc-status: 2')), call('', ok('', 'grpc-status: 0'))]),
  counted('no status', {}, [call(two, ok(two))]),
  counted('a status nobody knows', {}, [call(two, ok('', 'grpc-status: 99')), call(two, ok('', 'grpc-status: x'))]),
  counted('the answer is no gRPC', {}, [call(two, answer(200, two, 'content-type: text/plain', 'grpc-status: 0'))]),
  counted('the request is no gRPC', {}, [call(two, ok(two, 'grpc-status: 0'), '/a.Service/Method',
    'content-type: text/plain')]),
  counted('half a message', {}, [call('\0\0\0\0\x09abc', ok('\0\0\0', 'grpc-status: 0'))]),
  counted('a long message', {}, [call(`\0\0\0\x40\0${'y'.repeat(16384)}${message('z')}`,
    ok(`\0\0\x01\0\0${'y'.repeat(65536)}${message('z')}`, 'grpc-status: 0'))]),
  counted('a failure of ours', {}, [call(two, { reset: true })]),
  counted('of methods', { stats_for_all_methods: true }, [call(two, ok(two, 'grpc-status: 0')),
    call(two, ok('', 'grpc-status: 12'))]),
  counted('of methods, dots replaced', { stats_for_all_methods: true, replace_dots_in_grpc_service_name: true },
    [call(two, ok(two, 'grpc-status: 0'), '/a.b/Method')]),
  counted('of methods with a query', { stats_for_all_methods: true }, [call(two, ok(two, 'grpc-status: 0'),
    '/a.Service/Method?x=/1')]),
  ...['/a.Service', '/', '/a.Service/Method/more', '/a.Service/Method/', '//Method'].flatMap((path) => [
    counted(`of ${path}, all methods`, { stats_for_all_methods: true }, [call(two, ok(two, 'grpc-status: 0'), path)]),
    counted(`of ${path}`, {}, [call(two, ok(two, 'grpc-status: 0'), path)])]),
  counted('of methods that are listed', { individual_method_stats_allowlist: { services: [
    { name: 'a.Service', method_names: ['Other', 'Method'] }] } }, [call(two, ok(two, 'grpc-status: 0')),
    call(two, ok(two, 'grpc-status: 0'), '/a.Service/Unlisted')]),
  ...['PLAIN', 'TYPED', 'FIELD:request_message_count'].flatMap((form) => [true, false].map((emit_filter_state) =>
    counted(`in the log, as ${form}, ${emit_filter_state}`, { emit_filter_state },
      [call(two, ok(message('a'), 'grpc-status: 0')), call('', ok('', 'grpc-status: 0'))],
      { main: { manager: { ...filtered({ emit_filter_state }), access_log: [{ name: 'log', typed_config: {
        '@type': 'type.googleapis.com/envoy.extensions.access_loggers.file.v3.FileAccessLog',
        path: '{folder}/{id}-main.log', log_format: { text_format_source: {
          inline_string: `%FILTER_STATE(envoy.filters.http.grpc_stats:${form})%\n` } },
      } }] }, routes: [{ match: { prefix: '/' }, route: { cluster: '{up}' } }] } }))),
];
