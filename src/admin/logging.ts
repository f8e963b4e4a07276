// /logging: levels of the application log, all at once or component by component.
import { logLevels } from '../core/log.js';
import type { LogLevel } from '../core/log.js';
import { textAnswer } from './answer.js';
import type { Answer, Handlers } from './answer.js';
import type { AdminBackend, LogControl } from './backend.js';
import type { Query } from './query.js';

const USAGE =
  'usage: /logging?<name>=<level> (change single level)\n' +
  'usage: /logging?paths=name1:level1,name2:level2,... (change multiple levels)\n' +
  'usage: /logging?level=<level> (change all levels)\n' +
  `levels: ${logLevels.join(' ')} \n`;

export function loggingHandlers(backend: AdminBackend): Handlers {
  return { '/logging': (query) => answer(backend.log, query) };
}

function answer(log: LogControl, query: Query): Answer {
  const error = change(log, query);
  return error === null ? textAnswer(active(log)) : textAnswer(`error: ${error}\n\n${USAGE}${active(log)}`, 400);
}

/** Applies what the query asks for, all of it or nothing. Returns what was wrong. */
function change(log: LogControl, query: Query): string | null {
  const entries = query.entries();
  if (entries.length === 0) return null;
  if (entries.length > 1) return 'invalid number of parameters';
  const [name, value] = entries[0];
  if (name === 'level') {
    const level = levelNamed(value);
    if (level === null) return 'unknown logger level';
    log.setAllLevels(level);
    return null;
  }
  const pairs =
    name === 'paths' ? value.split(',').map((part) => part.split(':') as [string, string]) : [[name, value] as const];
  const changes: [string, LogLevel][] = [];
  for (const [component, text] of pairs) {
    const level = levelNamed(text ?? '');
    if (level === null) return 'unknown logger level';
    if (!log.components().includes(component)) return 'unknown logger name';
    changes.push([component, level]);
  }
  for (const [component, level] of changes) log.setLevel(component, level);
  return null;
}

function levelNamed(text: string): LogLevel | null {
  const name = text === 'warn' ? 'warning' : text;
  return (logLevels as readonly string[]).includes(name) ? (name as LogLevel) : null;
}

function active(log: LogControl): string {
  return `active loggers:\n${log
    .components()
    .map((name) => `  ${name}: ${log.levelOf(name)}\n`)
    .join('')}\n`;
}
