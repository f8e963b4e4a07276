// Access loggers: file, standard output and standard error, with a text or a JSON format.
import type { AccessLog as PlainAccessLog, AccessLogFormat, JsonFormat } from '../../config/types.js';
import { fieldPath } from '../wire/message.js';
import type { Json, Report } from '../wire/message.js';
import type { AccessLog, FileAccessLog, StdoutAccessLog, SubstitutionFormatString }
  from '../wire/generated/messages.js';
import { checkFormat, readDataSource } from './fields.js';

const defaultTextFormat = '[%START_TIME%] "%REQ(:METHOD)% %REQ(X-ENVOY-ORIGINAL-PATH?:PATH)% %PROTOCOL%" ' +
  '%RESPONSE_CODE% %RESPONSE_FLAGS% %BYTES_RECEIVED% %BYTES_SENT% %DURATION% %RESP(X-ENVOY-UPSTREAM-SERVICE-TIME)% ' +
  '"%REQ(X-FORWARDED-FOR)%" "%REQ(USER-AGENT)%" "%REQ(X-REQUEST-ID)%" "%REQ(:AUTHORITY)%" "%UPSTREAM_HOST%"\n';

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
    if (any === undefined || any === null) {
      report.fail(at, 'required');
      return;
    }
    const stream = streams[any.type];
    if (stream !== undefined) {
      const { logFormat } = any.value as StdoutAccessLog;
      result.push({ sink: { kind: stream }, format: readFormat(logFormat, fieldPath(at, 'log_format'), report) });
    } else if (any.type === 'envoy.extensions.access_loggers.file.v3.FileAccessLog') {
      result.push(readFileLog(any.value as FileAccessLog, at, report));
    } else {
      report.fail(at, `not implemented: access logger ${any.type}`);
    }
  });
  return result;
}

function readFileLog(log: FileAccessLog, at: string, report: Report): PlainAccessLog {
  const sink = { kind: 'file' as const, path: log.path ?? '' };
  if (log.format !== undefined && log.format !== '') {
    return { sink, format: textFormat(log.format, false, fieldPath(at, 'format'), report) };
  }
  if (log.typedJsonFormat !== undefined) {
    return { sink, format: jsonFormat(log.typedJsonFormat, false, fieldPath(at, 'typed_json_format'), report) };
  }
  return { sink, format: readFormat(log.logFormat, fieldPath(at, 'log_format'), report) };
}

function readFormat(format: SubstitutionFormatString | undefined, path: string, report: Report): AccessLogFormat {
  const omitEmptyValues = format?.omitEmptyValues ?? false;
  if (format?.jsonFormat !== undefined) {
    return jsonFormat(format.jsonFormat, omitEmptyValues, fieldPath(path, 'json_format'), report);
  }
  const at = fieldPath(path, 'text_format_source');
  if (format?.textFormatSource !== undefined) {
    const bytes = readDataSource(format.textFormatSource, at, report);
    return textFormat(bytes?.toString('utf8') ?? '', omitEmptyValues, at, report);
  }
  const text = format?.textFormat ?? '';
  return textFormat(text === '' ? defaultTextFormat : text, omitEmptyValues, fieldPath(path, 'text_format'), report);
}

function textFormat(format: string, omitEmptyValues: boolean, path: string, report: Report): AccessLogFormat {
  checkFormat(format, path, report);
  return { kind: 'text', format, omitEmptyValues };
}

type Tree = { [key: string]: Json };

function jsonFormat(fields: Tree, omitEmptyValues: boolean, path: string, report: Report): AccessLogFormat {
  return { kind: 'json', fields: sortedFields(fields, path, report) as JsonFormat, omitEmptyValues };
}

/** Envoy prints JSON lines with sorted keys. */
function sortedFields(value: Tree, path: string, report: Report): Tree {
  const keys = Object.keys(value).sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
  return Object.fromEntries(keys.map((key) => [key, sortedValue(value[key], fieldPath(path, key), report)]));
}

function sortedValue(value: Json, path: string, report: Report): Json {
  if (typeof value === 'string') checkFormat(value, path, report);
  if (Array.isArray(value)) return value.map((item, index) => sortedValue(item, `${path}[${index}]`, report));
  return typeof value === 'object' && value !== null ? sortedFields(value, path, report) : value;
}

/** What `access_log_path` of the admin server, deprecated but common, stands for. */
export const fileLog = (path: string): PlainAccessLog =>
  ({ sink: { kind: 'file', path }, format: { kind: 'text', format: defaultTextFormat, omitEmptyValues: false } });
