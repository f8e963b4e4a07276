// grpc_json_transcoder in process: a request that it passes, one that it takes, a message each way.
import type { GrpcJsonTranscoderFilter } from '../src/config/http-filters.js';
import { Transcoder } from '../src/transcode/transcoder.js';
import { bookstore, field, frame } from '../test/differential/bookstore.js';
import { bench } from './bench.js';

const config: GrpcJsonTranscoderFilter = { kind: 'grpcJsonTranscoder',
  descriptor: Buffer.from(bookstore).toString('base64'),
  services: ['b.Books'], print: { addWhitespace: false, printPrimitives: false, enumsAsInts: false,
    preserveNames: false,
    newlineDelimited: false, sseDelimited: false }, matchIncomingRequestRoute: false, autoMapping: false,
  ignoredQueryParameters: [], ignoreUnknownQueryParameters: false, captureUnknownQueryParameters: false,
  convertGrpcStatus: false, urlUnescapeSpec: 'exceptReserved', queryParamUnescapePlus: false,
  matchUnregisteredCustomVerb: false, caseInsensitiveEnumParsing: false, rejectUnknownMethod: false,
  rejectUnknownQueryParameters: false, rejectBindingBodyFieldCollisions: false, maxRequestBytes: null,
    maxResponseBytes: null };

const finding = (name: string, path: string) => bench({
  name,
  setup: () => ({ transcoder: new Transcoder(config), bytes: Buffer.from(path) }),
  run: ({ transcoder, bytes }, iterations) => {
    let found = 0;
    for (let turn = 0; turn < iterations; turn++) if (transcoder.find('GET', bytes, 0, bytes.length) !== null) found++;
    return found;
  },
});

const json = Buffer.from(JSON.stringify({ id: '7', title: 'The Real Life of Sebastian Knight', author: { name: 'V. N.',
  bornYear: 1899 },
  tags: ['novel', 'chess'], kind: 'NOVEL', price: 12.5, copies: { main: 3 } }));
const message = Buffer.from(frame(field(1, 7) + field(2, 'The Real Life of Sebastian Knight') + field(3, field(1,
  'V. N.')
  + field(2, 1899)) + field(4, 'novel') + field(4, 'chess') + field(5, 1) + field(9, field(1, 'main') + field(2, 3))),
    'latin1');

export const benches = [
  finding('a path that no template takes', '/static/some/file.js?v=12'),
  finding('a path that a template takes', '/shelves/fiction/books/12?filter.title=x'),
  bench({
    name: 'a request of 160 bytes of JSON',
    bytes: json.length,
    setup: () => {
      const transcoder = new Transcoder(config), path = Buffer.from('/shelves/fiction/books');
      return { transcoder, call: transcoder.find('POST', path, 0, path.length)! };
    },
    run: ({ transcoder, call }, iterations) => {
      let bytes = 0;
      for (let turn = 0; turn < iterations; turn++) bytes += transcoder.request(call, '').take(json).length;
      return bytes;
    },
  }),
  bench({
    name: 'a response of 80 bytes of protobuf',
    bytes: message.length,
    setup: () => {
      const transcoder = new Transcoder(config), path = Buffer.from('/shelves/fiction/books/1');
      return { transcoder, call: transcoder.find('GET', path, 0, path.length)! };
    },
    run: ({ transcoder, call }, iterations) => {
      let bytes = 0;
      for (let turn = 0; turn < iterations; turn++) bytes += transcoder.response(call).take(message).length;
      return bytes;
    },
  }),
  bench({
    name: 'compiling a configuration of 30 messages',
    setup: () => config,
    run: (state, iterations) => {
      let last = null;
      for (let turn = 0; turn < iterations; turn++) last = new Transcoder(state);
      return last;
    },
  }),
];
