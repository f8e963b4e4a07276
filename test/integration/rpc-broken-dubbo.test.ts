// Endpoints of Dubbo that do what they should not: answers altered, twice, late, to nobody, cut short; frames that are
// unasked; calls refused behind each answer. A caller gets its own answer or an error, and the next call is served.
// `WEFT_TEST_SEED` replays a run.
import t from 'tap';
import { Random } from '../fuzz/random.js';
import { frame as dubboFrame, hessianCall, hex, hmap, hs } from '../protocols/rpc/dubbo-frames.js';
import { bootstrap, routeTo } from '../support/bootstrap.js';
import { DubboClient, DubboServer } from '../support/dubbo.js';
import type { DubboFrame } from '../support/dubbo.js';
import { freePort } from '../support/ports.js';
import { Proxy, weftKinds } from '../support/proxy.js';
import { buffersInUse, leftOver, rpcCluster, rpcManager, until } from '../support/rpc-attacks.js';

const seed = Number(process.env.WEFT_TEST_SEED ?? Date.now() % 2 ** 31);
const OK = 20, TIMEOUT = 31, CHANNEL_INACTIVE = 35, BAD_RESPONSE = 50;
const textOf = ({ body }: DubboFrame): string => /(?:call|late|neighbour) \d+/.exec(body.toString('latin1'))?.[0] ?? '';
const value = (text: string): Buffer => Buffer.concat([hex('91'), hs(text)]);

for (const kind of weftKinds) {
  t.test(`${kind}, seed ${seed}`, async (t) => {
    const random = new Random(seed);
    const odd = await DubboServer.start(await freePort());
    const port = await freePort(), adminPort = await freePort();
    const proxy = await Proxy.start(kind, adminPort, () => bootstrap(adminPort, [
      { name: 'in', port, manager: rpcManager('DUBBO'), routes: [routeTo('odd')] }],
    [{ name: 'odd', ports: [odd.port], fields: rpcCluster('DUBBO') }]));
    const opened: DubboClient[] = [];
    t.teardown(async () => {
      for (const one of opened) one.close();
      await proxy.stop();
      await odd.stop();
    });
    const open = async (): Promise<DubboClient> => {
      const client = await DubboClient.open(port);
      opened.push(client);
      return client;
    };
    let ids = 0n;
    /** A call with a number of its own, which says so much. */
    const call = (text: string, timeoutMs = 5000): Buffer => hessianCall({ id: ++ids, values: [hs(text)],
      map: hmap(['timeout', String(timeoutMs)]) });
    /** Sends to the endpoint's connection as they are. */
    const write = (...frames: readonly Buffer[]): void => {
      for (const socket of odd.sockets) socket.write(Buffer.concat(frames));
    };
    const client = await open(), other = await open();
    /** What a call brings: its text, or a status. */
    const ask = async (by: DubboClient, text: string, timeoutMs?: number): Promise<string> => {
      const answer = await by.ask(call(text, timeoutMs));
      return answer.status === OK ? textOf(answer) : `status ${answer.status}`;
    };
    const echo = (): void => { odd.serve = (frame, answer) => { answer(OK, value(textOf(frame))); }; };
    echo();
    t.equal(await ask(client, 'call 1'), 'call 1');
    const buffers = await buffersInUse(proxy);

    await t.test('answers altered in each byte, an answer to another client beside them', async (t) => {
      let altering = await open();
      const failures = [TIMEOUT, CHANNEL_INACTIVE, BAD_RESPONSE].map((status) => `status ${status}`);
      for (const body of [value('call 1'), Buffer.concat([hex('94'), hs('call 1'), hmap(['a', 'b'], ['c', 'd'])])]) {
        for (let i = 0; i < 16 + body.length; i++) {
          const asked: DubboFrame[] = [];
          odd.serve = (frame) => {
            asked.push(frame);
            if (asked.length < 2) return;
            const frames = asked.map((one) => textOf(one).startsWith('call') ? dubboFrame(0x02, OK, one.id, body)
              : dubboFrame(0x02, OK, one.id, value(textOf(one))));
            const bad = frames[asked.findIndex((one) => textOf(one).startsWith('call'))]!;
            // Another call's number is not what it becomes.
            bad[i] = bad[i]! ^ (i >= 4 && i < 12 ? 0x80 : 1 + random.below(255));
            write(...random.below(2) === 0 ? frames : frames.reverse());
          };
          altering.send(call('call 1', 60));
          const came = await ask(other, `neighbour ${i}`, 60);
          if (came !== `neighbour ${i}` && !failures.includes(came)) t.fail(`byte ${i}: ${came}`);
          if (came === failures[0]) odd.dropConnections();      // a longer frame was said: all is swallowed from there
          if (altering.closed) altering = await open();
          if (other.closed) { t.fail(`byte ${i}: the other client's connection has ended`); break; }
        }
      }
      odd.dropConnections();
      echo();
      t.equal(await ask(other, 'call 2'), 'call 2');
    });

    await t.test('frames that answer nothing: twice, unknown numbers, requests, events', async (t) => {
      odd.serve = (frame, answer) => {
        const { id } = frame;
        for (const wrong of [0n, -1n, id + (1n << 32n), id + 1000n, 1n << 63n])
          for (const flags of [0x02, 0xc2, 0x82, 0xe2, 0x22])
            write(dubboFrame(flags, OK, wrong, (flags & 0x20) !== 0 ? hex('4e') : value('wrong')));
        answer(OK, value(textOf(frame)));
        answer(OK, value('wrong'));
      };
      for (let i = 0; i < 30; i++) {
        const came = await ask(client, `call ${i}`);
        if (came !== `call ${i}`) t.fail(`${i}: ${came}`);
      }
      t.equal(odd.sockets.size, 1, 'the connection goes on');
      echo();
    });

    await t.test('answers that come late', async (t) => {
      const late: (() => void)[] = [];
      odd.serve = (frame, answer) => {
        if (!textOf(frame).startsWith('late')) answer(OK, value(textOf(frame)));
        else late.push(() => { answer(OK, value('late 0')); });
      };
      const calls = Array.from({ length: 50 }, () => call('late 1', 30));
      client.frames.length = 0;
      client.send(...calls);
      t.ok(await until(() => client.frames.length === 50));
      t.ok(client.frames.every(({ status }) => status === TIMEOUT));
      for (let i = 0; i < 20; i++) {
        for (const answer of late.splice(0, 5)) answer();
        const came = await ask(other, `call ${i}`);
        if (came !== `call ${i}`) t.fail(`${i}: ${came}`);
      }
      t.equal(client.frames.length, 50);
      echo();
    });

    await t.test('answers that are cut short, and another protocol', async (t) => {
      const cut = [dubboFrame(0x02, OK, 1n, value('wrong')).subarray(0, 10), Buffer.from('HTTP/1.1 200 OK'),
        dubboFrame(0x02, OK, 1n, Buffer.alloc(2000)).subarray(0, 1500), Buffer.alloc(5000, 0xda)];
      for (const [i, bytes] of cut.entries()) {
        odd.serve = () => {
          for (const socket of odd.sockets) socket.write(bytes, () => { socket.destroy(); });
        };
        const came = await ask(client, 'call 1');
        t.ok([`status ${CHANNEL_INACTIVE}`, `status ${BAD_RESPONSE}`].includes(came), `${i}: ${came}`);
      }
      echo();
      t.equal(await ask(client, 'call 2'), 'call 2');
    });

    await t.test('an endpoint that says with each answer that it takes no further calls', async (t) => {
      odd.serve = (frame, answer) => {
        answer(OK, value(textOf(frame)));
        for (const socket of odd.sockets) socket.write(dubboFrame(0xa2, 0, 1n, hs('R')));
      };
      for (let i = 0; i < 50; i++) {
        const came = await ask(client, `call ${i}`);
        if (came !== `call ${i}`) t.fail(`${i}: ${came}`);
      }
      // It is called because there is no other one; and of its connections one stays, to tell when that is over.
      t.ok(await until(() => odd.sockets.size <= 2), `${odd.sockets.size} connections`);
      odd.dropConnections();
      echo();
    });

    await t.test('nothing is left', async (t) => {
      for (const one of opened) one.close();
      t.same(await leftOver(proxy, ['in'], ['odd'], buffers), []);
    });
  });
}
