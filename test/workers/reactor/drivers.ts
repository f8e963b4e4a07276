// The drivers that can be tested here, and what their tests have in common: a harness that must end with nothing left
// over.
import t from 'tap';
import type { Test } from 'tap';
import { uringAvailable } from '../../../src/workers/reactor/choose.js';
import { KernelHarness, Recorder, SimHarness } from './harness.js';
import type { Harness, Peer } from './harness.js';

type Make = (socketsMax?: number, poolMiB?: number) => Harness;
const all: [string, Make][] = [
  ['epoll', (sockets, pool) => new KernelHarness('epoll', sockets, pool)],
  ['sim', (sockets, pool) => new SimHarness(1, {}, sockets, pool)],
  ['sim with faults', (sockets, pool) => new SimHarness(2,
    { shortRead: 0.5, shortWrite: 0.5, delayMsMax: 3, capacityBytes: 20000 }, sockets, pool)],
];
const uring = uringAvailable();
if (uring.ok) all.push(['uring', (sockets, pool) => new KernelHarness('uring', sockets, pool)]);
else t.comment(`io_uring is not tested here: ${uring.reason}`);

export const bytes = (text: string) => Buffer.from(text, 'latin1');
export function pattern(length: number): Uint8Array {
  const result = new Uint8Array(length);
  for (let n = 0; n < length; n++) result[n] = (n * 31 + (n >> 8)) & 255;
  return result;
}

// One driver at a time, when looking for a fault.
const only = process.env['ONLY_DRIVER'];
export const drivers = all.filter(([name]) => only === undefined || name === only);
/** Test, socket and peer functions over one driver. */
export function toolsFor(name: string, make: Make) {
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
      for (let piece = peer.read(); piece.length > 0; piece = peer.read()) {
        text += Buffer.from(piece).toString('latin1');
      }
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
  return { test, attach, collect, writeAll };
}
