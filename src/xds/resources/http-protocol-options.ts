// HttpProtocolOptions and Http1ProtocolOptions, which listeners and clusters share but of which each uses its own part.
import { limits } from '../../core/limits.js';
import { fieldPath } from '../wire/message.js';
import type { Report } from '../wire/message.js';
import type { CoreHttpProtocolOptions, Http1ProtocolOptions } from '../wire/generated/messages.js';
import { millisecondsOf, numberOf } from './fields.js';

const IDLE_TIMEOUT_MS_DEFAULT = 3_600_000;

/** max_headers_count within what the codec can hold. */
export function readHeadersCount(options: CoreHttpProtocolOptions, path: string, report: Report): number {
  const count = numberOf(options.maxHeadersCount, limits.headersCountDefault);
  if (count > limits.headersCountMax) {
    report.fail(fieldPath(path, 'max_headers_count'),
      `${count} is beyond this build's limit of ${limits.headersCountMax}`);
  }
  return count;
}

/** A size of message heads in KiB, within what the buffers can hold; in bytes. */
export function readHeadBytes(kibibytes: number, path: string, report: Report): number {
  const bytes = kibibytes * 1024;
  if (bytes > limits.requestHeadBytesMax) {
    report.fail(path, `${kibibytes} is beyond this build's limit of ${limits.requestHeadBytesMax / 1024}`);
  }
  return bytes;
}

export const readIdleTimeoutMs = (options: CoreHttpProtocolOptions, path: string, report: Report): number =>
  millisecondsOf(options.idleTimeout, IDLE_TIMEOUT_MS_DEFAULT, fieldPath(path, 'idle_timeout'), report);

/** Refuses those of the named fields that are set: they mean nothing on this side, and Envoy's proto says so. */
export function refuseFields(options: object, names: { [json: string]: string }, path: string, report: Report): void {
  for (const [json, name] of Object.entries(names)) {
    if ((options as { [json: string]: unknown })[json] !== undefined) {
      report.fail(fieldPath(path, name), 'not implemented here');
    }
  }
}

/** header_key_format: how the case of header names is written. */
export function readHeaderKeyFormat(options: Http1ProtocolOptions, path: string, report: Report):
  { preserveCase: boolean; properCaseWords: boolean } {
  const format = options.headerKeyFormat;
  const any = format?.statefulFormatter?.typedConfig;
  const preserveCase =
    any?.type === 'envoy.extensions.http.header_formatters.preserve_case.v3.PreserveCaseFormatterConfig';
  if (any !== undefined && !preserveCase) {
    report.fail(`${path}.header_key_format.stateful_formatter.typed_config`,
      `not implemented: header formatter ${any.type}`);
  }
  return { preserveCase, properCaseWords: format?.properCaseWords !== undefined };
}
