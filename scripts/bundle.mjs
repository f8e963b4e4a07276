// Puts the compiled modules that a process loads into few files, dist/bundle/: hundreds of modules cost more of a start
// than all else. Main, workers and the compilers of configuration are entries of their own; what they share, and what
// is loaded only when it is needed, becomes chunks. Packages stay where npm has put them.
import { readFileSync, readdirSync, rmSync } from 'node:fs';
import { basename, dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const compiled = join(root, 'dist/src'), out = join(root, 'dist/bundle');

/** Entries that others start by their URLs. */
const started = new Map([['./workers/worker.js', './worker.js'], ['./compile/worker.js', './compile.js']]);

/** A module finds its files where it was compiled, but the entries beside it. */
const urls = {
  name: 'urls',
  setup({ onLoad }) {
    onLoad({ filter: /dist\/src\/.*\.js$/ }, ({ path }) => ({ loader: 'js',
      contents: readFileSync(path, 'utf8').replace(/new URL\(('[^']*'), import\.meta\.url\)|import\.meta\.url/g,
        (whole, quoted) => {
          const entry = started.get(quoted?.slice(1, -1));
          if (entry !== undefined) return `new URL('${entry}', import.meta.url)`;
          const here = `new URL('${relative(out, path)}', import.meta.url)`;
          return quoted === undefined ? `${here}.href` : `new URL(${quoted}, ${here})`;
        }) }));
  },
};

const { metafile } = await build({
  entryPoints: { main: join(compiled, 'main.js'), worker: join(compiled, 'workers/worker.js'),
    compile: join(compiled, 'xds/compile/worker.js') },
  outdir: out, bundle: true, splitting: true, format: 'esm', platform: 'node', target: 'node20', packages: 'external',
  keepNames: false, legalComments: 'none', metafile: true, plugins: [urls],
});
const written = new Set(Object.keys(metafile.outputs).map((path) => basename(path)));
for (const name of readdirSync(out)) if (!written.has(name)) rmSync(join(out, name));
