#!/usr/bin/env node
// The `weft` command: V8 settings that must be in force before anything is compiled, then main.
import { setFlagsFromString } from 'node:v8';
import { existsSync } from 'node:fs';

const main = new URL('../dist/src/main.js', import.meta.url);
if (!existsSync(main)) {
  console.error('weft: not built yet; run `npm run build` in the checkout');
  process.exit(1);
}
// Main is idle between configuration changes: a small young generation keeps its heap near what is alive.
setFlagsFromString('--max-semi-space-size=1');
setFlagsFromString('--optimize-for-size');
await import(main.href);
