// Small upstreams in a forked process: a port each, an answer to every request without a body. The parent hears the
// ports first; the process ends with it.
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';

const HEAD_END = Buffer.from('\r\n\r\n');

/** What the upstream `index` answers to the request whose head (and what follows it) is `bytes`. */
export type Answering = (socket: Socket, index: number, bytes: Buffer) => void;

export const answerOf = (status: number, ...headers: string[]): Buffer => Buffer.from(
  [`HTTP/1.1 ${status} Status`, 'content-length: 2', ...headers, '', 'ok'].join('\r\n'));

export function writeLater(socket: Socket, answer: Buffer, delayMs: number): void {
  if (delayMs > 0) setTimeout(() => { socket.write(answer); }, delayMs);
  else socket.write(answer);
}

function serve(socket: Socket, index: number, answer: Answering): void {
  socket.on('error', () => { /* the proxy has gone */ });
  let rest = Buffer.alloc(0);
  socket.on('data', (data) => {
    rest = rest.length === 0 ? data : Buffer.concat([rest, data]);
    for (let end = rest.indexOf(HEAD_END); end >= 0; end = rest.indexOf(HEAD_END)) {
      const head = rest;
      rest = rest.subarray(end + HEAD_END.length);
      answer(socket, index, head);
    }
  });
}

/** Listens on `count` ports and tells the parent which. */
export async function serveForParent(count: number, answer: Answering): Promise<void> {
  const servers = await Promise.all(Array.from({ length: count }, (_, index) => new Promise<Server>((resolve) => {
    const server = createServer({ noDelay: true }, (socket) => serve(socket, index, answer));
    server.listen(0, '127.0.0.1', 1024, () => resolve(server));
  })));
  process.on('disconnect', () => process.exit(0));
  process.send!({ ports: servers.map((server) => (server.address() as AddressInfo).port) });
}
