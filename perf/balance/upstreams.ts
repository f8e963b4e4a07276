// The upstreams of `npm run balance`, one process: a port each, the same small answer, some of them late. Each counts
// what it answered; the parent asks for the counts.
//   node dist/perf/balance/upstreams.js <count> <index of the slow one> <its delay in ms>
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';

const [count, slow, delayMs] = process.argv.slice(2).map(Number);
/** Each reports a load that makes its weight 100 times its number. */
const answers = Array.from({ length: count }, (_, index) => Buffer.from('HTTP/1.1 200 OK\r\ncontent-length: 2\r\n'
  + `endpoint-load-metrics: rps_fractional=100,cpu_utilization=${1 / (index + 1)}\r\n\r\nok`));
const END = Buffer.from('\r\n\r\n');
const counts = new Array<number>(count).fill(0);

function serve(socket: Socket, index: number): void {
  socket.on('error', () => { /* the proxy has gone */ });
  let rest = Buffer.alloc(0);
  socket.on('data', (data) => {
    rest = rest.length === 0 ? data : Buffer.concat([rest, data]);
    for (let end = rest.indexOf(END); end >= 0; end = rest.indexOf(END)) {
      rest = rest.subarray(end + END.length);
      counts[index]++;
      if (index === slow) setTimeout(() => { socket.write(answers[index]); }, delayMs);
      else socket.write(answers[index]);
    }
  });
}

const listening = counts.map((_, index) => new Promise<Server>((resolve) => {
  const server = createServer({ noDelay: true }, (socket) => serve(socket, index));
  server.listen(0, '127.0.0.1', 1024, () => resolve(server));
}));
const servers = await Promise.all(listening);
process.on('message', () => process.send!({ counts }));
process.on('disconnect', () => process.exit(0));
process.send!({ ports: servers.map((server) => (server.address() as AddressInfo).port) });
