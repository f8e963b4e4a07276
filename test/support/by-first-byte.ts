// A server of tests that speaks several protocols on one port: the first byte of a connection says to which server it
// is carried.
import { connect, createServer } from 'node:net';
import type { Server, Socket } from 'node:net';

export class ByFirstByte {
  readonly sockets = new Set<Socket>();
  private constructor(private readonly server: Server, readonly port: number) {}

  static async start(port: number, portFor: (first: number) => number): Promise<ByFirstByte> {
    const server = createServer({ noDelay: true });
    const mux = new ByFirstByte(server, port);
    server.on('connection', (socket) => {
      mux.keep(socket);
      socket.once('data', (data: Buffer) => {
        const peer = mux.keep(connect({ port: portFor(data[0]!), host: '127.0.0.1', noDelay: true }));
        peer.write(data);
        socket.pipe(peer).pipe(socket);
      });
    });
    await new Promise<void>((resolve) => { server.listen(port, '127.0.0.1', resolve); });
    return mux;
  }
  private keep(socket: Socket): Socket {
    this.sockets.add(socket);
    return socket.on('error', () => undefined).on('close', () => { this.sockets.delete(socket); });
  }
  stop(): Promise<void> {
    for (const socket of this.sockets) socket.destroy();
    return new Promise((resolve) => { this.server.close(() => { resolve(); }); });
  }
}
