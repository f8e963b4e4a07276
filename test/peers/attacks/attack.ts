// What an attack is, and the connection that it is made on: bytes poured into a socket until it ends, counted, and the
// end of it in words.
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { FramePeer, GOAWAY, HEADERS, RST_STREAM } from '../../support/http2-frames.js';

export interface Attack {
  name: string;
  /** Of what is poured, as the table counts it. */
  unit: string;
  /** One connection of it, from the first byte to its end. Several run at a time, again and again. */
  run(target: Target): Promise<void>;
  /** How connections end that did what they wanted. */
  ends: RegExp;
  /** The statistic that moves, as the end of its name; null: none has to. */
  counter: RegExp | null;
  /** MiB that may come on top while it lasts; buffers have a bound of their own. */
  growthMiB?: number;
  atOnce?: number;
}
export interface Target {
  plain: number; tls: number;
  /** The attack goes on until then. */
  until: number;
  sent(count: number): void;
  ended(how: string): void;
}

const errors = ['NO_ERROR', 'PROTOCOL_ERROR', 'INTERNAL_ERROR', 'FLOW_CONTROL_ERROR', 'SETTINGS_TIMEOUT',
  'STREAM_CLOSED', 'FRAME_SIZE_ERROR', 'REFUSED_STREAM', 'CANCEL', 'COMPRESSION_ERROR', 'CONNECT_ERROR',
  'ENHANCE_YOUR_CALM', 'INADEQUATE_SECURITY', 'HTTP_1_1_REQUIRED'];
const errorOf = (payload: Buffer, at: number): string => errors[payload.readUInt32BE(at)] ?? 'unknown';

/** 'GOAWAY ENHANCE_YOUR_CALM', or what happened to its streams. */
export function endOf(peer: FramePeer): string {
  const goaway = peer.frames.filter(({ type }) => type === GOAWAY).at(-1);
  if (goaway !== undefined) return `GOAWAY ${errorOf(goaway.payload, 4)}`;
  const reset = peer.frames.filter(({ type }) => type === RST_STREAM).at(-1);
  const statuses = peer.frames.filter(({ type }) => type === HEADERS).length;
  return [...reset === undefined ? [] : [`RST_STREAM ${errorOf(reset.payload, 0)}`],
    ...statuses === 0 ? [] : ['answered'], peer.closed ? 'closed' : 'open'].join(', ');
}

/** A connection is not given up before what it does can have had its effect. */
const LEAST_MS = 300;

/** Writes again and again until the peer ends the connection, or the time is up. */
export async function pour(socket: Socket, until: number, make: () => Buffer, sent: () => void): Promise<void> {
  const end = Math.max(until, performance.now() + LEAST_MS);
  const event = (name: string): Promise<unknown> => once(socket, name).catch(() => undefined);
  while (!socket.destroyed && socket.writable && performance.now() < end) {
    sent();
    if (socket.write(make())) await sleep(0);
    else await Promise.race([event('drain'), event('close'), sleep(1000)]);
  }
}

interface Flood {
  name: string; unit: string;
  /** What goes before; streams that the rest refers to. */
  first?: () => Buffer;
  /** So many units a piece. */
  piece: () => Buffer; units: number;
  ends: RegExp; counter: RegExp | null;
  settings?: readonly Buffer[];
  /** It takes nothing of what comes back. */
  deaf?: boolean;
  growthMiB?: number;
}
/** Frames, as many as the connection takes. */
export const flood = ({ name, unit, first, piece, units, ends, counter, settings = [], deaf = false,
  growthMiB }: Flood): Attack => ({ name, unit, ends, counter, growthMiB, run: async (target) => {
  const { plain, until, sent, ended } = target;
  const peer = await FramePeer.open(plain, settings);
  if (deaf) peer.socket.pause();
  if (first !== undefined) peer.send(first());
  await pour(peer.socket, until, piece, () => sent(units));
  if (deaf) peer.socket.resume();
  await peer.untilClosed(deaf ? 3000 : 300);
  ended(endOf(peer));
  peer.close();
} });

const LIMIT_MS = 4000;
/** A connection that writes bytes, and how it ended; `leaves`: it goes when anything comes. */
export async function bytes(port: number, write: (socket: Socket) => unknown, leaves = false): Promise<string> {
  const socket = connect({ port, host: '127.0.0.1', noDelay: true });
  let how = 'open', got = 0;
  const over = new Promise<void>((resolve) => {
    const end = (word: string): void => { how = word; resolve(); };
    socket.on('data', (some) => {
      got += some.length;
      if (leaves) end('left');
    }).on('end', () => end('FIN'));
    socket.on('error', (error: NodeJS.ErrnoException) => end(error.code === 'ECONNRESET' ? 'RST' : error.code!));
  });
  void write(socket);
  await Promise.race([over, sleep(LIMIT_MS)]);
  socket.destroy();
  return got > 0 ? `answered, ${how}` : how;
}
