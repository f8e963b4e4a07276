// Clients that misuse RPC connections: frames in pieces, altered, cut, too large, too many, and peers that do not read.
// What they do ends their own connection at most; calls of neighbours, which share the endpoint's connection with them,
// go on, and nothing is left behind. `WEFT_TEST_SEED` replays a run.
import { connect } from 'node:net';
import type { Socket } from 'node:net';
import t from 'tap';
import { Random } from '../fuzz/random.js';
import { frame as dubboFrame, hessianCall, hex, hmap, hs, SERVICE } from '../protocols/rpc/dubbo-frames.js';
import { bootstrap, routeTo } from '../support/bootstrap.js';
import { BoltClient, boltFrame, BoltServer } from '../support/bolt.js';
import type { BoltFrame } from '../support/bolt.js';
import { DubboClient, DubboServer } from '../support/dubbo.js';
import { freePort } from '../support/ports.js';
import { Proxy, weftKinds } from '../support/proxy.js';
import { boltCall, buffersInUse, leftOver, Neighbour, residentMiB, rpcCluster, rpcManager, until }
  from '../support/rpc-attacks.js';

type Test = import('tap').Test;
const seed = Number(process.env.WEFT_TEST_SEED ?? Date.now() % 2 ** 31);
const OK = 20, ANSWERED = hex('91026869');
const CHECKED = { proto: 2, ver1: 2, switchByte: 1 };

for (const kind of weftKinds) {
  t.test(`${kind}, seed ${seed}`, async (t) => {
    const random = new Random(seed);
    const good = await BoltServer.start(await freePort()), dubbo = await DubboServer.start(await freePort());
    const fresh = await BoltServer.start(await freePort());
    const port = await freePort(), few = await freePort(), dubboPort = await freePort(), adminPort = await freePort();
    const virtualHosts = [{ name: 'fresh', domains: ['com.x.Fresh'], routes: [routeTo('fresh')] },
      { name: 'good', domains: ['*'], routes: [routeTo('good')] }];
    const proxy = await Proxy.start(kind, adminPort, () => bootstrap(adminPort, [
      { name: 'in', port, manager: rpcManager('BOLT'), virtualHosts },
      { name: 'few', port: few, virtualHosts,
        manager: rpcManager('BOLT', { max_concurrent_requests_per_connection: 8, max_frame_bytes: 100_000,
          stream_idle_timeout: '0.5s', request_headers_timeout: '0.3s', max_header_bytes: 2000 }) },
      { name: 'dubbo', port: dubboPort, manager: rpcManager('DUBBO'), routes: [routeTo('dubbo')] }],
    [{ name: 'good', ports: [good.port], fields: rpcCluster('BOLT') },
      { name: 'fresh', ports: [fresh.port], fields: rpcCluster('BOLT') },
      { name: 'dubbo', ports: [dubbo.port], fields: rpcCluster('DUBBO') }]));
    const opened: { close(): void }[] = [];
    t.teardown(async () => {
      for (const one of opened) one.close();
      await proxy.stop();
      await Promise.all([good.stop(), dubbo.stop(), fresh.stop()]);
    });
    const bolt = async (at = port): Promise<BoltClient> => {
      const client = await BoltClient.open(at);
      opened.push(client);
      return client;
    };
    const consumer = async (): Promise<DubboClient> => {
      const client = await DubboClient.open(dubboPort);
      opened.push(client);
      return client;
    };
    /** Dubbo's neighbour: its endpoint says what it was asked. */
    dubbo.serve = (frame, answer) => {
      const text = /neighbour \d+/.exec(frame.body.toString('latin1'))?.[0];
      answer(OK, text === undefined ? ANSWERED : Buffer.concat([hex('91'), hs(text)]));
    };
    const dubboNeighbour = async (): Promise<Neighbour> => {
      const client = await consumer();
      let id = 0n;
      return new Neighbour(async (text) => {
        client.frames.length = 0;
        const { status, body } = await client.ask(hessianCall({ id: ++id, values: [hs(text)],
          map: hmap(['timeout', '5000']) }));
        return status === OK ? body.subarray(2).toString() : `status ${status}`;
      }, () => { client.close(); });
    };
    /** One attack, with neighbours of both protocols beside it. */
    const attack = (name: string, run: (t: Test, near: Neighbour) => Promise<void>): Promise<unknown> =>
      t.test(name, async (t) => {
        const [near, dubboNear] = [await Neighbour.bolt(port), await dubboNeighbour()];
        await near.next();
        await run(t, near);
        await Promise.all([near.next(), dubboNear.next()]);
        t.same([...await near.stop(), ...await dubboNear.stop()], [], 'neighbours are served');
        for (const one of opened.splice(0)) one.close();
        for (const server of [good, fresh]) server.reset();
      });
    await (await Neighbour.bolt(port)).stop();
    const buffers = await buffersInUse(proxy), resident = residentMiB(proxy);

    await attack('frames split at every byte, and written byte by byte', async (t, near) => {
      const bytes = boltFrame(boltCall(1, 'split', CHECKED)), call = hessianCall({ id: 1n });
      const clients = await Promise.all(Array.from({ length: bytes.length - 1 }, () => bolt()));
      const consumers = await Promise.all(Array.from({ length: call.length - 1 }, () => consumer()));
      clients.forEach((client, i) => { client.send(bytes.subarray(0, i + 1)); });
      consumers.forEach((client, i) => { client.send(call.subarray(0, i + 1)); });
      await near.next();
      clients.forEach((client, i) => { client.send(bytes.subarray(i + 1)); });
      consumers.forEach((client, i) => { client.send(call.subarray(i + 1)); });
      const answers = await Promise.all(clients.map((client) => client.frame(({ id }) => id === 1)));
      t.same(answers.filter(({ status, content, checksum }) =>
        status !== 0 || content.toString() !== 'split' || checksum !== 'right'), []);
      const results = await Promise.all(consumers.map((client) => client.frame(({ id }) => id === 1n)));
      t.same(results.filter(({ status }) => status !== OK), []);
      const slow = await bolt();
      for (const byte of bytes) {
        slow.send(Buffer.from([byte]));
        await near.next(1);
      }
      t.match(await slow.frame(({ id }) => id === 1), { status: 0 });
    });

    await attack('requests altered in each byte', async (t, near) => {
      const frames = [boltFrame(boltCall(7, 'altered')), boltFrame(boltCall(7, 'altered', { proto: 2, ver1: 1 })),
        boltFrame(boltCall(7, 'altered', CHECKED))];
      const requests = hessianCall({ id: 7n });
      const altered = (bytes: Buffer, i: number): Buffer => {
        const copy = Buffer.from(bytes);
        copy[i] = copy[i]! ^ 1 + random.below(255);
        return copy;
      };
      const wrong: string[] = [];
      for (let round = 0; round < 3; round++) {
        const sockets: Socket[] = [];
        for (const [at, bytes] of [[port, frames[round]!], [dubboPort, requests]] as const) {
          for (let i = 0; i < bytes.length; i++) {
            const socket = connect({ port: at, host: '127.0.0.1', noDelay: true });
            socket.on('error', () => undefined).resume();
            // A second, sound request behind it: wherever the first one ends.
            socket.write(Buffer.concat([altered(bytes, i), bytes]));
            sockets.push(socket);
          }
        }
        await near.next(20);
        for (const socket of sockets) socket.destroy();
      }
      for (const { checksum } of good.requests) if (checksum === 'wrong') wrong.push('a wrong checksum came through');
      t.same(wrong, []);
    });

    await attack('lengths at and beyond the limits', async (t) => {
      const named = (bytes: Buffer, at: number, value: number, width: 2 | 4): Buffer => {
        const copy = Buffer.from(bytes);
        if (width === 2) copy.writeUInt16BE(value, at); else copy.writeUInt32BE(value, at);
        return copy;
      };
      const plain = boltFrame(boltCall(3));
      for (const [at, value, width] of [[14, 0xffff, 2], [14, 32_768, 2], [16, 0xffff, 2], [16, 32_768, 2],
        [18, 0xffffffff, 4], [18, 0x80000000, 4], [18, 0x7fffffff, 4], [18, 70_000_000, 4]] as const) {
        const client = await bolt();
        client.send(named(plain, at, value, width));
        t.ok(await until(() => client.closed), `${at}: ${value}`);
      }
      const most = await bolt(few), over = await bolt(few);
      const room = 100_000 - boltFrame(boltCall(1, '')).length;
      t.match(await most.ask(boltCall(1, Buffer.alloc(room, 'm'))), { status: 0, content: Buffer.alloc(room, 'm') });
      over.send(boltFrame(boltCall(1, Buffer.alloc(room + 1))));
      t.match(await over.frame(() => true), { status: 9 }, 'one byte too many');
      t.ok(await until(() => over.closed));
      const large = await bolt();
      t.match(await large.ask(boltCall(2, 'c', { className: 'C'.repeat(32_000) })), { status: 0 });
      const pairs = Array.from({ length: 60 }, (_, i): [string, string] => [`p${i}`, 'v'.repeat(400)]);
      t.match(await large.ask(boltCall(3, 'h', { headers: [...boltCall(0).headers!, ...pairs] })), { status: 0 });
      const many = Array.from({ length: 2000 }, (_, i): [string, string] => [`n${i}`, '']);
      t.match(await large.ask(boltCall(4, 'h', { headers: [...boltCall(0).headers!, ...many] })), { status: 9 });
      t.match(await large.ask(boltCall(5)), { status: 0 }, 'the connection goes on');
      for (const length of [0xffffffff, 0x80000000, 0x7fffffff]) {
        const client = await consumer();
        client.send(named(hessianCall({ id: 1n }), 12, length, 4));
        t.ok(await until(() => client.closed || client.frames.length > 0), `Dubbo: ${length}`);
      }
    });

    await attack('a client that stops reading is not read from, and gets it all in the end', async (t, near) => {
      const long = Buffer.alloc(50_000, 'l'), client = await bolt();
      good.serve = ({ answer, frame }) => { answer(frame.content.toString() === 'long' ? { content: long } : {}); };
      client.socket.pause();
      let sent = 0;
      const paused = 'http.in.downstream_flow_control_paused_reading_total';
      while (await proxy.stat(paused) === 0 && sent < 2000) {
        client.send(...Array.from({ length: 20 }, () => boltFrame(boltCall(++sent, 'long'))));
        await near.next(1);
      }
      t.ok(sent < 2000, `it is not read from after ${sent} calls`);
      client.socket.resume();
      t.ok(await until(() => client.frames.length === sent || client.closed), `${client.frames.length} answers`);
      t.ok(client.frames.every(({ status, content }) => status === 0 && content.length === 50_000));
    });

    await attack('floods of clients that never read', async (t, near) => {
      for (const bytes of [boltFrame(boltCall(1, Buffer.alloc(2000, 'd'))), boltFrame({ id: 1, command: 0 }),
        boltFrame(boltCall(1, Buffer.alloc(50_000, 'l')))]) {
        for (let i = 0; i < 2; i++) {
          const client = await bolt();
          client.socket.pause();
          const many = Buffer.concat(Array.from({ length: Math.ceil(500_000 / bytes.length) }, () => bytes));
          for (let j = 0; j < 8; j++) client.socket.write(many);
        }
      }
      await near.next(50);
      const kept = await buffersInUse(proxy);
      t.ok(kept.reduce((sum, count, size) => sum + count * [4, 16, 80][size]!, 0) < 40 * 1024, `${kept.join(' ')}`);
    });

    await attack('a client that reads nothing any more loses its connection', async (t) => {
      const client = await bolt(few);
      client.socket.pause();
      const beats = Buffer.concat(Array.from({ length: 20_000 }, (_, id) => boltFrame({ id, command: 0 })));
      for (let i = 0; i < 40; i++) client.socket.write(beats);
      t.equal(await proxy.untilStat('http.few.downstream_cx_active', 1), 1);
      t.equal(await proxy.untilStat('http.few.downstream_cx_active', 0), 0);
    });

    await attack('frames that are too large are answered, whatever comes behind them', async (t) => {
      for (let i = 0; i < 10; i++) {
        const over = await bolt(few);
        over.send(boltFrame(boltCall(1, Buffer.alloc(1_000_000))));
        t.match(await over.frame(() => true), { status: 9 });
        t.ok(await until(() => over.closed));
      }
    });

    await attack('headers that are too large, or that do not come', async (t, near) => {
      const client = await bolt(few), stalled = await bolt(few), body = await bolt(few);
      const late = 'http.few.downstream_rq_header_timeout';
      t.equal(await proxy.stat(late), 0, 'none of a client that was not read from');
      const more: [string, string][] = [...boltCall(0).headers!, ['more', 'v'.repeat(2000)]];
      t.match(await client.ask(boltCall(1, 'h', { headers: more })), { status: 9 });
      t.match(await client.ask(boltCall(2, 'h')), { status: 0 }, 'the connection goes on');
      stalled.send(boltFrame(boltCall(1)).subarray(0, 30));
      body.send(boltFrame(boltCall(1, Buffer.alloc(1000))).subarray(0, 500));
      // One that always has a frame in progress, each of which comes in time.
      const bytes = Buffer.concat(Array.from({ length: 200 }, (_, i) => boltFrame(boltCall(100 + i, 'pieces'))));
      const step = Math.floor(bytes.length / 150) + 1;
      for (let at = 0; at < bytes.length; at += step) {
        client.send(bytes.subarray(at, at + step));
        await near.next(1);
        await until(() => false, 3);
      }
      t.ok(await until(() => client.frames.length === 202), `${client.frames.length} answers`);
      t.ok(await until(() => stalled.closed && body.closed));
      t.equal(await proxy.stat(late), 2);
      t.notOk(client.closed);
    });

    await attack('clients that do not read large answers hold nobody up for long', async (t, near) => {
      const large = Buffer.alloc(16_000_000, 'b'), deaf = await Promise.all(Array.from({ length: 6 }, () => bolt()));
      const answers: (() => void)[] = [];
      good.serve = ({ answer, frame }) => {
        if (frame.content.toString() !== 'large') { answer(); return; }
        answers.push(() => { answer({ content: large }); });
        // All of them at once, and a neighbour's behind them: its bytes come in the order in which they were sent.
        if (answers.length === deaf.length) for (const one of answers.splice(0)) one();
      };
      for (const client of deaf) {
        client.socket.pause();
        client.send(boltFrame(boltCall(1, 'large', { timeout: 60_000 })));
      }
      await until(() => answers.length === 0 && good.requests.length > deaf.length);
      await near.next(20);
      t.ok(near.answered > 20);
    });

    await attack('clients that stall in the middle of a frame', async (t, near) => {
      const small = boltFrame(boltCall(1, Buffer.alloc(2000, 's'), CHECKED)), call = hessianCall({ id: 1n });
      const large = boltFrame(boltCall(1, Buffer.alloc(200_000, 'l'), { ...CHECKED, timeout: 60_000 }));
      const stalled: [BoltClient, Buffer, number][] = [];
      for (const [bytes, cuts] of [[small, [1, 21, 30, 1000, small.length - 1]],
        [large, [1, 30, 5000, 66_000, 150_000, large.length - 1]]] as const) {
        for (const cut of cuts) stalled.push([await bolt(), bytes, cut]);
      }
      for (const [client, bytes, cut] of stalled) client.send(bytes.subarray(0, cut));
      for (const cut of [1, 15, 60, call.length - 1]) (await consumer()).send(call.subarray(0, cut));
      await near.next(20);
      for (const [client, bytes, cut] of stalled) client.send(bytes.subarray(cut));
      for (const [client, bytes] of stalled) {
        const { status, content, checksum } = await client.frame(({ id }) => id === 1);
        t.same([status, content.length, checksum], [0, bytes === small ? 2000 : 200_000, 'right']);
      }
    });

    await attack('clients that leave at every stage', async (t, near) => {
      const held: (() => void)[] = [];
      good.serve = ({ answer, frame }) => {
        if (frame.content.toString() === 'held') held.push(answer); else answer();
      };
      const small = boltFrame(boltCall(1, 'held')), large = boltFrame(boltCall(1, Buffer.alloc(150_000, 'l'), CHECKED));
      const gone = 'http.in.downstream_cx_destroy_remote', before = await proxy.stat(gone);
      for (const bytes of [small, large]) {
        for (const part of [0, 0.1, 0.5, 0.9, 1]) {
          for (const way of ['end', 'reset', 'destroy'] as const) {
            const client = await bolt();
            client.send(bytes.subarray(0, Math.ceil(part * bytes.length)));
            await near.next(1 + random.below(3));
            if (way === 'end') client.socket.end();
            else if (way === 'reset') client.socket.resetAndDestroy();
            else client.close();
          }
        }
      }
      t.equal(await proxy.untilStat(gone, before + 30), before + 30, 'they count as gone by themselves');
      const bad = boltFrame(boltCall(1, Buffer.alloc(150_000, 'w'), { ...CHECKED, checksum: 'wrong' }));
      const client = await bolt();
      client.send(bad);
      await until(() => client.frames.length > 0 || client.closed);
      t.notOk(client.frames.some(({ status }) => status === 0), 'what is altered is not answered as if it were sound');
      for (const answer of held) answer();
    });

    await attack('one-way calls of clients that leave at once', async (t) => {
      for (let i = 0; i < 20; i++) {
        const client = await bolt();
        client.socket.end(Buffer.concat(Array.from({ length: 5 }, () =>
          boltFrame(boltCall(i, 'one', { type: 2 }, 'com.x.Fresh')))));
      }
      t.ok(await until(() => fresh.requests.length === 100), `${fresh.requests.length} of 100 have come`);
    });

    await attack('floods: one-way calls, more calls than may be, heartbeats', async (t) => {
      const oneway = await bolt(), flooded = await bolt(few), beating = await bolt();
      oneway.send(...Array.from({ length: 5000 }, (_, i) => boltFrame(boltCall(i, 'one', { type: 2 }))));
      const held: (() => void)[] = [];
      good.serve = ({ answer, frame }) => {
        if (frame.content.toString() === 'held') held.push(answer); else answer();
      };
      flooded.send(...Array.from({ length: 2000 }, (_, i) => boltFrame(boltCall(i, 'held'))));
      beating.send(...Array.from({ length: 5000 }, (_, i) => boltFrame({ id: i, command: 0 })));
      t.ok(await until(() => flooded.frames.length >= 1992 && beating.frames.length === 5000 && held.length === 8));
      t.same([flooded.frames.length, flooded.frames.every(({ status }) => status === 4)], [1992, true], 'busy');
      for (const answer of held) answer();
      t.ok(await until(() => flooded.frames.length === 2000));
      t.match(await oneway.ask(boltCall(99_999)), { status: 0 });
      const oneways = (): number => good.requests.reduce((sum, { type }) => sum + (type === 2 ? 1 : 0), 0);
      t.ok(await until(() => good.requests.length >= 5000 && oneways() === 5000));
      t.ok(oneway.frames.every(({ id }) => id === 99_999), 'nothing answers a one-way call');
    });

    await attack('numbers: the same twice, 0, the largest, versions mixed, wrong checksums between', async (t) => {
      const client = await bolt(), frames: Partial<BoltFrame>[] = [];
      const ids = [0, 0xffffffff, 0x80000000, 5, 5, 5];
      for (let i = 0; i < 300; i++) {
        const shape = random.pick([{}, { proto: 2, ver1: 1 }, CHECKED, { ...CHECKED, checksum: 'wrong' as const }]);
        frames.push(boltCall(ids[i % ids.length]!, `number ${i}`, shape));
      }
      client.send(...frames.map(boltFrame));
      t.ok(await until(() => client.frames.length === 300));
      const sound = frames.filter(({ checksum }) => checksum !== 'wrong');
      const key = ({ id, content, proto = 1, ver1 = 0 }: Partial<BoltFrame>): string =>
        `${id} ${content!.toString()} ${proto} ${proto === 1 ? 0 : ver1}`;
      t.same(client.frames.filter(({ status }) => status === 0).map(key).sort(), sound.map(key).sort());
      t.equal(client.frames.filter(({ status }) => status === 9).length, 300 - sound.length);
      const other = await consumer();
      const longs = [0n, -1n, 1n << 63n, 0xffffffffn, 1n << 32n];
      other.send(...longs.map((id) => hessianCall({ id })));
      t.ok(await until(() => other.frames.length === longs.length));
      t.same(new Set(other.frames.map(({ id }) => id)), new Set(longs.map((id) => BigInt.asUintN(64, id))));
    });

    await attack('Dubbo bodies that are malformed, deep, or refer to what is not there', async (t) => {
      const client = await consumer();
      const before = [hs('2.0.2'), hs(SERVICE), hs('0.0.0'), hs('m'), hs('Ljava/lang/Object;')];
      const list = (count: string): Buffer => hex(`58 49 ${count}`);
      const bodies = [[hex('57'.repeat(5000)), hmap()], [hex('48'.repeat(60_000))], [hex('79'.repeat(150)), hmap()],
        [hex('51497fffffff'), hex('4851497fffffff51497fffffff5a')], [list('7fffffff')], [list('ffffffff'), hmap()],
        [hex('43016149 7fffffff'), hmap()], [hex('6f'), hmap()], [hex('4fd7ffff'), hmap()], [hs('v'), hex('48016b')],
        [hs('v'), hex('4801 6b 4801 6b 01765a')], [hs('v'), hex('4e4e')], [hs('v'), hex('5a')], [], [hex('52ffff')],
        [hex('53ffff')], [hs('v'), hex('4d51904ec8ff')],
        ...Array.from({ length: 200 }, () => [Buffer.from(Array.from({ length: random.below(80) },
          () => random.below(256)))])];
      const frames = bodies.map((values, i) => dubboFrame(0xc2, 0, BigInt(i), Buffer.concat([...before, ...values])));
      client.send(...frames);
      t.ok(await until(() => client.frames.length === bodies.length), `${client.frames.length} of ${bodies.length}`);
      t.ok(client.frames.every(({ status }) => status === 40 || status === OK));
      t.match(client.frames.find(({ id }) => id === 1n), { status: 40 });
      t.match(await client.ask(hessianCall({ id: 999n })), { status: OK });
    });

    await t.test('nothing is left', async (t) => {
      t.same(await leftOver(proxy, ['in', 'few', 'dubbo'], ['good', 'fresh', 'dubbo'], buffers), []);
      const after = residentMiB(proxy);
      t.comment(`resident before ${resident.toFixed(1)} MiB, after ${after.toFixed(1)} MiB`);
      t.ok(after - resident < 192, `${resident} → ${after} MiB`);
    });
  });
}
