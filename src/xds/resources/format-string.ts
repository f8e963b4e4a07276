// core.v3.SubstitutionFormatString: the format of a log line or of a local reply, text or JSON.
import type { AccessLogFormat, JsonFormat } from '../../config/types.js';
import { fieldPath } from '../wire/message.js';
import type { Json, Report } from '../wire/message.js';
import type { SubstitutionFormatString } from '../wire/generated/messages.js';
import { checkFormat, readDataSource } from './fields.js';

const formatterTypes = new Set(['envoy.extensions.formatter.req_without_query.v3.ReqWithoutQuery',
  'envoy.extensions.formatter.metadata.v3.Metadata']);

/** `defaultText` stands where the message has no text. */
export function readFormat(format: SubstitutionFormatString | undefined, defaultText: string, path: string,
  report: Report): AccessLogFormat {
  const omitEmptyValues = format?.omitEmptyValues ?? false;
  (format?.formatters ?? []).forEach((formatter, index) => {
    const at = `${fieldPath(path, 'formatters')}[${index}].typed_config`;
    const type = formatter.typedConfig?.type;
    if (type === undefined) report.fail(at, 'required');
    else if (!formatterTypes.has(type)) report.fail(at, `not implemented: formatter ${type}`);
  });
  if (format?.jsonFormat !== undefined) {
    return jsonFormat(format.jsonFormat, omitEmptyValues, fieldPath(path, 'json_format'), report);
  }
  const at = fieldPath(path, 'text_format_source');
  if (format?.textFormatSource !== undefined) {
    const bytes = readDataSource(format.textFormatSource, at, report);
    return textFormat(bytes?.toString('utf8') ?? '', omitEmptyValues, at, report);
  }
  const text = format?.textFormat ?? '';
  return textFormat(text === '' ? defaultText : text, omitEmptyValues, fieldPath(path, 'text_format'), report);
}

export function textFormat(format: string, omitEmptyValues: boolean, path: string, report: Report): AccessLogFormat {
  checkFormat(format, path, report);
  return { kind: 'text', format, omitEmptyValues };
}

type Tree = { [key: string]: Json };

export function jsonFormat(fields: Tree, omitEmptyValues: boolean, path: string, report: Report): AccessLogFormat {
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
