// Backend for machines without nginx: the same four answers over Node's own HTTP server. Slower, so the proxies are
// less loaded; the CPU time of the proxies per request is measured all the same.
import { createServer } from 'node:http';

const bodies: Record<string, Buffer> = { '/64k': Buffer.alloc(65536, 'x'), '/1m': Buffer.alloc(1048576, 'x') };
const small = Buffer.alloc(128, 'x');

const server = createServer((request, response) => {
  if (request.method === 'POST') {
    request.resume();
    request.on('end', () => { response.setHeader('content-length', 2); response.end('ok'); });
    return;
  }
  const body = bodies[request.url ?? '/'] ?? small;
  response.setHeader('content-length', body.length);
  response.end(body);
});
server.keepAliveTimeout = 3_600_000;
server.listen(Number(process.argv[2]), '127.0.0.1', 8192);
