// Access loggers: file, standard output and standard error, with a text or a JSON format, and their filters.
import type { AccessLog as PlainAccessLog, AccessLogFilter, AccessLogOptions } from '../../config/types.js';
import { DEFAULT_FORMAT } from '../../telemetry/format.js';
import { fieldPath } from '../wire/message.js';
import type { Report } from '../wire/message.js';
import type { AccessLog, FileAccessLog, HttpConnectionManager, StdoutAccessLog } from '../wire/generated/messages.js';
import { readAccessLogFilter } from './access-log-filter.js';
import { millisecondsOf } from './fields.js';
import { jsonFormat, readFormat, textFormat } from './format-string.js';

const streams: { [type: string]: 'stdout' | 'stderr' } = {
  'envoy.extensions.access_loggers.stream.v3.StdoutAccessLog': 'stdout',
  'envoy.extensions.access_loggers.stream.v3.StderrAccessLog': 'stderr',
};

/** The loggers of one list; those that Weft does not have are reported and left out. */
export function readAccessLogs(logs: AccessLog[] | undefined, path: string, report: Report): PlainAccessLog[] {
  const result: PlainAccessLog[] = [];
  (logs ?? []).forEach((log, index) => {
    const at = `${path}[${index}].typed_config`;
    const any = log.typedConfig;
    const filter = log.filter === undefined ? null
      : readAccessLogFilter(log.filter, `${path}[${index}].filter`, report);
    if (any === undefined || any === null) {
      report.fail(at, 'required');
      return;
    }
    const stream = streams[any.type];
    if (stream !== undefined) {
      const { logFormat } = any.value as StdoutAccessLog;
      result.push({ sink: { kind: stream }, filter,
        format: readFormat(logFormat, DEFAULT_FORMAT, fieldPath(at, 'log_format'), report) });
    } else if (any.type === 'envoy.extensions.access_loggers.file.v3.FileAccessLog') {
      result.push(readFileLog(any.value as FileAccessLog, filter, at, report));
    } else {
      report.fail(at, `not implemented: access logger ${any.type}`);
    }
  });
  return result;
}

function readFileLog(log: FileAccessLog, filter: AccessLogFilter | null, at: string, report: Report): PlainAccessLog {
  const sink = { kind: 'file' as const, path: log.path ?? '' };
  if (log.format !== undefined && log.format !== '') {
    return { sink, filter, format: textFormat(log.format, false, fieldPath(at, 'format'), report) };
  }
  if (log.jsonFormat !== undefined) {
    return { sink, filter, format: jsonFormat(log.jsonFormat, false, fieldPath(at, 'json_format'), report) };
  }
  if (log.typedJsonFormat !== undefined) {
    return { sink, filter, format: jsonFormat(log.typedJsonFormat, false, fieldPath(at, 'typed_json_format'), report) };
  }
  return { sink, filter, format: readFormat(log.logFormat, DEFAULT_FORMAT, fieldPath(at, 'log_format'), report) };
}

/** When a request is logged besides at its end. */
export function readAccessLogOptions(message: HttpConnectionManager, path: string, report: Report): AccessLogOptions {
  const options = message.accessLogOptions;
  const at = fieldPath(path, 'access_log_options');
  const old = ['accessLogFlushInterval', 'flushAccessLogOnNewRequest'] as const;
  if (options !== undefined && old.some((name) => message[name] !== undefined)) {
    report.fail(at, 'must not be set beside the deprecated access_log_flush_interval and '
      + 'flush_access_log_on_new_request');
  }
  return {
    flushIntervalMs: millisecondsOf(options?.accessLogFlushInterval ?? message.accessLogFlushInterval, 0,
      fieldPath(at, 'access_log_flush_interval'), report),
    onNewRequest: options?.flushAccessLogOnNewRequest ?? message.flushAccessLogOnNewRequest ?? false,
    onTunnelEstablished: options?.flushLogOnTunnelSuccessfullyEstablished ?? false,
  };
}

/** What `access_log_path` of the admin server, deprecated but common, stands for. */
export const fileLog = (path: string): PlainAccessLog =>
  ({ sink: { kind: 'file', path }, filter: null,
    format: { kind: 'text', format: DEFAULT_FORMAT, omitEmptyValues: false } });
