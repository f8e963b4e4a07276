// A substitution format with its texts and header names in the arena and its commands as numbers: what formatter.ts
// evaluates.
import { Header } from '../../core/generated/layouts.js';
import { isNumeric, timePoints } from '../../telemetry/format.js';
import type { Operator, Simple } from '../../telemetry/format.js';
import { numericCommands, simpleCommands } from '../../telemetry/format-commands.js';
import type { Engine } from '../engine.js';

export const OP_TEXT = 0;
export const OP_REQUEST_HEADER = 1;
export const OP_RESPONSE_HEADER = 2;
export const OP_RESPONSE_TRAILER = 3;
/** %START_TIME% in its default form. */
export const OP_START_TIME = 4;
export const OP_TIME = 5;
export const OP_COMMON_DURATION = 6;
export const OP_QUERY_PARAMETER = 7;
export const OP_QUERY_PARAMETERS = 8;
export const OP_GRPC_STATUS = 9;
export const OP_METADATA = 10;
export const OP_FILTER_STATE = 11;
export const OP_FIRST_OF = 12;
export const OP_DETAILS = 13;
export const OP_TLS = 14;
export const OP_CERTIFICATE_TIME = 15;
const SIMPLE_FIRST = 16;
const simpleNames: readonly Simple[] = [...new Set(simpleCommands.values())];
/** Number of each command without arguments. */
export const Op = Object.freeze(Object.fromEntries(simpleNames.map((name, index) => [name, SIMPLE_FIRST + index]))) as
  { readonly [K in Simple]: number };

/** Pseudo headers, as in assembly/routing/match.ts. */
const pseudo: Readonly<Record<string, number>> = { ':method': 250, ':path': 251, ':authority': 252, ':scheme': 253,
  ':status': 254, host: 252 };

export class CompiledOperator {
  /** Text or header name in the arena, its length, and the known id of a header. */
  at = 0;
  bytes = 0;
  known = 0;
  alternative: CompiledOperator | null = null;
  max = Infinity;
  /** Format of a time, name of a query parameter, key of a filter state, form of a gRPC status. */
  text = '';
  local = false;
  emitted = false;
  withoutQuery = false;
  /** Indexes into timePoints, and what a millisecond is in the unit asked for. */
  start = 0;
  end = 0;
  perMillisecond = 1;
  /** Bits of an address that are kept; -1 = all, without a suffix. */
  maskBits = -1;
  path: readonly string[] = [];
  operators: readonly CompiledOperator[] = [];
  /** Stands as a number in JSON. */
  numeric = false;
  /** Of the connection to the endpoint, not the client's. */
  upstream = false;
  constructor(readonly code: number) {}
}

/** Compiles operators; null when the arena is full. */
export function compileOperators(engine: Engine, operators: readonly Operator[]): CompiledOperator[] | null {
  const compiled: CompiledOperator[] = [];
  for (const operator of operators) {
    const one = compileOne(engine, operator);
    if (one === null) { releaseOperators(engine, compiled); return null; }
    one.numeric = isNumeric(operator);
    compiled.push(one);
  }
  return compiled;
}

function compileOne(engine: Engine, operator: Operator): CompiledOperator | null {
  switch (operator.op) {
    case 'text': return withText(engine, new CompiledOperator(OP_TEXT), operator.text);
    case 'requestHeader': case 'responseHeader': case 'responseTrailer': return withHeaders(engine, operator);
    case 'time': return timeOperator(operator);
    case 'firstOf': {
      const list = compileOperators(engine, operator.operators);
      return list === null ? null : made(OP_FIRST_OF, { operators: list, max: operator.max });
    }
    case 'commonDuration': return made(OP_COMMON_DURATION, { start: timePoints.indexOf(operator.start),
      end: timePoints.indexOf(operator.end), perMillisecond: operator.perMillisecond });
    case 'queryParameter': return made(OP_QUERY_PARAMETER, { text: operator.name, max: operator.max });
    case 'queryParameters': return made(OP_QUERY_PARAMETERS, { local: operator.decoded, max: operator.max });
    case 'grpcStatus': return made(OP_GRPC_STATUS, { text: operator.form });
    case 'metadata': return made(OP_METADATA, { text: operator.source, path: operator.path, max: operator.max });
    case 'filterState': return made(OP_FILTER_STATE, { text: operator.key, max: operator.max });
    case 'tls': return made(OP_TLS, { text: operator.field, upstream: operator.upstream, max: operator.max });
    case 'certificateTime': return made(OP_CERTIFICATE_TIME, { upstream: operator.upstream, local: operator.end,
      text: operator.format === '' ? '%Y-%m-%dT%H:%M:%S.%3fZ' : operator.format });
    case 'responseCodeDetails': return made(OP_DETAILS, { local: operator.spaces });
    default: return made(Op[operator.op], { max: operator.max, maskBits: operator.maskBits,
      numeric: numericCommands.has(operator.op) });
  }
}

const made = (code: number, fields: Partial<CompiledOperator>): CompiledOperator =>
  Object.assign(new CompiledOperator(code), fields);

function timeOperator(operator: Extract<Operator, { op: 'time' }>): CompiledOperator {
  const plain = operator.format === '' && !operator.local && !operator.emitted;
  return made(plain ? OP_START_TIME : OP_TIME, { emitted: operator.emitted, local: operator.local,
    text: operator.format === '' ? `%Y-%m-%dT%H:%M:%S.%3f${operator.local ? '%z' : 'Z'}` : operator.format });
}

type HeaderOperator = Extract<Operator, { op: 'requestHeader' | 'responseHeader' | 'responseTrailer' }>;

function withHeaders(engine: Engine, operator: HeaderOperator): CompiledOperator | null {
  const code = operator.op === 'requestHeader' ? OP_REQUEST_HEADER
    : operator.op === 'responseHeader' ? OP_RESPONSE_HEADER : OP_RESPONSE_TRAILER;
  const one = header(engine, code, operator.name);
  if (one === null) return null;
  if (operator.alternative !== null) {
    one.alternative = header(engine, code, operator.alternative);
    if (one.alternative === null) { releaseOperators(engine, [one]); return null; }
  }
  one.max = operator.max;
  one.withoutQuery = operator.withoutQuery;
  return one;
}

function header(engine: Engine, code: number, name: string): CompiledOperator | null {
  const lower = name === 'path' ? ':path' : name;
  const one = withText(engine, new CompiledOperator(code), lower);
  if (one !== null) one.known = pseudo[lower] ?? (Header as Readonly<Record<string, number>>)[lower] ?? 0;
  return one;
}

function withText(engine: Engine, operator: CompiledOperator, text: string): CompiledOperator | null {
  const kept = engine.keepText(text);
  if (kept === null) return null;
  operator.at = kept.at;
  operator.bytes = kept.bytes;
  return operator;
}

/** Gives the texts back. */
export function releaseOperators(engine: Engine, operators: readonly CompiledOperator[]): void {
  for (const operator of operators) {
    if (operator.code <= OP_RESPONSE_TRAILER) engine.heap.release(operator.at, operator.bytes + 16);
    if (operator.alternative !== null) releaseOperators(engine, [operator.alternative]);
    releaseOperators(engine, operator.operators);
  }
}
