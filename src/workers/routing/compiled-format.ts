// A substitution format with its texts and header names in the arena and its commands as numbers: what formatter.ts
// evaluates.
import { Header } from '../../core/generated/layouts.js';
import type { Operator, Simple } from '../../telemetry/format.js';
import type { Engine } from '../engine.js';

export const OP_TEXT = 0;
export const OP_REQUEST_HEADER = 1;
export const OP_RESPONSE_HEADER = 2;
export const OP_START_TIME = 3;
export const OP_START_TIME_CUSTOM = 4;
const SIMPLE_FIRST = 5;
const simpleNames: readonly Simple[] = ['protocol', 'upstreamProtocol', 'responseCode', 'responseCodeDetails',
  'connectionTerminationDetails', 'responseFlags', 'responseFlagsLong', 'bytesReceived', 'bytesSent',
  'requestHeadersBytes', 'responseHeadersBytes', 'duration', 'requestDuration', 'responseDuration',
  'responseTxDuration', 'upstreamHost', 'upstreamHostName', 'upstreamCluster', 'upstreamClusterRaw', 'upstreamRemoteIp',
  'upstreamRemotePort', 'upstreamLocalAddress', 'upstreamLocalIp', 'upstreamLocalPort',
  'upstreamTransportFailureReason', 'upstreamRequestAttemptCount', 'downstreamRemoteAddress', 'downstreamRemoteIp',
  'downstreamRemotePort', 'downstreamDirectRemoteAddress', 'downstreamDirectRemoteIp', 'downstreamDirectRemotePort',
  'downstreamLocalAddress', 'downstreamLocalIp', 'downstreamLocalPort', 'routeName', 'hostname', 'connectionId',
  'streamId', 'absent'];
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
  format = '';
  local = false;
  constructor(readonly code: number) {}
}

/** Compiles operators; null when the arena is full. */
export function compileOperators(engine: Engine, operators: readonly Operator[]): CompiledOperator[] | null {
  const compiled: CompiledOperator[] = [];
  for (const operator of operators) {
    const one = compileOne(engine, operator);
    if (one === null) { releaseOperators(engine, compiled); return null; }
    compiled.push(one);
  }
  return compiled;
}

function compileOne(engine: Engine, operator: Operator): CompiledOperator | null {
  switch (operator.op) {
    case 'text': case 'environment': return withText(engine, new CompiledOperator(OP_TEXT), operator.text);
    case 'requestHeader': case 'responseHeader': {
      const code = operator.op === 'requestHeader' ? OP_REQUEST_HEADER : OP_RESPONSE_HEADER;
      const one = header(engine, code, operator.name);
      if (one === null) return null;
      if (operator.alternative !== null) {
        one.alternative = header(engine, code, operator.alternative);
        if (one.alternative === null) { releaseOperators(engine, [one]); return null; }
      }
      one.max = operator.max;
      return one;
    }
    case 'startTime': {
      const one = new CompiledOperator(operator.format === '' && !operator.local ? OP_START_TIME
        : OP_START_TIME_CUSTOM);
      one.format = operator.format === '' ? '%Y-%m-%dT%H:%M:%S.%3fZ' : operator.format;
      one.local = operator.local;
      return one;
    }
    default: {
      const one = new CompiledOperator(Op[operator.op]);
      one.max = operator.max;
      return one;
    }
  }
}

function header(engine: Engine, code: number, name: string): CompiledOperator | null {
  const lower = name.toLowerCase() === ':path' || name.toLowerCase() === 'path' ? ':path' : name.toLowerCase();
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
    if (operator.code <= OP_RESPONSE_HEADER) engine.heap.release(operator.at, operator.bytes + 16);
    if (operator.alternative !== null) releaseOperators(engine, [operator.alternative]);
  }
}
