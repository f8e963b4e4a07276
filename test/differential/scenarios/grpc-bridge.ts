// grpc_http1_bridge: gRPC for clients of HTTP/1.1, whose answers have the status in the head.
import { field, frame, grpcAnswer, trailersOnly } from '../bookstore.js';
import { answer, get, post, withRouter, type Scenario, type Step } from '../scenario.js';

type Fields = Record<string, unknown>;
const bridged = (name: string, config: Fields, steps: readonly Step[], more: Partial<Scenario> = {}): Scenario => ({
  name, steps, clusterFields: { up: { http_protocol_options: { enable_trailers: true } } },
  main: { routes: [{ match: { prefix: '/' }, route: { cluster: '{up}' } }], manager: { ...withRouter({ name: 'b',
    type: 'grpc_http1_bridge.v3.Config', config }) } }, ...more });
const GRPC = 'content-type: application/grpc', PROTOBUF = 'content-type: application/x-protobuf';
const message = frame(field(1, 'name'));
const upgrade = { upgrade_protobuf_to_grpc: true };
const call = (reply: Step['answer'], type = GRPC, body = message, path = '/b.S/C'): Step =>
  ({ send: post(path, body, type), answer: reply });

export const scenarios: readonly Scenario[] = [
  bridged('a call', {}, [call(grpcAnswer([message])), call(grpcAnswer([message.slice(0, 4), message.slice(4)])),
    call(grpcAnswer([]))]),
  bridged('a failure', {}, [call(grpcAnswer([], ['grpc-status: 5', 'grpc-message: gone%20away'])),
    call(grpcAnswer([message], ['grpc-status: 13', 'x-own: a'])), call(grpcAnswer([message], ['grpc-message: m'])),
    call(grpcAnswer([message], ['grpc-status: x']))]),
  bridged('trailers alone', {}, [call(trailersOnly('grpc-status: 12', 'grpc-message: m')),
    call(trailersOnly('grpc-status: 0'))]),
  bridged('other requests', {}, [{ send: get('/') }, { send: get('/x?y=1') }, call(grpcAnswer([message]),
    'content-type: text/plain'), call(grpcAnswer([message]), PROTOBUF)]),
  bridged('answers that are not gRPC', {}, [call(answer(404, 'nobody')), call({ reset: true })]),
  bridged('protobuf', upgrade, [call(grpcAnswer([message]), PROTOBUF, field(1, 'name')),
    call(grpcAnswer([message], ['grpc-status: 7', 'grpc-message: no']), PROTOBUF, field(1, 'name')),
    call(grpcAnswer([message]), PROTOBUF, ''), call(trailersOnly('grpc-status: 12'), PROTOBUF, 'x'),
    call(grpcAnswer([message]))]),
  bridged('protobuf in chunks', upgrade, [{ send: `POST /b.S/C HTTP/1.1\r\nhost: a\r\n${PROTOBUF}\r\n`
    + 'transfer-encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n', answer: grpcAnswer([message]) }]),
  bridged('longer than the buffer', upgrade, [call(grpcAnswer([frame('x'.repeat(40_000))]))], { main: {
    listener: { per_connection_buffer_limit_bytes: 16_384 }, routes: [{ match: { prefix: '/' },
      route: { cluster: '{up}' } }], manager: { ...withRouter({ name: 'b', type: 'grpc_http1_bridge.v3.Config',
      config: upgrade }) } } }),
  bridged('queries are ignored', { ignore_query_parameters: true }, [
    call(grpcAnswer([message]), GRPC, message, '/b.S/C?a=b&c=/?'), { send: get('/x?y=1') }, { send: get('/x') }]),
];
