// The command line: Envoy's flags and weft's own, from one table. Values are checked here; all that is wrong is
// reported at once. Accepted forms: `--flag value`, `--flag=value`, `-c value`, and `--flag` alone for switches.
import { limits } from '../core/limits.js';
import { DEFAULT_LOG_FORMAT, logLevels } from '../core/log.js';
import type { LogLevel } from '../core/log.js';

export interface Flags {
  configPath: string | null; configYaml: string | null;
  mode: 'serve' | 'validate' | 'init_only';
  concurrency: number | null;            // null = the CPU limit; 0 = hardware threads
  cpusetThreads: boolean;
  io: 'auto' | 'uring' | 'epoll';
  memoryMiB: number | null;
  drainTimeMs: number; drainStrategy: 'gradual' | 'immediate'; parentShutdownTimeMs: number;
  fileFlushIntervalMs: number; fileFlushMinBytes: number;
  localAddressIpVersion: 'v4' | 'v6';
  allowUnknownStaticFields: boolean; rejectUnknownDynamicFields: boolean; ignoreUnknownDynamicFields: boolean;
  logLevel: LogLevel; componentLogLevels: { component: string; level: LogLevel }[];
  logFormat: string; logFormatEscaped: boolean; logPath: string | null;
  serviceCluster: string; serviceNode: string; serviceZone: string;
  adminAddressPath: string | null;
  /** A process may take over from this one, or this one from another: --base-id, --restart-epoch and the like. */
  hotRestart: boolean; disableHotRestart: boolean; skipHotRestartOnNoParent: boolean;
  restartEpoch: number; baseId: number; dynamicBaseId: boolean; baseIdPath: string | null;
  socketPath: string; socketMode: number;
  show: 'version' | 'hotRestartVersion' | 'help' | null;
}

type Parse = (flags: Flags, value: string) => string | null;       // null = fine, else what is wrong with the value
interface Flag { name: string; short?: string; value: string | null; help: string; parse: Parse }

const text = (set: (flags: Flags, value: string) => void): Parse => (flags, value) => {
  set(flags, value);
  return null;
};
const on = text;
const harmless: Parse = () => null;

function whole(min: number, max: number, set: (flags: Flags, value: number) => void): Parse {
  return (flags, value) => {
    const good = /^\d+$/.test(value) && Number(value) >= min && Number(value) <= max;
    if (!good) return `must be a whole number from ${min} to ${max}`;
    set(flags, Number(value));
    return null;
  };
}

function octal(set: (flags: Flags, value: number) => void): Parse {
  return (flags, value) => {
    if (!/^[0-7]{1,4}$/.test(value)) return 'must be permissions in octal, as 600';
    set(flags, parseInt(value, 8));
    return null;
  };
}

function oneOf<T extends string>(choices: readonly T[], set: (flags: Flags, value: T) => void): Parse {
  return (flags, value) => {
    if (!choices.includes(value as T)) return `must be one of ${choices.join(', ')}`;
    set(flags, value as T);
    return null;
  };
}

const levelNames = [...logLevels, 'warn'] as const;
const levelOf = (name: string): LogLevel => (name === 'warn' ? 'warning' : name) as LogLevel;
const SECONDS_MAX = 2 ** 31 / 1000 | 0;

const flagTable: readonly Flag[] = [
  { name: 'config-path', short: 'c', value: 'file', help: 'bootstrap configuration, YAML or JSON',
    parse: text((flags, value) => { flags.configPath = value; }) },
  { name: 'config-yaml', value: 'yaml', help: 'bootstrap as text, merged over --config-path',
    parse: text((flags, value) => { flags.configYaml = value; }) },
  { name: 'mode', value: 'serve|validate|init_only',
    help: 'serve; check the configuration and exit; or load it, bind, and exit',
    parse: oneOf(['serve', 'validate', 'init_only'], (flags, value) => { flags.mode = value; }) },
  { name: 'concurrency', value: 'n', help: 'engine workers; default the CPU limit; 0 = hardware threads',
    parse: whole(0, limits.workersMax, (flags, value) => { flags.concurrency = value; }) },
  { name: 'cpuset-threads', value: null, help: 'count the CPUs that the process may run on (the default here)',
    parse: on((flags) => { flags.cpusetThreads = true; }) },
  { name: 'io', value: 'auto|uring|epoll',
    help: 'how workers talk to the kernel; auto takes io_uring where it is allowed',
    parse: oneOf(['auto', 'uring', 'epoll'], (flags, value) => { flags.io = value; }) },
  { name: 'memory-mib', value: 'MiB', help: 'size of the shared memory for configuration, statistics and buffers',
    parse: whole(limits.memoryMiBMin, limits.memoryMiBMax, (flags, value) => { flags.memoryMiB = value; }) },
  { name: 'drain-time-s', value: 'seconds', help: 'longest time that draining connections get; default 600',
    parse: whole(0, SECONDS_MAX, (flags, value) => { flags.drainTimeMs = value * 1000; }) },
  { name: 'drain-strategy', value: 'gradual|immediate',
    help: 'whether a draining process goes on accepting; default gradual',
    parse: oneOf(['gradual', 'immediate'], (flags, value) => { flags.drainStrategy = value; }) },
  { name: 'parent-shutdown-time-s', value: 'seconds',
    help: 'when the process before this one is ended after a restart; default 900',
    parse: whole(0, SECONDS_MAX, (flags, value) => { flags.parentShutdownTimeMs = value * 1000; }) },
  { name: 'file-flush-interval-msec', value: 'ms', help: 'how often access logs are written; default 10000',
    parse: whole(1, SECONDS_MAX * 1000, (flags, value) => { flags.fileFlushIntervalMs = value; }) },
  { name: 'file-flush-min-size-kb', value: 'KiB',
    help: 'access logs are written as soon as this much waits; default 64',
    parse: whole(1, 1 << 20, (flags, value) => { flags.fileFlushMinBytes = value * 1024; }) },
  { name: 'local-address-ip-version', value: 'v4|v6', help: 'family of the local address; default v4',
    parse: oneOf(['v4', 'v6'], (flags, value) => { flags.localAddressIpVersion = value; }) },
  { name: 'allow-unknown-fields', value: null, help: 'older name of --allow-unknown-static-fields',
    parse: on((flags) => { flags.allowUnknownStaticFields = true; }) },
  { name: 'allow-unknown-static-fields', value: null, help: 'do not refuse unknown fields in the bootstrap',
    parse: on((flags) => { flags.allowUnknownStaticFields = true; }) },
  { name: 'reject-unknown-dynamic-fields', value: null, help: 'refuse unknown fields in dynamic configuration',
    parse: on((flags) => { flags.rejectUnknownDynamicFields = true; }) },
  { name: 'ignore-unknown-dynamic-fields', value: null,
    help: 'do not even count unknown fields in dynamic configuration',
    parse: on((flags) => { flags.ignoreUnknownDynamicFields = true; }) },
  { name: 'log-level', short: 'l', value: logLevels.join('|'), help: 'default info',
    parse: oneOf(levelNames, (flags, value) => { flags.logLevel = levelOf(value); }) },
  { name: 'component-log-level', value: 'name:level,...', help: 'levels of single components', parse: componentLevels },
  { name: 'log-format', value: 'format', help: `spdlog's flags; default '${DEFAULT_LOG_FORMAT}'`,
    parse: text((flags, value) => { flags.logFormat = value; }) },
  { name: 'log-format-escaped', value: null, help: 'escape C-style what is not printable in log texts',
    parse: on((flags) => { flags.logFormatEscaped = true; }) },
  { name: 'log-path', value: 'file', help: 'log file; default stderr',
    parse: text((flags, value) => { flags.logPath = value; }) },
  { name: 'admin-address-path', value: 'file', help: 'write the admin address here once it is bound',
    parse: text((flags, value) => { flags.adminAddressPath = value; }) },
  { name: 'service-cluster', value: 'name', help: 'node.cluster, where the bootstrap has none',
    parse: text((flags, value) => { flags.serviceCluster = value; }) },
  { name: 'service-node', value: 'id', help: 'node.id, where the bootstrap has none',
    parse: text((flags, value) => { flags.serviceNode = value; }) },
  { name: 'service-zone', value: 'zone', help: 'node.locality.zone, where the bootstrap has none',
    parse: text((flags, value) => { flags.serviceZone = value; }) },
  { name: 'restart-epoch', value: 'n', help: 'n > 0: take over from the process of epoch n - 1 with the same base id',
    parse: whole(0, 2 ** 31 - 1, (flags, value) => { flags.restartEpoch = value; flags.hotRestart = true; }) },
  { name: 'base-id', value: 'n', help: 'which processes belong together in restarts; allows restarts',
    parse: whole(0, 2 ** 31 - 1, (flags, value) => { flags.baseId = value; flags.hotRestart = true; }) },
  { name: 'use-dynamic-base-id', value: null, help: 'as --base-id, with a number that no other process has',
    parse: on((flags) => { flags.dynamicBaseId = true; flags.hotRestart = true; }) },
  { name: 'base-id-path', value: 'file', help: 'write the base id here',
    parse: text((flags, value) => { flags.baseIdPath = value; }) },
  { name: 'socket-path', value: 'path', help: "where restarts meet; default '@weft_restart' (an abstract name)",
    parse: text((flags, value) => { flags.socketPath = value; }) },
  { name: 'socket-mode', value: 'mode', help: 'permissions of that path, octal; default 600',
    parse: octal((flags, value) => { flags.socketMode = value; }) },
  { name: 'disable-hot-restart', value: null, help: 'no restarts, whatever other flags say',
    parse: on((flags) => { flags.disableHotRestart = true; }) },
  { name: 'skip-hot-restart-on-no-parent', value: null, help: 'start although there is no process to take over from',
    parse: on((flags) => { flags.skipHotRestartOnNoParent = true; }) },
  { name: 'skip-hot-restart-parent-stats', value: null, help: 'accepted: counters are not taken over',
    parse: harmless },
  { name: 'skip-deprecated-logs', value: null, help: 'accepted: deprecated fields are not logged', parse: harmless },
  { name: 'enable-core-dump', value: null, help: 'accepted: core dumps are as the shell allows them', parse: harmless },
  { name: 'version', value: null, help: 'print the version and exit',
    parse: on((flags) => { flags.show = 'version'; }) },
  { name: 'hot-restart-version', value: null, help: 'print which processes can follow each other, and exit',
    parse: on((flags) => { flags.show = 'hotRestartVersion'; }) },
  { name: 'help', short: 'h', value: null, help: 'print this and exit',
    parse: on((flags) => { flags.show = 'help'; }) },
];

function defaultFlags(): Flags {
  return {
    configPath: null, configYaml: null, mode: 'serve', concurrency: null, cpusetThreads: false, io: 'auto',
    memoryMiB: null,
    drainTimeMs: 600_000, drainStrategy: 'gradual', parentShutdownTimeMs: 900_000,
    fileFlushIntervalMs: 10_000, fileFlushMinBytes: 64 * 1024, localAddressIpVersion: 'v4',
    allowUnknownStaticFields: false, rejectUnknownDynamicFields: false, ignoreUnknownDynamicFields: false,
    logLevel: 'info', componentLogLevels: [], logFormat: DEFAULT_LOG_FORMAT, logFormatEscaped: false, logPath: null,
    serviceCluster: '', serviceNode: '', serviceZone: '', adminAddressPath: null, show: null,
    hotRestart: false, disableHotRestart: false, restartEpoch: 0, baseId: 0, dynamicBaseId: false, baseIdPath: null,
    socketPath: '@weft_restart', socketMode: 0o600, skipHotRestartOnNoParent: false,
  };
}

/** Reads the arguments after the program's name. `errors` is empty when every flag was understood. */
export function parseFlags(args: readonly string[]): { flags: Flags; errors: string[] } {
  const flags = defaultFlags();
  const errors: string[] = [];
  for (let at = 0; at < args.length; at++) {
    const argument = args[at]!;
    const equals = argument.startsWith('--') ? argument.indexOf('=') : -1;
    const name = equals < 0 ? argument : argument.slice(0, equals);
    const flag = flagTable.find((entry) =>
      name === `--${entry.name}` || (entry.short !== undefined && name === `-${entry.short}`));
    if (flag === undefined) {
      errors.push(argument.startsWith('-') ? `unknown flag ${name}${suggestion(name)}`
        : `unexpected argument '${argument}'`);
      continue;
    }
    let value = equals < 0 ? '' : argument.slice(equals + 1);
    if (flag.value === null && equals >= 0) {
      errors.push(`--${flag.name} takes no value`);
      continue;
    }
    if (flag.value !== null && equals < 0) {
      if (at + 1 >= args.length) {
        errors.push(`--${flag.name} needs a value: ${flag.value}`);
        continue;
      }
      value = args[++at]!;
    }
    const wrong = flag.parse(flags, value);
    if (wrong !== null) errors.push(`--${flag.name} ${wrong} (it is '${value}')`);
  }
  if (errors.length === 0 && flags.show === null && flags.configPath === null && flags.configYaml === null) {
    errors.push('--config-path (-c) or --config-yaml is needed');
  }
  return { flags, errors };
}

/** The text of --help. */
export function helpText(): string {
  const rows = flagTable.map((flag) => {
    const short = flag.short === undefined ? '' : `-${flag.short}, `;
    const left = `  ${short}--${flag.name}${flag.value === null ? '' : ` <${flag.value}>`}`;
    return left.length > 36 ? `${left}\n${' '.repeat(38)}${flag.help}` : left.padEnd(38) + flag.help;
  });
  return `Usage: weft -c <bootstrap.yaml> [flags]\n\n${rows.join('\n')}\n`;
}

function componentLevels(flags: Flags, value: string): string | null {
  for (const part of value.split(',').filter((item) => item !== '')) {
    const [component, level] = part.split(':');
    if (component === undefined || component === '' || !(levelNames as readonly string[]).includes(level ?? '')) {
      return 'must be component:level pairs separated by commas';
    }
    flags.componentLogLevels.push({ component, level: levelOf(level!) });
  }
  return null;
}

function suggestion(name: string): string {
  const bare = name.replace(/^-+/, '').replace(/_/g, '-');
  const near = flagTable.find((flag) => flag.name === bare || (bare.length > 3 && flag.name.startsWith(bare)));
  return near === undefined ? '; --help lists all' : `; did you mean --${near.name}?`;
}

