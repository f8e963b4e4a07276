// How connections of clients end, as statistics tell it: who ended them, and whether a request was in progress.
import { setTimeout as sleep } from 'node:timers/promises';
import t from 'tap';
import { routeTo } from '../support/bootstrap.js';
import { RawClient } from '../support/client.js';
import { forEachProxy } from '../support/fixture.js';
import { DATA, END_HEADERS, END_STREAM, frame, FramePeer, get, HEADERS, RST_STREAM,
  word } from '../support/http2-frames.js';

const REQUEST = 'GET / HTTP/1.1\r\nhost: x\r\n\r\n';
const request = (stream: number): Buffer => frame(HEADERS, END_HEADERS | END_STREAM, stream, get('/'));
const KINDS = ['', '_local', '_remote', '_active_rq', '_local_active_rq', '_remote_active_rq'] as const;

/** `held`: the upstream does not answer. */
interface Ending { name: string; held?: boolean; run(port: number): Promise<void>; counts: string }
const answered = async (port: number, text = REQUEST): Promise<RawClient> => {
  const client = await RawClient.open(port);
  client.send(text);
  await client.response();
  return client;
};
const waiting = async (port: number, streams: number): Promise<FramePeer> => {
  const peer = await FramePeer.open(port);
  for (let i = 0; i < streams; i++) peer.send(request(2 * i + 1));
  await sleep(60);
  return peer;
};
const endings: readonly Ending[] = [
  { name: 'the client leaves', run: async (port) => (await answered(port)).close(), counts: ' _remote' },
  { name: 'the client resets', run: async (port) => (await answered(port)).reset(), counts: ' _remote' },
  { name: 'the last request', run: async (port) => {
    await (await answered(port, REQUEST.replace('\r\n\r\n', '\r\nconnection: close\r\n\r\n'))).end();
  }, counts: ' _local' },
  { name: 'idle', run: async (port) => { await (await RawClient.open(port)).end(); }, counts: ' _local' },
  { name: 'not HTTP', run: async (port) => {
    const client = await RawClient.open(port);
    client.send('BAD\r\n\r\n');
    await client.end();
    client.close();
  }, counts: ' _local' },
  { name: 'the client resets, with a request', held: true, run: async (port) => {
    const client = await RawClient.open(port);
    client.send(REQUEST);
    await sleep(60);
    client.reset();
  }, counts: ' _remote _active_rq _remote_active_rq' },
  { name: 'HTTP/2: the client leaves', run: async (port) => {
    const peer = await waiting(port, 1);
    await peer.until(({ type }) => type === DATA);
    peer.close();
  }, counts: ' _remote' },
  { name: 'HTTP/2: the client leaves, with two requests', held: true,
    run: async (port) => (await waiting(port, 2)).close(), counts: ' _remote _active_rq _remote_active_rq' },
  { name: 'HTTP/2: a stream is reset, then the client leaves', held: true, run: async (port) => {
    const peer = await waiting(port, 1);
    peer.send(frame(RST_STREAM, 0, 1, word(8)));
    await sleep(60);
    peer.close();
  }, counts: ' _remote' },
  { name: 'HTTP/2: an error of the connection, with a request', held: true, run: async (port) => {
    const peer = await waiting(port, 1);
    peer.send(frame(DATA, 0, 0, Buffer.from('x')));
    await peer.untilClosed();
    peer.close();
  }, counts: ' _local _active_rq _local_active_rq' },
];

void forEachProxy(t, {
  upstreams: ['a'],
  listeners: [{ name: 'in', routes: [routeTo('a')], manager: {
    common_http_protocol_options: { idle_timeout: '0.5s' } } }],
}, async (t, { proxy, port, upstream }) => {
  const counts = async (): Promise<number[]> => {
    const all = await proxy.stats(KINDS.map((kind) => `http.in.downstream_cx_destroy${kind}`));
    return KINDS.map((kind) => all.get(`http.in.downstream_cx_destroy${kind}`) ?? 0);
  };
  for (const { name, held = false, run, counts: wanted } of endings) {
    await t.test(name, async (t) => {
      if (held) upstream.a!.answer = () => null;
      const before = await counts();
      await run(port.in!);
      await proxy.untilStat('http.in.downstream_cx_destroy', before[0]! + 1);
      await proxy.untilStat('http.in.downstream_cx_active', 0);
      const after = await counts();
      t.equal(KINDS.filter((_, i) => after[i] === before[i]! + 1).join(' '), wanted);
      t.ok(after.every((value, i) => value <= before[i]! + 1), `${after.join()} after ${before.join()}`);
      upstream.a!.reset();
    });
  }
});
