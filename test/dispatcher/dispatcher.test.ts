// The dispatcher with real threads and sockets: who accepts, what survives a worker's death, what an update leaves
// alone.
import { connect } from 'node:net';
import type { Socket } from 'node:net';
import { readFileSync } from 'node:fs';
import t from 'tap';
import type { Test } from 'tap';
import { LogSink } from '../../src/core/log.js';
import { Control, memoryMap } from '../../src/core/memory-map.js';
import { Dispatcher } from '../../src/dispatcher/dispatcher.js';
import type { StoreChange } from '../../src/dispatcher/configuration.js';
import { Statistics } from '../../src/telemetry/statistics.js';
import { assignment, cluster, httpChain, listener } from '../config/snapshot/fixtures.js';

const MIB = 128;
const codecs = new WebAssembly.Module(readFileSync(new URL('../../wasm/codecs.wasm', import.meta.url)));
interface Answer { worker: number; generation: number; slot: number; version: number }

class Fixture {
  readonly refusals: string[] = [];
  readonly fatal: string[] = [];
  readonly known = { assignments: new Map(), ready: true, onReady: (callback: () => void) =>
    { this.whenReady = callback; } };
  whenReady = () => {};
  readonly dispatcher: Dispatcher;
  readonly ready: Promise<void>;

  constructor(t: Test, workers: number) {
    const map = memoryMap(MIB, workers);
    const memory = new WebAssembly.Memory({ initial: MIB * 16, maximum: MIB * 16, shared: true });
    let onAllReady = () => {};
    this.ready = new Promise((resolve) => { onAllReady = resolve; });
    this.dispatcher = new Dispatcher({ memory, map, memoryMiB: MIB, codecs, io: 'epoll', onAllReady,
      workerUrl: new URL('./plain-worker.js', import.meta.url), resourceLimits: {}, logs: new LogSink('off'),
      statistics: new Statistics(memory.buffer, map), accessLogSink: () => 0, store: this.known,
      writeEvent: () => {}, drainMs: 1000,
      onRefused: (kind, name, details) => this.refusals.push(`${kind} ${name}: ${details}`),
      onFatal: (line) => this.fatal.push(line) });
    this.dispatcher.start();
    t.teardown(() => this.dispatcher.end());
  }
  change(...changes: StoreChange[]): void { this.dispatcher.change(changes); }
  listen(config: ReturnType<typeof listener>): void { this.change({ kind: 'listener', name: config.name,
    record: { config } }); }
  port(name: string): number {
    const address = this.dispatcher.listeners.addressesOf(name)[0];
    return address?.kind === 'ip' ? address.port : 0;
  }
}

function open(port: number, text: string): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1', () => { socket.write(text); resolve(socket); });
    socket.on('error', reject);
  });
}
async function ask(port: number): Promise<Answer> {
  const socket = await open(port, 'hello');
  const answer = await new Promise<string>((resolve, reject) => {
    socket.once('data', (data) => resolve(data.toString()));
    socket.once('close', () => reject(new Error('closed')));
  });
  socket.destroy();
  return JSON.parse(answer) as Answer;
}
async function eventually(what: () => boolean | Promise<boolean>, ms = 5000): Promise<boolean> {
  for (const end = Date.now() + ms; Date.now() < end;) {
    if (await what()) return true;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  return false;
}
const closed = (socket: Socket) => new Promise<void>((resolve) => { socket.on('error', () => {});
  socket.on('close', () => resolve()); });

t.test('every worker accepts on its own socket, and sees the root that has the listener', async (t) => {
  const f = new Fixture(t, 2);
  f.listen(listener('shared', 0));
  await f.ready;
  const answers = await Promise.all(Array.from({ length: 40 }, () => ask(f.port('shared'))));
  t.same([...new Set(answers.map((answer) => answer.worker))].sort(), [0, 1]);
  t.ok(answers.every((answer) => answer.version >= 1 && answer.slot === f.dispatcher.publisher.listenerSlot('shared')));
});

t.test('exact balance deals every connection to the worker that has the fewest', async (t) => {
  const f = new Fixture(t, 2);
  f.listen(listener('exact', 0, { exactBalance: true }));
  await f.ready;
  const sockets: Socket[] = [];
  for (let n = 0; n < 20; n++) {
    sockets.push(await open(f.port('exact'), 'hold'));
    await eventually(() => f.dispatcher.connections() === n + 1);
  }
  const { control } = f.dispatcher.supervisor;
  t.ok(await eventually(() => control.get(0, Control.connections) === 10
    && control.get(1, Control.connections) === 10));
  for (const socket of sockets) socket.destroy();
});

t.test('a dead worker is replaced, its connections are closed, the others are not, and the port never closes',
  async (t) => {
  const f = new Fixture(t, 2);
  f.listen(listener('exact', 0, { exactBalance: true }));
  await f.ready;
  const first = await open(f.port('exact'), 'hold');
  await eventually(() => f.dispatcher.connections() === 1);
  const second = await open(f.port('exact'), 'hold');
  await eventually(() => f.dispatcher.connections() === 2);
  const third = await open(f.port('exact'), 'crash');
  await Promise.race([Promise.all([closed(third), closed(first)]), Promise.all([closed(third), closed(second)])]);
  t.equal(f.dispatcher.supervisor.counts.deaths, 1);
  t.equal([first, second].filter((socket) => !socket.destroyed).length, 1, 'the other worker keeps its connection');
  t.ok(await eventually(async () => {
    const answers = await Promise.all(Array.from({ length: 8 }, () => ask(f.port('exact'))));
    return answers.some((answer) => answer.generation === 2) && answers.some((answer) => answer.generation === 1);
  }), 'both serve again');
  t.equal(f.dispatcher.supervisor.counts.restarts, 1);
  first.destroy();
  second.destroy();
});

t.test('five deaths in a minute end the process', async (t) => {
  const f = new Fixture(t, 1);
  f.listen(listener('only', 0));
  await f.ready;
  for (let n = 1; n <= 5; n++) {
    await closed(await open(f.port('only'), 'crash'));
    t.ok(await eventually(() => f.dispatcher.supervisor.counts.deaths === n));
  }
  t.match(f.fatal, [/5 worker deaths within a minute, giving up; .*asked to crash/]);
});

t.test('an update that keeps the address keeps the socket and its connections; the slot stays', async (t) => {
  const f = new Fixture(t, 2);
  f.listen(listener('stays', 0));
  await f.ready;
  const port = f.port('stays');
  const held = await open(port, 'hold');
  const before = await ask(port);
  f.listen(listener('stays', 0, { statName: 'other', filterChains: [httpChain({ statPrefix: 'changed' })] }));
  t.equal(f.port('stays'), port);
  const after = await ask(port);
  t.equal(after.slot, before.slot);
  t.equal(after.version, before.version + 1);
  t.notOk(held.destroyed);
  t.match(await f.dispatcher.questions.describe(0), /draining true/,
    'the connections of the old filter chains are drained');
  held.destroy();
});

t.test('a removed listener refuses connections; others go on', async (t) => {
  const f = new Fixture(t, 2);
  f.listen(listener('gone', 0));
  f.listen(listener('stays', 0));
  await f.ready;
  const port = f.port('gone');
  await ask(port);
  f.change({ kind: 'listener', name: 'gone', record: null });
  t.ok(await eventually(async () => ask(port).then(() => false, () => true)));
  t.ok(await ask(f.port('stays')));
});

t.test('a port that is taken refuses that listener with the reason; the last good one goes on', async (t) => {
  const f = new Fixture(t, 2);
  f.listen(listener('first', 0));
  await f.ready;
  const port = f.port('first');
  f.listen(listener('second', port));
  t.match(f.refusals, [new RegExp(`listener second: .*127.0.0.1:${port}.*EADDRINUSE`)]);
  f.listen(listener('first', 0, { addresses: [{ kind: 'ip', host: '203.0.113.1', port, ipv4Compat: false }] }));
  t.match(f.refusals[1], /listener first: .*203.0.113.1.*EADDRNOTAVAIL/);
  t.ok(await ask(port));
});

t.test('a listener waits while initial answers are outstanding', async (t) => {
  const f = new Fixture(t, 1);
  f.known.ready = false;
  f.listen(listener('waits', 0));
  await f.ready;
  t.same(f.dispatcher.configuration.warmingListeners, ['waits']);
  t.equal(f.port('waits'), 0);
  f.known.ready = true;
  f.whenReady();
  t.same(f.dispatcher.configuration.warmingListeners, []);
  t.ok(await ask(f.port('waits')));
});

t.test('clusters follow their EDS resource, whichever comes first', async (t) => {
  const f = new Fixture(t, 1);
  const eds = (name: string) => ({ kind: 'cluster', name,
    record: { config: cluster(name, { type: 'eds', edsServiceName: 'service' }) } } as const);
  f.change(eds('a'));
  t.same(f.dispatcher.endpoints('a'), []);
  const record = { config: assignment('service', 1, 2) };
  f.known.assignments.set('service', record);
  f.change({ kind: 'assignment', name: 'service', record });
  f.change(eds('b'));
  t.equal(f.dispatcher.endpoints('a').length, 2);
  t.equal(f.dispatcher.endpoints('b').length, 2);
  f.change({ kind: 'assignment', name: 'service', record: null });
  t.same(f.dispatcher.endpoints('b'), []);
});
