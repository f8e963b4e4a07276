// A user's codec through the proxy, on real sockets: what it says is routed, edited, retried and answered as any other
// protocol; and one that fails, never ends or lies harms nobody but its own connections.
import { setTimeout as sleep } from 'node:timers/promises';
import t from 'tap';
import { bootstrap, routeTo } from '../support/bootstrap.js';
import { ANSWER, CALL, LEAVE, PING, PONG, TELL, answerParcel, askParcels as ask, openParcels, parcelFrame,
  serveParcels } from '../support/parcel.js';
import { freePort } from '../support/ports.js';
import { Proxy, weftKinds } from '../support/proxy.js';
import { codecFile, compiled, parcel, parcelSource } from '../support/rpc-codec.js';

const TYPE = 'type.googleapis.com/weft.extensions.';
const spoken = (custom_protocol: string, more: object = {}): Record<string, unknown> => ({
  typed_extension_protocol_options: { 'weft.extensions.upstreams.rpc.v1.RpcProtocolOptions':
    { '@type': `${TYPE}upstreams.rpc.v1.RpcProtocolOptions`, custom_protocol, ...more } } });
const manager = (custom_protocol: string, more: object = {}): Record<string, unknown> =>
  ({ '@type': `${TYPE}filters.network.rpc_proxy.v1.RpcProxy`, custom_protocol, ...more });
const withCodecs = (codecs: object[], rest: object): object => ({ ...rest, bootstrap_extensions: [{ name: 'codecs',
  typed_config: { '@type': `${TYPE}bootstrap.rpc_codecs.v1.RpcCodecs`, codecs } }] });
const call = (id: number, service = 'shop', body = 'hello', method = 'buy', tenant = '') =>
  ({ id, service, method, tenant, body: Buffer.from(body) });

/** Parcel's codec, but for the first letter of a service, which says how it fails. */
const liar = parcelSource()
  .replace(/export function (decode|encodeRequest|encodeResponse)\(/g, 'function honest_$1(')
  .replace('function refuse(', `
    export function recognise(at: usize, bytes: u32): i32 {
      for (let i: u32 = 2; i < 5 && i < bytes; i++) if (load<u8>(at + i) != (i == 4 ? 1 : 0)) return 0;
      return bytes < 5 ? -1 : 1;
    }
    export function decode(at: usize, end: usize, record: usize, text: usize, textMax: u32, frameBytesMax: u32,
      options: u32): i32 {
      const result = honest_decode(at, end, record, text, textMax, frameBytesMax, options);
      if (result <= 0 || load<u32>(record, KIND) != REQUEST) return result;
      const first = load<u8>(at, 16), textEnd = text + load<u32>(record, TEXT_BYTES);
      switch (first) {
        case 65: return 1 << 20;
        case 66: return <i32>(end - at) + 1;
        case 67: store<u32>(record, 9, KIND); break;
        case 68: store<i32>(record, -1, BODY_BYTES); break;
        case 69: store<u32>(record, frameBytesMax, BODY_BYTES); break;
        case 70: store<u32>(record, textMax + 1, TEXT_BYTES); break;
        case 71: store<u32>(record, 0, TEXT_BYTES); break;
        case 72: store<u32>(record, load<u32>(record, TEXT_BYTES) - 2, TEXT_BYTES); break;
        case 73: store<u8>(text + 5, 13); break;
        case 74: store<u8>(textEnd - 5, 57); break;          // another content-length
        case 75: store<u32>(record, 255, FLAGS); break;
        case 76: return -1;
        case 77: return 0;
        case 78: return refuse(record, BAD_TYPE, 16);
        case 79: store<u32>(record, 0, HEAD_BYTES); return refuse(record, BAD_TYPE, DELIMITED);
        case 80: return -7;
        case 81: unreachable();
        case 82: while (true) store<u32>(record, load<u32>(record) + 1);
        case 83: return decode(at, end, record, text, textMax, frameBytesMax, options);
      }
      return result;
    }
    export function encodeRequest(text: usize, textEnd: usize, record: usize, dst: usize, dstMax: u32): usize {
      const end = honest_encodeRequest(text, textEnd, record, dst, dstMax);
      switch (load<u8>(text, 6)) {
        case 97: return dst + dstMax + 1;
        case 98: return dst - 1;
        case 99: store<u32>(record, RESPONSE, KIND); break;
        case 100: store<i32>(record, -1, BODY_BYTES); break;
        case 101: store<u32>(record, 1000, 52); break;       // cut
        case 102: store<u32>(record, 1000, 60); break;       // tailBytes, but tailAt
        case 103: store<u32>(record, 255, FLAGS); break;
        case 104: unreachable();
        case 105: while (true) store<u32>(record, load<u32>(record) + 1);
      }
      return end;
    }
    export function encodeResponse(text: usize, textEnd: usize, record: usize, dst: usize, dstMax: u32): usize {
      const end = honest_encodeResponse(text, textEnd, record, dst, dstMax);
      if (load<u32>(record, ID) == 666) unreachable();
      return load<u32>(record, ID) == 667 ? dst + dstMax + 1 : end;
    }
    function refuse(`);

const codecs = [{ name: 'parcel', filename: codecFile(await parcel()), max_memory_bytes: 1 << 20 },
  { name: 'liar', filename: codecFile(await compiled(liar)), max_call_time: '0.02s' }];
process.env.WEFT_FAULT_INJECTION = '1';
for (const kind of weftKinds) {
  t.test(kind, async (t) => {
    const a = await serveParcels(await freePort());
    const [port, lying, any, beating, adminPort, nowhere] = [await freePort(), await freePort(), await freePort(),
      await freePort(), await freePort(), await freePort()];
    const heartbeat = { interval: '0.2s', timeout: '0.1s', failures: 2 };
    const proxy = await Proxy.start(kind, adminPort, (folder) => withCodecs(codecs, bootstrap(adminPort, [
      { name: 'in', port, logFile: `${folder}/in.log`, manager: manager('parcel', { max_frame_bytes: 1 << 20 }),
        virtualHosts: [{ name: 'shop', domains: ['shop'], routes: [
          { match: { path: '/shop/again' }, route: { cluster: 'a', retry_policy: { retry_on: 'reset',
            num_retries: 2 } } },
          { match: { path: '/shop/edited' }, route: { cluster: 'a' }, request_headers_to_add: [
            { header: { key: 'tenant', value: 'blue' }, append_action: 'OVERWRITE_IF_EXISTS_OR_ADD' }] },
          { match: { prefix: '/', headers: [{ name: 'tenant', string_match: { exact: 'red' } }] },
            direct_response: { status: 429 } },
          { match: { path: '/shop/slow' }, route: { cluster: 'a', timeout: '0.2s' } },
          routeTo('a')] },
        { name: 'gone', domains: ['gone'], routes: [routeTo('gone')] }] },
      { name: 'lying', port: lying, routes: [routeTo('liar')], manager: manager('liar') },
      { name: 'any', port: any, manager: { ...manager(''), custom_protocol: undefined }, routes: [
        { match: { prefix: '/', headers: [{ name: 'x-service', present_match: true }] }, route: { cluster: 'same' } },
        { match: { prefix: '/' }, direct_response: { status: 204 } }] },
      { name: 'beating', port: beating, routes: [routeTo('a')], manager: manager('parcel', { heartbeat }) }],
    [{ name: 'a', ports: [a.port], fields: spoken('parcel') }, { name: 'gone', ports: [nowhere],
      fields: spoken('parcel') }, { name: 'liar', ports: [a.port], fields: spoken('liar') },
    { name: 'same', ports: [a.port], fields: spoken('', { custom_protocol: undefined,
      use_downstream_protocol: {} }) }])));
    let client = await openParcels(port);
    t.teardown(async () => {
      client.close();
      await proxy.stop();
      await a.stop();
    });

    await t.test('a call goes there and back unaltered, and is logged under the name of its protocol', async (t) => {
      t.match(await ask(client, call(77)), { kind: ANSWER, status: 0, body: Buffer.from('hello') });
      t.match(a.requests[0], { kind: CALL, service: 'shop', method: 'buy', tenant: '', body: Buffer.from('hello') });
      t.match((await proxy.logLines('in', 1))[0], /^"?POST\|\/shop\/buy\|parcel\|200\|-\|via_upstream\|5\|5\|a\|/);
      a.reset();
    });

    await t.test('routes see and edit what the codec makes lines of', async (t) => {
      t.match(await ask(client, call(1, 'shop', 'x', 'buy', 'red')), { status: 3, body: Buffer.alloc(0) });
      await ask(client, call(2, 'shop', 'x', 'edited', 'green'));
      t.match(a.requests, [{ method: 'edited', tenant: 'blue' }]);
      a.reset();
    });

    await t.test('frames may come in any pieces', async (t) => {
      const frame = parcelFrame(call(3, 'shop', 'in pieces', 'buy', 'green'));
      for (const byte of frame) {
        client.send(Buffer.from([byte]));
        await sleep(1);
      }
      t.match(await client.frame(({ id }) => id === 3), { body: Buffer.from('in pieces') });
      const large = Buffer.alloc(300_000, 'abcdefg');
      client.send(parcelFrame({ ...call(4), body: large }), parcelFrame(call(5)), parcelFrame(call(6)));
      for (const id of [4, 5, 6])
        t.ok((await client.frame((frame) => frame.id === id)).body.equals(id === 4 ? large : Buffer.from('hello')));
      a.reset();
    });

    await t.test('answers come in any order', async (t) => {
      const held: (() => void)[] = [];
      a.serve = (frame, socket) => {
        held.push(() => { answerParcel(frame, socket); });
        if (held.length === 50) for (const one of held.reverse()) one();
      };
      const other = await openParcels(port);
      for (let id = 100; id < 150; id++) (id % 2 === 0 ? client : other).send(parcelFrame(call(id, 'shop', `${id}`)));
      for (let id = 100; id < 150; id++) {
        const { body } = await (id % 2 === 0 ? client : other).frame((frame) => frame.id === id);
        t.equal(body.toString(), `${id}`);
      }
      t.ok(a.sockets.size <= 2, 'of both clients, on a connection that they share');
      other.close();
      a.reset();
    });

    await t.test('failures are the statuses that the codec gives them', async (t) => {
      t.match(await ask(client, call(10, 'unknown')), { kind: ANSWER, status: 2, body: Buffer.alloc(0) });
      t.match(await ask(client, call(11, 'gone')), { status: 3 });
      a.serve = () => undefined;
      t.match(await ask(client, call(12, 'shop', 'x', 'slow')), { status: 4 });
      a.serve = (frame, socket) => { answerParcel(frame, socket, { status: 1, body: Buffer.from('thrown') }); };
      t.match(await ask(client, call(13)), { status: 1, body: Buffer.from('thrown') }, "the server's own goes on");
      let times = 0;
      a.serve = (frame, socket) => { if (++times < 3) socket.destroy(); else answerParcel(frame, socket); };
      t.match(await ask(client, call(14, 'shop', 'x', 'again')), { status: 0 });
      a.reset();
    });

    await t.test('a codec that recognises its protocol shares a port with others', async (t) => {
      const other = await openParcels(any);
      const frame = parcelFrame(call(15));
      for (const byte of frame.subarray(0, 6)) {
        other.send(Buffer.from([byte]));
        await sleep(1);
      }
      other.send(frame.subarray(6));
      t.match(await other.frame(({ id }) => id === 15), { status: 0 });
      other.close();
      t.equal((await fetch(`http://127.0.0.1:${any}/`)).status, 204, 'HTTP is still HTTP');
      a.reset();
    });

    await t.test('calls without an answer, heartbeats', async (t) => {
      client.send(parcelFrame({ ...call(20), kind: TELL }), parcelFrame({ kind: PING, id: 21 }));
      t.match(await client.frame(({ id }) => id === 21), { kind: PONG });
      await ask(client, call(22));
      t.match(a.requests, [{ kind: TELL }, { kind: CALL }]);
      t.notOk(client.frames.some(({ id }) => id === 20));
      const other = await openParcels(beating);
      await other.frame(({ kind }) => kind === PING);
      await other.end();                                    // it was not answered
      a.reset();
    });

    await t.test('what is refused', async (t) => {
      for (const [name, bytes] of [['no kind', parcelFrame({ kind: 9 })],
        ['a length that is too short', Buffer.concat([Buffer.from([5, 0, 0, 0, 1]), Buffer.alloc(11)])],
        ['an answer to nothing', parcelFrame({ kind: ANSWER })]] as const) {
        const other = await openParcels(port);
        other.send(bytes);
        await other.end();
        t.ok(other.closed, name);
      }
      const odd = parcelFrame(call(31, 'sh op'));
      client.send(odd, parcelFrame({ ...call(32), body: Buffer.alloc(1 << 20) }), parcelFrame(call(33)));
      t.match(await client.frame(({ id }) => id === 31), { kind: ANSWER, status: 1 }, 'the codec says what its end is');
      t.match(await client.frame(({ id }) => id === 32), { kind: ANSWER, status: 1 }, 'too large');
      t.match(await client.frame(({ id }) => id === 33), { status: 0 }, 'the connection goes on');
      const long = parcelFrame(call(34, 'a'.repeat(30_000)));
      client.send(long.subarray(0, 16));
      t.match(await client.frame(({ id }) => id === 34), { kind: ANSWER, status: 1 }, 'before its names have come');
      client.send(long.subarray(16, 20_000));
      await sleep(20);
      client.send(long.subarray(20_000), parcelFrame(call(35)));
      t.match(await client.frame(({ id }) => id === 35), { status: 0 }, 'what follows it is no frame');
      a.reset();
    });

    await t.test('a decoder that lies loses its connection, and only that', async (t) => {
      let mistakes = 0;
      for (const letter of 'ABCDEFGHIJKLMNOP') {
        const other = await openParcels(lying);
        other.send(parcelFrame(call(1, `${letter}x`)));
        await other.end();
        t.ok(other.closed, letter);
        t.equal(await proxy.untilStat('server.weft.rpc_codec_mistakes', ++mistakes), mistakes, letter);
        other.close();
      }
      t.match(proxy.output, /codec liar: decode: it takes more than it was given/);
      t.equal(a.requests.length, 0, 'nothing of it went on');
      t.match(await ask(client, call(40)), { status: 0 });
      const honest = await openParcels(lying);
      t.match(await ask(honest, call(41)), { status: 0 });
      honest.close();
      a.reset();
    });

    await t.test('a decoder that traps or never ends loses its connection, and serves the next', async (t) => {
      await sleep(1000);                                    // the log has one line a second
      for (const letter of 'RQS') {
        const other = await openParcels(lying), neighbour = await openParcels(lying);
        const from = performance.now();
        other.send(parcelFrame(call(1, `${letter}x`)));
        await other.end();
        const took = performance.now() - from;
        t.ok(other.closed && took < 1500, `${letter}: ${took} ms`);
        t.match(await ask(client, call(50)), { status: 0 });
        t.match(await ask(neighbour, call(51)), { status: 0 }, 'of the same codec, in the same worker');
        await sleep(150);                                   // the codec begins anew
        t.match(await ask(neighbour, call(52)), { status: 0 });
        for (const one of [other, neighbour]) one.close();
        client.frames.length = 0;
      }
      t.ok(await proxy.untilStat('server.weft.rpc_codec_overruns', 2) >= 1);
      t.match(proxy.output, /codec liar: decode: it did more than max_call_time allows/);
      t.equal(await proxy.untilStat('server.weft.exceptions', 0), 0);
      a.reset();
    });

    await t.test('an encoder that fails or lies fails the request', async (t) => {
      const other = await openParcels(lying);
      for (const [index, letter] of [...'abcdefghi'].entries())
        t.match(await ask(other, call(60 + index, `${letter}x`)), { kind: ANSWER, status: 3 }, letter);
      t.match(await ask(other, call(70, 'zx')), { status: 0 });
      t.equal(a.requests.length, 1, 'nothing of the others went out');
      other.close();
      a.reset();
      for (const id of [666, 667]) {
        const answered = await openParcels(lying);
        answered.send(parcelFrame(call(id)));
        await answered.end();
        t.ok(answered.closed, 'an answer that cannot be written closes the connection');
      }
      t.match(await ask(client, call(80)), { status: 0 });
      t.equal(await proxy.untilStat('http.in.downstream_rq_active', 0), 0);
      t.equal(await proxy.untilStat('server.weft.exceptions', 0), 0);
      a.reset();
    });

    await t.test('a worker that takes the place of a dead one has the codecs too', async (t) => {
      await fetch(`http://127.0.0.1:${adminPort}/weft/kill_worker?worker=0`, { method: 'POST' });
      t.equal(await proxy.untilStat('server.weft.worker_restarts', 1), 1);
      await client.end();
      client = await openParcels(port);
      t.match(await ask(client, call(85)), { status: 0 });
      a.reset();
    });

    await t.test('clients are told of a drain by the frame that the codec has for it', async (t) => {
      void fetch(`http://127.0.0.1:${adminPort}/drain_listeners`, { method: 'POST' }).catch(() => undefined);
      t.match(await client.frame(({ kind }) => kind === LEAVE), { kind: LEAVE });
    });
  });
}
