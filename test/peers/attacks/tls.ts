// Attacks on handshakes: hellos that never end, that are too long, that are none; hellos whose answer nobody wants; and
// handshakes in full, as many as can be.
import type { Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { clientHello, record } from '../../support/client-hello.js';
import { Tls12Peer } from '../tls-check/tls12-peer.js';
import { bytes, type Attack } from './attack.js';

const latin1 = (text: string): Buffer => Buffer.from(text, 'latin1');
const hello = latin1(clientHello('localhost'));
const ERRORS = /ssl\.connection_error$/;

const TIMEOUTS = /downstream_cx_transport_socket_connect_timeout$/;
const sends = (name: string, data: Buffer, ends: RegExp, counter: RegExp, atOnce = 8): Attack =>
  ({ name, unit: 'hellos', ends, counter, atOnce, run: async ({ tls, sent, ended }) => {
    sent(1);
    ended(await bytes(tls, (socket) => socket.write(data)));
  } });
/** So slowly that it would take three seconds. */
const SLOW_MS = 15;
async function dribble(socket: Socket): Promise<void> {
  for (const byte of hello) {
    if (!socket.writable) return;
    socket.write(Buffer.from([byte]));
    await sleep(SLOW_MS);
  }
}

export const tlsAttacks: readonly Attack[] = [
  sends('half a ClientHello, then silence', hello.subarray(0, 80), /^(FIN|RST)$/, TIMEOUTS, 300),
  { name: 'a ClientHello, byte by byte', unit: 'hellos', ends: /^(FIN|RST)$/, counter: TIMEOUTS, atOnce: 100,
    run: async ({ tls, sent, ended }) => {
      sent(1);
      ended(await bytes(tls, dribble));
    } },
  sends('a ClientHello of 200 KB', latin1(record(`\x01\x03\x0d\x40${'h'.repeat(16_000)}`)
    + record('h'.repeat(16_000)).repeat(12)), /(FIN|RST)$/, ERRORS),
  sends('a ClientHello that says it has 16 MB', latin1(record(`\x01\xff\xff\xff${'h'.repeat(16_000)}`)), /(FIN|RST)$/,
    ERRORS),
  sends('garbage', Buffer.alloc(1000, 0xff), /(FIN|RST)$/, ERRORS),
  { name: 'hellos whose answer nobody wants', unit: 'hellos', ends: /^answered, left$/, counter: null, atOnce: 16,
    run: async ({ tls, sent, ended }) => {
      sent(1);
      ended(await bytes(tls, (socket) => socket.write(hello), true));
    } },
  { name: 'renegotiations', unit: 'hellos', ends: /^(closed|RST)$/, counter: ERRORS, atOnce: 8,
    run: async ({ tls, until, sent, ended }) => {
      const peer = await Tls12Peer.open(tls);
      if (!await peer.secure()) { ended('refused'); return; }
      for (const end = Math.max(until, performance.now() + 500); peer.ended === 'open' && performance.now() < end;) {
        for (let i = 0; i < 20; i++) peer.renegotiate(false);
        sent(20);
        await sleep(1);
      }
      ended(peer.ended === 'FIN' ? 'closed' : peer.ended);
      peer.close();
    } },
  { name: 'handshakes in full', unit: 'handshakes', ends: /^secured$/, counter: /ssl\.handshake$/, atOnce: 16,
    run: async ({ tls, sent, ended }) => {
      const peer = await Tls12Peer.open(tls);
      sent(1);
      ended(await peer.secure() ? 'secured' : 'refused');
      peer.close();
    } },
];
