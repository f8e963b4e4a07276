// What every driver promises (reactor.ts) about bytes: receiving, sending, stopping, closing. Once for each driver:
// epoll and io_uring on loopback sockets, the simulation with and without faults.
import { bytes, drivers, pattern, toolsFor } from './drivers.js';

for (const [name, make] of drivers) {
  const { test, attach, collect, writeAll } = toolsFor(name, make);

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
    for (const size of [0, 1, 2] as const) {
      for (let b = h.pool.acquire(size); b >= 0; b = h.pool.acquire(size)) taken.push(b);
    }
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
}
