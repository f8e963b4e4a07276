// The upstream of the examples: answers every request with a few lines about it. No dependencies, Node's own http.
// Usage: node examples/demo-upstream.mjs [port=10001] [name]
import { createServer } from 'node:http';

const port = Number(process.argv[2] ?? 10001);
const name = process.argv[3] ?? `demo upstream on ${port}`;

const server = createServer((request, response) => {
  let bytes = 0;
  request.on('data', (chunk) => { bytes += chunk.length; });
  request.on('end', () => {
    const headers = Object.entries(request.headers).map(([key, value]) => `  ${key}: ${value}`).join('\n');
    response.setHeader('content-type', 'text/plain');
    response.setHeader('x-upstream', name);
    response.end(`Hello from ${name}\n${request.method} ${request.url}, ${bytes} bytes of body\n${headers}\n`);
  });
});
server.keepAliveTimeout = 120_000;
server.on('error', (error) => {
  console.error(`demo upstream: ${error.message}`);
  process.exit(1);
});
server.listen(port, '127.0.0.1');
process.on('SIGTERM', () => process.exit(0));
process.on('disconnect', () => process.exit(0));      // whoever forked it is gone
