// The application log of the main thread: lines for operators, in Envoy's levels and format strings. Workers send
// theirs here as messages. Nothing on the request path logs. A line is built only when its level is on. Written by hand
// because a logging library costs too much at start for lines that are this simple: pino takes 60 ms and 9 MiB to load.
import { closeSync, openSync, writeSync } from 'node:fs';
import { openStandard } from './standard-stream.js';

export const logLevels = ['trace', 'debug', 'info', 'warning', 'error', 'critical', 'off'] as const;
export type LogLevel = (typeof logLevels)[number];
export type LogFields = Record<string, string | number | boolean>;

/** Envoy's default format; `[%g:%#]` (source position) is left out, as it would always name this file. */
export const DEFAULT_LOG_FORMAT = '[%Y-%m-%d %T.%e][%t][%l][%n] %v';

const STDERR = 2;

/** Where lines go and which pass. One per process. */
export class LogSink {
  private fd: number;
  /** Lines that could not be written: nobody reads the pipe, the disk is full. They are not waited for. */
  dropped = 0;
  private readonly levels = new Map<string, LogLevel>();

  constructor(public level: LogLevel = 'info', private readonly format: string = DEFAULT_LOG_FORMAT,
    private readonly path: string | null = null, private readonly escaped = false) {
    this.fd = path === null ? openStandard(STDERR) : openSync(path, 'a', 0o644);
  }

  /** The component's own level if it was set, else the common one. */
  levelOf(component: string): LogLevel { return this.levels.get(component) ?? this.level; }
  setLevel(component: string, level: LogLevel): void { this.levels.set(component, level); }
  /** Sets the common level and forgets the components' own. */
  setAllLevels(level: LogLevel): void { this.level = level; this.levels.clear(); }
  components(): string[] { return [...known].sort(); }
  passes(component: string, level: LogLevel): boolean {
    return logLevels.indexOf(level) >= logLevels.indexOf(this.levelOf(component));
  }

  /** Opens the file again after it was moved away (SIGUSR1). The old file stays in use when that fails. */
  reopen(): void {
    if (this.path === null) return;
    const fd = openSync(this.path, 'a', 0o644);
    closeSync(this.fd);
    this.fd = fd;
  }

  write(component: string, level: LogLevel, text: string): void {
    const shown = this.escaped ? escapeLine(text) : text;
    const line = formatLine(this.format, component, level, shown, new Date()) + '\n';
    try {
      writeSync(this.fd, line);
    } catch {
      this.dropped++;     // a closed or full stderr must neither end nor hold the proxy
    }
  }
}

const known = new Set<string>(['main']);

/** One component's way to the sink. */
export class Log {
  constructor(private readonly sink: LogSink, readonly component: string) { known.add(component); }
  trace(text: string, fields?: LogFields): void { this.at('trace', text, fields); }
  debug(text: string, fields?: LogFields): void { this.at('debug', text, fields); }
  info(text: string, fields?: LogFields): void { this.at('info', text, fields); }
  warn(text: string, fields?: LogFields): void { this.at('warning', text, fields); }
  error(text: string, fields?: LogFields): void { this.at('error', text, fields); }
  critical(text: string, fields?: LogFields): void { this.at('critical', text, fields); }

  at(level: LogLevel, text: string, fields?: LogFields): void {
    if (!this.sink.passes(this.component, level)) return;
    this.sink.write(this.component, level, fields === undefined ? text : text + fieldsText(fields));
  }
}

function fieldsText(fields: LogFields): string {
  let text = '';
  for (const [name, value] of Object.entries(fields)) text += ` ${name}=${value}`;
  return text;
}

const two = (value: number): string => String(value).padStart(2, '0');
const three = (value: number): string => String(value).padStart(3, '0');

/** spdlog's flags as Envoy documents them for --log-format, in local time; an unknown flag stays as it is written. */
export function formatLine(format: string, component: string, level: LogLevel, text: string, at: Date): string {
  return format.replace(/%([-=]?\d*)([A-Za-z+%_^$#@!*])/g, (whole, pad: string, flag: string) => {
    const value = flagValue(flag, component, level, text, at);
    if (value === null) return whole;
    const width = Number(pad.replace(/^[-=]/, ''));
    return pad.startsWith('-') ? value.padEnd(width) : value.padStart(width);
  });
}

function flagValue(flag: string, component: string, level: LogLevel, text: string, at: Date): string | null {
  switch (flag) {
    case 'v': case '_': case 'j': return flag === 'j' ? JSON.stringify(text).slice(1, -1) : text;
    case 'n': return component;
    case 'l': return level;
    case 'L': return level[0]!.toUpperCase();
    case 't': case 'P': return String(process.pid);
    case 'Y': return String(at.getFullYear());
    case 'm': return two(at.getMonth() + 1);
    case 'd': return two(at.getDate());
    case 'H': return two(at.getHours());
    case 'M': return two(at.getMinutes());
    case 'S': return two(at.getSeconds());
    case 'T': case 'X': return `${two(at.getHours())}:${two(at.getMinutes())}:${two(at.getSeconds())}`;
    case 'e': return three(at.getMilliseconds());
    case 'f': return three(at.getMilliseconds()) + '000';
    case 'E': return String(Math.floor(at.getTime() / 1000));
    case 'z': return zone(at);
    case '^': case '$': case 'g': case '#': case '@': case 's': case '!': return '';
    case '%': return '%';
    default: return null;
  }
}

function zone(at: Date): string {
  const minutes = -at.getTimezoneOffset();
  const distance = Math.abs(minutes);
  return `${minutes < 0 ? '-' : '+'}${two(Math.floor(distance / 60))}:${two(distance % 60)}`;
}

function escapeLine(text: string): string {
  return text.replace(/[\u0000-\u001f\u007f\\"]/g, (char) => JSON.stringify(char).slice(1, -1));
}
