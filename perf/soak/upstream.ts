// Upstream of the soak: answers on several ports, one process. Every body is the request's own mark repeated, so that a
// client sees at once when bytes of two streams are mixed up. Argument: the ports.
//   GET /bytes/N/MARK     N bytes, content-length      GET /chunked/N/MARK   the same in chunks
//   GET /wait/MS/MARK     8 bytes after MS             POST /sink/MARK       checks the body, answers its length
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';

export const bodyOf = (bytes: number, mark: string): Buffer => bytes === 0 ? Buffer.alloc(0)
  : Buffer.alloc(bytes, mark);

function answer(request: IncomingMessage, response: ServerResponse): void {
  response.setHeader('x-upstream-port', request.socket.localPort ?? 0);
  const [, kind, first, second] = (request.url ?? '/').split('/');
  if (request.method === 'POST') return void sink(request, response, first);
  request.resume();
  if (kind === 'wait') return void setTimeout(() => send(response, bodyOf(8, second)), Number(first));
  const body = bodyOf(Number(first), second ?? 'x');
  if (kind !== 'chunked') return send(response, body);
  for (let at = 0; at < body.length; at += 5000) response.write(body.subarray(at, at + 5000));
  response.end();
}

function send(response: ServerResponse, body: Buffer): void {
  response.setHeader('content-length', body.length);
  response.end(body);
}

function sink(request: IncomingMessage, response: ServerResponse, mark: string): void {
  const chunks: Buffer[] = [];
  request.on('data', (chunk: Buffer) => chunks.push(chunk));
  request.on('error', () => undefined);         // the proxy gave the request up; it is counted on the other side
  request.on('end', () => {
    const body = Buffer.concat(chunks);
    response.statusCode = body.equals(bodyOf(body.length, mark)) ? 200 : 418;
    send(response, Buffer.from(String(body.length)));
  });
}

if (process.argv[1]?.endsWith('upstream.js')) {
  for (const port of process.argv.slice(2)) {
    const server = createServer({ keepAliveTimeout: 3_600_000, requestTimeout: 0 }, answer);
    server.listen(Number(port), '127.0.0.1', 4096);
  }
}
