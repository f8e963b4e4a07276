// The upstreams of `npm run attempts`, one process: a port for each argument "<status>/<delay in ms>", a small answer
// with that status after that time. Each counts what it answered; the parent asks for the counts.
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';

const kinds = process.argv.slice(2).map((text) => text.split('/').map(Number));
const END = Buffer.from('\r\n\r\n');
const counts = new Array<number>(kinds.length).fill(0);

function serve(socket: Socket, index: number): void {
  const [status, delayMs] = kinds[index];
  const answer = Buffer.from(`HTTP/1.1 ${status} Status\r\ncontent-length: 2\r\n\r\nok`);
  socket.on('error', () => { /* the proxy has gone */ });
  let rest = Buffer.alloc(0);
  socket.on('data', (data) => {
    rest = rest.length === 0 ? data : Buffer.concat([rest, data]);
    for (let end = rest.indexOf(END); end >= 0; end = rest.indexOf(END)) {
      rest = rest.subarray(end + END.length);
      counts[index]++;
      if (delayMs > 0) setTimeout(() => { socket.write(answer); }, delayMs);
      else socket.write(answer);
    }
  });
}

const listening = kinds.map((_, index) => new Promise<Server>((resolve) => {
  const server = createServer({ noDelay: true }, (socket) => serve(socket, index));
  server.listen(0, '127.0.0.1', 1024, () => resolve(server));
}));
const servers = await Promise.all(listening);
process.on('message', () => process.send!({ counts }));
process.on('disconnect', () => process.exit(0));
process.send!({ ports: servers.map((server) => (server.address() as AddressInfo).port) });
