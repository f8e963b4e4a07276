// What every driver promises (reactor.ts) about connections: connecting, accepting, waking, waiting, tables that are
// full.
import { spawn } from 'node:child_process';
import { bytes, drivers, pattern, toolsFor } from './drivers.js';
import { KernelHarness, Recorder } from './harness.js';
import type { Peer } from './harness.js';

for (const [name, make] of drivers) {
  const { test, attach, collect, writeAll } = toolsFor(name, make);

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
      process.on('SIGUSR2', () => undefined);
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
