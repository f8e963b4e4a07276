// The backend of the RPC scenarios: `node rpc.js PORT` answers each call of Bolt on PORT, and of Dubbo on the next one,
// with the same answer under the call's number, and heartbeats. What one read brings is answered by one write, out of
// answers that were made before: a blocking loop that costs less than any proxy in front of it.
import { SEND_AT, Sockets } from '../load/sockets.js';
import { FrameReader } from '../rpc/frame-reader.js';
import { rpcFrames, type RpcName } from '../rpc/frames.js';

/** So many answers leave in one write. */
const BATCH = 512;

function serve(port: number): void {
  const names: RpcName[] = ['bolt', 'dubbo'];
  const bytesOf = (name: RpcName): number => rpcFrames[name].response.length * BATCH;
  const sockets = new Sockets(port, bytesOf('bolt') + bytesOf('dubbo') + 64);
  const servers = names.map((name, index) => new Answers(sockets, name, index === 0 ? 0 : bytesOf('bolt')));
  const controlAt = SEND_AT + bytesOf('bolt') + bytesOf('dubbo');
  const listeners = new Map(servers.map((server, index) => [sockets.listen(port + index), server] as const));
  const connections = new Map<number, { reader: FrameReader; answers: Answers }>();
  for (;;) {
    const count = sockets.wait(1000);
    for (let index = 0; index < count; index++) {
      const fd = sockets.ready(index);
      const answers = listeners.get(fd);
      if (answers !== undefined) {
        const accepted = sockets.accept(fd);
        if (accepted >= 0)
          connections.set(accepted, { reader: new FrameReader(sockets, accepted, rpcFrames[answers.name]), answers });
        continue;
      }
      const connection = connections.get(fd);
      if (connection === undefined || connection.answers.answer(connection.reader, controlAt)) continue;
      connections.delete(fd);
      sockets.close(fd);
    }
  }
}

/** A row of answers of one protocol, which differ by their numbers alone. */
class Answers {
  private readonly first: number;
  private count = 0;

  constructor(private readonly sockets: Sockets, readonly name: RpcName, offset: number) {
    this.first = SEND_AT + offset;
    const { response } = rpcFrames[name];
    for (let index = 0; index < BATCH; index++) response.copy(sockets.bytes, this.first + index * response.length);
  }

  /** Answers what one read of the connection brings. False: it is over. */
  answer(reader: FrameReader, controlAt: number): boolean {
    const { sockets, first } = this;
    const { bytes } = sockets;
    const { fd, frames } = reader;
    const { response, idAt } = frames;
    const open = reader.receive((at) => {
      if (frames.isControl(bytes, at)) {
        const reply = frames.controlReply(bytes, at);
        if (reply !== null) sockets.send(fd, controlAt, reply.copy(bytes, controlAt));
        return;
      }
      bytes.copy(bytes, first + this.count * response.length + idAt, at + idAt, at + idAt + 4);
      if (++this.count === BATCH) this.send(fd, response.length);
    });
    return this.send(fd, response.length) && open;
  }

  private send(fd: number, bytesEach: number): boolean {
    const sent = this.sockets.send(fd, this.first, this.count * bytesEach);
    this.count = 0;
    return sent;
  }
}

serve(Number(process.argv[2]));
