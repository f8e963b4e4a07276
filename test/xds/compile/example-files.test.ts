// The files in examples/ are what newcomers start from, and so is the YAML of docs/protocols.md: each is a good
// bootstrap.
import { readFileSync, readdirSync } from 'node:fs';
import t from 'tap';
import { compileBootstrap } from '../../../src/xds/compile/bootstrap.js';
import { codecFile, parcel } from '../../support/rpc-codec.js';

const files = readdirSync('examples').filter((name) => name.endsWith('.yaml'));
t.ok(files.length > 4);
for (const name of files) t.test(name, async (t) => {
  const result = compileBootstrap({ configPath: `examples/${name}`, configYaml: null, allowUnknownFields: false });
  t.same(result.ok ? [] : result.errors, []);
});

t.test('docs/protocols.md', async (t) => {
  const codec = codecFile(await parcel());
  const blocks = [...readFileSync('docs/protocols.md', 'utf8').matchAll(/^```yaml\n([^]*?)^```$/gm)];
  t.equal(blocks.length, 4);
  for (const [, text] of blocks) {
    const result = compileBootstrap({ configPath: null, allowUnknownFields: false,
      configYaml: text.replace('/etc/weft/hsf.wasm', codec) });
    t.same(result.ok ? [] : result.errors, []);
  }
});
