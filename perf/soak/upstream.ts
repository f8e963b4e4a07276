// Upstream of the soak: answers on several ports, one process. Every body is the request's own mark repeated, so that a
// client sees at once when bytes of two streams are mixed up. Arguments: the ports; behind `--secure` and a folder with
// certificates those of HTTP/2 by mutual TLS.
//   GET /bytes/N/MARK     N bytes, content-length      GET /chunked/N/MARK   the same in chunks
//   GET /wait/MS/MARK     8 bytes after MS             POST /sink/MARK       checks the body, answers its length
import { readFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { createSecureServer, type Http2ServerRequest, type Http2ServerResponse } from 'node:http2';
import { join } from 'node:path';

type Asked = IncomingMessage | Http2ServerRequest;
type Answer = ServerResponse | Http2ServerResponse;

export const bodyOf = (bytes: number, mark: string): Buffer => bytes === 0 ? Buffer.alloc(0)
  : Buffer.alloc(bytes, mark);

function answer(request: Asked, response: Answer): void {
  response.setHeader('x-upstream-port', String(request.socket.localPort ?? 0));
  const [, kind, first, second] = (request.url ?? '/').split('/');
  if (request.method === 'POST') return void sink(request, response, first);
  request.resume();
  if (kind === 'wait') return void setTimeout(() => send(response, bodyOf(8, second)), Number(first));
  const body = bodyOf(Number(first), second ?? 'x');
  if (kind !== 'chunked') return send(response, body);
  // Of the two kinds of responses, which have nothing in common by their types.
  const out = response as ServerResponse;
  for (let at = 0; at < body.length; at += 5000) out.write(body.subarray(at, at + 5000));
  response.end();
}

function send(response: Answer, body: Buffer): void {
  response.setHeader('content-length', String(body.length));
  (response as ServerResponse).end(body);
}

function sink(request: Asked, response: Answer, mark: string): void {
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
  const words = process.argv.slice(2);
  const secure = words[0] === '--secure';
  const pem = (name: string): Buffer => readFileSync(join(words[1], name));
  for (const port of secure ? words.slice(2) : words) {
    const server = secure
      ? createSecureServer({ allowHTTP1: true, ca: pem('roots.pem'), cert: pem('cert.pem'), key: pem('key.pem'),
        requestCert: true, rejectUnauthorized: true }, answer)
      : createServer({ keepAliveTimeout: 3_600_000, requestTimeout: 0 }, answer);
    server.listen(Number(port), '127.0.0.1', 4096);
  }
}
