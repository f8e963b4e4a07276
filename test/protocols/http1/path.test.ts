// Path normalisation in the codec against the reference, for paths that people know and for thousands that nobody
// wrote.
import t from 'tap';
import { Random } from '../../fuzz/random.js';
import { codecBuilds } from '../../support/wasm.js';
import { Codec } from './codec.js';
import { referencePath, type PathOptions } from './reference-path.js';

const codecs = codecBuilds.map((build) => new Codec(build));
const everything: PathOptions[] = [0, 1, 2, 3, 4, 5, 6, 7].map((bits) => ({
  normalize: (bits & 1) !== 0,
  merge: (bits & 2) !== 0,
  unescape: (bits & 4) !== 0,
}));

function check(path: string, options: PathOptions): string {
  const pathOnlyBytes = path.search(/[?#]|$/);
  const wanted = referencePath(path, pathOnlyBytes, options);
  for (const codec of codecs) {
    const actual = codec.normalizePath(path, pathOnlyBytes, options);
    if (actual !== wanted) return `${codec.build}: ${JSON.stringify(options)} ${path} became ${actual}, not ${wanted}`;
  }
  return '';
}

t.test('known paths', async (t) => {
  const rows: [path: string, options: Partial<PathOptions>, wanted: string | null][] = [
    ['/a/../b', { normalize: true }, '/b'],
    ['/a/./b', { normalize: true }, '/a/b'],
    ['/../../x', { normalize: true }, '/x'],
    ['/a/..', { normalize: true }, '/'],
    ['/a/.', { normalize: true }, '/a/'],
    ['/..', { normalize: true }, '/'],
    ['/a/b/../..', { normalize: true }, '/'],
    ['/%2e%2e/x', { normalize: true }, '/x'],
    ['/a\\..\\b', { normalize: true }, '/b'],
    ['/%41%7e%2D', { normalize: true }, '/A~-'],
    ['/a%2fb', { normalize: true }, '/a%2fb'],
    ['/a%00b', { normalize: true }, null],
    ['/a%zz%', { normalize: true }, '/a%zz%'],
    ['//a///b', { merge: true }, '/a/b'],
    ['/a/../b', { merge: true }, '/a/../b'],
    ['/a%2F%5cb', { unescape: true }, '/a/\\b'],
    ['/a%2F%5cb', { normalize: true, unescape: true }, '/a//b'],
    ['/a%2f..%2Fb', { normalize: true, unescape: true }, '/b'],
    ['/a?b/../c//d%2f', { normalize: true, merge: true, unescape: true }, '/a?b/../c//d%2f'],
    ['/%252e', { normalize: true }, '/%252e'],
    ['/a/...', { normalize: true }, '/a/...'],
    ['/.a/..b', { normalize: true }, '/.a/..b'],
    ['/', { normalize: true, merge: true }, '/'],
  ];
  for (const [path, some, wanted] of rows) {
    const options = { normalize: false, merge: false, unescape: false, ...some };
    t.equal(referencePath(path, path.search(/[?#]|$/), options), wanted, path);
    t.equal(check(path, options), '', path);
  }
});

t.test('random paths', async (t) => {
  const parts = [
    '/',
    '/',
    '.',
    '..',
    '/.',
    '/..',
    '%2e',
    '%2E',
    '%2f',
    '%5C',
    '\\',
    '%00',
    '%',
    '%4',
    '%41',
    '%ff',
    'a',
    'bc',
    '~',
    '?',
    '#',
    ';',
    '//',
  ];
  const random = new Random(20240229);
  for (let i = 0; i < 20000; i++) {
    const path = `/${Array.from({ length: random.below(12) }, () => random.pick(parts)).join('')}`;
    const fault = check(path, everything[random.below(8)]);
    if (fault !== '') {
      t.fail(fault);
      return;
    }
  }
  t.pass('20,000 paths');
});
