// The composition root: flags, then memory and workers, then configuration, then listeners, then the admin server.
// Order is chosen for a fast start: worker threads load their modules while main reads the bootstrap, and what is not
// needed to answer the first request (admin, DNS, YAML for JSON files) is imported when it is needed.
import { readFile } from 'node:fs/promises';
import { cpus } from 'node:os';
import { helpText, parseFlags } from './cli/flags.js';
import type { Flags } from './cli/flags.js';
import { traceStart } from './cli/start-trace.js';
import { versionString } from './cli/version.js';
import { StartError, errorText } from './core/errors.js';
import { Log, LogSink } from './core/log.js';
import { requireLinux } from './os/platform.js';

requireLinux();
traceStart('main loaded');

/** Reads the command line; prints and exits where that is all there is to do. */
async function flagsOrExit(): Promise<Flags> {
  const { flags, errors } = parseFlags(process.argv.slice(2));
  if (errors.length > 0) throw new StartError(errors.map((line) => `weft: ${line}`));
  if (flags.show === null) return flags;
  const { restartVersion } = await import('./dispatcher/restart/restart.js');
  const text = { version: `weft  version: ${versionString()}\n`, hotRestartVersion: `${restartVersion(flags)}\n`,
    help: helpText() }[flags.show];
  process.stdout.write(text);
  process.exit(0);
}

function openLog(flags: Flags): LogSink {
  try {
    const sink = new LogSink(flags.logLevel, flags.logFormat, flags.logPath, flags.logFormatEscaped);
    for (const { component, level } of flags.componentLogLevels) sink.setLevel(component, level);
    return sink;
  } catch (error) {
    throw new StartError([`weft: --log-path: ${errorText(error)}`]);
  }
}

async function main(): Promise<void> {
  const flags = await flagsOrExit();
  const logs = openLog(flags);
  if (flags.mode === 'validate') {
    const { validate } = await import('./cli/validate.js');
    process.exit(await validate(flags) ? 0 : 1);
  }
  const codecs = readFile(new URL('../wasm/codecs.wasm', import.meta.url));
  const [{ Server }, { cpuLimit }, { raiseFileLimit }] = await Promise.all([
    import('./server.js'), import('./os/cpu-limit.js'), import('./os/file-limit.js')]);
  const workers = flags.concurrency === null ? cpuLimit() : flags.concurrency === 0 ? cpus().length : flags.concurrency;
  raiseFileLimit();
  traceStart('modules loaded');
  const server = new Server(flags, logs, workers, new WebAssembly.Module(await codecs));
  await server.start();
}

main().catch((error: unknown) => {
  if (error instanceof StartError) {
    for (const line of error.lines) process.stderr.write(line + '\n');
  } else {
    new Log(new LogSink(), 'main').critical(error instanceof Error ? error.stack ?? error.message : String(error));
  }
  process.exit(1);
});
