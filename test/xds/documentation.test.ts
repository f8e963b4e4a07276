// The tables of docs/configuration.md are what the code accepts: they are generated, and this says when that was
// forgotten.
import { spawnSync } from 'node:child_process';
import t from 'tap';

t.test('the tables are complete and true', async (t) => {
  const { status, stderr } = spawnSync(process.execPath, ['scripts/docs.mjs', '--check'], { encoding: 'utf8' });
  t.equal(status, 0, stderr);
});
