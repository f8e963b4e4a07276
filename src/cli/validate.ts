// `--mode validate`: reads the whole bootstrap, prints every error with its file and path, and starts nothing.
import { CompilePool } from '../xds/compile-pool.js';
import type { Flags } from './flags.js';

/** True when the configuration is good. */
export async function validate(flags: Flags): Promise<boolean> {
  const pool = new CompilePool();
  const compiled = await pool.bootstrap({ configPath: flags.configPath, configYaml: flags.configYaml,
    allowUnknownFields: flags.allowUnknownStaticFields });
  await pool.close();
  const name = flags.configPath ?? '--config-yaml';
  if (compiled.ok) {
    process.stdout.write(`configuration '${name}' OK\n`);
    return true;
  }
  for (const line of compiled.errors) process.stderr.write(line + '\n');
  process.stderr.write(`configuration '${name}' is not valid: ${compiled.errors.length} errors\n`);
  return false;
}
