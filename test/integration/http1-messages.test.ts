// HTTP/1.1 through the whole proxy, byte by byte: keep-alive, pipelining, framing, interim responses, HTTP/1.0,
// half-close.
import t from 'tap';
import { routeTo } from '../support/bootstrap.js';
import { RawClient, exchange } from '../support/client.js';
import { forEachProxy } from '../support/fixture.js';
import { headerOf, statusOf } from '../support/message.js';
import { answerOk } from '../support/upstream.js';

const GET = 'GET / HTTP/1.1\r\nHost: a.example\r\n\r\n';
const request = (line: string, ...lines: string[]): string =>
  `${line} HTTP/1.1\r\nHost: a.example\r\n${lines.map((entry) => `${entry}\r\n`).join('')}\r\n`;

void forEachProxy(
  t,
  {
    upstreams: ['up', 'trailing'],
    clusters: {
      trailing: {
        typed_extension_protocol_options: {
          'envoy.extensions.upstreams.http.v3.HttpProtocolOptions': {
            '@type': 'type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions',
            explicit_http_config: { http_protocol_options: { enable_trailers: true } },
          },
        },
      },
    },
    listeners: [
      { name: 'main', routes: [routeTo('up'), { match: { path: '*' }, route: { cluster: 'up' } }] },
      {
        name: 'ten',
        routes: [routeTo('up')],
        manager: { http_protocol_options: { accept_http_10: true, default_host_for_http_10: 'default.example' } },
      },
      {
        name: 'trailers',
        routes: [routeTo('trailing')],
        manager: { http_protocol_options: { enable_trailers: true } },
      },
      {
        name: 'case',
        routes: [routeTo('up')],
        manager: {
          http_protocol_options: {
            header_key_format: {
              stateful_formatter: {
                name: 'envoy.http.stateful_header_formatters.preserve_case',
                typed_config: {
                  '@type':
                    'type.googleapis.com/envoy.extensions.http.header_formatters.preserve_case.v3.' +
                    'PreserveCaseFormatterConfig',
                },
              },
            },
          },
        },
      },
      { name: 'continue', routes: [routeTo('up')], manager: { proxy_100_continue: true } },
    ],
  },
  async (t, { upstream: { up, trailing }, port, kind }) => {
    t.beforeEach(() => up.reset());

    await t.test('keep-alive: two requests, one connection on each side', async (t) => {
      const client = await RawClient.open(port.main);
      client.send(GET);
      t.equal(statusOf(await client.response()), 200);
      client.send(GET);
      t.equal(statusOf(await client.response()), 200);
      client.close();
      t.equal(up.requests.length, 2);
      t.equal(up.requests[0].connection, up.requests[1].connection, 'the upstream connection is reused');
    });

    await t.test('pipelined requests are answered in order', async (t) => {
      up.answer = async (seen) => {
        if (seen.start.includes('/1')) await new Promise((resolve) => setTimeout(resolve, 50));
        return `HTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\n${seen.start.split(' ')[1].slice(1)}`;
      };
      const client = await RawClient.open(port.main);
      client.send([1, 2, 3].map((n) => request(`GET /${n}`)).join(''));
      const bodies = [await client.response(), await client.response(), await client.response()].map(
        (response) => response.body,
      );
      client.close();
      t.same(bodies, ['1', '2', '3']);
    });

    await t.test('a head that arrives byte by byte', async (t) => {
      const client = await RawClient.open(port.main);
      for (const byte of request('POST /slow', 'Content-Length: 3') + 'abc') {
        client.send(byte);
        await new Promise((resolve) => setImmediate(resolve));
      }
      t.equal(statusOf(await client.response()), 200);
      client.close();
      t.equal(up.requests[0].body, 'abc');
    });

    await t.test('bodies by length and by chunks, both directions', async (t) => {
      const body = 'x'.repeat(200_000);
      up.answer = (seen) =>
        'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n' +
        `${seen.body.length.toString(16)}\r\n${seen.body}\r\n0\r\n\r\n`;
      const byLength = await exchange(port.main, request('POST /', `Content-Length: ${body.length}`) + body);
      t.equal(byLength.body, body);
      t.equal(byLength.framing, 'chunked');
      const byChunks = await exchange(
        port.main,
        `${request('POST /', 'Transfer-Encoding: chunked')}30D40;ext=1\r\n${body}\r\n0\r\n\r\n`,
      );
      t.equal(byChunks.body, body);
      t.equal(up.requests[1].framing, 'chunked');
      t.equal(up.requests[1].body, body);
    });

    await t.test('a body of four megabytes arrives whole', async (t) => {
      const body = Buffer.alloc(4 << 20, 'abcdefghijklmnopqrstuvwxyz0123456789').toString('latin1');
      up.answer = (seen) => `HTTP/1.1 200 OK\r\ncontent-length: ${seen.body.length}\r\n\r\n${seen.body}`;
      const client = await RawClient.open(port.main);
      client.send(request('PUT /', `Content-Length: ${body.length}`) + body);
      const response = await client.response();
      client.close();
      t.ok(response.body === body);
    });

    await t.test('a response until close', async (t) => {
      up.answer = (seen) => {
        seen.socket.end('HTTP/1.1 200 OK\r\n\r\nuntil close');
        return null;
      };
      const response = await exchange(port.main, GET);
      t.equal(response.body, 'until close');
      t.equal(response.framing, 'chunked', 'its end is marked for the client');
    });

    await t.test('HEAD, 204 and 304 have no body whatever they announce', async (t) => {
      up.answer = (seen) =>
        seen.start.startsWith('HEAD')
          ? 'HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\n'
          : 'HTTP/1.1 304 Not Modified\r\ncontent-length: 5\r\netag: x\r\n\r\n';
      const client = await RawClient.open(port.main);
      client.send(request('HEAD /'));
      const head = await client.response(true);
      t.equal(headerOf(head, 'content-length'), '5');
      client.send(GET);
      const unmodified = await client.response();
      t.equal(statusOf(unmodified), 304);
      t.equal(unmodified.body, '');
      up.answer = () => 'HTTP/1.1 204 No Content\r\n\r\n';
      client.send(GET);
      t.equal(statusOf(await client.response()), 204);
      client.close();
    });

    await t.test('Expect: 100-continue is answered by the proxy', async (t) => {
      const client = await RawClient.open(port.main);
      client.send(request('PUT /', 'Content-Length: 5', 'Expect: 100-continue'));
      t.equal(statusOf(await client.response()), 100);
      client.send('hello');
      t.equal(statusOf(await client.response()), 200);
      client.close();
      t.equal(headerOf(up.requests[0], 'expect'), undefined);
      t.equal(up.requests[0].body, 'hello');
    });

    await t.test('proxy_100_continue: the upstream answers', async (t) => {
      up.onHead = (seen) => (headerOf(seen, 'expect') === '100-continue' ? 'HTTP/1.1 100 Continue\r\n\r\n' : null);
      const client = await RawClient.open(port.continue);
      client.send(request('PUT /', 'Content-Length: 5', 'Expect: 100-continue'));
      t.equal(statusOf(await client.response()), 100);
      client.send('hello');
      t.equal(statusOf(await client.response()), 200);
      client.close();
      t.equal(headerOf(up.requests[0], 'expect'), '100-continue');
    });

    await t.test('interim responses before the final one', async (t) => {
      up.answer = () => 'HTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok';
      const client = await RawClient.open(port.main);
      client.send(GET);
      let response = await client.response();
      if (statusOf(response) === 103) response = await client.response();
      t.equal(statusOf(response), 200);
      t.equal(response.body, 'ok');
      client.close();
    });

    await t.test('Connection: close is kept towards the client, not passed on', async (t) => {
      const client = await RawClient.open(port.main);
      client.send(request('GET /', 'Connection: close'));
      const response = await client.response();
      t.equal(headerOf(response, 'connection'), 'close');
      await client.end();
      client.close();
      t.equal(headerOf(up.requests[0], 'connection'), undefined);
    });

    await t.test('an upstream that closes after its response is not reused', async (t) => {
      up.answer = (seen) => {
        seen.socket.end('HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 2\r\n\r\nok');
        return null;
      };
      const client = await RawClient.open(port.main);
      client.send(GET);
      const first = await client.response();
      t.equal(headerOf(first, 'connection'), undefined);
      up.answer = answerOk;
      client.send(GET);
      t.equal(statusOf(await client.response()), 200);
      client.close();
      t.not(up.requests[0].connection, up.requests[1].connection);
    });

    await t.test('hop-by-hop headers stay on their hop', async (t) => {
      up.answer = () =>
        'HTTP/1.1 200 OK\r\ncontent-length: 0\r\nkeep-alive: timeout=5\r\nproxy-connection: x\r\nx-end: 1\r\n\r\n';
      const response = await exchange(
        port.main,
        request(
          'GET /',
          'Connection: keep-alive',
          'Keep-Alive: 300',
          'Proxy-Connection: keep-alive',
          'TE: gzip',
          'X-End: 2',
        ),
      );
      for (const name of ['keep-alive', 'proxy-connection', 'connection'])
        t.equal(headerOf(response, name), undefined, name);
      for (const name of ['keep-alive', 'proxy-connection', 'connection', 'te', 'upgrade'])
        t.equal(headerOf(up.requests[0], name), undefined, `forwarded ${name}`);
      t.equal(headerOf(response, 'x-end'), '1');
      t.equal(headerOf(up.requests[0], 'x-end'), '2');
    });

    await t.test('header order stays, names are lowered', async (t) => {
      up.answer = () => 'HTTP/1.1 200 OK\r\nX-B: 1\r\nX-A: 2\r\nX-B: 3\r\ncontent-length: 0\r\n\r\n';
      const response = await exchange(port.main, request('GET /', 'X-B: 1', 'X-A: 2', 'X-B: 3'));
      const ours = (headers: [string, string][]) =>
        headers.filter(([name]) => /^x-[ab]$/i.test(name)).map(([name, value]) => `${name}=${value}`);
      t.same(ours(response.headers), ['x-b=1', 'x-a=2', 'x-b=3']);
      t.same(ours(up.requests[0].headers), ['x-b=1', 'x-a=2', 'x-b=3']);
    });

    await t.test('preserve_case keeps names as received', async (t) => {
      up.answer = () => 'HTTP/1.1 200 OK\r\nX-MiXed: 1\r\ncontent-length: 0\r\n\r\n';
      const response = await exchange(port.case, request('GET /', 'X-OtHer: 1'));
      t.ok(up.requests[0].headers.some(([name]) => name === 'X-OtHer'));
      t.ok(response.headers.some(([name]) => name.toLowerCase() === 'x-mixed'));
    });

    await t.test('HTTP/1.0: refused unless accepted', async (t) => {
      const client = await RawClient.open(port.main);
      client.send('GET / HTTP/1.0\r\nHost: a.example\r\n\r\n');
      t.equal(statusOf(await client.response()), 426);
      await client.end();
      client.close();
      t.equal(up.requests.length, 0);
    });

    await t.test('HTTP/1.0: accepted, default host, closed after the response', async (t) => {
      up.answer = () => 'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n';
      const client = await RawClient.open(port.ten);
      client.send('GET / HTTP/1.0\r\n\r\n');
      const response = await client.response();
      await client.end();
      client.close();
      t.equal(statusOf(response), 200);
      t.equal(response.framing, 'close', 'no chunks for HTTP/1.0');
      t.equal(response.body, 'ok');
      t.equal(headerOf(up.requests[0], 'host'), 'default.example');
      t.ok(up.requests[0].start.endsWith('HTTP/1.1'));
    });

    await t.test('HTTP/1.0: kept alive when asked for and the length is known', async (t) => {
      const client = await RawClient.open(port.ten);
      const again = 'GET / HTTP/1.0\r\nHost: a.example\r\nConnection: keep-alive\r\n\r\n';
      client.send(again);
      const response = await client.response();
      t.equal(headerOf(response, 'connection'), 'keep-alive');
      client.send(again);
      t.equal(statusOf(await client.response()), 200);
      client.close();
    });

    await t.test('trailers pass both ways when enabled', async (t) => {
      trailing.answer = () => 'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nx-sum: 9\r\n\r\n';
      const response = await exchange(
        port.trailers,
        `${request('POST /', 'Transfer-Encoding: chunked')}2\r\nhi\r\n0\r\nX-Client: 7\r\n\r\n`,
      );
      t.same(response.trailers, [['x-sum', '9']]);
      t.same(trailing.requests[0].trailers, [['x-client', '7']]);
    });

    await t.test('trailers are dropped when not enabled', async (t) => {
      up.answer = () => 'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nx-sum: 9\r\n\r\n';
      const response = await exchange(
        port.main,
        `${request('POST /', 'Transfer-Encoding: chunked')}2\r\nhi\r\n0\r\nX-Client: 7\r\n\r\n`,
      );
      t.same(response.trailers, []);
      t.same(up.requests[0].trailers, []);
      t.equal(up.requests[0].body, 'hi');
    });

    await t.test('absolute form is forwarded in origin form', async (t) => {
      await exchange(port.main, 'GET http://b.example:81/x?y HTTP/1.1\r\nHost: a.example\r\n\r\n');
      t.equal(up.requests[0].start, 'GET /x?y HTTP/1.1');
      t.equal(headerOf(up.requests[0], 'host'), 'b.example:81');
    });

    await t.test('OPTIONS * is forwarded', async (t) => {
      await exchange(port.main, request('OPTIONS *'));
      t.equal(up.requests[0].start, 'OPTIONS * HTTP/1.1');
    });

    await t.test(
      'a client that half-closes gets its answer',
      { skip: kind === 'envoy' ? 'Envoy closes' : false },
      async (t) => {
        up.answer = async () => {
          await new Promise((resolve) => setTimeout(resolve, 50));
          return 'HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok';
        };
        const client = await RawClient.open(port.main);
        client.send(GET);
        client.halfClose();
        const response = await client.response();
        t.equal(response.body, 'ok');
        client.close();
      },
    );

    await t.test('an early response while the request is being sent', async (t) => {
      up.onHead = () => 'HTTP/1.1 413 Too Large\r\ncontent-length: 2\r\n\r\nno';
      const client = await RawClient.open(port.main);
      client.send(request('POST /', 'Content-Length: 1000000'));
      client.send('x'.repeat(1000));
      const response = await client.response();
      t.equal(statusOf(response), 413);
      t.equal(response.body, 'no');
      await client.end();
      client.close();
      up.dropConnections();
    });

    await t.test('empty lines before a request are skipped', async (t) => {
      const client = await RawClient.open(port.main);
      client.send(GET);
      await client.response();
      client.send(`\r\n${GET}`);
      t.equal(statusOf(await client.response()), 200);
      client.close();
    });

    await t.test('what every request and response gets', async (t) => {
      const response = await exchange(port.main, GET);
      t.equal(headerOf(response, 'server'), 'envoy');
      t.match(headerOf(response, 'date'), /GMT$/);
      t.match(headerOf(response, 'x-envoy-upstream-service-time'), /^\d+$/);
      const [seen] = up.requests;
      t.equal(headerOf(seen, 'x-forwarded-proto'), 'http');
      t.match(headerOf(seen, 'x-request-id'), /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
      t.equal(headerOf(seen, 'x-envoy-expected-rq-timeout-ms'), '15000');
    });
  },
);
