// Envoy's substitution format, parsed: access-log lines and header values ("%REQ(:METHOD)%", "%START_TIME(%s)%", ...).
// A format is compiled once into operators; workers evaluate them into memory without making strings
// (workers/proxy/formatter.ts). What is not listed here or in format-commands.ts is refused when the configuration is
// read.
import { certificateTimes, maskable, numericCommands, simpleCommands, tlsCommands } from './format-commands.js';
import type { Simple } from './format-commands.js';
export type { Simple } from './format-commands.js';

/** Points of a request's life that COMMON_DURATION measures between. */
export const timePoints = ['DS_RX_BEG', 'DS_RX_END', 'US_CX_BEG', 'US_CX_END', 'US_HS_END', 'US_TX_BEG', 'US_TX_END',
  'US_RX_BEG', 'US_RX_BODY_BEG', 'US_RX_END', 'DS_TX_BEG', 'DS_TX_END'] as const;
export type TimePoint = (typeof timePoints)[number];
export const metadataSources = ['DYNAMIC', 'CLUSTER', 'ROUTE', 'UPSTREAM_HOST', 'LISTENER', 'LISTENER_FILTER_CHAIN',
  'VIRTUAL_HOST'] as const;
export type MetadataSource = (typeof metadataSources)[number];

export type Operator =
  | { op: 'text'; text: string }
  | { op: 'requestHeader' | 'responseHeader' | 'responseTrailer'; name: string; alternative: string | null;
    withoutQuery: boolean; max: number }
  | { op: 'time'; emitted: boolean; format: string; local: boolean }
  | { op: 'commonDuration'; start: TimePoint; end: TimePoint; perMillisecond: number }
  | { op: 'queryParameter'; name: string; max: number }
  | { op: 'queryParameters'; decoded: boolean; max: number }
  | { op: 'grpcStatus'; form: 'camel' | 'snake' | 'number' }
  | { op: 'metadata'; source: MetadataSource; path: string[]; max: number }
  | { op: 'tls'; upstream: boolean; field: string; max: number }
  | { op: 'certificateTime'; upstream: boolean; end: boolean; format: string }
  /** `key` has the form behind it: PLAIN, TYPED or FIELD. */
  | { op: 'filterState'; key: string; max: number }
  | { op: 'firstOf'; operators: Operator[]; max: number }
  | { op: 'responseCodeDetails'; spaces: boolean }
  | { op: Simple; max: number; maskBits: number };

export type ParsedFormat = { ok: true; operators: Operator[] } | { ok: false; reason: string };

const COMMAND = /^%([A-Z0-9_]+)(?:\(((?:[^()]|\([^()]*\))*)\))?(?::(\d+))?%/;
const COALESCE = /^%COALESCE\(([^)]*)\)(?::(\d+))?%/;

/** Parses a format string; adjacent texts are merged. */
export function parseFormat(format: string): ParsedFormat {
  const operators: Operator[] = [];
  const text = (piece: string) => {
    const last = operators.at(-1);
    if (last?.op === 'text') last.text += piece; else if (piece !== '') operators.push({ op: 'text', text: piece });
  };
  let at = 0;
  while (at < format.length) {
    const percent = format.indexOf('%', at);
    if (percent < 0) { text(format.slice(at)); break; }
    text(format.slice(at, percent));
    if (format[percent + 1] === '%') { text('%'); at = percent + 2; continue; }
    const rest = format.slice(percent);
    const first = COALESCE.exec(rest);
    const command = first === null ? COMMAND.exec(rest) : [first[0], 'COALESCE', first[1], first[2]];
    if (command === null) return { ok: false, reason: `no complete %COMMAND% at character ${percent} of '${format}'` };
    const operator = parseCommand(command[1], command[2] ?? null, command[3] === undefined ? null : Number(command[3]));
    if (typeof operator === 'string') return { ok: false, reason: operator };
    if (operator.op === 'text') text(operator.text); else operators.push(operator);
    at = percent + command[0].length;
  }
  return { ok: true, operators };
}

type Parser = (argument: string, max: number, name: string) => Operator | string;
/** Does a command take an argument, and may its value be cut (`:Z`)? */
interface Syntax { argument: 'none' | 'optional' | 'required'; length: boolean; parse: Parser }

const headerParser = (op: 'requestHeader' | 'responseHeader' | 'responseTrailer', withoutQuery: boolean): Syntax => ({
  argument: 'required', length: true,
  parse: (argument, max, name) => {
    const names = argument.split('?');
    if (names.length > 2 || names.some((header) => !/^:?[!#$&'*+\-.^_`|~0-9A-Za-z]+$/.test(header))) {
      return `%${name}(${argument})% needs one header name, or two divided by '?'`;
    }
    return { op, name: names[0].toLowerCase(), alternative: names[1]?.toLowerCase() ?? null, withoutQuery, max };
  },
});

const timeParser = (emitted: boolean, local: boolean): Syntax => ({
  argument: 'optional', length: false,
  parse: (format, _, name) => {
    const bad = /%(?![YmdHMSFTzZsefajbBypIDRnt%]|[1-9]?f|[369][sf]?|E[1-9*]?S)/.exec(format);
    if (bad !== null) return `%${name}(${format})% holds an unknown conversion at '${format.slice(bad.index)}'`;
    if (format.includes('%n')) return `%${name}(${format})% would print a newline`;
    return { op: 'time', emitted, format, local };
  },
});

const metadataParser = (source: MetadataSource | null): Syntax => ({
  argument: 'required', length: true,
  parse: (argument, max, name) => {
    const path = argument.split(':');
    const from = source ?? path.shift() ?? '';
    if (!(metadataSources as readonly string[]).includes(from)) {
      return `%${name}(${argument})% must begin with one of ${metadataSources.join(', ')}`;
    }
    if (path.length === 0 || path[0] === '') return `%${name}(${argument})% names no filter namespace`;
    return { op: 'metadata', source: from as MetadataSource, path, max };
  },
});

const filterState: Syntax = { argument: 'required', length: true,
  parse: (argument, max, name) => {
    const [key, form = 'TYPED', field] = argument.split(':');
    if (key === '') return `%${name}(${argument})% names no key`;
    if (!['PLAIN', 'TYPED', 'FIELD'].includes(form) || (form === 'FIELD') !== (field !== undefined)) {
      return `%${name}(${argument})% may be followed by PLAIN, TYPED or FIELD:name`;
    }
    if (name === 'UPSTREAM_FILTER_STATE') return { op: 'absent', max, maskBits: -1 };
    return { op: 'filterState', key: `${key}:${form}`, max };
  } };

function parseCommonDuration(argument: string): Operator | string {
  const [start = '', end = '', precision = 'ms', ...more] = argument.split(':');
  const known = (name: string): name is TimePoint => (timePoints as readonly string[]).includes(name);
  const perMillisecond = { ms: 1, us: 1000, ns: 1_000_000 }[precision];
  if (!known(start) || !known(end) || perMillisecond === undefined || more.length > 0) {
    return `%COMMON_DURATION(${argument})% needs START:END:PRECISION, of ${timePoints.join(', ')} and ms, us or ns`;
  }
  return { op: 'commonDuration', start, end, perMillisecond };
}

function parsePath(argument: string, max: number): Operator | string {
  const [query = '', source = ''] = argument.split(':');
  if (!['', 'WQ', 'NQ'].includes(query)) return `%PATH(${argument})%: only WQ and NQ are allowed first`;
  const withoutQuery = query === 'NQ';
  switch (source) {
    case 'PATH': return { op: 'requestHeader', name: ':path', alternative: null, withoutQuery, max };
    case 'ORIG': return { op: 'requestHeader', name: 'x-envoy-original-path', alternative: null, withoutQuery, max };
    case '': case 'ORIG_OR_PATH':
      return { op: 'requestHeader', name: 'x-envoy-original-path', alternative: ':path', withoutQuery, max };
    default: return `%PATH(${argument})%: only ORIG, PATH and ORIG_OR_PATH are allowed second`;
  }
}

function parseGrpcStatus(argument: string): Operator | string {
  const form = ({ '': 'camel', CAMEL_STRING: 'camel', SNAKE_STRING: 'snake', NUMBER: 'number' } as const)[argument];
  if (form === undefined) return `%GRPC_STATUS(${argument})% may be CAMEL_STRING, SNAKE_STRING or NUMBER`;
  return { op: 'grpcStatus', form };
}

/** The first of several commands that has a value: `{"operators": ["X", {"command": "REQ", "param": "a"}]}`. */
function parseFirstOf(argument: string, max: number): Operator | string {
  let tree: unknown;
  try { tree = JSON.parse(argument); } catch { return '%COALESCE% needs a JSON object'; }
  const list = (tree as { operators?: unknown } | null)?.operators;
  if (!Array.isArray(list) || list.length === 0) return "%COALESCE% needs a JSON object with an 'operators' array";
  const operators: Operator[] = [];
  for (const item of list as unknown[]) {
    const entry = typeof item === 'string' ? { command: item } : item as { command?: unknown; param?: unknown;
      max_length?: unknown } | null;
    if (typeof entry?.command !== 'string') return "%COALESCE%: each operator is a name or has a 'command'";
    const operator = parseCommand(entry.command, typeof entry.param === 'string' ? entry.param : null,
      typeof entry.max_length === 'number' ? entry.max_length : null);
    if (typeof operator === 'string') return operator;
    operators.push(operator);
  }
  return { op: 'firstOf', operators, max };
}

const optional = (length: boolean, parse: Parser): Syntax => ({ argument: 'optional', length, parse });
const required = (length: boolean, parse: Parser): Syntax => ({ argument: 'required', length, parse });

const commands: ReadonlyMap<string, Syntax> = new Map<string, Syntax>([
  ['REQ', headerParser('requestHeader', false)], ['RESP', headerParser('responseHeader', false)],
  ['TRAILER', headerParser('responseTrailer', false)],
  ['START_TIME', timeParser(false, false)], ['START_TIME_LOCAL', timeParser(false, true)],
  ['EMIT_TIME', timeParser(true, false)], ['EMIT_TIME_LOCAL', timeParser(true, true)],
  ['COMMON_DURATION', required(false, parseCommonDuration)],
  ['PATH', optional(true, parsePath)],
  ['QUERY_PARAM', required(true, (name, max) => ({ op: 'queryParameter', name, max }))],
  ['QUERY_PARAMS', optional(true, (form, max) => (['', 'ORIG', 'DECODED'].includes(form)
    ? { op: 'queryParameters', decoded: form === 'DECODED', max } : `%QUERY_PARAMS(${form})% may be ORIG or DECODED`))],
  ['GRPC_STATUS', optional(false, parseGrpcStatus)],
  ['GRPC_STATUS_NUMBER', { argument: 'none', length: false, parse: () => ({ op: 'grpcStatus', form: 'number' }) }],
  ['STREAM_ID', { argument: 'none', length: false, parse: () => ({ op: 'requestHeader', name: 'x-request-id',
    alternative: null, withoutQuery: false, max: Infinity }) }],
  ['RESPONSE_CODE_DETAILS', optional(false, (form) => (['', 'ALLOW_WHITESPACES'].includes(form)
    ? { op: 'responseCodeDetails', spaces: form !== '' }
    : `%RESPONSE_CODE_DETAILS(${form})% may be ALLOW_WHITESPACES`))],
  ['ENVIRONMENT', required(true, (name, max) => ({ op: 'text', text: (process.env[name] ?? '-').slice(0, max) }))],
  ['METADATA', metadataParser(null)], ['DYNAMIC_METADATA', metadataParser('DYNAMIC')],
  ['CLUSTER_METADATA', metadataParser('CLUSTER')], ['UPSTREAM_METADATA', metadataParser('UPSTREAM_HOST')],
  ['FILTER_STATE', filterState], ['UPSTREAM_FILTER_STATE', filterState],
  ['COALESCE', required(true, parseFirstOf)],
]);
/** Of an extension that a format must name (`formatters`). */
const reqWithoutQuery = headerParser('requestHeader', true);

function parseCommand(name: string, argument: string | null, max: number | null): Operator | string {
  const syntax = name === 'REQ_WITHOUT_QUERY' ? reqWithoutQuery : commands.get(name);
  if (syntax !== undefined) {
    if (argument === null && syntax.argument === 'required') return `%${name}% needs an argument`;
    if (argument !== null && syntax.argument === 'none') return `%${name}% takes no argument`;
    if (max !== null && !syntax.length) return `%${name}% takes no length`;
    return syntax.parse(argument ?? '', max ?? Infinity, name);
  }
  const tls = tlsCommands.get(name);
  if (tls !== undefined) {
    return argument !== null ? `%${name}% takes no argument` : max !== null ? `%${name}% takes no length`
      : { op: 'tls', ...tls, max: Infinity };
  }
  const time = certificateTimes.get(name);
  if (time !== undefined) {
    if (max !== null) return `%${name}% takes no length`;
    const parsed = timeParser(false, false).parse(argument ?? '', Infinity, name);
    return typeof parsed === 'string' ? parsed : { op: 'certificateTime', ...time, format: argument ?? '' };
  }
  const simple = simpleCommands.get(name);
  if (simple === undefined) return `%${name}% is not a known command`;
  if (max !== null) return `%${name}% takes no length`;
  if (argument === null) return { op: simple, max: Infinity, maskBits: -1 };
  if (!maskable.has(simple)) return `%${name}% takes no argument`;
  const bits = /^\d{1,3}$/.test(argument) ? Number(argument) : -1;
  if (bits < 0 || bits > 128) return `%${name}(${argument})%: a mask has 0 to 128 bits`;
  return { op: simple, max: Infinity, maskBits: bits };
}

/** Envoy's default access-log format for HTTP. */
export const DEFAULT_FORMAT = '[%START_TIME%] "%REQ(:METHOD)% %REQ(X-ENVOY-ORIGINAL-PATH?:PATH)% %PROTOCOL%" '
  + '%RESPONSE_CODE% %RESPONSE_FLAGS% %BYTES_RECEIVED% %BYTES_SENT% %DURATION% '
  + '%RESP(X-ENVOY-UPSTREAM-SERVICE-TIME)% "%REQ(X-FORWARDED-FOR)%" "%REQ(USER-AGENT)%" "%REQ(X-REQUEST-ID)%" '
  + '"%REQ(:AUTHORITY)%" "%UPSTREAM_HOST%"\n';

/** Is the value a number where it stands alone in a JSON log? */
export const isNumeric = (operator: Operator): boolean => operator.op === 'commonDuration'
  || (operator.op === 'grpcStatus' && operator.form === 'number') || numericCommands.has(operator.op);

const some = (operators: readonly Operator[], test: (operator: Operator) => boolean): boolean =>
  operators.some((operator) => (operator.op === 'firstOf' ? some(operator.operators, test) : test(operator)));

/** Does evaluating need response headers other than those that the engine knows as numbers? */
export const needsResponseHead = (operators: readonly Operator[]): boolean => some(operators, (operator) =>
  (operator.op === 'responseHeader'
    && (operator.name !== 'x-envoy-upstream-service-time' || operator.alternative !== null))
  || operator.op === 'responseHeadersBytes' || operator.op === 'grpcStatus');
export const needsRequestHead = (operators: readonly Operator[]): boolean => some(operators, ({ op }) =>
  op === 'requestHeader' || op === 'queryParameter' || op === 'queryParameters' || op === 'requestHeadersBytes'
  || op === 'grpcStatus' || op.startsWith('downstreamRemote'));
/** Must something of the upstream connection be noted while it is open, or of each attempt? */
export const needsUpstreamNotes = (operators: readonly Operator[]): boolean => some(operators, (operator) =>
  operator.op.startsWith('upstreamLocal') || operator.op === 'upstreamConnectionId'
  || ('upstream' in operator && operator.upstream)
  || (operator.op === 'commonDuration' && (operator.start.startsWith('US_CX') || operator.end.startsWith('US_CX'))));
/** Must response trailers be kept? */
export const needsTrailers = (operators: readonly Operator[]): boolean =>
  some(operators, ({ op }) => op === 'responseTrailer' || op === 'grpcStatus');
/** Must what a client's TLS tells be noted before its connection goes? */
export const needsTlsNotes = (operators: readonly Operator[]): boolean =>
  some(operators, (operator) => 'upstream' in operator && !operator.upstream);
export const needsAttempts = (operators: readonly Operator[]): boolean =>
  some(operators, ({ op }) => op.endsWith('Attempted'));
/** Must the length of the header lines be noted while a received head is at hand? */
export const needsHeadNotes = (operators: readonly Operator[]): boolean =>
  some(operators, ({ op }) => op.endsWith('HeadReceived'));
