// HTTP/2 to endpoints: whole exchanges from HTTP/1.1 and HTTP/2 clients, how connections are shared, how they end.
import { request as request1 } from 'node:http';
import type { IncomingHttpHeaders } from 'node:http';
import { constants, sensitiveHeaders } from 'node:http2';
import { setTimeout as sleep } from 'node:timers/promises';
import t from 'tap';
import { bootstrap, routeTo } from '../support/bootstrap.js';
import { answerOf, echo, Http2Client, Http2Upstream, speaksHttp2 } from '../support/http2.js';
import { freePort } from '../support/ports.js';
import { Proxy, weftKinds } from '../support/proxy.js';

interface Answer1 { status: number; headers: IncomingHttpHeaders; trailers: NodeJS.Dict<string>; body: Buffer }

function ask1(port: number, method: string, path: string, body: Buffer | null = null,
  headers: Record<string, string> = {}, trailers: Record<string, string> | null = null): Promise<Answer1> {
  return new Promise((resolve, reject) => {
    const request = request1({ port, host: '127.0.0.1', method, path, headers, agent: false }, (response) => {
      const pieces: Buffer[] = [];
      response.on('data', (data: Buffer) => pieces.push(data)).on('error', reject).on('end', () => {
        resolve({ status: response.statusCode ?? 0, headers: response.headers, trailers: response.trailers,
          body: Buffer.concat(pieces) });
      });
    });
    request.on('error', reject);
    if (trailers !== null) request.addTrailers(trailers);
    request.end(body ?? undefined);
  });
}

const route = (path: string, cluster: string, fields: Record<string, unknown> = {}): object => ({
  match: { prefix: path }, route: { cluster, ...fields } });

for (const kind of weftKinds) {
  t.test(kind, async (t) => {
    const upstream = await Http2Upstream.start(await freePort());
    const few = await Http2Upstream.start(await freePort(), { maxConcurrentStreams: 4 });
    const port = await freePort(), adminPort = await freePort();
    const proxy = await Proxy.start(kind, adminPort, (folder) => bootstrap(adminPort, [{ name: 'in', port,
      logFile: `${folder}/in.log`,
      manager: { upgrade_configs: [{ upgrade_type: 'websocket' }],
        http_protocol_options: { enable_trailers: true },
        http2_protocol_options: { allow_connect: true } },
      routes: [route('/few', 'few'), route('/thrice', 'thrice'),
        route('/retry', 'main', { retry_policy: { retry_on: 'refused-stream', num_retries: 2 } }),
        routeTo('main')] }],
    [{ name: 'main', ports: [upstream.port], fields: speaksHttp2({ allow_connect: true }) as Record<string, unknown> },
      { name: 'few', ports: [few.port], fields: speaksHttp2() as Record<string, unknown> },
      { name: 'thrice', ports: [upstream.port],
        fields: speaksHttp2({}, { max_requests_per_connection: 3 }) as Record<string, unknown> }]));
    const client = await Http2Client.open(port);
    t.teardown(async () => {
      client.close();
      await proxy.stop();
      await upstream.stop();
      await few.stop();
    });

    await t.test('an HTTP/1.1 client: methods, bodies, names', async (t) => {
      const plain = await ask1(port, 'GET', '/a?b=c', null, { host: 'example.org' });
      t.equal(plain.status, 200);
      t.match(plain.headers, { 'x-method': 'GET', 'x-path': '/a?b=c', 'x-authority': 'example.org' });
      t.equal(plain.headers['transfer-encoding'] ?? plain.headers['content-length'], 'chunked');
      const short = await ask1(port, 'POST', '/b', Buffer.from('hello'));
      t.equal(short.body.toString(), 'hello');
      const long = Buffer.alloc(3_000_000, 'x');
      t.ok((await ask1(port, 'POST', '/c', long)).body.equals(long));
      const head = await ask1(port, 'HEAD', '/d');
      t.match([head.status, head.headers['x-method'], head.body.length], [200, 'HEAD', 0]);
      t.equal(upstream.openSessions, 1);
    });

    await t.test('what must never be indexed is told on both ways (RFC 7541 7.1.3)', async (t) => {
      let sensitive: string[] = [];
      upstream.serve = ({ stream, headers }) => {
        sensitive = (headers as unknown as Record<symbol, string[]>)[sensitiveHeaders] ?? [];
        stream.respond({ ':status': 200, 'x-answer': 'secret', 'x-open': String(headers['x-token']),
          [sensitiveHeaders]: ['x-answer'] } as never);
        stream.end();
      };
      for (let i = 0; i < 3; i++) {
        const told = await new Promise<{ value: unknown; marked: string[] }>((resolve) => {
          const request = client.session.request({ ':path': '/marks', 'x-token': 'of one', 'x-other': 'of all',
            [sensitiveHeaders]: ['x-token'] } as never);
          request.on('response', (headers) => {
            resolve({ value: headers['x-open'],
              marked: (headers as unknown as Record<symbol, string[]>)[sensitiveHeaders] ?? [] });
          });
          request.resume();
        });
        t.same(sensitive, ['x-token']);
        t.same(told, { value: 'of one', marked: ['x-answer'] });
      }
      upstream.serve = ({ stream, headers }) => {
        stream.respond({ ':status': 200, 'x-answer': 'secret', 'x-open': String(headers.authorization),
          [sensitiveHeaders]: ['x-answer'] } as never);
        sensitive = (headers as unknown as Record<symbol, string[]>)[sensitiveHeaders] ?? [];
        stream.end();
      };
      const plain = await ask1(port, 'GET', '/marks', null, { authorization: 'basic abc' });
      t.same(sensitive, ['authorization']);
      t.match(plain.headers, { 'x-answer': 'secret', 'x-open': 'basic abc' });
      upstream.reset();
    });

    await t.test('an HTTP/1.1 client: trailers both ways', async (t) => {
      upstream.serve = ({ stream }) => {
        let seen: IncomingHttpHeaders = {};
        stream.on('trailers', (trailers: IncomingHttpHeaders) => { seen = trailers; });
        stream.on('data', () => undefined).on('end', () => {
          stream.respond({ ':status': 200 }, { waitForTrailers: true });
          stream.on('wantTrailers', () => { stream.sendTrailers({ 'x-seen': String(seen['x-sum']), 'x-b': '2' }); });
          stream.end('body');
        });
      };
      const answer = await ask1(port, 'POST', '/t', Buffer.from('abc'),
        { 'transfer-encoding': 'chunked', trailer: 'x-sum', te: 'trailers' }, { 'x-sum': '77' });
      t.equal(answer.body.toString(), 'body');
      t.match(answer.trailers, { 'x-b': '2' });
      upstream.reset();
    });

    await t.test('an HTTP/2 client: bodies and trailers', async (t) => {
      const answer = await client.ask({ ':path': '/x', ':method': 'POST' }, 'abc');
      t.match([answer.status, answer.body.toString(), answer.headers['x-path']], [200, 'abc', '/x']);
      upstream.serve = ({ stream }) => {
        stream.on('trailers', (trailers: IncomingHttpHeaders) => {
          stream.respond({ ':status': 200 }, { waitForTrailers: true });
          stream.on('wantTrailers', () => {
            stream.sendTrailers({ 'grpc-status': '0', 'x-got': String(trailers['x-t']) });
          });
          stream.end('r');
        });
        stream.resume();
      };
      const both = await client.ask({ ':path': '/y', ':method': 'POST', te: 'trailers' }, 'q', { 'x-t': 'yes' });
      t.match([both.status, both.body.toString(), both.trailers], [200, 'r', { 'grpc-status': '0', 'x-got': 'yes' }]);
      upstream.reset();
      const long = Buffer.alloc(5_000_000, 'y');
      t.ok((await client.ask({ ':path': '/z', ':method': 'POST' }, long)).body.equals(long));
    });

    await t.test('both directions at once, the response first', async (t) => {
      upstream.serve = ({ stream }) => {
        stream.respond({ ':status': 200 });
        stream.on('data', (data: Buffer) => { stream.write(`<${data.toString()}>`); });
        stream.on('end', () => { stream.end(); });
      };
      const stream = client.session.request({ ':path': '/bidi', ':method': 'POST' });
      const answer = answerOf(stream);
      await new Promise<void>((resolve) => { stream.on('response', () => { resolve(); }); stream.write('1'); });
      await new Promise<void>((resolve) => { stream.once('data', () => { resolve(); }); });
      stream.write('2');
      await sleep(30);
      stream.end('3');
      t.equal((await answer).body.toString().replaceAll('><', ''), '<123>');
      upstream.reset();
    });

    await t.test('a thousand streams on one connection', async (t) => {
      const before = await proxy.stat('cluster.main.upstream_cx_total');
      const answers = await Promise.all(Array.from({ length: 1000 }, (_, i) =>
        client.ask({ ':path': `/n${i}`, ':method': 'POST' }, `body ${i}`)));
      t.ok(answers.every(({ status, body }, i) => status === 200 && body.toString() === `body ${i}`));
      const opened = (await proxy.stat('cluster.main.upstream_cx_total')) - before;
      t.ok(opened <= 10, `${opened} connections`);
      t.equal(await proxy.stat('cluster.main.upstream_cx_http2_total'), opened + before);
    });

    await t.test('no more streams than the peer allows, further connections when they are wanted', async (t) => {
      const held: (() => void)[] = [];
      await client.ask({ ':path': '/few/first' });
      few.requests = [];
      few.serve = (seen) => { held.push(() => { echo(seen); }); };
      const answers = Array.from({ length: 10 }, (_, i) => client.ask({ ':path': `/few/${i}` }));
      for (let i = 0; i < 100 && held.length < 10; i++) await sleep(20);
      t.equal(held.length, 10);
      t.equal(few.openSessions, 3);
      for (const release of held) release();
      t.ok((await Promise.all(answers)).every(({ status }) => status === 200));
      few.reset();
    });

    await t.test('max_requests_per_connection', async (t) => {
      const before = await proxy.stat('cluster.thrice.upstream_cx_total');
      for (let i = 0; i < 7; i++) t.equal((await client.ask({ ':path': '/thrice' })).status, 200);
      t.equal((await proxy.stat('cluster.thrice.upstream_cx_total')) - before, 3);
      t.equal(await proxy.untilStat('cluster.thrice.upstream_cx_max_requests', 2), 2);
    });

    await t.test('the upstream resets: before its answer, and within it', async (t) => {
      upstream.serve = ({ stream }) => { stream.close(constants.NGHTTP2_INTERNAL_ERROR); };
      const before = await ask1(port, 'GET', '/reset');
      t.match([before.status, before.body.toString()],
        [503, 'upstream connect error or disconnect/reset before headers. reset reason: remote reset']);
      upstream.serve = ({ stream }) => {
        stream.respond({ ':status': 200 });
        stream.write('part');
        setTimeout(() => { stream.destroy(new Error('cut')); }, 30);
      };
      await t.rejects(ask1(port, 'GET', '/cut'));
      const cut = await client.ask({ ':path': '/cut2' });
      t.match([cut.status, cut.body.toString()], [200, 'part']);
      t.not(cut.code, 0);
      const wanted = '|503|UR|upstream_reset_before_response_started{remote_reset}';
      const isWanted = (line: string): boolean => line.includes('/reset|') && line.includes(wanted);
      let lines: string[] = [];
      for (let i = 0; i < 100 && !lines.some(isWanted); i++) {
        await sleep(20);
        lines = await proxy.logLines('in', 1);
      }
      t.ok(lines.some(isWanted), lines.filter((line) => line.includes('/reset')).join());
      upstream.reset();
      t.equal((await client.ask({ ':path': '/after' })).status, 200);
    });

    await t.test('REFUSED_STREAM is sent again', async (t) => {
      let times = 0;
      upstream.serve = (seen) => {
        if (times++ < 1) seen.stream.close(constants.NGHTTP2_REFUSED_STREAM); else echo(seen);
      };
      t.equal((await client.ask({ ':path': '/retry', ':method': 'POST' }, 'again')).body.toString(), 'again');
      t.equal(times, 2);
      upstream.reset();
    });

    await t.test('GOAWAY: what was not looked at goes to another connection, the rest is finished', async (t) => {
      const sessions = upstream.sessions.length;
      upstream.serve = (seen) => {
        seen.session.goaway(0);
        setTimeout(() => { echo(seen); }, 60);
      };
      const first = client.ask({ ':path': '/going' });
      await sleep(40);
      upstream.serve = echo;
      t.equal((await client.ask({ ':path': '/next' })).status, 200);
      t.equal((await first).status, 200);
      t.ok(upstream.sessions.length > sessions);
      t.ok((await proxy.stat('cluster.main.upstream_cx_close_notify')) > 0);
    });

    await t.test('the client gives up: the upstream hears of it', async (t) => {
      const code = new Promise<number>((resolve) => {
        upstream.serve = ({ stream }) => {
          stream.on('close', () => { resolve(stream.rstCode ?? -1); });
          stream.resume();
        };
      });
      const stream = client.session.request({ ':path': '/gone' });
      stream.on('error', () => undefined);
      await sleep(50);
      stream.close(constants.NGHTTP2_CANCEL);
      t.equal(await code, constants.NGHTTP2_CANCEL);
      upstream.reset();
      t.equal(await proxy.untilStat('http.in.downstream_rq_active', 0), 0);
    });

    await t.test('the connection is lost', async (t) => {
      upstream.serve = ({ session }) => { session.destroy(); };
      const answer = await client.ask({ ':path': '/lost' });
      t.equal(answer.status, 503);
      upstream.reset();
      t.equal((await client.ask({ ':path': '/found' })).status, 200);
    });

    await t.test('interim responses', async (t) => {
      upstream.serve = ({ stream }) => {
        stream.additionalHeaders({ ':status': 103, link: '</a>' });
        stream.respond({ ':status': 200 });
        stream.end('x');
      };
      const answer = await client.ask({ ':path': '/early' });
      t.match([answer.status, answer.interim], [200, [103]]);
      upstream.reset();
    });

    await t.test('answers without bodies', async (t) => {
      upstream.serve = ({ stream, headers }) => {
        stream.respond({ ':status': headers[':path'] === '/204' ? 204 : 304 });
        stream.end();
      };
      t.equal((await client.ask({ ':path': '/204' })).status, 204);
      t.equal((await ask1(port, 'GET', '/304')).status, 304);
      t.equal((await ask1(port, 'GET', '/204')).status, 204);
      upstream.reset();
    });

    await t.test('a reader that stops holds its own stream up, and no other', async (t) => {
      upstream.serve = (seen) => {
        if (seen.headers[':path'] !== '/huge') { echo(seen); return; }
        seen.stream.respond({ ':status': 200 });
        seen.stream.end(Buffer.alloc(20_000_000, 'h'));
      };
      const slow = client.session.request({ ':path': '/huge' });
      await new Promise<void>((resolve) => { slow.once('response', () => { resolve(); }); });
      for (let i = 0; i < 50; i++)
        t.equal((await client.ask({ ':path': '/quick', ':method': 'POST' }, 'q')).status, 200);
      t.equal((await answerOf(slow)).body.length, 20_000_000);
      upstream.reset();
    });

    await t.test('everything is given back', async (t) => {
      t.equal(await proxy.untilStat('cluster.main.upstream_rq_active', 0), 0);
      t.equal(await proxy.untilStat('cluster.main.http2.streams_active', 0), 0);
      t.equal(await proxy.untilStat('cluster.few.upstream_rq_pending_active', 0), 0);
      t.equal(await proxy.stat('server.weft.exceptions') , 0);
    });
  });
}
