// An access log of a connection manager, compiled: its sink, and its line as pieces. A JSON log is its text form with
// the values escaped; numbers that stand alone in a field stay numbers, as in Envoy.
import type { AccessLog, JsonFormat } from '../../config/types.js';
import { DEFAULT_FORMAT, needsRequestHead, needsResponseHead, parseFormat } from '../../telemetry/format.js';
import type { Operator } from '../../telemetry/format.js';
import type { Engine } from '../engine.js';
import { compileOperators, releaseOperators } from '../routing/compiled-format.js';
import type { CompiledOperator } from '../routing/compiled-format.js';

/** One JSON value or, in a text log, the whole line. */
export interface Piece {
  /** Written as it is before the value: braces, names, commas. */
  literal: CompiledOperator | null;
  operators: CompiledOperator[];
  /** text: bare. string: quoted and escaped. number: bare, null when missing. */
  form: 'text' | 'string' | 'number';
}

export class CompiledLog {
  needsRequestHead = false;
  needsResponseHead = false;
  /** The local end of the upstream connection is asked for, which must be noted while that is open. */
  needsUpstreamLocal = false;
  constructor(readonly sink: number, readonly pieces: Piece[], readonly omitEmpty: boolean) {}
  release(engine: Engine): void {
    for (const { literal, operators } of this.pieces)
      releaseOperators(engine, literal === null ? operators : [literal, ...operators]);
  }
}

const NUMBERS = new Set<string>(['responseCode', 'bytesReceived', 'bytesSent', 'duration', 'requestDuration',
  'responseDuration', 'responseTxDuration', 'requestHeadersBytes', 'responseHeadersBytes',
  'upstreamRequestAttemptCount', 'connectionId', 'streamId', 'upstreamRemotePort', 'downstreamRemotePort',
  'downstreamLocalPort', 'downstreamDirectRemotePort', 'upstreamLocalPort']);

export function compileLog(engine: Engine, log: AccessLog, sink: number): CompiledLog {
  const compiler = new LogCompiler(engine);
  const { format } = log;
  if (format.kind === 'text') compiler.value(format.format === '' ? DEFAULT_FORMAT : format.format, 'text');
  else {
    compiler.json(format.fields);
    compiler.text += '\n';
  }
  compiler.flush();
  const compiled = new CompiledLog(sink, compiler.pieces, format.omitEmptyValues);
  compiled.needsRequestHead = compiler.all.some((operators) => needsRequestHead(operators));
  compiled.needsResponseHead = compiler.all.some((operators) => needsResponseHead(operators));
  compiled.needsUpstreamLocal = compiler.all.some((list) => list.some(({ op }) => op.startsWith('upstreamLocal')));
  return compiled;
}

class LogCompiler {
  readonly pieces: Piece[] = [];
  readonly all: Operator[][] = [];
  text = '';

  constructor(private readonly engine: Engine) {}

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
    const single = operators.length === 1 ? operators[0]!.op : '';
    this.pieces.push({ literal: this.literal(), operators: this.compile(operators),
      form: form === 'string' && NUMBERS.has(single) ? 'number' : form });
  }

  json(value: JsonFormat | JsonFormat[string]): void {
    if (typeof value === 'string') { this.value(value, 'string'); return; }
    if (value === null || typeof value !== 'object') { this.text += JSON.stringify(value); return; }
    const entries = Array.isArray(value) ? value.map((item) => ['', item] as const) : Object.entries(value);
    this.text += Array.isArray(value) ? '[' : '{';
    entries.forEach(([name, item], index) => {
      if (index > 0) this.text += ',';
      if (!Array.isArray(value)) this.text += `${JSON.stringify(name)}:`;
      this.json(item as JsonFormat);
    });
    this.text += Array.isArray(value) ? ']' : '}';
  }

  flush(): void {
    if (this.text !== '') this.pieces.push({ literal: this.literal(), operators: [], form: 'text' });
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
