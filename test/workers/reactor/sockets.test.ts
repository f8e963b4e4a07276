// Channels beside the kernel's sockets: calls reach whoever has the id, and what is gathered leaves once a turn.
import t from 'tap';
import type { Channel, Flusher } from '../../../src/workers/reactor/channel.js';
import type { Reactor } from '../../../src/workers/reactor/reactor.js';
import { CHANNEL_FIRST, Sockets } from '../../../src/workers/reactor/sockets.js';

class Recorder {
  readonly calls: string[] = [];
  readonly driver = 'sim';
  readonly current = 7;
  readonly socketCount = 3;
  onPoll: () => void = () => undefined;
  poll(): void { this.onPoll(); this.calls.push('poll'); }
  send(id: number, buffer: number): void { this.calls.push(`kernel send ${id} ${buffer}`); }
  close(id: number, reset: boolean): void { this.calls.push(`kernel close ${id} ${reset}`); }
}

const channel = (calls: string[], name: string): Channel => ({
  fd: () => 9,
  setOwner: () => { calls.push(`${name} owner`); },
  startReceive: () => { calls.push(`${name} start`); },
  stopReceive: () => { calls.push(`${name} stop`); },
  setBulk: () => { calls.push(`${name} bulk`); },
  send: (buffer) => { calls.push(`${name} send ${buffer}`); },
  pendingSendBytes: () => 5,
  notifyDrained: () => { calls.push(`${name} notify`); },
  shutdownSend: () => { calls.push(`${name} shutdown`); },
  close: (reset) => { calls.push(`${name} close ${reset}`); },
});

function world() {
  const kernel = new Recorder();
  return { kernel, sockets: new Sockets(kernel as unknown as Reactor) };
}

t.test('a call goes to the kernel or to the channel, by the id', async (t) => {
  const { kernel, sockets } = world();
  const id = sockets.addChannel(channel(kernel.calls, 'a'));
  t.equal(id, CHANNEL_FIRST);
  sockets.send(4, 11, 0, 1, false);
  sockets.send(id, 12, 0, 1, false);
  sockets.close(4, true);
  sockets.close(id, false);
  t.same(kernel.calls, ['kernel send 4 11', 'a send 12', 'kernel close 4 true', 'a close false']);
  t.equal(sockets.fdOf(id), 9);
  t.equal(sockets.pendingSendBytes(id), 5);
});

t.test('the id of a channel that is gone is given to the next', async (t) => {
  const { kernel, sockets } = world();
  const first = sockets.addChannel(channel(kernel.calls, 'a'));
  const second = sockets.addChannel(channel(kernel.calls, 'b'));
  sockets.removeChannel(first);
  t.equal(sockets.addChannel(channel(kernel.calls, 'c')), first);
  sockets.startReceive(first);
  sockets.startReceive(second);
  t.same(kernel.calls, ['c start', 'b start']);
});

t.test('what is gathered before and within a turn leaves once, before the next wait', async (t) => {
  const { kernel, sockets } = world();
  const flusher = (name: string, then?: Flusher): Flusher => ({ flush: () => {
    kernel.calls.push(`flush ${name}`);
    if (then !== undefined) sockets.flushLater(then);
  } });
  sockets.flushLater(flusher('timer'));
  kernel.onPoll = () => {
    if (kernel.calls.includes('poll')) return;
    sockets.flushLater(flusher('turn', flusher('late')));
  };
  sockets.poll(0);
  t.same(kernel.calls, ['flush timer', 'poll', 'flush turn']);
  sockets.poll(0);
  t.same(kernel.calls.slice(3), ['flush late', 'poll']);
});
