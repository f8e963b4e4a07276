// The runtime's layers: which value is in force, files whose link is swapped, overrides.
import { mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import t from 'tap';
import type { RuntimeLayer } from '../../src/config/bootstrap/bootstrap.js';
import type { RuntimeEntries } from '../../src/config/runtime.js';
import { Log, LogSink } from '../../src/core/log.js';
import { limits } from '../../src/core/limits.js';
import { RuntimeLayers } from '../../src/dispatcher/runtime-layers.js';

const text = (value: string) => ({ text: value, fraction: null });

function start(layers: RuntimeLayer[], serviceCluster = '') {
  const told: RuntimeEntries[] = [];
  const runtime = new RuntimeLayers({ layers, serviceCluster, log: new Log(new LogSink('off'), 'runtime'),
    onChange: (entries) => told.push(entries) });
  runtime.start();
  const value = (key: string): string | undefined => new Map(told.at(-1)).get(key)?.text;
  const stat = (name: string) => [...runtime.statistics()].find((entry) => entry.name === `runtime.${name}`)?.value;
  return { runtime, told, value, stat };
}

t.test('a later layer lies over an earlier one; an empty override goes', async (t) => {
  const { runtime, value, stat } = start([{ name: 'base', kind: 'static', entries: [['a', text('1')]] },
    { name: 'admin', kind: 'admin' }]);
  t.equal(value('a'), '1');
  t.equal(runtime.modify([['a', '2'], ['b', 'x']]), null);
  t.same([value('a'), value('b'), stat('admin_overrides_active'), stat('num_keys')], ['2', 'x', 1, 2]);
  t.same(runtime.view(), { layers: ['base', 'admin'], entries: [['a', '2', ['1', '2']], ['b', 'x', ['', 'x']]] });
  runtime.modify([['a', ''], ['b', '']]);
  t.same([value('a'), value('b'), stat('admin_overrides_active')], ['1', undefined, 0]);
});

t.test('without an admin layer nothing can be overridden', async (t) => {
  const { runtime, told } = start([{ name: 'base', kind: 'static', entries: [] }]);
  t.equal(runtime.modify([['a', '1']]), 'No admin layer specified');
  t.equal(told.length, 1);
});

t.test('overrides are limited', async (t) => {
  const { runtime } = start([{ name: '', kind: 'admin' }]);
  const many = Array.from({ length: limits.runtimeKeysMax }, (_, index) => [`k${index}`, '1'] as const);
  t.equal(runtime.modify(many), null);
  t.match(runtime.modify([['one', '1']]), /more than/);
});

t.test('a disk layer follows its link', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'weft-runtime-'));
  t.teardown(() => rmSync(folder, { recursive: true }));
  const version = (name: string, values: Record<string, string>) => {
    for (const [path, contents] of Object.entries(values)) {
      mkdirSync(join(folder, name, path, '..'), { recursive: true });
      writeFileSync(join(folder, name, path), contents);
    }
  };
  version('v1', { 'sub/a/share': '# why\n17\n', 'sub/frac': 'numerator: 5\ndenominator: TEN_THOUSAND\n',
    other: '1' });
  version('v2', { 'sub/a/share': '18', 'sub/.hidden': '1' });
  symlinkSync('v1', join(folder, 'current'));
  const { runtime, told, value, stat } = start([{ name: 'disk', kind: 'disk', root: join(folder, 'current'),
    subdirectory: 'sub', appendServiceCluster: false }]);
  t.teardown(() => runtime.close());
  t.equal(value('a.share'), '17');
  t.equal(value('other'), undefined);
  t.same(new Map(told[0]).get('frac')?.fraction, { numerator: 5, denominator: 10_000 });
  symlinkSync('v2', join(folder, 'next'));
  renameSync(join(folder, 'next'), join(folder, 'current'));
  for (let tries = 0; tries < 100 && value('a.share') !== '18'; tries++) await sleep(20);
  t.same([value('a.share'), value('frac'), value('.hidden')], ['18', undefined, undefined]);
  symlinkSync('nowhere', join(folder, 'next'));
  renameSync(join(folder, 'next'), join(folder, 'current'));
  for (let tries = 0; tries < 100 && stat('override_dir_not_exists') === 0; tries++) await sleep(20);
  t.equal(value('a.share'), undefined, 'a tree that is gone has no values');
});

t.test('the service cluster chooses a folder', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'weft-runtime-'));
  t.teardown(() => rmSync(folder, { recursive: true }));
  mkdirSync(join(folder, 'mine'));
  writeFileSync(join(folder, 'mine/key'), 'x'.repeat(limits.runtimeFileBytesMax));
  writeFileSync(join(folder, 'mine/long'), 'x'.repeat(limits.runtimeFileBytesMax + 1));
  const { runtime, value } = start([{ name: 'disk', kind: 'disk', root: folder, subdirectory: '',
    appendServiceCluster: true }], 'mine');
  t.teardown(() => runtime.close());
  t.equal(value('key')?.length, limits.runtimeFileBytesMax, 'the longest that is read');
  t.equal(value('long'), undefined, 'longer ones are not');
});
