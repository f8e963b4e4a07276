// The files in examples/ are what newcomers start from: each is a good bootstrap.
import { readdirSync } from 'node:fs';
import t from 'tap';
import { compileBootstrap } from '../../../src/xds/compile/bootstrap.js';

const files = readdirSync('examples').filter((name) => name.endsWith('.yaml'));
t.ok(files.length > 4);
for (const name of files) t.test(name, async (t) => {
  const result = compileBootstrap({ configPath: `examples/${name}`, configYaml: null, allowUnknownFields: false });
  t.same(result.ok ? [] : result.errors, []);
});
