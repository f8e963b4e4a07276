// Two processes of their own beside an attack, so that the attacker's own business is not measured: the upstream, and
// the other clients of the proxy, who ask all the while and tell how they were served. A message asks for a new phase
// and is answered with the figures of the last one.
import { readFileSync } from 'node:fs';
import { Agent, createServer, get, type IncomingMessage } from 'node:http';
import { connect as connectHttp2, type ClientHttp2Session } from 'node:http2';
import { Agent as TlsAgent, get as getSecure } from 'node:https';
import { setTimeout as sleep } from 'node:timers/promises';

export interface Figures {
  answered: number; failed: number;
  /** Milliseconds. */
  p50: number; p99: number; slowest: number;
  /** Resident memory of the proxy. */
  peakMiB: number;
}
export interface Watch { plain: number; tls: number; pid: number }

const LARGE = Buffer.alloc(1 << 20, 'large');
/** Between two requests of a connection: some hundred in a second, of all. */
const PAUSE_MS = 10;
const LIMIT_MS = 5000;

function serve(port: number): void {
  const server = createServer((request, response) => {
    if (request.url === '/hold') return;                 // neither read nor answered
    request.resume();
    response.end(request.url === '/large' ? LARGE : 'ok');
  });
  server.keepAliveTimeout = 60_000;
  server.listen(port, '127.0.0.1', 512, () => process.send!('ready'));
}

type Ask = () => Promise<boolean>;
function http1(port: number, secure: boolean): Ask {
  const options = { keepAlive: true, maxSockets: 1 };
  const agent = secure ? new TlsAgent(options) : new Agent(options);
  return () => new Promise((resolve) => {
    const call = (secure ? getSecure : get)({ host: '127.0.0.1', port, path: '/', agent, timeout: LIMIT_MS,
      ...secure ? { rejectUnauthorized: false } : {} }, (response: IncomingMessage) => {
      response.resume().on('end', () => resolve(response.statusCode === 200));
    });
    call.on('error', () => resolve(false)).on('timeout', () => call.destroy());
  });
}
function http2(port: number, secure: boolean): Ask {
  let session: ClientHttp2Session | null = null;
  return () => new Promise((resolve) => {
    if (session === null || session.destroyed || session.closed) {
      session = connectHttp2(`${secure ? 'https' : 'http'}://127.0.0.1:${port}`, { rejectUnauthorized: false });
      session.on('error', () => undefined);
    }
    const stream = session.request({ ':path': '/' });
    let status = 0;
    stream.setTimeout(LIMIT_MS, () => stream.destroy());
    stream.on('response', (headers) => { status = Number(headers[':status']); }).on('error', () => undefined);
    stream.resume().on('close', () => resolve(status === 200));
  });
}

class Record {
  private times: number[] = [];
  private failed = 0;
  private peak = 0;
  constructor(private readonly pid: number) {}

  sample(): void {
    this.peak = Math.max(this.peak, residentMiB(this.pid));
  }
  note(good: boolean, milliseconds: number): void {
    if (good) this.times.push(milliseconds); else this.failed++;
  }
  /** What there is, and from now on a new phase. */
  take(): Figures {
    const sorted = this.times.sort((a, b) => a - b);
    const at = (share: number): number => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? NaN;
    this.sample();
    const figures = { answered: sorted.length, failed: this.failed, p50: at(0.5), p99: at(0.99), slowest: at(1),
      peakMiB: this.peak };
    this.times = [];
    this.failed = this.peak = 0;
    return figures;
  }
}
export const residentMiB = (pid: number): number =>
  Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'latin1'))?.[1] ?? 0) / 1024;

async function askOn(ask: Ask, record: Record): Promise<never> {
  for (;;) {
    const begun = performance.now();
    const good = await ask();
    record.note(good, performance.now() - begun);
    await sleep(PAUSE_MS);
  }
}
function watch({ plain, tls, pid }: Watch): void {
  const record = new Record(pid);
  for (const [port, secure] of [[plain, false], [tls, true]] as const)
    for (const make of [http1, http2, http1, http2]) void askOn(make(port, secure), record);
  setInterval(() => record.sample(), 10);
  process.on('message', () => { process.send!(record.take()); });
  process.send!('ready');
}

if (process.argv[2] === 'serve') serve(Number(process.argv[3]));
if (process.argv[2] === 'watch') watch(JSON.parse(process.argv[3]!) as Watch);
process.on('disconnect', () => process.exit(0));
