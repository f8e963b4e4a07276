import t from 'tap';
import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { EINPROGRESS, SystemCallError, errnoName, errnoText } from '../../src/os/errno.js';
import { IPPROTO_TCP, TCP_NODELAY } from '../../src/os/constants.js';
import * as libc from '../../src/os/libc.js';
import { acceptBatch, connectTo, getOption, localAddress, newStreamSocket, openListener, originalDestination,
  peerAddress, setKeepAlive, setNoDelay } from '../../src/os/socket.js';
import type { SocketAddress } from '../../src/os/sockaddr.js';
import { cgroupQuota, cpuLimit, limitOf, parseCpuMax } from '../../src/os/cpu-limit.js';
import { raiseFileLimit } from '../../src/os/file-limit.js';
import { platformProblem } from '../../src/os/platform.js';
import { watchReadable } from '../../src/os/watch.js';

const loopback: SocketAddress = { kind: 'ip', host: '127.0.0.1', port: 0 };

function client(address: SocketAddress): number {
  const fd = newStreamSocket(address);
  const errno = connectTo(fd, address);
  if (errno !== 0 && errno !== EINPROGRESS) throw new SystemCallError('connect', errno);
  return fd;
}

t.test('options of a listening socket, before bind, after it, and when it listens', async (t) => {
  const cubic = { base64: Buffer.from('reno\0').toString('base64') };
  const fd = openListener(loopback, { freebind: true, options: [
    { level: 1, name: 9, value: 1, state: 'prebind' }, { level: 6, name: 13, value: cubic, state: 'bound' }] });
  t.teardown(() => libc.close(fd));
  t.equal(getOption(fd, 1, 9), 1, 'SO_KEEPALIVE');
  t.equal(getOption(fd, 0, 15), 1, 'IP_FREEBIND');
  t.throws(() => openListener(loopback, { options: [{ level: 99, name: 1, value: 1, state: 'prebind' }] }),
    { message: /socket option 99\/1 for 127.0.0.1:0/ });
  const elsewhere = openListener({ kind: 'ip', host: '192.0.2.7', port: 0 }, { freebind: true });
  t.pass('an address that this machine does not have');
  libc.close(elsewhere);
});

t.test('listen, accept in batches, addresses of both ends, options', async t => {
  const listening = openListener(loopback);
  const address = localAddress(listening)!;
  const clients = [client(address), client(address), client(address)];
  const accepted: number[] = [];
  t.equal(acceptBatch(listening, 2, fd => accepted.push(fd)), 0);
  t.equal(accepted.length, 2);
  t.equal(acceptBatch(listening, 10, fd => accepted.push(fd)), 0);
  t.equal(accepted.length, 3);
  t.same(peerAddress(accepted[0]!), localAddress(clients[0]!));
  t.same(localAddress(accepted[0]!), address);
  t.equal(originalDestination(accepted[0]!), null);
  t.ok(setNoDelay(accepted[0]!));
  t.equal(getOption(accepted[0]!, IPPROTO_TCP, TCP_NODELAY), 1);
  t.ok(setKeepAlive(accepted[0]!, 10, 0, 3));
  for (const fd of [listening, ...clients, ...accepted]) libc.close(fd);
});

t.test('an address in use is an error that names it; SO_REUSEPORT shares it', async t => {
  const first = openListener(loopback, { reusePort: true });
  const address = localAddress(first)!;
  const second = openListener(address, { reusePort: true });
  t.throws(() => openListener(address), { message: /cannot bind 127.0.0.1:\d+: Address already in use/ });
  libc.close(first);
  libc.close(second);
});

t.test('IPv6 alone, and dual stack', async t => {
  const only = openListener({ kind: 'ip', host: '::', port: 0 });
  const { port } = localAddress(only) as { port: number };
  const other = openListener({ kind: 'ip', host: '0.0.0.0', port });
  libc.close(only);
  libc.close(other);
  const both = openListener({ kind: 'ip', host: '::', port: 0 }, { ipv4Compat: true });
  const target: SocketAddress = { kind: 'ip', host: '127.0.0.1', port: (localAddress(both) as { port: number }).port };
  const fd = client(target);
  let peer: SocketAddress | null = null;
  acceptBatch(both, 1, accepted => { peer = peerAddress(accepted); libc.close(accepted); });
  t.match(peer, { host: '::ffff:127.0.0.1' });
  libc.close(fd);
  libc.close(both);
});

t.test('unix sockets: mode, stale path taken over, live path and plain file left alone, abstract name', async t => {
  const folder = mkdtempSync(join(tmpdir(), 'weft-'));
  const address: SocketAddress = { kind: 'pipe', path: join(folder, 's') };
  const first = openListener(address, { mode: 0o600 });
  t.equal(statSync(address.path).mode & 0o777, 0o600);
  t.throws(() => openListener(address), { message: /Address already in use/ });
  libc.close(first);
  const second = openListener(address);
  const fd = client(address);
  libc.close(fd);
  libc.close(second);
  const file = join(folder, 'file');
  writeFileSync(file, 'keep');
  t.throws(() => openListener({ kind: 'pipe', path: file }), { message: /Address already in use/ });
  t.equal(statSync(file).size, 4);
  const abstract: SocketAddress = { kind: 'pipe', path: `@weft-test-${process.pid}` };
  const third = openListener(abstract);
  t.same(localAddress(third), abstract);
  libc.close(third);
  rmSync(folder, { recursive: true });
});

t.test('readiness on the main thread', async t => {
  const listening = openListener(loopback);
  const address = localAddress(listening)!;
  let ready: () => void = () => undefined;
  let calls = 0;
  const watch = watchReadable(listening, () => {
    calls++;
    acceptBatch(listening, 10, fd => libc.close(fd));
    ready();
  });
  const clients: number[] = [];
  for (let n = 1; n <= 2; n++) {
    const called = new Promise<void>(resolve => { ready = resolve; });
    clients.push(client(address));
    await called;
  }
  watch.pause();
  const before = calls;
  clients.push(client(address));
  await new Promise(resolve => setTimeout(resolve, 20));
  t.equal(calls, before, 'not while paused');
  const called = new Promise<void>(resolve => { ready = resolve; });
  watch.resume();
  await called;
  watch.close();
  for (const fd of [listening, ...clients]) libc.close(fd);
});

t.test('errno names and texts', async t => {
  t.same([errnoName(104), errnoText(104), errnoName(999)], ['ECONNRESET', 'Connection reset by peer', 'errno 999']);
});

t.test('CPU limit: affinity under the smallest quota', async t => {
  t.ok(cpuLimit() >= 1);
  t.same([parseCpuMax('max 100000'), parseCpuMax('150000 100000'), parseCpuMax('')], [Infinity, 1.5, Infinity]);
  t.same([limitOf(8, 1.5), limitOf(8, Infinity), limitOf(8, 0.1), limitOf(0, 3)], [2, 8, 1, 1]);
  const files: Record<string, string> = { '/proc/self/cgroup': '0::/a/b\n',
    '/sys/fs/cgroup/a/b/cpu.max': 'max 100000\n', '/sys/fs/cgroup/a/cpu.max': '50000 100000\n' };
  t.equal(cgroupQuota(path => files[path] ?? null), 0.5);
  t.equal(cgroupQuota(() => null), Infinity);
  const root: Record<string, string> = { '/proc/self/cgroup': '0::/\n', '/sys/fs/cgroup/cpu.max': '300000 100000' };
  t.equal(cgroupQuota(path => root[path] ?? null), 3);
});

t.test('the descriptor limit is raised to the hard one', async t => {
  const { soft, hard } = raiseFileLimit();
  t.equal(soft, hard);
});

t.test('other platforms get one line', async t => {
  t.equal(platformProblem('linux', 'arm64'), null);
  t.match(platformProblem('darwin', 'arm64'), /Linux only/);
  t.match(platformProblem('linux', 'ia32'), /x64 or arm64/);
});
