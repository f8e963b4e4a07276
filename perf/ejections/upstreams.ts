// The upstreams of `npm run ejections`, one process: as many ports as the argument says, a small answer at once. The
// parent says which one fails and how: its requests (503), or its checks. What that one answers from then on is
// counted, with the time of the first and the last.
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';

export interface Failing { index: number; how: 'requests' | 'checks' | 'nothing' }
export interface Seen { answers: number; firstMs: number; lastMs: number }

const END = Buffer.from('\r\n\r\n');
const CHECK = Buffer.from('GET /health ');
const answerOf = (status: number): Buffer => Buffer.from(`HTTP/1.1 ${status} Status\r\ncontent-length: 2\r\n\r\nok`);
const [good, bad] = [answerOf(200), answerOf(503)];
let failing: Failing = { index: -1, how: 'nothing' };
let sinceMs = 0;
let seen: Seen = { answers: 0, firstMs: -1, lastMs: -1 };

function serve(socket: Socket, index: number): void {
  socket.on('error', () => { /* the proxy has gone */ });
  let rest = Buffer.alloc(0);
  socket.on('data', (data) => {
    rest = rest.length === 0 ? data : Buffer.concat([rest, data]);
    for (let end = rest.indexOf(END); end >= 0; end = rest.indexOf(END)) {
      const isCheck = rest.subarray(0, CHECK.length).equals(CHECK);
      rest = rest.subarray(end + END.length);
      const fails = index === failing.index && failing.how === (isCheck ? 'checks' : 'requests');
      if (index === failing.index && !isCheck) {
        const ms = performance.now() - sinceMs;
        seen = { answers: seen.answers + 1, firstMs: seen.firstMs < 0 ? ms : seen.firstMs, lastMs: ms };
      }
      socket.write(fails ? bad : good);
    }
  });
}

const servers = await Promise.all(Array.from({ length: Number(process.argv[2]) }, (_, index) =>
  new Promise<Server>((resolve) => {
    const server = createServer({ noDelay: true }, (socket) => serve(socket, index));
    server.listen(0, '127.0.0.1', 1024, () => resolve(server));
  })));
process.on('message', (message: Failing | 'seen') => {
  if (message === 'seen') { process.send!(seen); return; }
  failing = message;
  sinceMs = performance.now();
  seen = { answers: 0, firstMs: -1, lastMs: -1 };
});
process.on('disconnect', () => process.exit(0));
process.send!({ ports: servers.map((server) => (server.address() as AddressInfo).port) });
