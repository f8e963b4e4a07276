// Whatever goes wrong on either side: the status, the response flag, the details string and the counter of each.
import t from 'tap';
import { routeTo } from '../support/bootstrap.js';
import { RawClient, exchange } from '../support/client.js';
import { forEachProxy } from '../support/fixture.js';
import { HANG_MS } from '../support/hang.js';
import { headerOf, statusOf } from '../support/message.js';
import { answerOk } from '../support/upstream.js';

const request = (line: string, ...lines: string[]): string =>
  `${line} HTTP/1.1\r\nHost: a.example\r\n${lines.map((entry) => `${entry}\r\n`).join('')}\r\n`;
const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
const common = (fields: object): Record<string, unknown> => ({ common_http_protocol_options: fields });

void forEachProxy(
  t,
  {
    upstreams: ['up', 'limited', 'pending', 'connections', 'stale', 'idle'],
    clusters: {
      limited: { circuit_breakers: { thresholds: [{ max_requests: 1 }] } },
      pending: { circuit_breakers: { thresholds: [{ max_connections: 1, max_pending_requests: 1 }] } },
      connections: { circuit_breakers: { thresholds: [{ max_connections: 1 }] } },
      idle: {
        typed_extension_protocol_options: {
          'envoy.extensions.upstreams.http.v3.HttpProtocolOptions': {
            '@type': 'type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions',
            common_http_protocol_options: { idle_timeout: '0.2s' },
            explicit_http_config: { http_protocol_options: {} },
          },
        },
      },
    },
    listeners: [
      {
        name: 'main',
        virtualHosts: [
          {
            name: 'known',
            domains: ['a.example'],
            routes: [
              { match: { prefix: '/refused' }, route: { cluster: 'refused' } },
              { match: { prefix: '/empty' }, route: { cluster: 'empty' } },
              { match: { prefix: '/unknown' }, route: { cluster: 'nowhere' } },
              { match: { prefix: '/limited' }, route: { cluster: 'limited' } },
              { match: { prefix: '/pending' }, route: { cluster: 'pending' } },
              { match: { prefix: '/connections' }, route: { cluster: 'connections' } },
              { match: { prefix: '/stale' }, route: { cluster: 'stale' } },
              { match: { prefix: '/idle' }, route: { cluster: 'idle' } },
              { match: { prefix: '/short' }, route: { cluster: 'up', timeout: '0.2s' } },
              { match: { prefix: '/quiet' }, route: { cluster: 'up', idle_timeout: '0.2s', timeout: '0s' } },
              { match: { prefix: '/up' }, route: { cluster: 'up' } },
            ],
          },
        ],
        routeConfig: { validate_clusters: false },
      },
      { name: 'heads', routes: [routeTo('up')], manager: { request_headers_timeout: '0.2s' } },
      { name: 'requests', routes: [routeTo('up')], manager: { request_timeout: '0.2s' } },
      { name: 'streams', routes: [routeTo('up')], manager: { stream_idle_timeout: '0.2s' } },
      {
        name: 'connections',
        routes: [routeTo('up')],
        manager: { ...common({ idle_timeout: '0.2s' }), drain_timeout: '0.1s' },
      },
      {
        name: 'duration',
        routes: [routeTo('up')],
        manager: { ...common({ max_connection_duration: '0.2s' }), drain_timeout: '0.1s' },
      },
      { name: 'several', routes: [routeTo('up')], manager: common({ max_requests_per_connection: 2 }) },
      {
        name: 'small',
        routes: [routeTo('up')],
        manager: { max_request_headers_kb: 1, ...common({ max_headers_count: 5 }) },
      },
    ],
    more: () => [
      { name: 'refused', ports: [1] },
      { name: 'empty', ports: [], fields: { load_assignment: { cluster_name: 'empty', endpoints: [] } } },
    ],
  },
  async (t, { proxy, upstream, port }) => {
    const { up } = upstream;
    t.beforeEach(() => {
      for (const entry of Object.values(upstream)) entry.reset();
    });
    let marks = 0;
    /** Sends a request with a mark of its own, and finds its line in the access log: [status, flags, details]. */
    const logged = async (listener: string, mark: string): Promise<string[]> => {
      for (let tries = 0; tries < 150; tries++) {
        const line = (await proxy.logLines(listener, 0)).find((entry) => entry.endsWith(`|${mark}`));
        if (line !== undefined) return line.split('|').slice(3, 6);
        await sleep(20);
      }
      return ['no log line'];
    };
    const fails = async (
      path: string,
      listener = 'main',
      extra: string[] = [],
    ): Promise<{ status: number; body: string; log: string[]; headers: [string, string][] }> => {
      const mark = `m${++marks}`;
      const response = await exchange(port[listener], request(`GET ${path}`, `x-test: ${mark}`, ...extra));
      return {
        status: statusOf(response),
        body: response.body,
        log: await logged(listener, mark),
        headers: response.headers,
      };
    };
    /** How much a counter grows while `run` runs. */
    /** `waitMs` where it is not to grow. */
    const grows = async (name: string, run: () => Promise<void>, waitMs = HANG_MS): Promise<number> => {
      const before = await proxy.stat(name);
      await run();
      return (await proxy.untilStat(name, before + 1, waitMs)) - before;
    };

    await t.test('no virtual host', async (t) => {
      const counted = await grows('http.main.no_route', async () => {
        const response = await exchange(port.main, 'GET / HTTP/1.1\r\nHost: other\r\nx-test: nohost\r\n\r\n');
        t.equal(statusOf(response), 404);
        t.equal(response.body, '');
        t.same(await logged('main', 'nohost'), ['404', 'NR', 'route_not_found']);
      });
      t.equal(counted, 1);
    });
    await t.test('no route', async (t) => {
      t.match(await fails('/nothing'), { status: 404, log: ['404', 'NR', 'route_not_found'] });
    });
    await t.test('no such cluster', async (t) => {
      t.match(await fails('/unknown'), { status: 503, log: ['503', 'NC', 'cluster_not_found'] });
    });
    await t.test('no endpoint', async (t) => {
      t.equal(
        await grows('cluster.empty.upstream_cx_none_healthy', async () => {
          t.match(await fails('/empty'), {
            status: 503,
            body: 'no healthy upstream',
            log: ['503', 'UH', 'no_healthy_upstream'],
          });
        }),
        1,
      );
    });
    await t.test('connection refused', async (t) => {
      t.equal(
        await grows('cluster.refused.upstream_cx_connect_fail', async () => {
          const { status, body, log } = await fails('/refused');
          t.equal(status, 503);
          t.match(
            body,
            /^upstream connect error or disconnect\/reset before headers\. .*reset reason: remote connection failure/,
          );
          t.match(log, [
            '503',
            /^(UF|URX,UF|UF,URX)$/,
            /^upstream_reset_before_response_started\{remote_connection_failure|connection_failure/,
          ]);
        }),
        1,
      );
    });
    await t.test('the upstream closes without an answer', async (t) => {
      up.answer = (seen) => {
        seen.socket.destroy();
        return null;
      };
      const { status, body, log } = await fails('/up');
      t.equal(status, 503);
      t.match(
        body,
        /^upstream connect error or disconnect\/reset before headers\. .*reset reason: connection termination$/,
      );
      t.match(log, ['503', 'UC', 'upstream_reset_before_response_started{connection_termination}']);
    });
    await t.test('the upstream does not speak HTTP', async (t) => {
      up.answer = () => 'this is not a response at all\r\n\r\n';
      t.equal(
        await grows('cluster.up.upstream_cx_protocol_error', async () => {
          t.match(await fails('/up'), {
            status: 502,
            log: ['502', 'UPE', /^upstream_reset_before_response_started\{protocol_error/],
          });
        }),
        1,
      );
    });
    await t.test('route timeout', async (t) => {
      up.answer = () => null;
      t.equal(
        await grows('cluster.up.upstream_rq_timeout', async () => {
          t.match(await fails('/short'), {
            status: 504,
            body: 'upstream request timeout',
            log: ['504', 'UT', 'response_timeout'],
          });
        }),
        1,
      );
    });
    await t.test('a timeout that an external client asks for is not its to ask', async (t) => {
      t.match(await fails('/up', 'main', ['x-envoy-upstream-rq-timeout-ms: 1']), { status: 200 });
      t.equal(headerOf(up.requests[0], 'x-envoy-upstream-rq-timeout-ms'), undefined);
      t.equal(headerOf(up.requests[0], 'x-envoy-expected-rq-timeout-ms'), '15000');
    });
    await t.test('route idle timeout', async (t) => {
      up.answer = () => null;
      t.match(await fails('/quiet'), { status: 504, log: ['504', 'SI', 'stream_idle_timeout'] });
    });
    await t.test('stream idle timeout: the client does not send its body', async (t) => {
      t.equal(
        await grows('http.streams.downstream_rq_idle_timeout', async () => {
          const response = await exchange(port.streams, request('POST /', 'Content-Length: 5', 'x-test: idle'));
          t.equal(statusOf(response), 408);
          t.equal(response.body, 'stream timeout');
          t.same(await logged('streams', 'idle'), ['408', 'SI', 'stream_idle_timeout']);
        }),
        1,
      );
    });
    await t.test('request headers timeout', async (t) => {
      t.equal(
        await grows('http.heads.downstream_rq_header_timeout', async () => {
          const client = await RawClient.open(port.heads);
          client.send('GET / HTTP/1.1\r\nHost: a');
          const response = await client.response();
          t.equal(statusOf(response), 408);
          t.equal(response.body, 'request header timeout');
          await client.end();
          client.close();
        }),
        1,
      );
    });
    await t.test('request timeout', async (t) => {
      t.equal(
        await grows('http.requests.downstream_rq_timeout', async () => {
          const response = await exchange(port.requests, request('POST /', 'Content-Length: 5', 'x-test: late'));
          t.equal(statusOf(response), 408);
          t.equal(response.body, 'request timeout');
          t.match(await logged('requests', 'late'), ['408', /^(DT|-)$/, 'request_overall_timeout']);
        }),
        1,
      );
    });
    await t.test('an idle client connection is closed', async (t) => {
      t.equal(
        await grows('http.connections.downstream_cx_idle_timeout', async () => {
          const client = await RawClient.open(port.connections);
          client.send(request('GET /'));
          await client.response();
          await client.end();
          client.close();
        }),
        1,
      );
    });
    await t.test('a connection has a longest life', async (t) => {
      t.equal(
        await grows('http.duration.downstream_cx_max_duration_reached', async () => {
          const client = await RawClient.open(port.duration);
          await client.end();
          client.close();
        }),
        1,
      );
    });
    await t.test('a connection has a last request', async (t) => {
      t.equal(
        await grows('http.several.downstream_cx_max_requests_reached', async () => {
          const client = await RawClient.open(port.several);
          client.send(request('GET /1'));
          t.equal(headerOf(await client.response(), 'connection'), undefined);
          client.send(request('GET /2'));
          t.equal(headerOf(await client.response(), 'connection'), 'close');
          await client.end();
          client.close();
        }),
        1,
      );
    });
    await t.test('a head too large, and too many headers', async (t) => {
      const large = await exchange(port.small, request('GET /', `x: ${'y'.repeat(1100)}`));
      t.equal(statusOf(large), 431);
      const many = await exchange(port.small, request('GET /', 'a: 1', 'b: 2', 'c: 3', 'd: 4', 'e: 5'));
      t.equal(statusOf(many), 431);
      t.equal(statusOf(await exchange(port.small, request('GET /', 'a: 1', 'b: 2', 'c: 3', 'd: 4'))), 200);
    });

    await t.test('circuit breaker: requests', async (t) => {
      let release = (): void => undefined;
      upstream.limited.answer = () =>
        new Promise((resolve) => {
          release = () => resolve('HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n');
        });
      const first = exchange(port.main, request('GET /limited'));
      await upstream.limited.until(() => upstream.limited.requests.length === 1);
      t.equal(
        await grows('cluster.limited.upstream_rq_pending_overflow', async () => {
          const { status, log, headers } = await fails('/limited');
          t.equal(status, 503);
          t.match(log, ['503', 'UO', /^upstream_reset_before_response_started\{overflow\}$/]);
          t.equal(headerOf({ headers }, 'x-envoy-overloaded'), 'true');
        }, 500),
        0,
        'it did not wait for a connection',
      );
      release();
      t.equal(statusOf(await first), 200);
    });
    await t.test('circuit breaker: one connection, one pending', async (t) => {
      const releases: (() => void)[] = [];
      upstream.pending.answer = () =>
        new Promise((resolve) => {
          releases.push(() => resolve('HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n'));
        });
      const first = exchange(port.main, request('GET /pending/1'));
      await upstream.pending.until(() => upstream.pending.requests.length === 1);
      const second = exchange(port.main, request('GET /pending/2'));
      await proxy.untilStat('cluster.pending.upstream_rq_pending_active', 1);
      t.match(await fails('/pending/3'), { status: 503, log: ['503', 'UO'] });
      releases[0]();
      t.equal(statusOf(await first), 200);
      await upstream.pending.until(() => upstream.pending.requests.length === 2);
      releases[1]();
      t.equal(statusOf(await second), 200, 'the pending request gets the connection that became free');
    });
    await t.test('circuit breaker: a second request waits for the one connection', async (t) => {
      upstream.connections.answer = async (seen) => {
        await sleep(60);
        return answerOk(seen) as string;
      };
      const responses = await Promise.all([1, 2, 3].map((n) => exchange(port.main, request(`GET /connections/${n}`))));
      t.same(responses.map(statusOf), [200, 200, 200]);
      t.equal(upstream.connections.sockets.length, 1);
    });

    await t.test('a stale upstream connection: the request goes again on a new one', async (t) => {
      const { stale } = upstream;
      t.match(await fails('/stale'), { status: 200 });
      stale.answer = (seen) => {
        if (seen.connection === 0) {
          seen.socket.destroy();
          return null;
        }
        return answerOk(seen);
      };
      t.match(await fails('/stale'), { status: 200 }, 'the first attempt died before any response byte');
      t.equal(stale.requests.length, 3);
    });
    await t.test('a stale upstream connection and a POST: not sent twice', async (t) => {
      const { stale } = upstream;
      t.match(await fails('/stale'), { status: 200 });
      stale.answer = (seen) => {
        seen.socket.destroy();
        return null;
      };
      const response = await exchange(port.main, `${request('POST /stale', 'Content-Length: 2')}hi`);
      t.equal(statusOf(response), 503);
      t.equal(stale.requests.filter((seen) => seen.start.startsWith('POST')).length, 1);
    });
    await t.test('an idle upstream connection is closed', async (t) => {
      t.match(await fails('/idle'), { status: 200 });
      t.equal(await proxy.untilStat('cluster.idle.upstream_cx_idle_timeout', 1), 1);
    });

    await t.test('the client resets while the upstream thinks', async (t) => {
      up.answer = () => null;
      t.equal(
        await grows('http.main.downstream_rq_rx_reset', async () => {
          const client = await RawClient.open(port.main);
          client.send(request('GET /up/gone', 'x-test: gone'));
          await up.until(() => up.requests.length === 1);
          client.reset();
          t.match(await logged('main', 'gone'), ['0', 'DC', 'downstream_remote_disconnect']);
        }),
        1,
      );
      await up.until(
        () => up.openConnections === 0 || up.sockets.at(-1)!.destroyed,
        2000,
        'the upstream connection to be closed',
      );
    });
    await t.test('the upstream dies in the middle of its response', async (t) => {
      up.answer = (seen) => {
        seen.socket.end('HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhal');
        return null;
      };
      const client = await RawClient.open(port.main);
      client.send(request('GET /up', 'x-test: half'));
      const response = await client.response().catch(() => null);
      t.ok(response === null || !response.complete);
      await client.end();
      client.close();
      t.match(await logged('main', 'half'), [
        '200',
        'UPE',
        /^upstream_reset_after_response_started\{protocol_error\}$/,
      ]);
    });
    await t.test('back-pressure: a client that does not read stops the upstream', async (t) => {
      let sent = 0;
      up.answer = (seen) => {
        const chunk = Buffer.alloc(65536, 'x');
        seen.socket.write('HTTP/1.1 200 OK\r\ncontent-length: 67108864\r\n\r\n');
        const more = (): void => {
          while (sent < 67108864) {
            sent += chunk.length;
            if (!seen.socket.write(chunk)) {
              seen.socket.once('drain', more);
              return;
            }
          }
        };
        more();
        return null;
      };
      const client = await RawClient.open(port.main);
      client.pauseReading();
      client.send(request('GET /up/large'));
      let before = -1;
      for (let tries = 0; tries < 40 && before !== sent; tries++) {
        before = sent;
        await sleep(150);
      }
      t.ok(sent > 0 && sent < 40 << 20, `${sent} bytes were taken from the upstream`);
      let received = 0;
      client.socket.on('data', (data) => {
        received += data.length;
        client.received = '';
      });
      client.resumeReading();
      for (let tries = 0; tries < 100 && received < 67108864; tries++) await sleep(50);
      t.ok(received >= 67108864, `${received} bytes arrived in the end`);
      client.close();
    });
    await t.test('back-pressure: an upstream that does not read stops the client', async (t) => {
      up.onRaw = (socket) => {
        socket.pause();
      };
      up.dropConnections();
      await sleep(50);
      const client = await RawClient.open(port.main);
      client.send(request('POST /up/large', 'Content-Length: 67108864'));
      let sent = 0;
      const chunk = Buffer.alloc(65536, 'x');
      const more = (): void => {
        while (sent < 67108864) {
          sent += chunk.length;
          if (!client.socket.write(chunk)) {
            client.socket.once('drain', more);
            return;
          }
        }
      };
      more();
      let before = -1;
      for (let tries = 0; tries < 40 && before !== sent; tries++) {
        before = sent;
        await sleep(150);
      }
      t.ok(sent > 0 && sent < 40 << 20, `${sent} bytes were taken from the client`);
      client.close();
      up.dropConnections();
    });
  },
);
