// An access log of a connection manager, compiled: its sink, and its line as pieces. A JSON log is its text form with
// the values escaped; numbers that stand alone in a field stay numbers, as in Envoy.
import type { AccessLog, AccessLogFormat, JsonFormat } from '../../config/types.js';
import { DEFAULT_FORMAT, isNumeric, needsAttempts, needsHeadNotes, needsRequestHead, needsResponseHead,
  needsTlsNotes, needsTrailers, needsUpstreamNotes, parseFormat } from '../../telemetry/format.js';
import type { Operator } from '../../telemetry/format.js';
import type { Engine } from '../engine.js';
import { compileOperators, releaseOperators } from '../routing/compiled-format.js';
import type { CompiledOperator } from '../routing/compiled-format.js';
import { compileLogFilter } from './log-filter.js';
import type { LogFilter } from './log-filter.js';

/** One JSON value or, in a text log, the whole line. */
export interface Piece {
  /** Written as it is before the value: braces, names, commas. */
  literal: CompiledOperator | null;
  /** Name and colon of a member that is left out when its value is missing; a comma is put before it if need be. */
  key: CompiledOperator | null;
  operators: CompiledOperator[];
  /** text: bare. string: quoted and escaped. number: bare, null when missing. json: metadata, a string if it is one. */
  form: 'text' | 'string' | 'number' | 'json';
}

/** A format, text or JSON, ready to be written (log-line.ts). */
export class CompiledFormat {
  readonly needsRequestHead: boolean;
  readonly needsResponseHead: boolean;
  /** Something of the upstream connection is asked for, which must be noted while that is at hand. */
  readonly needsUpstreamNotes: boolean;
  readonly needsTlsNotes: boolean;
  readonly needsTrailers: boolean;
  readonly needsAttempts: boolean;
  readonly needsHeadNotes: boolean;
  constructor(readonly pieces: readonly Piece[], all: readonly Operator[][], readonly omitEmpty: boolean) {
    this.needsRequestHead = all.some(needsRequestHead);
    this.needsResponseHead = all.some(needsResponseHead);
    this.needsUpstreamNotes = all.some(needsUpstreamNotes);
    this.needsTlsNotes = all.some(needsTlsNotes);
    this.needsTrailers = all.some(needsTrailers);
    this.needsAttempts = all.some(needsAttempts);
    this.needsHeadNotes = all.some(needsHeadNotes);
  }

  release(engine: Engine): void {
    for (const { literal, operators } of this.pieces)
      releaseOperators(engine, literal === null ? operators : [literal, ...operators]);
  }
}

export class CompiledLog extends CompiledFormat {
  constructor(readonly sink: number, readonly filter: LogFilter | null, compiler: LogCompiler, omitEmpty: boolean) {
    super(compiler.pieces, compiler.all, omitEmpty);
  }
}

export function compileLog(engine: Engine, log: AccessLog, sink: number): CompiledLog {
  return new CompiledLog(sink, log.filter === null ? null : compileLogFilter(engine, log.filter),
    compiled(engine, log.format, DEFAULT_FORMAT), log.format.omitEmptyValues);
}

/** A format by itself; `textDefault` stands for an empty text. */
export function compileFormat(engine: Engine, format: AccessLogFormat, textDefault: string): CompiledFormat {
  const compiler = compiled(engine, format, textDefault);
  return new CompiledFormat(compiler.pieces, compiler.all, format.omitEmptyValues);
}

function compiled(engine: Engine, format: AccessLogFormat, textDefault: string): LogCompiler {
  const compiler = new LogCompiler(engine, format.omitEmptyValues);
  if (format.kind === 'text') compiler.value(format.format === '' ? textDefault : format.format, 'text');
  else {
    compiler.json(format.fields);
    compiler.text += '\n';
  }
  compiler.flush();
  return compiler;
}

class LogCompiler {
  readonly pieces: Piece[] = [];
  readonly all: Operator[][] = [];
  text = '';

  private member = '';

  constructor(private readonly engine: Engine, private readonly omitEmpty: boolean) {}

  value(format: string, form: Piece['form']): void {
    const parsed = parseFormat(format);
    // refused when the configuration was read
    if (!parsed.ok) throw new Error(`access log format: ${parsed.reason}`);
    const { operators } = parsed;
    this.all.push(operators);
    if (form === 'string' && operators.every((operator) => operator.op === 'text')) {
      this.text += JSON.stringify(operators.map((operator) => (operator.op === 'text' ? operator.text : '')).join(''));
      return;
    }
    const [only] = operators.length === 1 ? operators : [];
    const single = form !== 'string' || only === undefined ? form : isNumeric(only) ? 'number'
      : only.op === 'metadata' ? 'json' : 'string';
    this.pieces.push({ literal: this.literal(), key: this.key(), operators: this.compile(operators), form: single });
  }

  json(value: JsonFormat | JsonFormat[string]): void {
    if (typeof value === 'string') { this.value(value, 'string'); return; }
    if (value === null || typeof value !== 'object') { this.text += JSON.stringify(value); return; }
    const entries = Array.isArray(value) ? value.map((item) => ['', item] as const) : Object.entries(value);
    this.text += Array.isArray(value) ? '[' : '{';
    entries.forEach(([name, item], index) => {
      const isMember = !Array.isArray(value);
      if (this.omitEmpty && isMember) this.optionalMember(`${JSON.stringify(name)}:`, item as JsonFormat);
      else {
        this.text += (index > 0 ? ',' : '') + (isMember ? `${JSON.stringify(name)}:` : '');
        this.json(item as JsonFormat);
      }
    });
    this.text += Array.isArray(value) ? ']' : '}';
  }

  /** A member that may be left out if it is one command; the comma before it depends on what was written. */
  private optionalMember(key: string, item: JsonFormat[string]): void {
    this.member = key;
    const parsed = typeof item === 'string' ? parseFormat(item) : null;
    const isCommand = parsed !== null && parsed.ok && parsed.operators.length === 1
      && parsed.operators[0].op !== 'text';
    if (!isCommand) {
      const literal = this.literal();
      this.pieces.push({ literal, key: this.key(), operators: [], form: 'text' });
    }
    this.json(item);
  }

  flush(): void {
    if (this.text !== '') this.pieces.push({ literal: this.literal(), key: null, operators: [], form: 'text' });
  }

  private key(): CompiledOperator | null {
    const { member } = this;
    this.member = '';
    return member === '' ? null : this.compile([{ op: 'text', text: member }])[0];
  }

  private literal(): CompiledOperator | null {
    if (this.text === '') return null;
    const [operator] = this.compile([{ op: 'text', text: this.text }]);
    this.text = '';
    return operator ?? null;
  }

  private compile(operators: readonly Operator[]): CompiledOperator[] {
    const compiled = compileOperators(this.engine, operators);
    if (compiled === null) throw new Error('the arena has no room for an access log format');
    return compiled;
  }
}
