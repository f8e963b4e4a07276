// Advice about the kernel's limits.
import t from 'tap';
import { kernelAdvice } from '../../src/os/kernel-limits.js';

const wanted = { backlog: 1024, workers: 2, memoryMiB: 320 };
const files = (entries: Record<string, string>) => (path: string): string | null => entries[path] ?? null;

t.test('enough of everything, and a system that tells nothing, give no advice', async (t) => {
  t.same(kernelAdvice(wanted, files({ '/proc/sys/net/core/somaxconn': '4096\n',
    '/proc/sys/net/ipv4/ip_local_port_range': '32768\t60999\n', '/sys/fs/cgroup/memory.max': 'max\n' }), 1 << 20), []);
  t.same(kernelAdvice(wanted, () => null, Infinity), []);
});

t.test('each limit that is too small is one line', async (t) => {
  t.match(kernelAdvice(wanted, files({ '/proc/sys/net/core/somaxconn': '128',
    '/proc/sys/net/ipv4/ip_local_port_range': '60000 60999', '/sys/fs/cgroup/memory.max': String(128 << 20) }), 1024),
  [/1024 file descriptors allow about 512/, /somaxconn is 128.*1024/, /1000 ports/, /128 MiB is small/]);
});
