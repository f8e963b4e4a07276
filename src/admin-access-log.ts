// Access-log lines of the admin server's own requests. Few and never hot, so they are made as ordinary strings on main
// from the same compiled formats that workers use; what an admin request does not have prints as '-', as in Envoy.
import type { AdminRequest } from './admin/server.js';
import type { AccessLog, JsonFormat } from './config/types.js';
import { DEFAULT_FORMAT, parseFormat } from './telemetry/format.js';
import type { Operator } from './telemetry/format.js';
import type { LogSinks } from './telemetry/log-sinks.js';
import { strftime } from './telemetry/strftime.js';

type Line = (request: AdminRequest) => string;

/** Returns what to call for each finished request. Throws when a file cannot be opened. */
export function adminAccessLog(logs: readonly AccessLog[], sinks: LogSinks): (request: AdminRequest) => void {
  const outputs = logs.map((log) => ({ sink: sinks.sink(log.sink), line: lineOf(log) }));
  return (request) => {
    for (const { sink, line } of outputs) sinks.append(sink, Buffer.from(line(request), 'utf8'));
  };
}

function lineOf({ format }: AccessLog): Line {
  if (format.kind === 'text') return textLine(format.format === '' ? DEFAULT_FORMAT : format.format);
  const value = jsonValue(format.fields);
  return (request) => JSON.stringify(value(request)) + '\n';
}

function jsonValue(value: JsonFormat[string]): (request: AdminRequest) => unknown {
  if (typeof value === 'string') {
    const line = textLine(value);
    return (request) => { const text = line(request); return text === '-' ? null : text; };
  }
  if (Array.isArray(value)) {
    const items = value.map(jsonValue);
    return (request) => items.map((item) => item(request));
  }
  if (value === null || typeof value !== 'object') return () => value;
  const fields = Object.entries(value).map(([name, field]) => [name, jsonValue(field)] as const);
  return (request) => Object.fromEntries(fields.map(([name, field]) => [name, field(request)]));
}

function textLine(format: string): Line {
  const parsed = parseFormat(format);
  if (!parsed.ok) throw new Error(`admin access log: ${parsed.reason}`);
  return (request) => parsed.operators.map((operator) => operatorText(operator, request)).join('');
}

function operatorText(operator: Operator, request: AdminRequest): string {
  switch (operator.op) {
    case 'text': return operator.text;
    case 'requestHeader': return header(operator.name, request) ?? (operator.alternative === null ? null
      : header(operator.alternative, request)) ?? '-';
    case 'time': return operator.format === '' ? new Date(request.startedMs).toISOString()
      : strftime(operator.format, request.startedMs, operator.local);
    case 'protocol': return request.protocol;
    case 'responseCode': return String(request.status);
    case 'bytesReceived': return '0';
    case 'bytesSent': return String(request.bytesSent);
    case 'duration': return String(request.durationMs);
    case 'downstreamRemoteIp': case 'downstreamDirectRemoteIp': return request.remoteAddress;
    default: return '-';
  }
}

function header(name: string, request: AdminRequest): string | null {
  switch (name) {
    case ':method': return request.method;
    case ':path': return request.path;
    case ':authority': return request.headers.host ?? null;
    default: {
      const value = request.headers[name];
      return value === undefined ? null : Array.isArray(value) ? value.join(',') : value;
    }
  }
}
