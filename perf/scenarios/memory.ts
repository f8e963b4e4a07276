// Scenarios about memory and start-up: at rest, with 1,000 idle connections, with 10,000 clusters and virtual hosts.
import { connect as connectHttp2, type ClientHttp2Session } from 'node:http2';
import { connect, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { setTimeout as sleep } from 'node:timers/promises';
import { rotation, spread } from '../arithmetic.js';
import type { Shape } from '../bootstrap.js';
import { cpuTime, memory } from '../process/accounting.js';
import { fixed, markdownTable } from '../report.js';
import type { Session } from '../session.js';
import { LARGE } from './scenario.js';

export interface Measured { title: string; table: string; samples: unknown }

const SMALL: Shape = { name: 'small', hosts: 0, accessLog: false };
const IDLE_CONNECTIONS = 1000;
/** Memory is read this long after the last change, so that what is freed late is freed. */
const SETTLE_MS = 1500;

interface MemorySample {
  peer: string; start: number; readyMs: number; startCpuMs: number; rssMiB: number; pssMiB: number; growthMiB: number;
}

const range = (values: readonly number[], digits: number): string => {
  const { median, low, high } = spread(values);
  return `${fixed(median, digits)} (${fixed(low, digits)}-${fixed(high, digits)})`;
};

/** Cold start to the first answer, and memory at rest. */
export async function runStart(session: Session, say: (text: string) => void): Promise<Measured> {
  const samples = await perPeer(session, say, SMALL, async () => undefined);
  return { title: 'Cold start to the first 200 through the listener, and memory at rest (small configuration).',
    samples,
    table: table(samples, false) };
}

/** Growth by 1,000 connections that each made one request and then stay open: plain (`idle`), by TLS, of HTTP/2. */
export async function runIdle(session: Session, name: string, say: (text: string) => void): Promise<Measured> {
  const client = name === 'idle-tls' ? 'h1-tls' : name === 'idle-h2' ? 'h2' : 'h1';
  const shape = client === 'h1' ? SMALL : { ...SMALL, name, protocols: { client, server: 'h1', grpc: false } } as Shape;
  const samples = await perPeer(session, say, shape, async (port) => {
    const open: { destroy(): void }[] = [];
    for (let index = 0; index < IDLE_CONNECTIONS; index++)
      open.push(client === 'h2' ? await idleSession(port) : await idleConnection(port, client === 'h1-tls'));
    return () => { for (const connection of open) connection.destroy(); };
  });
  return { title: `${IDLE_CONNECTIONS} connections that made one request each and stay open: growth of RSS.`, samples,
    table: table(samples, true) };
}

/** Growth from the small configuration to 10,000 clusters and virtual hosts, and the time until it answers. */
export async function runLargeMemory(session: Session, say: (text: string) => void): Promise<Measured> {
  const small = await perPeer(session, say, SMALL, async () => undefined);
  const large = await perPeer(session, say, LARGE, async () => undefined);
  for (const sample of large) {
    const base = small.find((entry) => entry.peer === sample.peer && entry.start === sample.start);
    sample.growthMiB = sample.rssMiB - (base?.rssMiB ?? NaN);
  }
  return { title: '10,000 clusters and virtual hosts: time to the first 200, RSS growth over the small configuration.',
    samples: { small, large }, table: table(large, true) };
}

async function perPeer(session: Session, say: (text: string) => void, shape: Shape,
  burden: (port: number) => Promise<(() => void) | undefined>): Promise<MemorySample[]> {
  const samples: MemorySample[] = [];
  for (let start = 0; start < session.options.starts; start++) {
    for (const index of rotation(session.peers.length, start)) {
      const peer = session.peers[index];
      try {
        const started = await session.start(peer, shape);
        const startCpuMs = cpuTime(started.running.pid).totalSeconds * 1000;
        await sleep(SETTLE_MS);
        const before = memory(started.running.pid);
        const unburden = await burden(started.ports.listener);
        if (unburden !== undefined) await sleep(SETTLE_MS);
        const after = memory(started.running.pid);
        unburden?.();
        await started.running.stop();
        samples.push({ peer: peer.name, start, readyMs: started.readyMs, startCpuMs, rssMiB: after.rssKiB / 1024,
          pssMiB: after.pssKiB / 1024, growthMiB: (after.rssKiB - before.rssKiB) / 1024 });
        say(`  ${peer.name}: ready ${fixed(started.readyMs, 0)} ms, RSS ${fixed(after.rssKiB / 1024, 1)} MiB`);
      } catch (error) {
        say(`  ${peer.name} left out: ${(error as Error).message}`);
      }
    }
  }
  return samples;
}

function table(samples: readonly MemorySample[], growth: boolean): string {
  const names = [...new Set(samples.map((sample) => sample.peer))];
  const envoy = spread(samples.filter((sample) => sample.peer === 'envoy').map((sample) => sample.growthMiB)).median;
  const rows = names.map((name) => {
    const own = samples.filter((sample) => sample.peer === name);
    const grown = own.map((sample) => sample.growthMiB);
    return [name, range(own.map((sample) => sample.readyMs), 0), range(own.map((sample) => sample.startCpuMs), 0),
      range(own.map((sample) => sample.rssMiB), 1), range(own.map((sample) => sample.pssMiB), 1),
      ...(growth ? [range(grown, 1), fixed(spread(grown).median / envoy, 2)] : [])];
  });
  return markdownTable(['peer', 'first answer ms', 'CPU until then ms', 'RSS MiB', 'PSS MiB',
    ...(growth ? ['growth MiB', 'growth / envoy'] : [])], rows);
}

/** Opens a connection, makes one request on it, and leaves it open. */
function idleConnection(port: number, tls: boolean): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = tls ? connectTls({ port, host: '127.0.0.1', rejectUnauthorized: false })
      : connect(port, '127.0.0.1');
    socket.on(tls ? 'secureConnect' : 'connect', () => socket.write('GET / HTTP/1.1\r\nhost: backend\r\n\r\n'));
    socket.once('data', () => resolve(socket));
    socket.on('error', reject);
  });
}

function idleSession(port: number): Promise<ClientHttp2Session> {
  return new Promise((resolve, reject) => {
    const session = connectHttp2(`http://127.0.0.1:${port}`);
    session.on('error', reject);
    session.request({ ':path': '/' }).resume().on('end', () => resolve(session)).end();
  });
}
