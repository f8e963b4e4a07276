// A compiled configuration: what it refuses, and calls through it without a proxy. What Envoy does with the same is in
// the differential scenarios; here are the cases that Envoy does not survive, and those it has not.
import t from 'tap';
import type { GrpcJsonTranscoderFilter } from '../../src/config/http-filters.js';
import { descriptorSetType } from '../../src/transcode/descriptor-schema.js';
import { DescriptorError } from '../../src/transcode/descriptors.js';
import { GrpcFailure } from '../../src/transcode/grpc-failure.js';
import { MessageError } from '../../src/transcode/untyped-message.js';
import { Transcoder } from '../../src/transcode/transcoder.js';
import { bookstore, field, frame } from '../differential/bookstore.js';
import { descriptorSet, wellKnownProtos } from '../support/descriptor-set.js';

const usual: GrpcJsonTranscoderFilter = { kind: 'grpcJsonTranscoder',
  descriptor: Buffer.from(bookstore).toString('base64'),
  services: ['b.Books'], print: { addWhitespace: false, printPrimitives: false, enumsAsInts: false,
    preserveNames: false,
    newlineDelimited: false, sseDelimited: false }, matchIncomingRequestRoute: false, autoMapping: false,
      ignoredQueryParameters: [],
  ignoreUnknownQueryParameters: false, captureUnknownQueryParameters: false, convertGrpcStatus: false,
  urlUnescapeSpec: 'exceptReserved', queryParamUnescapePlus: false, matchUnregisteredCustomVerb: false,
  caseInsensitiveEnumParsing: false, rejectUnknownMethod: false, rejectUnknownQueryParameters: false,
  rejectBindingBodyFieldCollisions: false, maxRequestBytes: null, maxResponseBytes: null };
const books = new Transcoder(usual);

function call(transcoder: Transcoder, method: string, path: string): NonNullable<ReturnType<Transcoder['find']>> {
  const bytes = Buffer.from(path, 'latin1');
  const found = transcoder.find(method, bytes, 0, bytes.length);
  if (found === null) throw new Error(`nothing takes ${method} ${path}`);
  return found;
}
const latin1 = (bytes: Uint8Array): string => Buffer.from(bytes).toString('latin1');
const printed = (message: string): string => {
  const response = books.response(call(books, 'GET', '/echo'));
  return Buffer.concat([response.take(Buffer.from(frame(message), 'latin1')), response.end()]).toString();
};

function thrown(step: () => unknown): unknown {
  try { step(); } catch (error) { return error; }
  return null;
}

const withProto = (text: string, services = ['x.S'],
  more: Partial<GrpcJsonTranscoderFilter> = {}): GrpcJsonTranscoderFilter => ({
  ...usual, ...more, services, descriptor: Buffer.from(descriptorSet([...wellKnownProtos, { name: 'x.proto',
    text: `syntax = "proto3"; package x; ${text}` }])).toString('base64') });

t.test('descriptors and rules that do not hold are refused', async (t) => {
  const refused = (config: GrpcJsonTranscoderFilter, why: RegExp): void => {
    t.ok(thrown(() => new Transcoder(config)) instanceof DescriptorError);
    t.throws(() => new Transcoder(config), why);
  };
  refused({ ...usual, descriptor: Buffer.from('\xff\xff', 'latin1').toString('base64') }, /not a FileDescriptorSet/);
  refused({ ...usual, services: ['b.None'] }, /there is no service b\.None/);
  const rpc = (rule: string): string => `message M { string a = 1; M m = 2; } service S { rpc C(M) returns (M) {
    option (google.api.http) = { ${rule} }; } }`;
  refused(withProto(rpc('get: "/a/{"')), /x\.S\.C: not a path template: \/a\/\{/);
  refused(withProto(rpc('post: "/a" body: "b"')), /Could not find field "b" in the type "x\.M"/);
  refused(withProto(rpc('post: "/a" body: "a.b"')), /Encountered a non-leaf field "a"/);
  refused(withProto(rpc('get: "/a" response_body: "m"')), /not implemented: response_body/);
  t.doesNotThrow(() => new Transcoder(withProto(rpc('get: "/a/{m.m.a}" body: "m"'))));
});

t.test('a file whose imports are missing', async (t) => {
  const type = descriptorSetType();
  const set = type.decode(bookstore) as unknown as { file: object[] };
  set.file.shift();
  const cut = Buffer.from(type.encode(set as unknown as Parameters<typeof type.encode>[0]).finish()).toString('base64');
  t.throws(() => new Transcoder({ ...usual, descriptor: cut }),
    /imports google\/protobuf\/well_known.proto, which the set has not/);
});

t.test('a call', async (t) => {
  const request = books.request(call(books, 'POST', '/shelves/s/books?book.title=q'), 'application/json');
  t.equal(latin1(request.take(Buffer.from('{"id":'))), '');
  t.equal(latin1(request.take(Buffer.from('5}'))), frame(field(2, field(1, 5) + field(2, 'q')) + field(1, 's')));
  t.equal(latin1(request.end()), '');
  t.ok(thrown(() => books.request(call(books, 'POST', '/shelves/s/books'), '').take(Buffer.from('{"id":"x"}')))
    instanceof GrpcFailure);
  t.equal(printed(field(5, 7)), '{"i32":7}');
});

t.test('a stream of messages each way', async (t) => {
  const request = books.request(call(books, 'POST', '/chat'), '');
  t.equal(latin1(request.take(Buffer.from('[{"id":1},{"i'))), frame(field(1, 1)));
  t.equal(latin1(request.take(Buffer.from('d":2} , '))), frame(field(1, 2)));
  t.equal(latin1(request.take(Buffer.from(']'))), '');
  t.equal(latin1(request.end()), '');
  const show = (transcoder: Transcoder): string => {
    const response = transcoder.response(call(transcoder, 'POST', '/chat'));
    const bytes = frame(field(1, 1)) + frame(field(1, 2));
    return [...[...bytes].map((byte) => latin1(response.take(Buffer.from(byte, 'latin1')))),
      latin1(response.end())].join('');
  };
  t.equal(show(books), '[{"id":"1"},{"id":"2"}]');
  t.equal(show(new Transcoder({ ...usual, print: { ...usual.print, newlineDelimited: true } })),
    '{"id":"1"}\n{"id":"2"}\n');
  t.equal(show(new Transcoder({ ...usual, print: { ...usual.print, sseDelimited: true } })),
    'data: {"id":"1"}\n\ndata: {"id":"2"}\n\n');
});

t.test('messages that Envoy does not survive', async (t) => {
  t.equal(printed(field(37, field(1, 'type.googleapis.com/google.protobuf.Value'))),
    '{"any":{"@type":"type.googleapis.com/google.protobuf.Value"}}');
  t.equal(printed(field(19, '') + field(19, field(1, 'k')) + field(20, field(1, 5)) + field(21, field(2, 2))),
    '{"mss":{"":"","k":""},"mia":{"5":{}},"mbk":{"false":"ESSAY"}}');
});

t.test('a message within itself, deeper than is taken', async (t) => {
  let message = '';
  for (let depth = 0; depth < 100; depth++) message = field(22, message);
  t.match(printed(message), /^(\{"every":){100}\{\}\}{100}$/);
  t.ok(thrown(() => printed(field(22, message))) instanceof MessageError);
});

t.test('names in capitals, and words of other languages', async (t) => {
  const transcoder = new Transcoder(withProto(`message M { string Name = 1; string b_c = 2 [json_name = "größe"]; }
    service S { rpc C(M) returns (M) { option (google.api.http) = { post: "/m" body: "*" }; } }`));
  const request = transcoder.request(call(transcoder, 'POST', '/m'), '');
  t.equal(latin1(request.take(Buffer.from('{"Name":"a","größe":"b","b_c":"c"}'))),
    frame(field(1, 'a') + field(2, 'b') + field(2, 'c')));
  const response = transcoder.response(call(transcoder, 'POST', '/m'));
  t.equal(Buffer.from(response.take(Buffer.from(frame(field(1, 'a') + field(2, 'b')), 'latin1'))).toString(),
    '{"Name":"a","größe":"b"}');
});
