// grpc_json_transcoder: streams of messages, bodies that go as they are, and how both are delimited.
import { field, frame, grpcAnswer, trailersOnly } from '../bookstore.js';
import { get, post, withRouter, type Scenario } from '../scenario.js';
import { book, json, ok, transcoded, transcoder } from './transcoder.js';

const one = frame(field(1, 1)), two = frame(field(1, 2));
const httpBody = (type: string, data: string): string => (type === '' ? '' : field(1, type)) + field(2, data);
const chunked = (path: string, ...chunks: string[]): string => `POST ${path} HTTP/1.1\r\nhost: a\r\n`
  + `content-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n${chunks.map((chunk) =>
    `${chunk.length.toString(16)}\r\n${chunk}\r\n`).join('')}0\r\n\r\n`;

const servers = (name: string, config: object): Scenario => transcoded(name, [
  { send: get('/list/a'), answer: grpcAnswer([one, two]) }, { send: get('/list/a'), answer: grpcAnswer([one + two]) },
  { send: get('/list/a'), answer: grpcAnswer([one.slice(0, 3), one.slice(3) + two.slice(0, 6), two.slice(6)]) },
  { send: get('/list/a'), answer: grpcAnswer([]) }, { send: get('/list/a'), answer: grpcAnswer([one],
    ['grpc-status: 5', 'grpc-message: gone']) }, { send: get('/list/a'), answer: grpcAnswer([frame('')]) },
  { send: get('/list/a').replace('HTTP/1.1', 'HTTP/1.0'), answer: grpcAnswer([one, two]), ends: true },
  { send: get('/shelves/a/books/1').replace('HTTP/1.1', 'HTTP/1.0'), answer: ok, ends: true }], config, { main: {
  routes: [{ match: { prefix: '/' }, route: { cluster: '{up}' } }], manager: { ...withRouter(transcoder(config)),
    http_protocol_options: { accept_http_10: true } } } });

const clients: readonly Scenario[] = [
  transcoded('streams of requests', [{ send: json('/add', [{ id: 1 }, { id: '2', title: 't' }]), answer: ok },
    { send: json('/add', []), answer: ok }, { send: chunked('/add', '[{"id"', ':1},', '{"id":2}]'), answer: ok },
    { send: chunked('/add', '[', '{}', ']'), answer: ok }, { send: json('/add', [{ tags: ['a'] }]), answer: ok },
    { send: json('/chat?title=q', [{ id: 1 }, { id: 2 }]), answer: grpcAnswer([one, two]) }]),
  { ...transcoded('streams of requests that break', [{ send: json('/add', {}), answer: ok }, { send: json('/add', 5),
    answer: ok }, { send: json('/add', ''), answer: ok }, { send: json('/add', [{ id: 'x' }]), answer: ok },
  { send: json('/add', [5]), answer: ok }, { send: json('/add', '[{},'), answer: ok },
  { send: json('/add', '[{}'), answer: ok }, { send: json('/add', [[]]), answer: ok }]),
  differs: [{ line: /^(up got|log|connection)/, heading: 'Transcoding' }] },
];

const asTheyAre: readonly Scenario[] = [
  transcoded('bodies that go as they are', [
    { send: post('/put/n', 'some bytes', 'content-type: text/x'), answer: grpcAnswer([frame(httpBody('text/y',
      'out'))]) },
    { send: post('/put/n', 'some bytes'), answer: grpcAnswer([frame(httpBody('', 'out'))]) },
    { send: post('/put/n?body.content_type=q&name=x', '\xff\x00', 'content-type: image/x'),
      answer: grpcAnswer([frame(httpBody('image/y', '\xff\x00'))]) },
    { send: post('/put/n', ''), answer: grpcAnswer([frame('')]) },
    { send: post('/whole', '{"a":1}', 'content-type: application/json'),
      answer: grpcAnswer([frame(httpBody('text/y', 'out'))], ['grpc-status: 5', 'grpc-message: m']) },
    { send: chunked('/whole', 'ab', 'cd'), answer: grpcAnswer([frame(httpBody('a/b', 'x'.repeat(20_000)))]) },
    { send: get('/inner'), answer: grpcAnswer([frame(field(1, 'n') + field(2, httpBody('a/b', 'inner')))]) },
    { send: post('/whole', 'x'), answer: trailersOnly('grpc-status: 5', 'grpc-message: gone') },
    { send: post('/whole', 'x'), answer: grpcAnswer([], ['grpc-status: 3', 'grpc-message: bad']) }]),
  transcoded('unknown parameters go with the body', [
    { send: post('/put/n?x.y=1&x.y=3', 'b', 'content-type: text/x'), answer: grpcAnswer([frame(httpBody('a/b',
      'c'))]) },
    { send: get('/shelves/a/books/1?x=1'), answer: ok }], { capture_unknown_query_parameters: true }),
  transcoded('streams of bodies that go as they are', [
    { send: post('/pour', 'some bytes', 'content-type: text/x'),
      answer: grpcAnswer([frame(httpBody('text/y', 'one')), frame(httpBody('text/z', 'two'))]) },
    { send: post('/pour', 'x'), answer: grpcAnswer([]) }]),
];

const withTrailers = { main: { routes: [{ match: { prefix: '/' }, route: { cluster: '{up}' } }],
  manager: { ...withRouter(transcoder()), http_protocol_options: { enable_trailers: true } } } };
const framing: readonly Scenario[] = [
  transcoded('trailers of clients and for clients', [
    { send: 'POST /shelves/s/books HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n'
      + 'x: y\r\n\r\n',
      answer: ok },
    { send: 'POST /add HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n4\r\n[{}]\r\n0\r\nx: y\r\n\r\n',
      answer: ok },
    { send: get('/list/a'), answer: grpcAnswer([one], ['grpc-status: 0', 'x-own: 1']) },
    { send: get('/shelves/a/books/1'), answer: grpcAnswer([one], ['grpc-status: 0', 'x-own: 1']) }], {}, withTrailers),
  transcoded('clients that wait for 100', [
    { send: json('/shelves/s/books', { id: 1 }, 'expect: 100-continue'), answer: ok, responses: 2 },
    { send: json('/add', [{ id: 1 }], 'expect: 100-continue'), answer: ok, responses: 2 }], {}, { logLines: 2 }),
  transcoded('names in any case', [{ send: 'POST /shelves/s/books HTTP/1.1\r\nHost: a\r\nContent-Type: x/y\r\n'
    + 'Content-Length: 2\r\nX-Own: 1\r\n\r\n{}', answer: grpcAnswer([one], ['Grpc-Status: 5', 'Grpc-Message: m']) },
  { send: get('/shelves/a/books/1'), answer: trailersOnly('Grpc-Status: 5', 'Grpc-Message: m') }]),
  transcoded('HEAD is no GET', [{ send: get('/shelves/a/books/1').replace('GET', 'HEAD'), noBody: true }]),
  transcoded('several calls of one connection', [{ send: get('/shelves/a/books/1') + json('/shelves/s/books', { id: 1 })
    + get('/list/a') + get('/plain'), responses: 4, answer: [ok, ok, grpcAnswer([one, two]),
    'HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok'] }]),
];

export const scenarios: readonly Scenario[] = [...framing,
  servers('a stream is a list', {}),
  servers('a stream is lines', { print_options: { stream_newline_delimited: true } }),
  servers('a stream is events', { print_options: { stream_sse_style_delimited: true } }),
  transcoded('a stream with white space', [{ send: get('/list/a'), answer: grpcAnswer([one, frame(book)]) }],
    { print_options: { add_whitespace: true } }),
  ...clients, ...asTheyAre];
