// Connections that a seed makes: requests cut into frames in every lawful way, mixed with lawless frames and mangled
// bytes, sent in pieces and ended at any point. The proxy writes only well-formed frames with a header table in step,
// serves everybody else meanwhile, and keeps nothing afterwards.
import { setTimeout as sleep } from 'node:timers/promises';
import t from 'tap';
import { mangledConnection } from '../fuzz/http2-connection.js';
import { Random } from '../fuzz/random.js';
import { indexed, literal, sizeUpdate } from '../protocols/http2/blocks.js';
import { referenceConnection } from '../protocols/http2/reference-connection.js';
import { bootstrap, routeTo } from '../support/bootstrap.js';
import { END_HEADERS, END_STREAM, frame, FramePeer, HEADERS } from '../support/http2-frames.js';
import { Http2Client, Http2Upstream, speaksHttp2 } from '../support/http2.js';
import { headerOf } from '../support/message.js';
import { freePort } from '../support/ports.js';
import { Proxy, weftKinds } from '../support/proxy.js';
import { Upstream } from '../support/upstream.js';

const CONNECTIONS = Number(process.env.WEFT_TEST_CONNECTIONS ?? 150);
const AT_ONCE = 6;
const COMPRESSION_ERROR = 9;
const STATIC_GET = 2, STATIC_HTTP = 6;
const seed = Number(process.env.WEFT_TEST_SEED ?? Date.now() % 2 ** 31);
const route = (path: string, cluster: string): object => ({ match: { prefix: path }, route: { cluster } });

for (const kind of weftKinds) {
  t.test(`${kind}, seed ${seed}`, async (t) => {
    const upstream = await Upstream.start(await freePort());
    const framed = await Http2Upstream.start(await freePort());
    const port = await freePort(), adminPort = await freePort();
    const proxy = await Proxy.start(kind, adminPort, (folder) => bootstrap(adminPort, [{ name: 'in', port,
      logFile: `${folder}/in.log`, manager: { stream_idle_timeout: '1s', codec_type: 'HTTP2',
        upgrade_configs: [{ upgrade_type: 'websocket' }],
        http2_protocol_options: { allow_connect: true, max_concurrent_streams: 20, hpack_table_size: 8192 } },
      routes: [route('/2', 'framed'), routeTo('main')] }],
    [{ name: 'main', ports: [upstream.port] },
      { name: 'framed', ports: [framed.port], fields: speaksHttp2() as Record<string, unknown> }]));
    const other = await Http2Client.open(port);
    t.teardown(async () => {
      other.close();
      await proxy.stop();
      await framed.stop();
      await upstream.stop();
    });

    await t.test('a client uses the header table that it is allowed', async (t) => {
      const peer = await FramePeer.open(port);
      const fields = [literal(':path', '/1'), literal(':authority', 'test')];
      const post = [indexed(STATIC_GET), indexed(STATIC_HTTP), ...fields];
      peer.send(frame(HEADERS, END_HEADERS | END_STREAM, 1, Buffer.concat([sizeUpdate(8192), ...post,
        literal('x-large', 'v'.repeat(7000), 'indexing'), literal('x-small', 's', 'indexing')])));
      peer.send(frame(HEADERS, END_HEADERS | END_STREAM, 3, Buffer.concat([...post, indexed(62), indexed(63)])));
      t.ok(await peer.until(({ type, stream }) => type === HEADERS && stream === 3) !== null, 'answered');
      t.equal(headerOf(upstream.requests.at(-1)!, 'x-large')?.length, 7000);
      peer.send(frame(HEADERS, END_HEADERS | END_STREAM, 5, Buffer.concat([sizeUpdate(8193), ...post])));
      t.equal(await peer.goaway(), COMPRESSION_ERROR);
      peer.close();
    });

    let next = 0;
    const faults: string[] = [];
    const one = async (): Promise<void> => {
      while (next < CONNECTIONS && faults.length < 5) {
        const number = next++, random = new Random(seed + number);
        const fault = await converse(port, random);
        if (fault !== null) faults.push(`seed ${seed + number}: ${fault}`);
      }
    };
    let done = false;
    const others = (async () => {
      let served = 0;
      for (; !done; served++) {
        const path = served % 2 === 0 ? `/1/${served}` : `/2/${served}`;
        const answer = await other.ask({ ':path': path, ':method': 'POST' }, 'body');
        if (answer.status !== 200) faults.push(`another client got ${answer.status}, reset ${answer.code}`);
        await sleep(5);
      }
      return served;
    })();
    await Promise.all(Array.from({ length: AT_ONCE }, one));
    done = true;
    t.ok(await others > 0, 'others are served');
    t.ok(await proxy.stat('http.in.downstream_rq_2xx') > CONNECTIONS, 'requests are served');
    t.same(faults, []);
    t.equal(proxy.exited, null, 'it runs');
    t.same(proxy.output.split('\n').filter((line) => !line.includes('file descriptors') && line !== ''), [],
      'it reports nothing');
    t.equal(await proxy.untilStat('http.in.downstream_cx_active', 1), 1, 'only the other is connected');
    for (const name of ['http.in.http2.streams_active', 'http.in.downstream_rq_active',
      'cluster.main.upstream_rq_active', 'cluster.framed.upstream_rq_active', 'cluster.framed.http2.streams_active',
      'cluster.main.upstream_rq_pending_active', 'cluster.framed.upstream_rq_pending_active'])
      t.equal(await proxy.untilStat(name, 0), 0, name);
  });
}

/** One connection; null, or what the proxy did wrong. */
async function converse(port: number, random: Random): Promise<string | null> {
  const { pieces, tableBytes } = mangledConnection(random);
  const peer = await FramePeer.open(port, null);
  const heard: Buffer[] = [];
  peer.socket.on('data', (data) => heard.push(data));
  for (const piece of pieces) {
    peer.send(piece);
    if (random.below(3) === 0) await sleep(random.below(4));
    if (peer.closed) break;
  }
  await sleep(random.below(40));
  if (random.below(3) === 0) peer.socket.end();
  await sleep(random.below(20));
  peer.close();
  return referenceConnection(Buffer.concat(heard), tableBytes);
}
