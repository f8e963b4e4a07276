// CPU and memory accounting of perf/: read from this process and a child of it.
import t from 'tap';
import { spawn } from 'node:child_process';
import { cpuBetween, cpuTime, memory, processTree } from '../../perf/process/accounting.js';

t.test('time that is burnt is counted, and the total is precise', async (t) => {
  const before = cpuTime(process.pid), started = process.cpuUsage();
  while (process.cpuUsage(started).user < 200_000) for (let turn = 0; turn < 1e6; turn++) Math.sqrt(turn);
  const used = cpuBetween(before, cpuTime(process.pid));
  t.ok(used.totalSeconds > 0.19, `${used.totalSeconds} s`);
  t.ok(used.userSeconds > used.systemSeconds);
  t.ok(Math.abs(used.userSeconds + used.systemSeconds - used.totalSeconds) < 1e-9);
});

t.test('children belong to the tree, ended processes do not', async (t) => {
  const child = spawn(process.execPath, ['-e', 'setTimeout(() => {}, 10000)']);
  t.ok(processTree(process.pid).includes(child.pid!));
  const gone = new Promise((resolve) => child.on('exit', resolve));
  child.kill();
  await gone;
  t.notOk(processTree(process.pid).includes(child.pid!));
  t.equal(cpuTime(child.pid!).totalSeconds, 0);
});

t.test('memory of a living process', async (t) => {
  const own = memory(process.pid);
  t.ok(own.rssKiB > 10_000);
  t.ok(own.pssKiB <= own.rssKiB);
  t.ok(own.threads > 1 && own.fds > 2);
});
