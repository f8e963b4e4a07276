// Frames of one connection leave one after the other; where no buffer is free for the next bytes, they wait.
import t from 'tap';
import type { Engine } from '../../../src/workers/engine.js';
import type { FramesOut } from '../../../src/workers/http2/frames-out.js';
import { RpcSending } from '../../../src/workers/rpc/sending.js';
import type { RpcStream } from '../../../src/workers/rpc/stream.js';

/** A connection for whose bytes there is room, or not, and streams that have something to send on it. */
function connection() {
  const sent: number[] = [], state = { hasRoom: true };
  const engine = { reactor: { flushLater: () => undefined } } as unknown as Engine;
  const out = { bytes: (buffer: number) => {
    if (state.hasRoom) sent.push(buffer);
    return state.hasRoom;
  } } as unknown as FramesOut;
  const sending = new RpcSending(engine, out);
  sending.begin();
  const stream = (streamId: number, bytes: number): RpcStream => {
    const one = { streamId, frameLeft: bytes, queuedBytes: bytes, ready: false, nextReady: null,
      rpc: { frameSent: () => undefined }, sendReady: () => {
        one.queuedBytes -= sending.data(one as unknown as RpcStream, streamId, 0, one.queuedBytes);
        return one.queuedBytes > 0;
      } };
    sending.add(one as unknown as RpcStream);
    return one as unknown as RpcStream;
  };
  return { sending, sent, state, stream };
}

t.test('frames leave in the order in which they were given', (t) => {
  const { sending, sent, stream } = connection();
  stream(1, 10);
  stream(2, 10);
  sending.turnOver();
  t.same(sent, [1, 2]);
  t.end();
});

t.test('without a free buffer they wait for the next turn', (t) => {
  const { sending, sent, state, stream } = connection();
  state.hasRoom = false;
  const first = stream(1, 10);
  stream(2, 10);
  sending.turnOver();
  t.same([sent.length, sending.writer === first], [0, true]);
  state.hasRoom = true;
  sending.turnOver();
  t.same(sent, [1, 2]);
  t.end();
});
