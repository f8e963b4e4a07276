// What every driver promises (reactor.ts), once for each: epoll and io_uring on loopback sockets, the simulation with and
// without faults.
import t from 'tap';
import type { Test } from 'tap';
import { spawn } from 'node:child_process';
import { uringAvailable } from '../../../src/workers/reactor/choose.js';
import { Harness, KernelHarness, Recorder, SimHarness } from './harness.js';
import type { Peer } from './harness.js';

type Make = (socketsMax?: number, poolMiB?: number) => Harness;
const drivers: [string, Make][] = [
  ['epoll', (sockets, pool) => new KernelHarness('epoll', sockets, pool)],
  ['sim', (sockets, pool) => new SimHarness(1, {}, sockets, pool)],
  ['sim with faults', (sockets, pool) => new SimHarness(2,
    { shortRead: 0.5, shortWrite: 0.5, delayMsMax: 3, capacityBytes: 20000 }, sockets, pool)],
];
const uring = uringAvailable();
if (uring.ok) drivers.push(['uring', (sockets, pool) => new KernelHarness('uring', sockets, pool)]);
else t.comment(`io_uring is not tested here: ${uring.reason}`);

const bytes = (text: string) => Buffer.from(text, 'latin1');
function pattern(length: number): Uint8Array {
  const result = new Uint8Array(length);
  for (let n = 0; n < length; n++) result[n] = (n * 31 + (n >> 8)) & 255;
  return result;
}

// One driver at a time, when looking for a fault.
const only = process.env['ONLY_DRIVER'];
for (const [name, make] of drivers.filter(([name]) => only === undefined || name === only)) {
  /** A test with a harness; at its end nothing may be left over. */
  const test = (title: string, body: (t: Test, h: Harness) => void, sockets?: number, poolMiB?: number) =>
    t.test(`${name}: ${title}`, async t => {
      const h = make(sockets, poolMiB);
      try { body(t, h); } finally {
        t.same(h.finish(), { buffers: 0, fds: 0, sockets: 0 }, 'nothing is left over');
      }
    });
  const attach = (h: Harness, kind?: 'tcp' | 'unix'): { id: number; peer: Peer; owner: Recorder } => {
    const { fd, peer } = h.pair(kind);
    const owner = new Recorder(h);
    return { id: h.reactor.add(fd, owner), peer, owner };
  };
  /** Reads the peer until `count` bytes came. */
  const collect = (h: Harness, peer: Peer, count: number): string => {
    let text = '';
    h.until(() => {
      for (let piece = peer.read(); piece.length > 0; piece = peer.read()) text += Buffer.from(piece).toString('latin1');
      return text.length >= count || peer.ended || peer.errno !== 0;
    }, 1);
    return text;
  };
  const writeAll = (h: Harness, peer: Peer, data: Uint8Array): void => {
    let at = 0;
    h.until(() => {
      const wrote = peer.write(data.subarray(at, at + 65536));
      if (wrote > 0) at += wrote;
      return at === data.length;
    }, 1);
  };

  for (const kind of ['tcp', 'unix'] as const) {
    test(`bytes arrive whole and in order, and the FIN after them (${kind})`, (t, h) => {
      const { id, peer, owner } = attach(h, kind);
      h.reactor.startReceive(id);
      const sent = pattern(300000);
      writeAll(h, peer, sent);
      peer.shutdownSend();
      h.until(() => owner.events.length > 0);
      t.equal(owner.text, Buffer.from(sent).toString('latin1'));
      t.same(owner.events, ['end 0']);
      h.send(id, bytes('still writable'));
      t.equal(collect(h, peer, 14), 'still writable');
      h.reactor.close(id, false);
      peer.close();
    });

    test(`what is sent leaves in order, however slowly the peer reads (${kind})`, (t, h) => {
      const { id, peer } = attach(h, kind);
      const sent = pattern(900000);
      let at = 0;
      for (let n = 0; at < sent.length; n++) {
        const length = Math.min(sent.length - at, [1, 700, 80000, 4096, 16000][n % 5]!);
        h.send(id, sent.subarray(at, at + length), n % 3 === 0);
        at += length;
      }
      h.turns(3);
      t.ok(h.reactor.pendingSendBytes(id) > 0, 'the kernel did not take all');
      t.equal(collect(h, peer, sent.length), Buffer.from(sent).toString('latin1'));
      h.until(() => h.reactor.pendingSendBytes(id) === 0);
      t.equal(h.reactor.pendingSendBytes(id), 0);
      h.reactor.close(id, false);
      peer.close();
    });
  }

  test('bulk changes nothing but the speed, on and off in the middle', (t, h) => {
    const { id, peer, owner } = attach(h);
    h.reactor.startReceive(id);
    const sent = pattern(500000);
    for (let n = 0; n < 5; n++) {
      h.reactor.setBulk(id, n % 2 === 1);
      writeAll(h, peer, sent.subarray(n * 100000, (n + 1) * 100000));
    }
    h.until(() => owner.receivedBytes === sent.length);
    t.equal(owner.text, Buffer.from(sent).toString('latin1'));
    h.reactor.close(id, false);
    peer.close();
  });

  test('a piece promised to be followed leaves even if nothing follows', (t, h) => {
    const { id, peer } = attach(h);
    h.send(id, bytes('head'), true);
    t.equal(collect(h, peer, 4), 'head');
    h.send(id, bytes('a'), true);
    h.send(id, bytes('b'), true);
    h.send(id, bytes('c'), false);
    t.equal(collect(h, peer, 3), 'abc');
    h.reactor.close(id, false);
    peer.close();
  });

  test('callbacks come only inside poll', (t, h) => {
    const { id, peer, owner } = attach(h);
    peer.write(bytes('x'));
    h.reactor.startReceive(id);
    h.reactor.notifyDrained(id);
    t.same([owner.events, owner.received], [[], []]);
    h.until(() => owner.events.length === 1 && owner.received.length === 1);
    t.same(owner.events, ['drained']);
    t.equal(owner.text, 'x');
    h.reactor.close(id, false);
    peer.close();
  });

  test('notifyDrained says once when the queue has emptied', (t, h) => {
    const { id, peer, owner } = attach(h);
    for (let n = 0; n < 12; n++) h.send(id, pattern(80000));
    h.reactor.notifyDrained(id);
    h.turns(5);
    t.same(owner.events, [], 'not while bytes are pending');
    collect(h, peer, 960000);
    h.until(() => owner.events.length > 0);
    h.turns(3);
    t.same(owner.events, ['drained']);
    h.reactor.close(id, false);
    peer.close();
  });

  test('stopReceive keeps what comes; startReceive delivers it, and the end, in order', (t, h) => {
    const { id, peer, owner } = attach(h);
    h.reactor.startReceive(id);
    owner.onBytes = () => { h.reactor.stopReceive(id); };
    const sent = pattern(200000);
    writeAll(h, peer, sent.subarray(0, 10000));
    h.until(() => owner.receivedBytes > 0);
    h.turns(5);
    const first = owner.receivedBytes;
    peer.write(sent.subarray(10000, 11000));
    h.turns(5);
    t.equal(owner.receivedBytes, first, 'nothing while stopped');
    owner.onBytes = null;
    h.reactor.startReceive(id);
    writeAll(h, peer, sent.subarray(11000));
    h.until(() => owner.receivedBytes === sent.length);
    h.reactor.stopReceive(id);
    peer.shutdownSend();
    h.turns(5);
    t.same(owner.events, [], 'no end while stopped');
    h.reactor.startReceive(id);
    h.until(() => owner.events.length > 0);
    t.same(owner.events, ['end 0']);
    t.equal(owner.text, Buffer.from(sent).toString('latin1'));
    h.reactor.close(id, false);
    peer.close();
  });

  test('stop and start between any two polls lose nothing', (t, h) => {
    const { id, peer, owner } = attach(h);
    const sent = pattern(400000);
    let at = 0;
    for (let n = 0; n < 400 && owner.receivedBytes < sent.length; n++) {
      if (n % 3 === 0) h.reactor.stopReceive(id); else h.reactor.startReceive(id);
      if (n % 7 === 0) { h.reactor.stopReceive(id); h.reactor.startReceive(id); }
      const wrote = at < sent.length ? peer.write(sent.subarray(at, at + 9000)) : 0;
      if (wrote > 0) at += wrote;
      h.reactor.poll(1);
    }
    h.reactor.startReceive(id);
    if (at < sent.length) writeAll(h, peer, sent.subarray(at));
    h.until(() => owner.receivedBytes === sent.length);
    t.equal(owner.text, Buffer.from(sent).toString('latin1'));
    h.reactor.close(id, false);
    peer.close();
  });

  test('a retained buffer keeps its bytes until it is released', (t, h) => {
    const { id, peer, owner } = attach(h);
    const kept: [number, number, number][] = [];
    owner.onBytes = (buffer, offset, length) => { h.pool.retain(buffer); kept.push([buffer, offset, length]); };
    h.reactor.startReceive(id);
    const sent = pattern(150000);
    for (let at = 0; at < sent.length; at += 3000) {
      writeAll(h, peer, sent.subarray(at, Math.min(sent.length, at + 3000)));
      h.reactor.poll(1);
    }
    h.until(() => owner.receivedBytes === sent.length);
    const together = Buffer.concat(kept.map(([, offset, length]) => h.bytes.slice(offset, offset + length)));
    t.ok(together.equals(sent));
    for (const [buffer] of kept) h.pool.release(buffer);
    h.reactor.close(id, false);
    peer.close();
  });

  test('when the pool is empty receiving waits, and goes on by itself', (t, h) => {
    const taken: number[] = [];
    for (const size of [0, 1, 2] as const) for (let b = h.pool.acquire(size); b >= 0; b = h.pool.acquire(size)) taken.push(b);
    const { id, peer, owner } = attach(h);
    const kept: number[] = [];
    owner.onBytes = buffer => { h.pool.retain(buffer); kept.push(buffer); };
    h.reactor.startReceive(id);
    const sent = pattern(60000);
    let written = 0;
    for (let n = 0; n < 600; n++) {
      written += Math.max(0, peer.write(sent.subarray(written, written + 100)));
      h.reactor.poll(0);
    }
    h.turns(10);
    t.ok(owner.receivedBytes < written || name.startsWith('sim'), 'receiving waits');
    for (const buffer of [...taken, ...kept.splice(0)]) h.pool.release(buffer);
    owner.onBytes = null;
    h.until(() => owner.receivedBytes === written);
    t.equal(owner.text, Buffer.from(sent.subarray(0, written)).toString('latin1'));
    h.reactor.close(id, false);
    peer.close();
  }, 64, 4);

  test('a reset ends both directions once', (t, h) => {
    const { id, peer, owner } = attach(h);
    h.reactor.startReceive(id);
    h.turns(2);
    peer.close(true);
    h.until(() => owner.events.length > 0);
    h.send(id, bytes('into the void'));
    h.turns(5);
    t.same(owner.events, ['end 104']);
    t.equal(h.reactor.pendingSendBytes(id), 0);
    h.reactor.close(id, false);
  });

  test('sending to a peer that is gone fails once, and drops the queue', (t, h) => {
    const { id, peer, owner } = attach(h);
    peer.close(true);
    h.turns(5);
    h.until(() => { h.send(id, bytes('x'.repeat(1000))); h.reactor.poll(1); return owner.events.length > 0; });
    h.turns(3);
    t.equal(owner.events.length, 1);
    t.match(owner.events[0], /^sendFailed (32|104)$/);
    t.equal(h.reactor.pendingSendBytes(id), 0);
    h.reactor.close(id, false);
  });

  test('a queue that is full counts as a failed send', (t, h) => {
    const { id, peer, owner } = attach(h);
    const buffer = h.buffer(pattern(4096));
    for (let n = 0; n < 3000; n++) h.reactor.send(id, buffer, h.pool.offsetOf(buffer), 4096, false);
    h.until(() => owner.events.length > 0);
    t.same(owner.events, ['sendFailed 105']);
    h.until(() => h.reactor.pendingSendBytes(id) === 0);
    h.reactor.close(id, false);
    h.pool.release(buffer);
    peer.close();
  });

  test('shutdownSend follows everything queued; receiving goes on', (t, h) => {
    const { id, peer, owner } = attach(h);
    for (let n = 0; n < 8; n++) h.send(id, pattern(80000));
    h.reactor.shutdownSend(id);
    const got = collect(h, peer, Infinity);
    t.equal(got.length, 640000);
    t.ok(peer.ended);
    h.reactor.startReceive(id);
    peer.write(bytes('answer'));
    h.until(() => owner.receivedBytes === 6);
    t.equal(owner.text, 'answer');
    h.reactor.close(id, false);
    peer.close();
  });

  test('a large response followed at once by close: nothing is kept, no callback follows', (t, h) => {
    const { id, peer, owner } = attach(h);
    h.reactor.startReceive(id);
    for (let n = 0; n < 20; n++) h.send(id, pattern(80000));
    h.reactor.notifyDrained(id);
    h.reactor.close(id, false);
    h.turns(10);
    t.same(owner.events, []);
    const got = collect(h, peer, Infinity);
    t.ok(got.length < 1600000);
    t.ok(peer.ended || peer.errno !== 0);
    peer.close();
  });

  test('a small response followed at once by close arrives, then the end', (t, h) => {
    const { id, peer } = attach(h);
    h.reactor.startReceive(id);
    h.turns(2);
    h.send(id, bytes('bye'));
    h.reactor.close(id, false);
    h.turns(2);
    t.equal(collect(h, peer, Infinity), 'bye');
    t.ok(peer.ended);
    peer.close();
  });

  test('close with reset: the peer sees it', (t, h) => {
    const { id, peer } = attach(h);
    h.reactor.startReceive(id);
    h.turns(2);
    h.reactor.close(id, true);
    h.turns(2);
    h.until(() => { peer.read(); return peer.errno !== 0 || peer.ended; }, 1);
    t.equal(peer.errno, 104);
    peer.close();
  });

  test('closing other sockets from a callback silences what was gathered for them', (t, h) => {
    const all = [0, 1, 2, 3].map(() => attach(h));
    let calls = 0;
    for (const one of all) {
      h.reactor.startReceive(one.id);
      one.owner.onBytes = () => { calls++; for (const other of all) h.reactor.close(other.id, false); };
    }
    h.turns(2);
    for (const one of all) one.peer.write(bytes('x'));
    h.until(() => calls > 0);
    h.turns(5);
    t.equal(calls, 1);
    t.equal(h.reactor.socketCount, 0);
    for (const one of all) one.peer.close();
  });

  test('a callback that throws loses nothing of the others', (t, h) => {
    const all = [0, 1, 2, 3, 4].map(() => attach(h));
    for (const one of all) {
      h.reactor.startReceive(one.id);
      one.owner.onBytes = () => { if (one === all[2]) throw new Error('bad request handler'); };
    }
    h.turns(2);
    for (const one of all) one.peer.write(bytes('x'));
    let thrown = 0;
    h.until(() => {
      try { h.reactor.poll(5); } catch { thrown++; h.reactor.close(h.reactor.current, false); }
      return all.every(one => one.owner.receivedBytes === 1);
    });
    t.equal(thrown, 1);
    t.equal(h.reactor.fdOf(all[2]!.id), -1);
    for (const one of all) { h.reactor.close(one.id, false); one.peer.close(); }
  });

  test('connect: accepted, with bytes queued before', (t, h) => {
    const server = h.server();
    const owner = new Recorder(h);
    const id = h.reactor.add(h.socket(server.address), owner);
    h.connect(id, server.address);
    h.send(id, bytes('early'));
    h.reactor.startReceive(id);
    let peer: Peer | null = null;
    h.until(() => { peer ??= server.accept(); return peer !== null && owner.events.length > 0; });
    t.same(owner.events, ['connected 0']);
    t.equal(collect(h, peer!, 5), 'early');
    peer!.write(bytes('answer'));
    h.until(() => owner.receivedBytes === 6);
    t.equal(owner.text, 'answer');
    h.reactor.close(id, false);
    peer!.close();
    server.stop();
  });

  test('connect: refused', (t, h) => {
    const owner = new Recorder(h);
    const address = h.refused();
    const id = h.reactor.add(h.socket(address), owner);
    h.reactor.startReceive(id);
    h.connect(id, address);
    h.send(id, bytes('early'));
    h.until(() => owner.events.length > 0);
    h.turns(3);
    t.same(owner.events, ['connected 111']);
    t.equal(h.reactor.pendingSendBytes(id), 0);
    h.reactor.close(id, false);
  });

  test('connect: no answer, and closed while under way; the slot is reused', (t, h) => {
    const silent = h.silent();
    const owner = new Recorder(h);
    for (let n = 0; n < 3; n++) {
      const id = h.reactor.add(h.socket(silent.address), owner);
      t.ok(id >= 0);
      h.connect(id, silent.address);
      h.turns(5);
      h.reactor.close(id, false);
      h.turns(2);
    }
    t.same(owner.events, []);
    silent.stop();
  }, 2);

  if (name === 'epoll' || name === 'uring') {
    test('connect: timed out by the kernel', (t, h) => {
      const silent = h.silent();
      const owner = new Recorder(h);
      const id = h.reactor.add(h.socket(silent.address), owner);
      (h as KernelHarness).shortenConnectTimeout(id);
      h.connect(id, silent.address);
      h.until(() => owner.events.length > 0);
      t.same(owner.events, ['connected 110']);
      h.reactor.close(id, false);
      silent.stop();
    });

    test('EINTR is invisible', (t, h) => {
      process.once('SIGUSR2', () => undefined);
      const child = spawn('sh', ['-c', `sleep 0.03; kill -USR2 ${process.pid}; kill -USR2 ${process.pid}`]);
      child.on('error', () => undefined);
      const { id, peer, owner } = attach(h);
      h.reactor.startReceive(id);
      const start = performance.now();
      while (performance.now() - start < 150) h.reactor.poll(100);
      peer.write(bytes('x'));
      h.until(() => owner.receivedBytes === 1);
      t.equal(owner.text, 'x');
      h.reactor.close(id, false);
      peer.close();
    });

    test('poll waits as long as it was told when nothing happens', (t, h) => {
      const start = performance.now();
      h.reactor.poll(50);
      const waited = performance.now() - start;
      t.ok(waited >= 45 && waited < 200, `${waited} ms`);
    });
  }

  test('accept, pause, resume, end', (t, h) => {
    const { fd, arrive } = h.listener();
    const accepted: number[] = [];
    const id = h.reactor.listen(fd, { onAccepted: one => { accepted.push(h.reactor.add(one, new Recorder(h))); },
      onAcceptFailed: () => { t.fail('accept failed'); } });
    const clients = [arrive(), arrive(), arrive()];
    h.until(() => accepted.length === 3);
    h.reactor.pauseAccept(id);
    h.turns(3);
    clients.push(arrive());
    h.turns(3);
    t.equal(accepted.length, 3);
    h.reactor.resumeAccept(id);
    h.until(() => accepted.length === 4);
    h.reactor.unlisten(id);
    h.turns(3);
    clients.push(arrive());
    h.turns(3);
    t.equal(accepted.length, 4);
    for (const socket of accepted) h.reactor.close(socket, false);
    for (const client of clients) client.close();
  });

  test('out of descriptors: accepting is suspended, never spun on, and resumes', (t, h) => {
    const { fd, arrive } = h.listener();
    let failed = 0;
    const accepted: number[] = [];
    h.reactor.listen(fd, { onAccepted: one => { accepted.push(h.reactor.add(one, new Recorder(h))); },
      onAcceptFailed: errno => { t.equal(errno, 24); failed++; } });
    const client = arrive();
    const relieve = h.exhaust(fd);
    const start = performance.now();
    let polls = 0;
    while (failed < 2 && performance.now() - start < 1000) { h.reactor.poll(50); polls++; }
    relieve();
    t.equal(failed, 2);
    t.ok(polls < 20, `${polls} polls`);
    h.until(() => accepted.length === 1);
    t.equal(accepted.length, 1);
    for (const socket of accepted) h.reactor.close(socket, false);
    client.close();
  });

  test('writing the eventfd wakes, each time', (t, h) => {
    const { fd, write } = h.wakeFd();
    let wakes = 0;
    h.reactor.setWake(fd, () => { wakes++; });
    h.turns(2);
    wakes = 0;
    for (let n = 1; n <= 5; n++) {
      write();
      h.until(() => wakes === n);
      t.equal(wakes, n);
    }
  });

  test('a full table says so; a closed slot is free again', (t, h) => {
    const pairs = [0, 1, 2, 3].map(() => h.pair());
    const ids = pairs.map(pair => h.reactor.add(pair.fd, new Recorder(h)));
    t.equal(new Set(ids).size, 4);
    const extra = h.pair();
    t.equal(h.reactor.add(extra.fd, new Recorder(h)), -1);
    h.reactor.close(ids[1]!, false);
    h.turns(2);
    const id = h.reactor.add(extra.fd, new Recorder(h));
    t.ok(id >= 0);
    for (const one of [ids[0]!, ids[2]!, ids[3]!, id]) h.reactor.close(one, false);
    for (const { peer } of [...pairs, extra]) peer.close();
  }, 4);

  test('one bulk sender does not starve the others', (t, h) => {
    const bulk = attach(h);
    const quiet = attach(h);
    h.reactor.startReceive(bulk.id);
    h.reactor.startReceive(quiet.id);
    const chunk = pattern(60000);
    bulk.owner.onBytes = () => { bulk.peer.write(chunk); };
    bulk.peer.write(chunk);
    h.turns(3);
    quiet.peer.write(bytes('x'));
    for (let n = 0; n < 50 && quiet.owner.receivedBytes === 0; n++) h.reactor.poll(1);
    t.equal(quiet.owner.receivedBytes, 1);
    bulk.owner.onBytes = null;
    h.reactor.close(bulk.id, false);
    h.reactor.close(quiet.id, false);
    bulk.peer.close();
    quiet.peer.close();
  });

  test('a thousand sockets echo', (t, h) => {
    const count = name.startsWith('sim') ? 200 : 1000;
    const all: { id: number; peer: Peer; owner: Recorder }[] = [];
    for (let n = 0; n < count; n++) {
      const one = attach(h, 'unix');
      one.owner.onBytes = (buffer, offset, length) => { h.reactor.send(one.id, buffer, offset, length, false); };
      h.reactor.startReceive(one.id);
      all.push(one);
    }
    all.forEach((one, n) => { writeAll(h, one.peer, bytes(`number ${n}`)); });
    let wrong = 0;
    all.forEach((one, n) => { if (collect(h, one.peer, `number ${n}`.length) !== `number ${n}`) wrong++; });
    t.equal(wrong, 0);
    for (const one of all) { h.reactor.close(one.id, false); one.peer.close(); }
  }, 1024);
}
