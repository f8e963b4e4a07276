// grpc_web: calls of browsers, as bytes and as base64, and what they get of answers that are not gRPC's.
import { field, frame, grpcAnswer, trailersOnly } from '../bookstore.js';
import { answer, get, post, withRouter, type Scenario, type Step } from '../scenario.js';

const filter = { name: 'w', type: 'grpc_web.v3.GrpcWeb' };
const web = (name: string, steps: readonly Step[], more: object = {}): Scenario => ({ name, steps,
  clusterFields: { up: { http_protocol_options: { enable_trailers: true } } },
  main: { routes: [{ match: { prefix: '/' }, route: { cluster: '{up}' } }],
    manager: withRouter(filter) as Record<string, unknown> }, ...more });

const message = frame(field(1, 'name')), base64 = (text: string): string => Buffer.from(text,
  'latin1').toString('base64');
const two = frame(field(1, 1)) + frame('');
const binary = 'content-type: application/grpc-web+proto', text = 'content-type: application/grpc-web-text';
const textToo = 'accept: application/grpc-web-text+proto';
const chunked = (type: string, ...chunks: string[]): string => `POST /b.S/C HTTP/1.1\r\nhost: a\r\n${type}\r\n`
  + `transfer-encoding: chunked\r\n\r\n${chunks.map((chunk) =>
    `${chunk.length.toString(16)}\r\n${chunk}\r\n`).join('')}0\r\n\r\n`;

export const scenarios: readonly Scenario[] = [
  web('gRPC-Web as bytes', [{ send: post('/b.S/C', message, binary), answer: grpcAnswer([two]) },
    { send: post('/b.S/C', message, 'content-type: application/grpc-web'), answer: grpcAnswer([two],
      ['grpc-status: 5', 'grpc-message: gone', 'x-own: a b']) },
    { send: chunked(binary, message.slice(0, 3), message.slice(3)), answer: grpcAnswer([two.slice(0, 4),
      two.slice(4)]) },
    { send: post('/b.S/C', '', binary), answer: grpcAnswer([]) },
    { send: post('/b.S/C', message, binary, 'grpc-accept-encoding: gzip', 'te: x'),
      answer: trailersOnly('grpc-status: 5',
      'grpc-message: m') }, { send: post('/b.S/C', message, binary), answer: grpcAnswer([two], []) }]),
  web('gRPC-Web as text', [{ send: post('/b.S/C', base64(message), text, textToo), answer: grpcAnswer([two]) },
    { send: post('/b.S/C', base64(message), text), answer: grpcAnswer([two]) },
    { send: post('/b.S/C', message, binary, textToo), answer: grpcAnswer([two.slice(0, 4), two.slice(4)]) },
    { send: chunked(`${text}\r\n${textToo}`, base64(message).slice(0, 5), base64(message).slice(5)),
      answer: grpcAnswer([two]) }, { send: post('/b.S/C', base64(message), `${text}+proto`, textToo),
      answer: trailersOnly('grpc-status: 5') }]),
  web('other calls and requests', [{ send: get('/') }, { send: post('/b.S/C', message,
    'content-type: application/grpc'),
    answer: grpcAnswer([two]) }, { send: post('/b.S/C', 'x', 'content-type: application/grpc-web+json') }]),
  web('answers that are not gRPC', [{ send: post('/b.S/C', message, binary), answer: answer(200, 'hello % ~ü') },
    { send: post('/b.S/C', message, binary), answer: answer(503, 'no', 'content-type: text/x') },
    { send: post('/b.S/C', message, binary, textToo), answer: answer(404) },
    { send: post('/b.S/C', message, binary), answer: answer(200, frame('x'),
      'content-type: application/grpc-web+proto') },
    { send: post('/b.S/C', message, binary), answer: { reset: true } }]),
  web('gRPC-Web that breaks', [{ send: post('/b.S/C', 'abc', text) }, { send: post('/b.S/C', 'a*c=', text) },
    { send: post('/b.S/C', 'YQ==YQ==', text) }], { differs: [{ line: /^(up got|log)/, heading: 'Transcoding' }] }),
  web('gRPC-Web without a route', [{ send: post('/x', message, binary) }], { main: { manager: withRouter(filter),
    routes: [{ match: { prefix: '/y' }, route: { cluster: '{up}' } }] } }),
];
