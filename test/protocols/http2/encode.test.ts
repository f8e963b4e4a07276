// Canonical heads and trailers into frames, on every build: what the decoder makes of them again, what is left out, how
// blocks are cut, what the encoder's table learns and how it follows the peer's.
import t from 'tap';
import { H2Type } from '../../../src/core/generated/layouts.js';
import { codecBuilds } from '../../support/wasm.js';
import { Http2Codec, wideLimits, type EncodeOptions, type SectionKind } from './codec.js';

const PEER = 0, OURS = 2;       // places of the tables
const END_STREAM = 1, END_HEADERS = 4;

/** The header block in HEADERS and CONTINUATION frames, whose headers are checked. */
function blockIn(t: Pick<typeof import('tap').default, 'equal' | 'ok'>, codec: Http2Codec, frames: Buffer,
    { streamId = 1, endStream = false, maxFrame = 16384 }: EncodeOptions): Buffer {
  const pieces: Buffer[] = [];
  for (let rest = frames; rest.length > 0;) {
    const frame = codec.frame(rest, maxFrame);
    if (frame.result <= 0) throw new Error(`no frame: ${frame.result}, ${frame.code}`);
    const first = pieces.length === 0, last = frame.result === rest.length;
    const wanted = [first ? H2Type.headers : H2Type.continuation, streamId,
      (first && endStream ? END_STREAM : 0) | (last ? END_HEADERS : 0)].join();
    const found = [frame.type, frame.streamId, frame.flags].join();
    if (found !== wanted) t.equal(found, wanted, 'type, stream, flags');
    pieces.push(frame.payload);
    rest = rest.subarray(frame.result);
  }
  return Buffer.concat(pieces);
}

for (const build of codecBuilds) {
  const codec = new Http2Codec(build);
  const reset = (capacity = 4096) => { codec.resetTable(capacity, PEER); codec.resetTable(capacity, OURS, 1); };
  /** What the peer reads when `text` is sent. */
  const sent = (t: Pick<typeof import('tap').default, 'equal' | 'ok'>, kind: SectionKind, text: string,
      options: EncodeOptions = {}) => {
    const frames = codec.encode(kind, text, options, OURS);
    if (frames === null) return { text: 'refused', reason: '', flags: [] as string[], block: Buffer.alloc(0) };
    const block = blockIn(t, codec, frames, kind === 'trailers' ? { ...options, endStream: true } : options);
    return { ...codec.section(kind, block, wideLimits, { allowExtendedConnect: true }, PEER), block };
  };

  t.test(`${build}: what must never be indexed stays so, from block to block`, async (t) => {
    reset();
    const never = Buffer.from('1003782d6b0376616c', 'hex');          // x-k: val, literal never indexed
    const head = Buffer.from('828644022f61410161', 'hex');
    const got = codec.section('request', Buffer.concat([head, never]), wideLimits, {}, PEER);
    t.match(got.text, /\r\nx-k:  val\r\n/, 'told by a second space');
    for (let i = 0; i < 3; i++) {
      const { block } = sent(t, 'request', 'GET /a HTTP/1.1\r\nhost: a\r\nx-k:  val\r\nx-l: val\r\n\r\n');
      t.ok(block.includes(never));
    }
  });

  t.test(`${build}: requests`, async (t) => {
    const head = 'GET /a?b HTTP/1.1\r\nhost: example.com:8080\r\n';
    const cases: [name: string, text: string, read?: string][] = [
      ['the least', `${head}\r\n`],
      ['fields', `${head}accept: */*\r\nx-custom: ${'v'.repeat(200)}\r\nempty: \r\n` +
        'accept-encoding: gzip, deflate\r\n\r\n'],
      ['post', 'POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 5\r\n\r\n'],
      ['another method', 'PURGE / HTTP/1.1\r\nhost: a\r\n\r\n'],
      ['OPTIONS *', 'OPTIONS * HTTP/1.1\r\nhost: a\r\n\r\n'],
      ['CONNECT', 'CONNECT a:443 HTTP/1.1\r\nhost: a:443\r\n\r\n'],
      ['host behind', 'GET / HTTP/1.1\r\nx: y\r\nhost: a\r\n\r\n', 'GET / HTTP/1.1\r\nhost: a\r\nx: y\r\n\r\n'],
      ['absolute form', 'GET http://b/c HTTP/1.1\r\nhost: a\r\n\r\n', 'GET /c HTTP/1.1\r\nhost: b\r\n\r\n'],
      ['absolute form without path', 'GET http://b HTTP/1.1\r\nhost: a\r\n\r\n', 'GET / HTTP/1.1\r\nhost: b\r\n\r\n'],
      ['fields of the connection', `${head}connection: keep-alive\r\nkeep-alive: 1\r\nproxy-connection: x\r\nx: y\r\n` +
        'transfer-encoding: chunked\r\nhttp2-settings: AAA\r\nupgrade: h2c\r\n\r\n', `${head}x: y\r\n\r\n`],
      ['te', `${head}te: gzip, trailers;q=1\r\nx: y\r\n\r\n`, `${head}te: trailers\r\nx: y\r\n\r\n`],
      ['te without trailers', `${head}te: gzip\r\n\r\n`, `${head}\r\n`],
      ['names in upper case', `${head}X-Y: Z\r\n\r\n`, `${head}x-y: Z\r\n\r\n`],
      ['spaces around values', `${head}x:   a b\t\r\n\r\n`, `${head}x: a b\r\n\r\n`],
      ['an upgrade to one of several', `${head}connection: upgrade\r\nupgrade: a, b\r\n\r\n`, `${head}\r\n`],
      ['an upgrade of OPTIONS *', 'OPTIONS * HTTP/1.1\r\nhost: a\r\nconnection: upgrade\r\nupgrade: a\r\n\r\n',
        'OPTIONS * HTTP/1.1\r\nhost: a\r\n\r\n'],
      ['an upgrade', `${head}connection: Upgrade\r\nupgrade: websocket\r\nsec-websocket-key: k\r\n\r\n`,
        `${head}connection: upgrade\r\nupgrade: websocket\r\nsec-websocket-key: k\r\n\r\n`],
      ['credentials', `${head}authorization: Basic eA==\r\ncookie: a=b; c=d\r\nproxy-authorization: x\r\n\r\n`],
      ['no head', 'GET\r\n\r\n', 'refused'],
      ['no host', 'GET / HTTP/1.1\r\n\r\n', 'refused'],
    ];
    for (const [name, text, read] of cases) {
      reset();
      for (let times = 0; times < 3; times++) t.equal(sent(t, 'request', text).text, read ?? text, name);
    }
    reset();
    t.same(sent(t, 'request', `${head}\r\n`, { https: true }).flags, ['https']);
    t.same(sent(t, 'request', `${head}\r\n`, { endStream: true, streamId: 0x7fffffff }).text, `${head}\r\n`);
  });

  t.test(`${build}: responses and trailers`, async (t) => {
    reset();
    for (const status of [100, 103, 200, 204, 206, 302, 304, 400, 404, 500, 503, 599]) {
      const text = `HTTP/1.1 ${status} \r\nserver: x\r\n\r\n`;
      t.equal(sent(t, 'response', text.replace(' \r\n', ' Because\r\n')).text, text);
    }
    t.equal(sent(t, 'response', 'HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: websocket\r\n' +
      'sec-websocket-accept: x\r\n\r\n').text, 'HTTP/1.1 200 \r\nsec-websocket-accept: x\r\n\r\n');
    t.equal(sent(t, 'response', 'HTTP/1.1 200 OK\r\nset-cookie: a\r\nSet-Cookie: b\r\ntransfer-encoding: chunked\r\n' +
      'connection: close\r\n\r\n').text, 'HTTP/1.1 200 \r\nset-cookie: a\r\nset-cookie: b\r\n\r\n');
    t.equal(sent(t, 'response', 'HTTP/1.1 20').text, 'refused');
    t.equal(sent(t, 'trailers', 'grpc-status: 0\r\nGrpc-Message:   ok \r\ntransfer-encoding: x\r\n').text,
      'grpc-status: 0\r\ngrpc-message: ok\r\n');
    t.equal(sent(t, 'trailers', '').text, '');
    for (const text of ['x', 'x: y', 'x: y\r', ': y\r\n', 'x y: z\r\n', 'x: y\n'])
      t.equal(sent(t, 'trailers', text).text, 'refused', JSON.stringify(text));
  });

  t.test(`${build}: blocks larger than a frame`, async (t) => {
    for (const bytes of [0, 1, 100, 16360, 16384, 16390, 32768, 50000]) {
      for (const maxFrame of [16384, 20000]) {
        reset();
        const text = `GET / HTTP/1.1\r\nhost: a\r\nx: ${'\x7e\xff'.repeat(bytes / 2)}${'z'.repeat(bytes % 2)}\r\n\r\n`;
        const read = sent(t, 'request', text, { maxFrame, endStream: true, streamId: 5 });
        t.equal(read.text, text, `${bytes}, ${maxFrame}`);
      }
    }
    for (let bytes = 16300; bytes < 16400; bytes++) {
      reset();
      const text = `x: ${'\xff'.repeat(bytes)}\r\n`;
      const read = sent(t, 'trailers', text);
      if (read.text !== text) t.fail(`${bytes} bytes`);
    }
  });

  t.test(`${build}: what repeats is indexed, secrets are not`, async (t) => {
    reset();
    const request = (id: number) => `GET /${id} HTTP/1.1\r\nhost: orders.mesh.local\r\nuser-agent: client/1.0\r\n` +
      `x-request-id: ${id}-${'0123456789abcdef'.repeat(2)}\r\nx-tenant: blue\r\n` +
      `authorization: Bearer ${'t'.repeat(50)}\r\n\r\n`;
    const sizes = [1, 2, 3, 4, 5, 6, 7, 8].map((id) => {
      const read = sent(t, 'request', request(id));
      t.equal(read.text, request(id));
      t.equal(read.block.includes(Buffer.from([0x1f, 0x08])), true, 'authorization is never indexed');
      return read.block.length;
    });
    t.ok(sizes[1] > sizes[2], 'the third time it is an index');
    const path = 1 + 1 + 2, id = 2 + 1 + 34, secret = 2 + 1 + 57;
    t.equal(sizes[7], path + id + secret + 5, 'five fields are an index each');
  });

  t.test(`${build}: the table follows the peer's`, async (t) => {
    reset();
    const text = (id: number) =>
      `HTTP/1.1 200 \r\na: ${id % 7}\r\nb: ${'x'.repeat(id % 90)}\r\nc-${id % 5}: ${id % 3}\r\n\r\n`;
    const changes = [[100], [0, 4096], [4096], [0], [70, 4096], [33], [4096, 100], [500, 200], [2000], [0, 0, 4096]];
    for (let id = 0; id < 400; id++) {
      if (id % 40 === 0) {
        for (const bytes of changes[id / 40]) for (const which of [PEER, OURS]) codec.resizeTable(bytes, which);
      }
      const read = sent(t, 'response', text(id));
      if (read.text !== text(id)) t.fail(`${id}: ${read.reason} ${read.text}`);
    }
    reset(65536);
    for (const which of [PEER, OURS]) codec.resizeTable(0x7fffffff, which);
    for (let id = 0; id < 3000; id++) {
      const wide = `HTTP/1.1 200 \r\na: ${'y'.repeat(id % 500)}\r\nn-${id % 900}: ${id % 100}\r\n\r\n`;
      const read = sent(t, 'response', wide);
      if (read.text !== wide) t.fail(`${id}: ${read.reason} ${read.text}`);
    }
  });
}
