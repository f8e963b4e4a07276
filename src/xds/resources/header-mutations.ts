// request_headers_to_add, response_headers_to_remove and their likes, which stand at four levels of a route
// configuration.
import type { AppendAction, HeaderMutation, HeaderMutations } from '../../config/types.js';
import { fieldPath } from '../wire/message.js';
import type { Report } from '../wire/message.js';
import type { HeaderValueOption } from '../wire/generated/messages.js';
import { checkFormat } from './fields.js';

const appendActions: readonly AppendAction[] = ['append', 'addIfAbsent', 'overwrite', 'overwriteIfExists'];

export interface HeaderFields {
  requestHeadersToAdd?: HeaderValueOption[];
  requestHeadersToRemove?: string[];
  responseHeadersToAdd?: HeaderValueOption[];
  responseHeadersToRemove?: string[];
}

/** Both directions of a level that has the four fields. */
export function readHeaderMutations(fields: HeaderFields, path: string, report: Report,
  responseField = 'response_headers_to_add'): { requestHeaders: HeaderMutations; responseHeaders: HeaderMutations } {
  return {
    requestHeaders: {
      add: readAdditions(fields.requestHeadersToAdd, path, 'request_headers_to_add', report),
      remove: readRemovals(fields.requestHeadersToRemove, path, 'request_headers_to_remove', report),
    },
    responseHeaders: {
      add: readAdditions(fields.responseHeadersToAdd, path, responseField, report),
      remove: readRemovals(fields.responseHeadersToRemove, path, 'response_headers_to_remove', report),
    },
  };
}

/** Pseudo headers and Host are the routes' to change, never these lists'. */
const isProtected = (name: string): boolean => name.startsWith(':') || name === 'host';

/** One list of additions. */
export function readAdditions(options: HeaderValueOption[] | undefined, path: string, field: string,
  report: Report): HeaderMutation[] {
  if (options === undefined) return [];
  return options.map((option, index) => {
    const at = `${fieldPath(path, field)}[${index}]`;
    const spelling = option.header?.key ?? '', name = spelling.toLowerCase();
    if (isProtected(name)) report.fail(`${at}.header.key`, ':-prefixed or host headers may not be modified');
    const value = readValue(option, at, report);
    checkFormat(value, `${at}.header.value`, report);
    return { name, spelling, value, action: readAction(option, at, report),
      keepEmptyValue: option.keepEmptyValue ?? false };
  });
}

function readValue(option: HeaderValueOption, at: string, report: Report): string {
  const raw = option.header?.rawValue;
  const value = option.header?.value ?? '';
  if (raw === undefined || raw.length === 0) return value;
  const text = Buffer.from(raw).toString('utf8');
  if (value !== '') report.fail(`${at}.header.raw_value`, 'only one of value and raw_value may be set');
  else if (!Buffer.from(text).equals(Buffer.from(raw))) report.fail(`${at}.header.raw_value`,
    'not implemented: bytes that are not UTF-8');
  else if (/[\0\r\n]/.test(text)) report.fail(`${at}.header.raw_value`, 'not a valid header value');
  return text;
}

function readAction(option: HeaderValueOption, at: string, report: Report): AppendAction {
  const action = appendActions[option.appendAction ?? 0] ?? 'append';
  if (option.append === undefined) return action;
  if ((option.appendAction ?? 0) !== 0) report.fail(`${at}.append`, 'append and append_action must not both be set');
  return option.append.value === true ? 'append' : 'overwrite';
}

export function readRemovals(names: string[] | undefined, path: string, field: string, report: Report): string[] {
  if (names === undefined) return [];
  return names.map((name, index) => {
    const lower = name.toLowerCase();
    if (isProtected(lower)) {
      report.fail(`${fieldPath(path, field)}[${index}]`, ':-prefixed or host headers may not be removed');
    }
    return lower;
  });
}
