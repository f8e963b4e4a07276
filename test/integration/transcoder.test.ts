// grpc_json_transcoder in front of an upstream that speaks gRPC over HTTP/2, for clients of both protocols: streams
// that
// go on while they are translated, retries, failures within a call, bodies of every length.
import type { ServerHttp2Stream } from 'node:http2';
import { setTimeout as sleep } from 'node:timers/promises';
import t from 'tap';
import { bookstore, field, frame } from '../differential/bookstore.js';
import { withRouter } from '../differential/scenario.js';
import { bootstrap, routeTo } from '../support/bootstrap.js';
import { RawClient } from '../support/client.js';
import { answerOf, Http2Client, Http2Upstream, speaksHttp2 } from '../support/http2.js';
import { freePort } from '../support/ports.js';
import { Proxy, weftKinds } from '../support/proxy.js';

const bytes = (text: string): Buffer => Buffer.from(text, 'latin1');
const begin = (stream: ServerHttp2Stream): void => stream.respond({ ':status': 200,
  'content-type': 'application/grpc' },
  { waitForTrailers: true });
function finish(stream: ServerHttp2Stream, status: number, message = ''): void {
  stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': String(status),
    ...(message === '' ? {} : { 'grpc-message': message }) }));
  stream.end();
}
function answerWith(message: string, status = 0): (seen: { stream: ServerHttp2Stream }) => void {
  return ({ stream }) => {
    stream.resume();
    begin(stream);
    stream.write(bytes(frame(message)));
    finish(stream, status, status === 0 ? '' : 'why');
  };
}
const onlyHead = (status: number): ((seen: { stream: ServerHttp2Stream }) => void) => ({ stream }) => stream.respond({
  ':status': 200, 'content-type': 'application/grpc', 'grpc-status': String(status), 'grpc-message': 'no%21' },
{ endStream: true });
const post = (path: string, more: object = {}): Record<string, string> =>
  ({ ':method': 'POST', ':path': path, 'content-type': 'application/json', ...more });

for (const kind of weftKinds) {
  t.test(kind, async (t) => {
    const upstream = await Http2Upstream.start(await freePort());
    const port = await freePort(), adminPort = await freePort();
    const transcoder = withRouter({ name: 'w', type: 'grpc_web.v3.GrpcWeb' }, { name: 't',
      type: 'grpc_json_transcoder.v3.GrpcJsonTranscoder', config: {
      proto_descriptor_bin: Buffer.from(bookstore).toString('base64'), services: ['b.Books'],
      max_request_body_size: 8_000_000, max_response_body_size: 8_000_000, convert_grpc_status: true } });
    const retried = { match: { prefix: '/b.Books/Get' }, route: { cluster: 'main', retry_policy: {
      retry_on: 'unavailable', num_retries: 2 } } };
    const proxy = await Proxy.start(kind, adminPort, (folder) => bootstrap(adminPort, [{ name: 'in', port,
      logFile: `${folder}/in.log`, manager: transcoder as Record<string, unknown>, routes: [retried,
        routeTo('main')] }],
    [{ name: 'main', ports: [upstream.port], fields: speaksHttp2() as Record<string, unknown> }]));
    const client = await Http2Client.open(port);
    t.teardown(async () => {
      client.close();
      await proxy.stop();
      await upstream.stop();
    });
    const get = { ':path': '/shelves/a/books/1' };

    await t.test('a call of an HTTP/2 client', async (t) => {
      upstream.reset();
      upstream.serve = answerWith(field(1, 7));
      const answer = await client.ask(get);
      t.equal(answer.status, 200);
      t.equal(answer.body.toString(), '{"id":"7"}');
      t.equal(answer.headers['content-length'], '10');
      t.equal(answer.headers['grpc-status'], '0');
      t.equal(answer.trailers?.['grpc-status'], '0', 'trailers go on');
      const { headers } = upstream.requests[0]!;
      t.match(headers, { ':method': 'POST', ':path': '/b.Books/Get', 'content-type': 'application/grpc', te: 'trailers',
        'x-envoy-original-path': '/shelves/a/books/1', 'x-envoy-original-method': 'GET' });
    });

    await t.test('a status that is all head', async (t) => {
      upstream.serve = onlyHead(5);
      const answer = await client.ask(get);
      t.equal(answer.status, 404);
      t.same(JSON.parse(answer.body.toString()), { code: 5, message: 'no!' });
      t.equal(answer.headers['grpc-status'], undefined);
      const list = await client.ask({ ':path': '/list/a' });
      t.same([list.status, list.body.toString()], [404, '{"code":5,"message":"no!"}']);
    });

    await t.test('a stream of responses goes on as it comes', async (t) => {
      let inHand: ServerHttp2Stream | null = null;
      upstream.serve = ({ stream }) => {
        stream.resume();
        begin(stream);
        stream.write(bytes(frame(field(1, 1)).slice(0, 6)));
        inHand = stream;
      };
      const raw = await RawClient.open(port);
      raw.send('GET /list/a HTTP/1.1\r\nhost: a\r\n\r\n');
      await raw.until(() => raw.received.includes('\r\n\r\n'));
      inHand!.write(bytes(frame(field(1, 1)).slice(6)));
      await raw.until(() => raw.received.includes('[{"id":"1"}'));
      t.notMatch(raw.received, ']\r\n');
      inHand!.write(bytes(frame(field(1, 2))));
      await raw.until(() => raw.received.includes(',{"id":"2"}'));
      finish(inHand!, 0);
      await raw.until(() => raw.received.endsWith('0\r\n\r\n'));
      raw.send('GET /shelves/a/books/1 HTTP/1.1\r\nhost: a\r\n\r\n');
      upstream.serve = answerWith('');
      await raw.until(() => raw.received.endsWith('{}'));
      raw.close();
    });

    await t.test('both ways at once', async (t) => {
      upstream.serve = ({ stream }) => {
        begin(stream);
        stream.on('data', (data: Buffer) => stream.write(data));
        stream.on('end', () => finish(stream, 0));
      };
      const stream = client.session.request(post('/chat'));
      const answer = answerOf(stream);
      let seen = '';
      stream.on('data', (data: Buffer) => { seen += data.toString(); });
      stream.write('[{"id":1},{"id"');
      for (let tries = 0; tries < 100 && seen !== '[{"id":"1"}'; tries++) await sleep(10);
      t.equal(seen, '[{"id":"1"}');
      stream.write(':2}');
      for (let tries = 0; tries < 100 && !seen.endsWith('}'); tries++) await sleep(10);
      stream.end(']');
      t.equal((await answer).body.toString(), '[{"id":"1"},{"id":"2"}]');
    });

    await t.test('a stream of requests that breaks', async (t) => {
      let code = -1;
      upstream.serve = ({ stream }) => {
        stream.resume();
        stream.on('close', () => { code = stream.rstCode ?? -1; });
      };
      const stream = client.session.request(post('/add'));
      const answer = answerOf(stream);
      stream.write('[{"id":1},');
      await sleep(50);
      stream.end('{"id":"x"}]');
      const { status, body } = await answer;
      t.equal(status, 400);
      t.equal(body.toString(), 'id: invalid value "x" for type TYPE_INT64');
      for (let tries = 0; tries < 100 && code < 0; tries++) await sleep(10);
      t.ok(code > 0, 'the upstream is told');
    });

    await t.test('long bodies both ways', async (t) => {
      const title = 'x'.repeat(3_000_000);
      upstream.serve = ({ stream }) => {
        const pieces: Buffer[] = [];
        stream.on('data', (data: Buffer) => pieces.push(data));
        stream.on('end', () => {
          begin(stream);
          const inner = Buffer.concat(pieces).subarray(5);
          const book = inner.subarray(inner.indexOf('\x12') + 5, inner.length - 3);      // CreateBook.book
          stream.write(Buffer.concat([bytes(frame('x'.repeat(book.length))).subarray(0, 5), book]));
          finish(stream, 0);
        });
      };
      const answer = await client.ask(post('/shelves/s/books'), JSON.stringify({ title }));
      t.equal(answer.status, 200);
      t.equal(answer.body.length, title.length + 12);
    });

    await t.test('a retry, with the body again', async (t) => {
      let attempts = 0;
      upstream.reset();
      upstream.serve = (seen) => (++attempts < 3 ? onlyHead(14) : answerWith(field(1, attempts)))(seen);
      const answer = await client.ask(get);
      t.same([answer.status, answer.body.toString(), attempts], [200, '{"id":"3"}', 3]);
    });

    await t.test('the upstream fails within a response', async (t) => {
      upstream.serve = ({ stream }) => {
        stream.resume();
        begin(stream);
        stream.write(bytes(frame(field(1, 1)).slice(0, 6)), () => stream.close(2));
      };
      const answer = await client.ask(get);
      t.ok(answer.code !== 0 || answer.status === 503, 'it does not look complete');
      upstream.serve = ({ stream }) => {
        stream.resume();
        begin(stream);
        stream.write(bytes(frame('\x0b')));
        finish(stream, 0);
      };
      t.equal((await client.ask(get)).status, 502);
      t.ok((await client.ask({ ':path': '/list/a' })).code !== 0, 'a stream that has begun is cut');
    });

    await t.test('a client that goes away', async (t) => {
      let closed = 0;
      upstream.serve = ({ stream }) => {
        stream.resume();
        begin(stream);
        stream.write(bytes(frame(field(1, 1))));
        stream.on('close', () => closed++);
      };
      for (const path of ['/list/a', '/shelves/a/books/1']) {
        const raw = await RawClient.open(port);
        raw.send(`GET ${path} HTTP/1.1\r\nhost: a\r\n\r\n`);
        await sleep(50);
        raw.reset();
      }
      for (let tries = 0; tries < 100 && closed < 2; tries++) await sleep(10);
      t.equal(closed, 2);
    });

    await t.test('gRPC-Web of an HTTP/2 client', async (t) => {
      upstream.reset();
      upstream.serve = answerWith(field(1, 7));
      const answer = await client.ask({ ':method': 'POST', ':path': '/b.Books/Get', accept: 'application/grpc-web-text',
        'content-type': 'application/grpc-web-text' }, Buffer.from(frame('x'), 'latin1').toString('base64'));
      t.equal(answer.status, 200);
      t.equal(answer.headers['content-type'], 'application/grpc-web-text+proto');
      t.same(answer.trailers, null);
      const texts = answer.body.toString().match(/[^=]+=*/g)!.map((part) => Buffer.from(part,
        'base64').toString('latin1'));
      t.equal(texts.join(''), `${frame(field(1, 7))}${frame('grpc-status:0\r\n', 0x80)}`);
      t.equal(upstream.requests[0]!.headers['content-type'], 'application/grpc');
      upstream.serve = onlyHead(5);
      const failed = await client.ask({ ':method': 'POST', ':path': '/b.Books/Get',
        'content-type': 'application/grpc-web' },
        Buffer.from(frame('x'), 'latin1'));
      t.same([failed.status, failed.headers['grpc-status'], failed.body.length], [200, '5', 0]);
    });

    await t.test('many at once', async (t) => {
      upstream.serve = ({ stream }) => {
        stream.on('data', (data: Buffer) => {
          begin(stream);
          stream.write(bytes(frame(field(1, data.at(-1)!))));
          finish(stream, 0);
        });
      };
      const answers = await Promise.all(Array.from({ length: 200 }, (_, i) =>
        client.ask({ ':path': `/shelves/a/books/${i % 128}` })));
      t.same(answers.map(({ body }) => body.toString()), answers.map((_, i) =>
        i % 128 === 0 ? '{"id":"0"}' : `{"id":"${i % 128}"}`));
    });
  });
}
