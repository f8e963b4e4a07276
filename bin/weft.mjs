#!/usr/bin/env -S node --max-semi-space-size=1
// The `weft` command. Main is idle between configuration changes: a small young generation keeps its heap near what is
// alive (scripts/start.mjs passes the same flag). Compiled code is kept between starts where Node can do that.
import { existsSync } from 'node:fs';
import module from 'node:module';

const main = new URL('../dist/bundle/main.js', import.meta.url);
if (!existsSync(main)) {
  console.error('weft: not built yet; run `npm run build` in the checkout');
  process.exit(1);
}
module.enableCompileCache?.();
await import(main.href);
