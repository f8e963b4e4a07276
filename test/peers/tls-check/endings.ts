// How connections end and begin again: close_notify is said and heard, what was cut short is not taken for whole, and
// nothing is taken for data before the handshake is done.
import { spawn, spawnSync } from 'node:child_process';
import { rmSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Files, Place } from './place.js';
import { converse } from './programs.js';
import type { Row } from './refused.js';
import { answerOf } from './probes.js';
import { ALERT, APPLICATION, CLOSE_NOTIFY, Tls12Peer } from './tls12-peer.js';

interface Ending { name: string; wants: RegExp; run(place: Place, files: Files): Promise<string> }

const latin1 = (text: string): Buffer => Buffer.from(text, 'latin1');
const HALF = latin1('POST /half HTTP/1.1\r\nhost: localhost\r\ncontent-length: 10\r\n\r\nhalf');
const secured = async (port: number): Promise<Tls12Peer> => {
  const peer = await Tls12Peer.open(port);
  if (!await peer.secure()) throw new Error(`no handshake: ${answerOf(peer)}`);
  return peer;
};

/** Half a request, then an end; what the upstream has of it, and what the client is told. */
const cutRequest = (end: (peer: Tls12Peer) => void): Ending['run'] => async ({ port, upstream }) => {
  upstream.reset();
  const peer = await secured(port.tls);
  peer.write(APPLICATION, HALF);
  await peer.until(() => upstream.heads.length > 0);
  end(peer);
  await peer.until(() => peer.ended !== 'open');
  const answer = answerOf(peer).replace(/^[^,]*, /, '');
  peer.close();
  return `${upstream.requests.length} whole at the upstream; ${answer}`;
};

/** Bytes through the TCP proxy, then an end; how the upstream sees it. */
const cutBytes = (end: (peer: Tls12Peer) => void): Ending['run'] => async ({ port, upstream }) => {
  let seen = '', how = 'open';
  upstream.endsRaw = false;
  upstream.onRaw = (socket) => {
    socket.on('data', (data) => { seen += String(data); });
    socket.on('end', () => { how = 'FIN'; socket.end('the rest'); });
    socket.on('error', () => { how = 'RST'; });
    socket.on('close', () => { if (how === 'open') how = 'closed'; });
  };
  const peer = await secured(port.tcp);
  peer.write(APPLICATION, latin1('bytes'));
  await peer.until(() => seen === 'bytes');
  end(peer);
  await peer.until(() => how !== 'open');
  await peer.until(() => peer.ended !== 'open', 1000);
  const rest = peer.text;
  peer.close();
  upstream.onRaw = null;
  upstream.dropConnections();
  return `upstream: ${seen}, ${how}; back: ${rest === '' ? 'nothing' : rest}`;
};

const saysClose = (peer: Tls12Peer): void => peer.write(ALERT, CLOSE_NOTIFY);
const ends = (peer: Tls12Peer): void => { peer.socket.end(); };

async function earlyData({ port }: Place, files: Files): Promise<string> {
  const session = files.path('early-session'), data = files.put('early', 'GET / HTTP/1.1\r\nhost: early\r\n\r\n');
  rmSync(session, { force: true });
  const command = ['openssl', 's_client', '-connect', `127.0.0.1:${port.tls}`, '-tls1_3', '-CAfile', files.roots,
    '-servername', 'localhost', '-ign_eof'];
  const request = 'GET / HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n';
  await converse([...command, '-sess_out', session], request, null);
  const shown = spawnSync('openssl', ['sess_id', '-in', session, '-noout', '-text'], { encoding: 'utf8' }).stdout;
  const most = /Max Early Data: (\d+)/.exec(shown)?.[1] ?? 'unknown';
  const output = await converse([...command, '-sess_in', session, '-early_data', data], request, null);
  return `ticket allows ${most}; ${/Early data was \w+( \w+)?/.exec(output)?.[0] ?? 'nothing said'}; `
    + `${/HTTP\/1\.1 (\d+)/.exec(output)?.[1] ?? 'no answer'}; ${output.includes('Reused, ') ? 'resumed' : 'new'}`;
}

/** Key updates that want to be answered, one after the other, then a request. */
async function updateKeys({ port }: Place, files: Files, count: number): Promise<string> {
  const child = spawn('openssl', ['s_client', '-connect', `127.0.0.1:${port.tls}`, '-tls1_3', '-CAfile', files.roots,
    '-servername', 'localhost'], { stdio: ['pipe', 'pipe', 'ignore'] });
  let output = '', over = false;
  child.stdout.on('data', (data) => { output += String(data); });
  child.on('close', () => { over = true; });
  child.stdin.on('error', () => undefined);
  for (let tries = 0; !output.includes('Verify return code') && tries < 200; tries++) await sleep(10);
  for (let i = 0; i < count && !over; i++) {
    child.stdin.write('K\n');
    await sleep(10);
  }
  child.stdin.write('GET / HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n');
  for (let tries = 0; !over && tries < 200; tries++) await sleep(10);
  child.kill('SIGKILL');
  return /HTTP\/1\.1 (\d+)/.exec(output)?.[1] ?? 'no answer';
}

const endings: readonly Ending[] = [
  { name: 'connection: close', wants: /^served, warning close_notify, FIN$/, run: async ({ port }) => {
    const peer = await secured(port.tls);
    peer.write(APPLICATION, latin1('GET / HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n'));
    await peer.until(() => peer.ended !== 'open');
    peer.close();
    return answerOf(peer).replace(/^[^,]*, /, '');
  } },
  { name: 'close_notify in the middle of a body', wants: /^0 whole/, run: cutRequest(saysClose) },
  { name: 'FIN in the middle of a body', wants: /^0 whole/, run: cutRequest(ends) },
  { name: 'TCP proxy, close_notify', wants: /^upstream: bytes, FIN; back: the rest$/, run: cutBytes(saysClose) },
  { name: 'TCP proxy, FIN without close_notify', wants: /^upstream: bytes, RST; back: nothing$/, run: cutBytes(ends) },
  { name: 'ten key updates', wants: /^200/, run: (place, files) => updateKeys(place, files, 10) },
  { name: 'key updates without end', wants: /^no answer$/, run: (place, files) => updateKeys(place, files, 100) },
  { name: 'early data', wants: /^ticket allows 0; Early data was not sent; 200; resumed$/, run: earlyData },
];

export async function askEndings(place: Place, files: Files): Promise<Row[]> {
  const rows: Row[] = [];
  for (const { name, wants, run } of endings) {
    const answer = await run(place, files).catch((error: unknown) => String(error));
    rows.push({ name, answer, counted: '', log: '', good: wants.test(answer) });
  }
  return rows;
}
