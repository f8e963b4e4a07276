// Endpoints of RPC clusters that do what they should not: answers in pieces, altered, twice, late, to nobody, or cut
// short; frames that nobody asked for; connections that end, or are neither read nor written. A caller gets its own
// answer or an error, and calls that share the endpoint's connection are served. `WEFT_TEST_SEED` replays a run.
import { renameSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import t from 'tap';
import { Random } from '../fuzz/random.js';
import { frame as dubboFrame, hex } from '../protocols/rpc/dubbo-frames.js';
import { bootstrap, routeTo, socketAddress } from '../support/bootstrap.js';
import { BoltClient, boltFrame, BoltServer } from '../support/bolt.js';
import type { BoltRequest } from '../support/bolt.js';
import { freePort } from '../support/ports.js';
import { Proxy, weftKinds } from '../support/proxy.js';
import { boltCall, buffersInUse, leftOver, Neighbour, rpcCluster, rpcManager, until } from '../support/rpc-attacks.js';

type Test = import('tap').Test;
const seed = Number(process.env.WEFT_TEST_SEED ?? Date.now() % 2 ** 31);
const CHECKED = { proto: 2, ver1: 2, switchByte: 1 };
const UNKNOWN = 3, ERROR_COMM = 5, TIMEOUT = 7;
/** What may become of a call whose neighbour's answer puts the endpoint's connection out of step. */
const FAILURES = [UNKNOWN, ERROR_COMM, TIMEOUT];

for (const kind of weftKinds) {
  t.test(`${kind}, seed ${seed}`, async (t) => {
    const random = new Random(seed);
    const odd = await BoltServer.start(await freePort()), deaf = await BoltServer.start(await freePort());
    const first = await BoltServer.start(await freePort()), second = await BoltServer.start(await freePort());
    const port = await freePort(), moving = await freePort(), adminPort = await freePort();
    deaf.server.on('connection', (socket) => { socket.pause(); });
    let version = 0;
    const file = (folder: string, name: string, resources: readonly object[]): string => {
      const path = join(folder, `${name}.json`);
      writeFileSync(`${path}.new`, JSON.stringify({ version_info: String(++version), resources }));
      renameSync(`${path}.new`, path);
      return path;
    };
    const at = (server: BoltServer): object => ({ '@type':
      'type.googleapis.com/envoy.config.endpoint.v3.ClusterLoadAssignment', cluster_name: 'moving', endpoints: [
      { lb_endpoints: [{ endpoint: { address: socketAddress(server.port) } }] }] });
    const listeners = bootstrap(adminPort, [{ name: 'moving', port: moving, routes: [routeTo('moving')],
      manager: rpcManager('BOLT', { drain_timeout: '1s' }) }], []) as
      { static_resources: { listeners: object[] } };
    const listener = { '@type': 'type.googleapis.com/envoy.config.listener.v3.Listener',
      ...listeners.static_resources.listeners[0] };
    const proxy = await Proxy.start(kind, adminPort, (folder) => ({ node: { id: 'n', cluster: 'c' },
      dynamic_resources: { lds_config: { path_config_source: { path: file(folder, 'lds', [listener]) } } },
      ...bootstrap(adminPort, [{ name: 'in', port, manager: rpcManager('BOLT'), virtualHosts: [
        { name: 'deaf', domains: ['com.x.Deaf'], routes: [routeTo('deaf')] },
        { name: 'all', domains: ['*'], routes: [routeTo('odd')] },
        { name: 'again', domains: ['com.x.Again'], routes: [routeTo('odd', { retry_policy: { retry_on: 'reset',
          num_retries: 2 } })] }] }],
      [{ name: 'odd', ports: [odd.port], fields: rpcCluster('BOLT', { max_header_bytes: 2000 }) },
        { name: 'deaf', ports: [deaf.port], fields: rpcCluster('BOLT', {
          common_http_protocol_options: { max_connection_duration: '0.9s', idle_timeout: '0.2s' } }) },
        { name: 'moving', ports: [], fields: { ...rpcCluster('BOLT'), type: 'EDS', load_assignment: undefined,
          eds_cluster_config: { eds_config: { path_config_source: { path: file(folder, 'eds', [at(first)]) } } } } }]),
    }), ['--drain-time-s', '1']);
    const opened: { close(): void }[] = [];
    const servers = [odd, deaf, first, second];
    t.teardown(async () => {
      for (const one of opened) one.close();
      await proxy.stop();
      await Promise.all(servers.map((server) => server.stop()));
    });
    const bolt = async (at = port): Promise<BoltClient> => {
      const client = await BoltClient.open(at);
      opened.push(client);
      return client;
    };
    /** What the odd endpoint does with calls that say `attack`; others are answered. */
    const serve = (run: (request: BoltRequest) => void): void => {
      odd.serve = (request) => {
        if (request.frame.content.toString().startsWith('attack')) run(request); else request.answer();
      };
    };
    /** `failures`: what may become of neighbours, where the endpoint's connection has to end. */
    const attack = (name: string, run: (t: Test, client: BoltClient, near: Neighbour) => Promise<void>,
      failures: readonly number[] = []): Promise<unknown> => t.test(name, async (t) => {
      const near = await Neighbour.bolt(port, 'com.x.Good', failures);
      await near.next();
      await run(t, await bolt(), near);
      await near.next();
      t.same(await near.stop(), [], 'neighbours are served');
      for (const one of opened.splice(0)) one.close();
      for (const server of [odd, deaf, first, second]) server.reset();
      const after = await bolt();
      t.match(await after.ask(boltCall(1, 'after')), { status: 0 });
    });
    await (await Neighbour.bolt(port)).stop();
    const buffers = await buffersInUse(proxy);

    await attack('answers split at every byte, and written byte by byte', async (t, client) => {
      const near = await Neighbour.bolt(moving);
      await near.next();
      let cut = 0, answerBytes = 0;
      const idle = await bolt();
      const alone = async (content: string, write: (bytes: Buffer, to: BoltRequest['socket']) => Promise<void>) => {
        first.serve = ({ frame, socket, answer }) => {
          if (frame.content.toString() !== content) { answer(); return; }
          const bytes = boltFrame({ ...CHECKED, id: frame.id, type: 0, className: 'A', content: frame.content });
          answerBytes = bytes.length;
          void write(bytes, socket);
        };
        return await client.ask(boltCall(++cut, content, CHECKED));
      };
      await near.stop();
      client.close();
      client = await bolt(moving);
      for (let i = 1; i === 1 || i < answerBytes; i++) {
        const { status, checksum } = await alone('split', async (bytes, socket) => {
          socket.write(bytes.subarray(0, i));
          await idle.ask(boltCall(i));
          socket.write(bytes.subarray(i));
        });
        if (status !== 0 || checksum !== 'right') t.fail(`split at ${i}: ${status} ${checksum}`);
      }
      t.match(await alone('bytes', async (bytes, socket) => {
        for (const byte of bytes) {
          socket.write(Buffer.from([byte]));
          await idle.ask(boltCall(random.below(1000)));
        }
      }), { status: 0, checksum: 'right' });
    });

    await attack('answers altered in each byte, an answer to another client beside them', async (t, client) => {
      let other = await bolt(), next = 0;
      for (const [shape, idAt] of [[{}, 5], [{ proto: 2, ver1: 1 }, 6], [CHECKED, 6]] as const) {
        for (let i = 0, length = 1; i < length; i++) {
          const pair: BoltRequest[] = [];
          serve((request) => {
            pair.push(request);
            if (pair.length < 2) return;
            const frames = pair.map(({ frame }) => boltFrame({ ...shape, id: frame.id, type: 0, className: 'Answer',
              headers: [['a', 'b']], content: frame.content }));
            const bad = pair.findIndex(({ frame }) => frame.content.toString() === 'attack, altered');
            length = frames[bad]!.length;
            // Another call's number is not what it becomes.
            frames[bad]![i] = frames[bad]![i]! ^ (i >= idAt && i < idAt + 4 ? 0x80 : 1 + random.below(255));
            request.socket.write(Buffer.concat(random.below(2) === 0 ? frames : frames.reverse()));
          });
          const id = ++next;
          client.send(boltFrame(boltCall(id, 'attack, altered', { ...shape, timeout: 60 })));
          const call = boltCall(id, 'attack, beside', { ...shape, timeout: 60 });
          other.send(boltFrame(call));
          const { status, content } = await other.frame((frame) => frame.id === id);
          if (status === 0 ? content.toString() !== 'attack, beside' : !FAILURES.includes(status))
            t.fail(`byte ${i}: ${status} ${content.toString()}`);
          if (status === TIMEOUT) odd.dropConnections();      // a longer frame was said: all is swallowed from there
          if (client.closed) client = await bolt();
          if (other.closed) { t.fail(`byte ${i}: the other client's connection has ended`); other = await bolt(); }
        }
      }
    }, FAILURES);

    await attack('frames that answer nothing: twice, unknown numbers, requests, heartbeats', async (t, client) => {
      serve(({ frame: { id }, socket, answer }) => {
        for (const wrong of [0, 0xffffffff, 0x80000000, id + 1000, 0, 0, 0, 0]) {
          for (const type of [0, 1, 2])
            socket.write(boltFrame({ id: wrong, type, className: 'Wrong', content: Buffer.from('wrong') }));
          socket.write(boltFrame({ id: wrong, type: 0, command: 0 }));
          socket.write(boltFrame({ id: wrong, type: 1, command: 0 }));
        }
        for (const type of [1, 2]) socket.write(boltFrame({ id, type, content: Buffer.from('wrong') }));
        answer();
        answer({ content: Buffer.from('wrong') });
        answer({ content: Buffer.alloc(100_000, 'w') });
      });
      for (let i = 0; i < 20; i++) t.match(await client.ask(boltCall(i, 'attack')), { content: Buffer.from('attack') });
      // What is never answered keeps its numbers.
      serve(() => undefined);
      const silent = await Promise.all(Array.from({ length: 50 }, (_, i) =>
        client.ask(boltCall(100 + i, 'attack', { timeout: 50 }))));
      t.ok(silent.every(({ status }) => status === TIMEOUT));
      t.equal(odd.sockets.size, 1, 'the connection goes on');
    });

    await attack('answers with too large headers, or too many', async (t, client) => {
      const many = Array.from({ length: 150 }, (_, i): [string, string] => [`n${i}`, '']);
      for (const headers of [[['more', 'v'.repeat(2000)]] as [string, string][], many]) {
        serve(({ answer }) => { answer({ headers }); });
        t.match(await client.ask(boltCall(headers.length, 'attack')), { status: UNKNOWN });
      }
      t.equal(odd.sockets.size, 1, 'the connection goes on');
    });

    await attack('answers that come late', async (t, client) => {
      const late: BoltRequest[] = [];
      serve((request) => { late.push(request); });
      const calls = Array.from({ length: 50 }, (_, i) => boltCall(i, `attack ${i}`, { timeout: 30 }));
      client.send(...calls.map(boltFrame));
      t.ok(await until(() => client.frames.filter(({ status }) => status === TIMEOUT).length === 50));
      serve(({ answer }) => {
        for (const { answer: again } of late.splice(0, 10)) again({ content: Buffer.from('late') });
        answer();
      });
      for (let i = 0; i < 20; i++) {
        const { content } = await client.ask(boltCall(100 + i, `attack ${100 + i}`));
        if (content.toString() !== `attack ${100 + i}`) t.fail(content.toString());
      }
      t.equal(client.frames.length, 70);
    });

    await attack('another protocol', async (t, client) => {
      const others = [Buffer.from('HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nhi'), Buffer.alloc(100_000, 0xff),
        dubboFrame(0x02, 20, 1n, hex('91026869')), Buffer.alloc(4096), Buffer.from([1, 0]), Buffer.from([2, 3, 0])];
      for (const [i, bytes] of others.entries()) {
        serve(({ socket }) => { socket.write(bytes); });
        const { status } = await client.ask(boltCall(i, 'attack', { timeout: 100 }));
        t.ok(FAILURES.includes(status), `${i}: ${status}`);
        odd.dropConnections();
      }
    }, FAILURES);

    await attack('answers that are cut short', async (t, client) => {
      const whole = (request: BoltRequest, bytes: number): Buffer => boltFrame({ id: request.frame.id, type: 0,
        className: 'A', content: Buffer.alloc(bytes, 'c') });
      for (const part of [1, 19, 30, 1000]) {
        serve((request) => {
          request.socket.write(whole(request, 2000).subarray(0, part), () => { request.socket.destroy(); });
        });
        const { status } = await client.ask(boltCall(part, 'attack'));
        // An answer to a neighbour may come behind it, and be taken for its rest.
        t.ok([ERROR_COMM, UNKNOWN].includes(status), `${part} bytes: ${status}`);
      }
      let times = 0;
      serve((request) => {
        if (++times === 3) { request.answer(); return; }
        request.socket.write(whole(request, 2000).subarray(0, 1000), () => { request.socket.destroy(); });
      });
      t.match(await client.ask(boltCall(2, 'attack', {}, 'com.x.Again')), { status: 0 }, 'a small one is tried again');
      t.equal(times, 3);
      t.notOk(client.closed);
      serve((request) => {
        request.socket.write(whole(request, 200_000).subarray(0, 150_000), () => { request.socket.destroy(); });
      });
      client.send(boltFrame(boltCall(3, 'attack')));
      t.ok(await until(() => client.closed), 'of a large one, what was sent cannot be taken back');
    }, [ERROR_COMM]);

    await attack('an answer that stops in its middle', async (t, client) => {
      const stopped = await bolt(moving);
      first.serve = ({ frame, socket, answer }) => {
        if (frame.content.toString() !== 'attack') { answer(); return; }
        socket.write(boltFrame({ id: frame.id, type: 0, content: Buffer.alloc(2000) }).subarray(0, 1500));
      };
      t.match(await stopped.ask(boltCall(1, 'attack', { timeout: 100 })), { status: TIMEOUT });
      t.notOk(stopped.closed);
      first.dropConnections();
      t.match(await stopped.ask(boltCall(2, 'b')), { status: 0 });
      t.notOk(client.closed);
    });

    await attack('whole large answers, and the end of the connection behind them', async (t, _client, near) => {
      const wrong: string[] = [];
      // Where the client's own buffers end is the kernel's to say: some of these wait in the proxy, whole.
      for (let bytes = 400_000; bytes < 5_000_000; bytes += 400_000) {
        let ended = false, came = 0;
        first.serve = ({ answer, socket }) => {
          answer({ content: Buffer.alloc(bytes, 'e') });
          socket.end().once('close', () => { ended = true; });
        };
        const slow = connect({ port: moving, host: '127.0.0.1' }).pause();
        slow.on('error', () => undefined).on('data', (data) => { came += data.length; });
        opened.push({ close: () => { slow.destroy(); } });
        slow.write(boltFrame(boltCall(1, 'attack')));
        await until(() => ended, 100);
        await near.next();
        slow.resume();
        if (!await until(() => came > bytes || slow.destroyed) || came < bytes) wrong.push(`${came} of ${bytes} bytes`);
      }
      t.same(wrong, []);
    });

    await attack('go-away while calls are in progress', async (t, client) => {
      const held: BoltRequest[] = [];
      serve((request) => { held.push(request); });
      const calls = [1, 2, 3].map((id) => client.ask(boltCall(id, `attack ${id}`)));
      await until(() => held.length === 3);
      held[0]!.socket.write(boltFrame({ id: 7, type: 1, command: 100 }));
      serve(({ answer }) => { answer(); });
      t.ok(await until(() => odd.sockets.size === 2), 'others go over another connection');
      t.match(await client.ask(boltCall(4, 'attack')), { status: 0 });
      for (const { answer } of held) answer();
      t.same((await Promise.all(calls)).map(({ content }) => content.toString()), ['attack 1', 'attack 2', 'attack 3']);
      t.ok(await until(() => odd.sockets.size === 1), 'the old one ends with its last call');
    });

    await attack('an endpoint that floods with heartbeats and reads nothing', async (t, client, near) => {
      serve(({ socket, answer }) => {
        answer();
        socket.pause();
        const beats = Buffer.concat(Array.from({ length: 20_000 }, (_, id) => boltFrame({ id, type: 1, command: 0 })));
        for (let i = 0; i < 40; i++) socket.write(beats);
      });
      t.match(await client.ask(boltCall(1, 'attack')), { status: 0 });
      odd.answersHeartbeats = false;
      await near.next(5);
    }, FAILURES);

    await attack('an endpoint that reads nothing', async (t, client, near) => {
      const call = (id: number): Buffer => boltFrame(boltCall(id, Buffer.alloc(40_000, 'd'), { timeout: 100 },
        'com.x.Deaf'));
      client.send(...Array.from({ length: 300 }, (_, i) => call(i)));
      await near.next(30);
      t.ok(await until(() => client.frames.length === 300 || client.closed), `${client.frames.length} answers`);
      t.ok(client.frames.every(({ status }) => status !== 0));
      t.ok(deaf.sockets.size <= 4, `${deaf.sockets.size} connections`);
      t.equal(await proxy.untilStat('cluster.deaf.upstream_cx_active', 0), 0, 'they end though nobody reads');
      const [idle, opened] = [await proxy.stat('cluster.deaf.upstream_cx_idle_timeout'),
        await proxy.stat('cluster.deaf.upstream_cx_total')];
      t.ok(idle <= opened, `${idle} ends by idleness of ${opened} connections`);
      deaf.dropConnections();
    });

    await t.test('an endpoint that is removed while calls are in progress', async (t) => {
      const client = await bolt(moving), held: BoltRequest[] = [];
      first.serve = (request) => { held.push(request); };
      const calls = [1, 2].map((id) => client.ask(boltCall(id, `held ${id}`, { timeout: 10_000 })));
      await until(() => held.length === 2);
      const updates = await proxy.stat('cluster.moving.update_success');
      file(proxy.folder, 'eds', [at(second)]);
      await proxy.untilStat('cluster.moving.update_success', updates + 1);
      t.ok(await until(() => held.length === 2));
      for (let id = 10; second.requests.length === 0; id++)
        t.match(await client.ask(boltCall(id, 'new')), { status: 0 });
      for (const { answer } of held) answer();
      t.same((await Promise.all(calls)).map(({ content }) => content.toString()), ['held 1', 'held 2']);
      t.ok(await until(() => first.sockets.size === 0), 'its connection ends with its last call');
      first.reset();
    });

    await t.test('a listener that is removed while calls are in progress', async (t) => {
      const client = await bolt(moving), slow = await bolt(moving), held: BoltRequest[] = [];
      second.reset();
      second.serve = (request) => {
        if (request.frame.content.toString() === 'held') held.push(request);
        else request.answer({ content: Buffer.alloc(6_000_000, 's') });
      };
      const call = client.ask(boltCall(1, 'held'));
      slow.socket.pause();
      const large = slow.ask(boltCall(1, 'large', { timeout: 60_000 }));
      await until(() => held.length === 1 && second.requests.length === 2);
      file(proxy.folder, 'lds', []);
      await proxy.untilStat('listener_manager.listener_removed', 1);
      slow.socket.resume();
      t.equal((await large).content.length, 6_000_000);
      held[0]!.answer();
      t.match(await call, { status: 0, content: Buffer.from('held') });
      t.ok(await until(() => client.closed && slow.closed), 'then its connections end');
    });

    await t.test('nothing is left', async (t) => {
      for (const one of opened) one.close();
      t.same(await leftOver(proxy, ['in', 'moving'], ['odd', 'deaf', 'moving'], buffers), []);
    });
  });
}
