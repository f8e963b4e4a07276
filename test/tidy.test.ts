// House rules that a machine can check: who may import whom, cycles, lengths, dead files, calls that do not belong in
// the hot path, paths of somebody's machine. Each rule is data; each failure says what to do instead. The checks read
// text, not syntax trees: good enough for one house style, and fast.
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { functionLengths, importsOf, withoutText } from './support/source-text.js';

const root = join(dirname(fileURLToPath(import.meta.url)), '../..');

// What each part of src/ may import: folders, or single files. core <- os <- config <- telemetry <- {protocols, policy}
// <- workers; the rest hangs on config and telemetry.
const mayImport: Record<string, readonly string[]> = {
  core: [],
  os: ['core'],
  config: ['core', 'os'],
  telemetry: ['core', 'os', 'config'],
  protocols: ['core', 'os', 'config', 'telemetry', 'workers/codecs.ts', 'workers/codecs-rpc.ts'],
  policy: ['core', 'os', 'config', 'telemetry'],
  transcode: ['core', 'config'],
  workers: ['core', 'os', 'config', 'telemetry', 'protocols', 'policy', 'transcode'],
  xds: ['core', 'os', 'config', 'telemetry', 'transcode'],
  dispatcher: ['core', 'os', 'config', 'telemetry', 'workers/messages.ts', 'workers/reactor/choose.ts'],
  admin: ['core', 'os', 'config', 'telemetry', 'xds/store.ts'],
  cli: ['core', 'os', 'config', 'xds/compile-pool.ts'],
};
/** Files directly in src/ are the composition root: they may import everything, and only each other may import them. */
const isCompositionRoot = (file: string) => /^src\/[^/]+\.ts$/.test(file);

const workersOrder = 'reactor and memory <- connection, tls <- upstream <- filters <- proxy; '
  + 'routing and balancing are pure';
/** Inside workers/: what a folder must not import (values; types may point anywhere). */
const workersMustNot: Record<string, readonly string[]> = {
  memory: ['reactor', 'connection', 'tls', 'upstream', 'filters', 'proxy', 'listener', 'routing', 'balancing'],
  reactor: ['connection', 'tls', 'upstream', 'filters', 'proxy', 'listener', 'routing', 'balancing'],
  routing: ['reactor', 'connection', 'tls', 'upstream', 'filters', 'proxy', 'listener', 'balancing'],
  balancing: ['reactor', 'connection', 'tls', 'upstream', 'filters', 'proxy', 'listener', 'routing'],
  connection: ['filters'],
  upstream: ['filters'],
};

/** Reached in a way that no import shows, or only by tests on purpose. */
const entryPoints = ['src/main.ts', 'src/workers/worker.ts', 'src/xds/compile/worker.ts', 'src/xds/wire/binary.ts',
  'src/workers/reactor/sim.ts', 'src/protocols/bolt.ts', 'src/protocols/dubbo.ts', 'src/protocols/example.ts'];

/** Functions longer than the limit, with the length they may have. Shrink them; never add to this list lightly. */
const FUNCTION_LINES_MAX = 70;
const longFunctions: Record<string, number> = {
  'assembly/http1/chunked.ts: h1ChunkedStep': 79,     // one state machine, one switch
};
const FILE_LINES_MAX = 500;
const LINE_LENGTH_MAX = 120;

/**
 * Calls that do not belong where requests are served. `allowed`: files where they run once per configuration or per
 * worker.
 */
/**
 * Only lines whose values need JSON escapes, metadata or certificates in a format, and answers of our own come to
 * these.
 */
const coldEscape = /proxy\/(log-line|format-texts|local-reply)\.ts$|connection\/tls-facts\.ts$/;
const banned: readonly { pattern: RegExp; instead: string; allowed: readonly RegExp[] }[] = [
  { pattern: /\bJSON\.stringify\(/, instead: 'bytes written into a buffer; JSON is for what main asks a worker about',
    allowed: [/workers\/(worker|describe|mailbox|cpu-profile)\.ts$/, /proxy\/log-format\.ts$/, coldEscape] },
  { pattern: /\bBuffer\.(concat|from|alloc)\w*\(/, instead: 'the BufferPool, or the ArenaHeap for what lives longer',
    allowed: [/workers\/(worker|describe|mailbox|engine)\.ts$/, /workers\/(snapshot|routing|listener)\//,
      /tls\/(context|library|stapling|tickets)\.ts$/,
      /proxy\/log-format\.ts$/, /proxy\/reply\.ts$/, coldEscape] },
  { pattern: /\bconsole\.\w+\(/, instead: "a 'log' message to main: a worker's console never flushes", allowed: [] },
  { pattern: /\b(setTimeout|setInterval|setImmediate|queueMicrotask)\(/,
    instead: 'the TimerWheel: a worker never returns to libuv',
    allowed: [] },
  { pattern: /\b(async |await |new Promise\b)/,
    instead: 'a stage field and one switch: no promise ever settles in a worker', allowed: [] },
  { pattern: /\bDate\.now\(|\bperformance\.now\(/, instead: 'engine.nowMs and engine.wallMs, read once a turn', allowed:
    [/workers\/outside\.ts$/, /workers\/worker\.ts$/, /workers\/reactor\//] },
];

const skipped = new Set(['node_modules', 'dist', '.git', 'results', 'generated', '.tap']);
function filesBelow(folder: string, name: RegExp): string[] {
  const found: string[] = [];
  const visit = (path: string) => {
    for (const entry of readdirSync(path, { withFileTypes: true })) {
      if (skipped.has(entry.name)) continue;
      if (entry.isDirectory()) visit(join(path, entry.name));
      else if (name.test(entry.name)) found.push(relative(root, join(path, entry.name)));
    }
  };
  if (existsSync(join(root, folder))) visit(join(root, folder));
  return found.sort();
}
const textOf = (file: string) => readFileSync(join(root, file), 'utf8');

const sources = filesBelow('src', /\.ts$/);
const checked = ['src', 'test', 'bench', 'perf', 'scripts', 'assembly', 'examples',
  'bin'].flatMap((folder) => filesBelow(folder, /\.(ts|mjs)$/));
const imports = new Map(sources.map((file) => [file, importsOf(textOf(file)).filter(({ path }) => path.startsWith('.'))
  .map((found) => ({ ...found, path: relative(root, join(root, dirname(file), found.path)).replace(/\.js$/,
    '.ts') }))] as const));
const partOf = (file: string) => file.split('/')[1]!;

t.test('parts of src/ import only what the architecture lets them', async (t) => {
  const wrong: string[] = [];
  for (const [file, found] of imports) {
    for (const { path } of found) {
      if (isCompositionRoot(file)) continue;
      if (isCompositionRoot(path)) wrong.push(`${file} imports ${path}: nothing imports the composition root`);
      else if (!path.startsWith('src/')) wrong.push(`${file} imports ${path}: src/ imports nothing outside itself`);
      else {
        const part = partOf(file);
        const allowed = mayImport[part];
        const target = path.slice('src/'.length);
        if (allowed === undefined) wrong.push(`${file}: folder src/${part} has no entry in mayImport`);
        else if (partOf(path) !== part && !allowed.includes(partOf(path)) && !allowed.includes(target)) {
          wrong.push(`${file} imports ${path}: ${part} may import only ${allowed.join(', ') || 'nothing'}; ` +
            'pass a handler in, or declare the shape you need');
        }
      }
    }
  }
  t.same(wrong, []);
});

t.test('folders of workers/ keep their order', async (t) => {
  const wrong: string[] = [];
  for (const [file, found] of imports) {
    const from = /^src\/workers\/([^/]+)\//.exec(file)?.[1];
    for (const { path, typeOnly } of found) {
      const to = /^src\/workers\/([^/]+)\//.exec(path)?.[1];
      if (typeOnly || from === undefined || to === undefined || from === to) continue;
      if (workersMustNot[from]?.includes(to)) {
        wrong.push(`${file} imports ${path}: ${workersOrder}; call up through a handler given to the constructor`);
      }
    }
  }
  t.same(wrong, []);
});

t.test('no import cycles', async (t) => {
  const state = new Map<string, 'open' | 'done'>();
  const cycles: string[] = [];
  const visit = (file: string, trail: string[]) => {
    if (state.get(file) === 'done') return;
    if (state.get(file) === 'open') {
      cycles.push([...trail.slice(trail.indexOf(file)), file].join(' -> '));
      return;
    }
    state.set(file, 'open');
    for (const { path, typeOnly, later } of imports.get(file) ?? []) if (!typeOnly && !later) visit(path,
      [...trail, file]);
    state.set(file, 'done');
  };
  for (const file of sources) visit(file, []);
  t.same(cycles, []);
});

t.test('every file of src/ is reached from an entry point', async (t) => {
  const reached = new Set<string>();
  const visit = (file: string) => {
    if (reached.has(file)) return;
    reached.add(file);
    for (const { path } of imports.get(file) ?? []) visit(path);
  };
  for (const file of entryPoints) visit(file);
  t.same(sources.filter((file) => !reached.has(file) && !file.endsWith('.d.ts')), [],
    'delete them, or import them, or name them in entryPoints');
});

t.test(`lines have at most ${LINE_LENGTH_MAX} characters, files at most ${FILE_LINES_MAX} lines`, async (t) => {
  const wrong: string[] = [];
  for (const file of checked) {
    const lines = textOf(file).split('\n');
    if (lines.length - 1 > FILE_LINES_MAX) wrong.push(`${file} has ${lines.length - 1} lines: split it by job`);
    lines.forEach((line, index) => {
      if (line.length > LINE_LENGTH_MAX) wrong.push(`${file}:${index + 1} has ${line.length} characters`);
    });
  }
  t.same(wrong, []);
});

t.test(`functions have at most ${FUNCTION_LINES_MAX} lines`, async (t) => {
  const wrong: string[] = [];
  for (const file of checked.filter((path) => !path.startsWith('test/'))) {      // a test's body is its scenario
    for (const { line, lines, head } of functionLengths(textOf(file))) {
      const name = /(\w+)\(/.exec(head)?.[1] ?? head;
      const most = longFunctions[`${file}: ${name}`] ?? FUNCTION_LINES_MAX;
      if (lines > most) wrong.push(`${file}:${line} ${head} has ${lines} lines`);
    }
  }
  t.same(wrong, []);
});

t.test('files begin by saying what they own', async (t) => {
  t.same(sources.filter((file) => !/^(#!.*\n)?\/\//.test(textOf(file))), [], 'begin with two to six lines of comment');
});

t.test('the hot path calls nothing that allocates, waits or prints', async (t) => {
  const wrong: string[] = [];
  for (const file of sources.filter((path) => /^src\/(workers|protocols)\//.test(path))) {
    const lines = withoutText(textOf(file)).split('\n');
    for (const { pattern, instead, allowed } of banned) {
      if (allowed.some((exception) => exception.test(file))) continue;
      lines.forEach((line, index) => {
        if (pattern.test(line)) wrong.push(`${file}:${index + 1} ${line.trim()}: use ${instead}`);
      });
    }
  }
  t.same(wrong, []);
});

t.test('no names that say nothing', async (t) => {
  const empty = /(^|[/-])(util|utils|common|helpers?|(?<!connection-)manager|misc|inner)([/.-]|$)/;
  t.same(checked.filter((file) => empty.test(file)), [], 'name the file after what it owns');
});

t.test('no path of one machine and no trace of how the work was organised', async (t) => {
  const documents = [...filesBelow('docs', /./), ...filesBelow('.ci', /./), ...filesBelow('examples', /./),
    ...readdirSync(root).filter((name) => /\.(md|json|yaml)$/.test(name) && name !== 'package-lock.json')];
  const traces = new RegExp(['/wo' + 'rk/', '/tmp/br' + 'ief', '/ro' + 'ot/', '/home/[a-z]+/', 'far' + 'm-'].join('|'));
  const wrong: string[] = [];
  for (const file of new Set([...checked, ...documents])) {
    textOf(file).split('\n').forEach((line, index) =>
      { if (traces.test(line)) wrong.push(`${file}:${index + 1} ${line.trim().slice(0, 100)}`); });
  }
  t.same(wrong, []);
});
