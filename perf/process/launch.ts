// Starts, pins and stops the processes of a measurement. Every child is remembered, so that an interrupted run leaves
// none behind.
import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { accessSync, closeSync, constants, openSync, readFileSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { request } from 'node:http';
import { connect as connectHttp2 } from 'node:http2';
import { request as requestTls } from 'node:https';
import { connect } from 'node:net';
import { processTree } from './accounting.js';

export interface Running {
  readonly name: string;
  readonly pid: number;
  readonly startedAtMs: number;     // performance.now() just before the process was made
  readonly logFile: string;
  stop(): Promise<void>;
}

const children = new Set<ChildProcess>();
process.on('exit', () => { for (const child of children) killTree(child.pid!, 'SIGKILL'); });
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => process.exit(130));

/** Full path of a program, or null when it is not installed. */
export function findProgram(name: string): string | null {
  if (name.includes('/')) return executable(name) ? name : null;
  const folders = [...(process.env.PATH ?? '').split(delimiter), '/usr/sbin', '/sbin', '/usr/local/sbin'];
  for (const folder of folders) if (folder !== '' && executable(join(folder, name))) return join(folder, name);
  return null;
}

function executable(path: string): boolean {
  try { accessSync(path, constants.X_OK); return true; } catch { return false; }
}

/** Command line that runs `command` on the given core; unchanged where taskset is missing or `core` is null. */
export function pinned(core: number | null, command: readonly string[]): string[] {
  const taskset = core === null ? null : findProgram('taskset');
  return taskset === null ? [...command] : [taskset, '-c', String(core), ...command];
}

/** Moves a running process tree, all its threads included, to another core. */
export function moveToCore(pid: number, core: number): void {
  const taskset = findProgram('taskset');
  if (taskset === null) return;
  for (const member of processTree(pid)) spawnSync(taskset, ['-a', '-c', '-p', String(core), String(member)]);
}

/** Starts a process whose output goes to `logFile`. */
export function launch(name: string, command: readonly string[], logFile: string, core: number | null): Running {
  const log = openSync(logFile, 'w');
  const startedAtMs = performance.now();
  const [program, ...rest] = pinned(core, command);
  const child = spawn(program, rest, { stdio: ['ignore', log, log], cwd: dirname(logFile) });
  closeSync(log);
  if (child.pid === undefined) throw new Error(`${name}: cannot run ${command[0]}`);
  children.add(child);
  child.on('exit', () => children.delete(child));
  return { name, pid: child.pid, startedAtMs, logFile, stop: () => stop(child) };
}

/** SIGTERM, and SIGKILL for whatever of the tree is left after two seconds (a proxy may be draining). */
async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  killTree(child.pid!, 'SIGTERM');
  await Promise.race([ended, sleep(2000, undefined, { ref: false })]);
  if (child.exitCode === null && child.signalCode === null) {
    killTree(child.pid!, 'SIGKILL');
    await ended;
  }
}

function killTree(pid: number, signal: NodeJS.Signals): void {
  for (const member of processTree(pid)) try { process.kill(member, signal); } catch { /* it ended by itself */ }
}

/** Status of one GET on a connection of its own; 0 when nothing answers. */
export function getStatus(port: number, path = '/', host = '127.0.0.1', timeoutMs = 1000, protocol = 'h1'):
  Promise<number> {
  return new Promise((resolve) => {
    const asked = { host: '127.0.0.1', port, path, agent: false as const, timeout: timeoutMs, headers: { host } };
    const call = protocol === 'h1' ? request(asked)
      : requestTls({ ...asked, rejectUnauthorized: false, servername: 'localhost' });
    call.on('response', (response) => { response.resume(); resolve(response.statusCode ?? 0); });
    call.on('error', () => resolve(0));
    call.on('timeout', () => { call.destroy(); resolve(0); });
    call.end();
  });
}

/** As getStatus, by HTTP/2 in plain bytes. */
function http2Status(port: number, path: string): Promise<number> {
  return new Promise((resolve) => {
    const session = connectHttp2(`http://127.0.0.1:${port}`);
    const done = (status: number): void => { session.destroy(); resolve(status); };
    session.on('error', () => done(0));
    session.setTimeout(1000, () => done(0));
    const stream = session.request({ ':path': path });
    stream.on('response', (headers) => done(headers[':status'] ?? 0));
    stream.on('error', () => done(0));
    stream.end();
  });
}

/** Does somebody accept connections on this port? */
export function listens(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    socket.on('error', () => resolve(false));
    socket.on('connect', () => { socket.destroy(); resolve(true); });
  });
}

/**
 * Throws when somebody listens on the port already: the answers of another run must not be taken for those of this one.
 */
export async function portMustBeFree(port: number): Promise<void> {
  if (await listens(port))
    throw new Error(`port ${port} is in use; if another run is going on, wait for it or take another --port-base`);
}

/** Waits until a GET answers 200 and returns the milliseconds since the process was started. */
export function untilReady(running: Running, port: number, path: string, host: string,
  limitMs: number, protocol: 'h1' | 'h1-tls' | 'h2' = 'h1'): Promise<number> {
  return untilAnswers(running, port, limitMs, async () => (protocol === 'h2' ? await http2Status(port, path)
    : await getStatus(port, path, host, 1000, protocol)) === 200);
}

/** As untilReady, with a question of the caller's, which takes a second at most. */
export async function untilAnswers(running: Running, port: number, limitMs: number,
  asked: () => Promise<boolean>): Promise<number> {
  while (performance.now() - running.startedAtMs < limitMs) {
    const answers = await asked();
    if (gone(running.pid)) break;
    if (answers) return performance.now() - running.startedAtMs;
    await sleep(2);
  }
  throw new Error(`${running.name} did not answer as it should on port ${port}; the end of its output:\n` +
    lastLines(running.logFile));
}

function gone(pid: number): boolean {
  try { return /^State:\s+[ZX]/m.test(readFileSync(`/proc/${pid}/status`, 'latin1')); } catch { return true; }
}

function lastLines(file: string): string {
  try { return readFileSync(file, 'utf8').trim().split('\n').slice(-12).join('\n'); } catch { return '(no output)'; }
}
