// Clients and servers that nobody here wrote: curl, Node's http, Python's http.client and http.server, and the ws
// package.
import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { Agent, createServer, request as httpRequest, type Server } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { WebSocket, WebSocketServer } from 'ws';
import t from 'tap';
import { routeTo } from '../support/bootstrap.js';
import { forEachProxy } from '../support/fixture.js';
import { freePort } from '../support/ports.js';

const has = (program: string, ...options: string[]): boolean =>
  spawnSync(program, options, { stdio: 'ignore' }).status === 0;
const curl = has('curl', '--version'),
  python = has('python3', '--version');
const body = Buffer.alloc(300_000, 'weft ').toString('latin1');

interface Answer {
  status: number;
  body: string;
  headers: Record<string, unknown>;
  trailers: Record<string, unknown>;
}
function call(port: number, options: object, data?: string, chunked = false): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const message = httpRequest({ host: '127.0.0.1', port, ...options }, (response) => {
      let text = '';
      response
        .setEncoding('latin1')
        .on('data', (part) => {
          text += part;
        })
        .on('end', () =>
          resolve({
            status: response.statusCode ?? 0,
            body: text,
            headers: response.headers,
            trailers: response.trailers,
          }),
        );
    });
    message.on('error', reject);
    if (data !== undefined && chunked)
      for (let at = 0; at < data.length; at += 50_000) message.write(data.slice(at, at + 50_000));
    message.end(chunked ? undefined : data);
  });
}
/** Runs a program without blocking the servers of this process. */
function run(program: string, ...options: string[]): Promise<{ code: number | null; out: string }> {
  return new Promise((resolve) => {
    const child = spawn(program, options, { stdio: ['ignore', 'pipe', 'inherit'] });
    let out = '';
    child.stdout.on('data', (data) => {
      out += data;
    });
    child.on('close', (code) => resolve({ code, out }));
  });
}

void (async () => {
  const nodePort = await freePort(),
    wsPort = await freePort(),
    pythonPort = await freePort();
  const sockets = new Set<object>();
  const server: Server = createServer((request, response) => {
    sockets.add(request.socket);
    let text = '';
    request
      .setEncoding('latin1')
      .on('data', (part) => {
        text += part;
      })
      .on('end', () => {
        if (request.url === '/hints') response.writeEarlyHints({ link: '</x>; rel=preload' });
        response.setHeader('x-method', request.method ?? '');
        response.setHeader('x-length', String(text.length));
        if (request.url === '/chunked') {
          response.write(text.slice(0, 100));
          response.end(text.slice(100));
          return;
        }
        response.end(text === '' ? `path ${request.url}` : text);
      });
  });
  server.keepAliveTimeout = 60_000;
  await new Promise<void>((resolve) => server.listen(nodePort, '127.0.0.1', resolve));
  const wsServer = new WebSocketServer({ port: wsPort, host: '127.0.0.1' });
  wsServer.on('connection', (socket) => socket.on('message', (data, binary) => socket.send(data, { binary })));
  const folder = mkdtempSync(join(tmpdir(), 'weft-test-'));
  writeFileSync(join(folder, 'file.txt'), body);
  let pythonServer: ChildProcess | null = null;
  if (python)
    pythonServer = spawn(
      'python3',
      ['-m', 'http.server', String(pythonPort), '--bind', '127.0.0.1', '--directory', folder],
      { stdio: 'ignore' },
    );

  await forEachProxy(
    t,
    {
      upstreams: [],
      listeners: [
        { name: 'node', routes: [routeTo('node')] },
        { name: 'python', routes: [routeTo('python', { retry_policy: undefined })] },
        { name: 'ws', routes: [routeTo('ws')], manager: { upgrade_configs: [{ upgrade_type: 'websocket' }] } },
      ],
      more: () => [
        { name: 'node', ports: [nodePort] },
        { name: 'python', ports: [pythonPort] },
        { name: 'ws', ports: [wsPort] },
      ],
    },
    async (t, { port }) => {
      await t.test('Node: keep-alive agent, lengths and chunks', async (t) => {
        const agent = new Agent({ keepAlive: true, maxSockets: 4 });
        const answers = await Promise.all(
          Array.from({ length: 40 }, (_, index) => call(port.node, { path: `/${index}`, agent })),
        );
        t.same(
          answers.map((answer) => answer.body),
          answers.map((_, index) => `path /${index}`),
        );
        const posted = await call(
          port.node,
          { method: 'POST', path: '/', agent, headers: { 'content-length': body.length } },
          body,
        );
        t.ok(posted.body === body);
        const chunks = await call(port.node, { method: 'PUT', path: '/chunked', agent }, body, true);
        t.ok(chunks.body === body);
        t.equal(chunks.headers['transfer-encoding'], 'chunked');
        agent.destroy();
      });
      await t.test('Node: HEAD, early hints, expect', async (t) => {
        t.equal((await call(port.node, { method: 'HEAD', path: '/' })).body, '');
        t.equal((await call(port.node, { path: '/hints' })).body, 'path /hints');
        const expecting = await new Promise<string>((resolve, reject) => {
          const message = httpRequest(
            {
              host: '127.0.0.1',
              port: port.node,
              method: 'POST',
              headers: { expect: '100-continue', 'content-length': 5 },
            },
            (response) => {
              response.setEncoding('latin1').on('data', resolve);
            },
          );
          message.on('continue', () => message.end('hello')).on('error', reject);
          message.flushHeaders();
        });
        t.equal(expecting, 'hello');
      });
      await t.test('curl', { skip: !curl }, async (t) => {
        const url = `http://127.0.0.1:${port.node}`;
        t.equal((await run('curl', '-sf', `${url}/a`, `${url}/b`)).out, 'path /apath /b');
        t.ok(
          (
            await run(
              'curl',
              '-sf',
              '-H',
              'Transfer-Encoding: chunked',
              '--data-binary',
              `@${join(folder, 'file.txt')}`,
              url,
            )
          ).out === body,
        );
        t.ok(
          (await run('curl', '-sf', '-T', join(folder, 'file.txt'), `${url}/put`)).out === body,
          'with Expect: 100-continue',
        );
        t.match((await run('curl', '-sI', url)).out, /^HTTP\/1\.1 200 OK\r\n/);
        t.match((await run('curl', '-s0', '-o', '/dev/null', '-w', '%{http_code}', url)).out, '426');
      });
      await t.test('Python: http.client and http.server', { skip: !python }, async (t) => {
        for (let tries = 0; tries < 100; tries++)
          if ((await call(port.python, { path: '/file.txt', headers: { connection: 'close' } })).status === 200) break;
          else await new Promise((resolve) => setTimeout(resolve, 50));
        const script =
          `import http.client\nc = http.client.HTTPConnection('127.0.0.1', ${port.python})\n` +
          `for i in range(3):\n    c.request('GET', '/file.txt')\n    r = c.getresponse()\n` +
          `    print(r.status, len(r.read()))\n` +
          `d = http.client.HTTPConnection('127.0.0.1', ${port.node})\n` +
          `d.request('POST', '/', body=iter([b'ab', b'cde']), encode_chunked=True,` +
          ` headers={'Transfer-Encoding': 'chunked'})\nprint(d.getresponse().read().decode())\n`;
        t.equal((await run('python3', '-c', script)).out, '200 300000\n200 300000\n200 300000\nabcde\n');
      });
      await t.test('WebSocket: text, binary, large, ping, close', async (t) => {
        const socket = new WebSocket(`ws://127.0.0.1:${port.ws}/chat`);
        const next = (): Promise<Buffer> =>
          new Promise((resolve) => socket.once('message', (data) => resolve(data as Buffer)));
        await new Promise((resolve, reject) => socket.once('open', resolve).once('error', reject));
        let answer = next();
        socket.send('hello');
        t.equal(String(await answer), 'hello');
        answer = next();
        socket.send(Buffer.alloc(1_000_000, 7));
        t.equal((await answer).length, 1_000_000);
        const pong = new Promise((resolve) => socket.once('pong', resolve));
        socket.ping();
        await pong;
        const closed = new Promise((resolve) => socket.once('close', (code) => resolve(code)));
        socket.close(1000);
        t.equal(await closed, 1000);
      });
    },
  );
  server.closeAllConnections();
  server.close();
  wsServer.close();
  pythonServer?.kill();
  rmSync(folder, { recursive: true, force: true });
})();
