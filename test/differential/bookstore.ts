// The service that the scenarios of grpc_json_transcoder call, and pieces of gRPC to script its upstream with.
import { descriptorSet, wellKnownProtos } from '../support/descriptor-set.js';

const text = `syntax = "proto3"; package b;
  enum Kind { KIND_UNSPECIFIED = 0; NOVEL = 1; ESSAY = 2; }
  message Author { string name = 1; int64 born_year = 2; Author teacher = 3; }
  message Book { int64 id = 1; string title = 2; Author author = 3; repeated string tags = 4; Kind kind = 5;
    bool lent = 6; double price = 7; bytes cover = 8; map<string, int32> copies = 9; repeated Author others = 10;
    oneof place { string shelf_name = 11; int32 box = 12; } optional int32 pages = 13; }
  message GetBook { string shelf = 1; int64 book = 2; Book filter = 3; string name = 4; }
  message CreateBook { string shelf = 1; Book book = 2; }
  message Every { double d = 1; float f = 2; int64 i64 = 3; uint64 u64 = 4; int32 i32 = 5; fixed64 f64 = 6;
    fixed32 f32 = 7; bool bo = 8; string s = 9; bytes by = 10; uint32 u32 = 11; Kind e = 12; sfixed32 sf32 = 13;
    sfixed64 sf64 = 14; sint32 si32 = 15; sint64 si64 = 16; repeated int32 ri = 17; repeated string rs = 18;
    map<string, string> mss = 19; map<int32, Author> mia = 20; map<bool, Kind> mbk = 21; Every every = 22;
    repeated Kind re = 23;
    google.protobuf.Timestamp time = 31; google.protobuf.Duration duration = 32; google.protobuf.FieldMask mask = 33;
    google.protobuf.Struct struct = 34; google.protobuf.Value value = 35; google.protobuf.ListValue list = 36;
    google.protobuf.Any any = 37; google.protobuf.DoubleValue wd = 41; google.protobuf.FloatValue wf = 42;
    google.protobuf.Int64Value wi64 = 43; google.protobuf.UInt64Value wu64 = 44; google.protobuf.Int32Value wi32 = 45;
    google.protobuf.UInt32Value wu32 = 46; google.protobuf.BoolValue wb = 47; google.protobuf.StringValue ws = 48;
    google.protobuf.BytesValue wby = 49; repeated google.protobuf.Value rv = 50; google.protobuf.NullValue nil = 51;
    map<string, google.protobuf.Value> mv = 52; repeated google.protobuf.Timestamp rt = 53;
    oneof one { string one_s = 61; Author one_a = 62; google.protobuf.Int32Value one_w = 63; }
    optional int32 opt = 64; }
  message Upload { string name = 1; google.api.HttpBody body = 2; }
  message Nothing {}
  service Books {
    rpc Get(GetBook) returns (Book) { option (google.api.http) = { get: "/shelves/{shelf}/books/{book}" }; }
    rpc Create(CreateBook) returns (Book) { option (google.api.http) = { post: "/shelves/{shelf}/books" body: "book"
      additional_bindings { put: "/create/{book.id}" body: "*" } additional_bindings { get: "/create" }
      additional_bindings { custom { kind: "REPORT" path: "/create" } body: "*" }
      additional_bindings { patch: "/author/{shelf}" body: "book.author" } }; }
    rpc Named(GetBook) returns (Book) { option (google.api.http) = { get: "/named/{name=shelves/*/books/*}"
      additional_bindings { get: "/open/{name=**}" } additional_bindings { get: "/open/{name=**}/end" }
      additional_bindings { get: "/one/{name=*}" } additional_bindings { get: "/verb/{name=*}:check" }
      additional_bindings { delete: "/named/{name=shelves/*}" } }; }
    rpc Literal(Nothing) returns (Book) { option (google.api.http) = { get: "/shelves/all/books/newest" }; }
    rpc Auto(GetBook) returns (Book);
    rpc Echo(Every) returns (Every) { option (google.api.http) = { post: "/echo" body: "*"
      additional_bindings { get: "/echo" } additional_bindings { post: "/echo/{every.s}/{i32}" body: "*" }
      additional_bindings { post: "/list" body: "ri" } additional_bindings { post: "/time" body: "time" }
      additional_bindings { post: "/value" body: "value" } }; }
    rpc List(GetBook) returns (stream Book) { option (google.api.http) = { get: "/list/{shelf}" }; }
    rpc Add(stream Book) returns (Book) { option (google.api.http) = { post: "/add" body: "*" }; }
    rpc Chat(stream Book) returns (stream Book) { option (google.api.http) = { post: "/chat" body: "*" }; }
    rpc Put(Upload) returns (google.api.HttpBody) { option (google.api.http) = { post: "/put/{name}" body: "body" }; }
    rpc Whole(google.api.HttpBody) returns (google.api.HttpBody) {
      option (google.api.http) = { post: "/whole" body: "*" }; }
    rpc Pour(stream google.api.HttpBody) returns (stream google.api.HttpBody) {
      option (google.api.http) = { post: "/pour" body: "*" }; }
    rpc Inner(Nothing) returns (Upload) { option (google.api.http) = { get: "/inner" response_body: "body" }; }
  }`;

export const bookstore: Uint8Array = descriptorSet([...wellKnownProtos, { name: 'b.proto', text }]);

/** Bytes of fields: `field(1, 'text')`, `field(2, 7)`, `field(3, field(...))`; numbers as varints. */
export function field(number: number, value: string | number): string {
  if (typeof value === 'number') return varint(number * 8) + varint(value);
  return varint(number * 8 + 2) + varint(value.length) + value;
}
export function varint(value: number): string {
  let text = '', rest = value;
  for (; rest > 127; rest = Math.floor(rest / 128)) text += String.fromCharCode((rest % 128) | 128);
  return text + String.fromCharCode(rest);
}

/** A message with its header. */
export const frame = (message: string, flag = 0): string => String.fromCharCode(flag, message.length >>> 24,
  (message.length >> 16) & 255, (message.length >> 8) & 255, message.length & 255) + message;

/** A chunked answer with these bytes in its chunks, and trailers. */
export const grpcAnswer = (chunks: readonly string[], trailers: readonly string[] = ['grpc-status: 0'],
  headers: readonly string[] = []): string => ['HTTP/1.1 200 OK', 'content-type: application/grpc',
  'transfer-encoding: chunked', ...headers, '', `${chunks.map((chunk) =>
    `${chunk.length.toString(16)}\r\n${chunk}\r\n`).join('')}0`, ...trailers, '', ''].join('\r\n');

/** A response that is all head. */
export const trailersOnly = (...headers: string[]): string => ['HTTP/1.1 200 OK', 'content-type: application/grpc',
  'content-length: 0', ...headers, '', ''].join('\r\n');

/** A service of proto2: required fields, defaults, groups of none. */
export const ledger: Uint8Array = descriptorSet([...wellKnownProtos, { name: 'l.proto',
  text: `syntax = "proto2"; package l;
  enum Side { DEBIT = 3; CREDIT = 4; }
  message Entry { required int32 id = 1; optional string text = 2 [default = "none"]; optional Side side = 3;
    required Inner inner = 4; repeated Inner more = 5; repeated int32 numbers = 6; optional bytes raw = 7;
    oneof place { string shelf = 8; int32 box = 9; } map<string, Inner> by = 10; }
  message Inner { required string name = 1; optional int64 sum = 2 [default = 7]; }
  service Ledger { rpc Put(Entry) returns (Entry) { option (google.api.http) = { post: "/entry/{id}" body: "*"
    additional_bindings { post: "/entry" body: "*" } additional_bindings { get: "/entry" } }; } }` }]);
