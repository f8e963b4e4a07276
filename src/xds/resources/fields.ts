// The small reads that every resource shares: wrapped values with their defaults, durations, data sources, and the
// reporting of names that must be unique.
import { readFileSync } from 'node:fs';
import { parseFormat } from '../../telemetry/format.js';
import { durationMs } from '../wire/check.js';
import { fieldPath } from '../wire/message.js';
import type { Duration, Report, Wrapper } from '../wire/message.js';
import type { FilterMetadata } from '../../config/types.js';
import type { CoreMetadata, DataSource } from '../wire/generated/messages.js';

/** A BoolValue, or its default where it is absent. */
export const boolOf = (wrapper: Wrapper<boolean> | null | undefined, absent: boolean): boolean =>
  wrapper === undefined || wrapper === null ? absent : wrapper.value ?? false;

/** A UInt32Value, or its default where it is absent. */
export const numberOf = (wrapper: Wrapper<number> | null | undefined, absent: number): number =>
  wrapper === undefined || wrapper === null ? absent : wrapper.value ?? 0;

/** A Percent, or its default where it is absent. */
export const percentOf = (percent: { value?: number } | null | undefined, absent: number): number =>
  percent === undefined || percent === null ? absent : percent.value ?? 0;

/** Whole milliseconds, rounded up so that a short timeout does not become "none". */
export function millisecondsOf<T extends number | null>(duration: Duration | null | undefined, absent: T, path: string,
  report: Report): number | T {
  if (duration === undefined || duration === null) return absent;
  const milliseconds = durationMs(duration);
  if (milliseconds < 0) report.fail(path, 'must not be negative');
  return Math.ceil(milliseconds);
}

/** Bytes of a data source; files and environment variables are read now. Null with the reason in the report. */
export function readDataSource(source: DataSource, path: string, report: Report): Buffer | null {
  if (source.inlineString !== undefined) return Buffer.from(source.inlineString);
  if (source.inlineBytes !== undefined) return Buffer.from(source.inlineBytes);
  if (source.environmentVariable !== undefined) {
    const value = process.env[source.environmentVariable];
    if (value === undefined) {
      report.fail(fieldPath(path, 'environment_variable'), `${source.environmentVariable} is not set`);
    }
    return value === undefined ? null : Buffer.from(value);
  }
  if (source.filename === undefined) return null;   // the check has said that one of them is required
  try {
    return readFileSync(source.filename);
  } catch (error) {
    report.fail(fieldPath(path, 'filename'), `cannot be read: ${(error as Error).message}`);
    return null;
  }
}

/** What a message says of itself to filters, or null. */
export function readMetadata(metadata: CoreMetadata | undefined): FilterMetadata | null {
  const fields = metadata?.filterMetadata;
  return fields === undefined || Object.keys(fields).length === 0 ? null : fields as FilterMetadata;
}

/** Refuses text whose %COMMANDS% cannot be evaluated. */
export function checkFormat(text: string, path: string, report: Report): void {
  if (!text.includes('%')) return;
  const parsed = parseFormat(text);
  if (!parsed.ok) report.fail(path, parsed.reason);
}

/** What a message says to balancers, or null. */
export function readLbMetadata(metadata: CoreMetadata | undefined): { readonly [key: string]: unknown } | null {
  const fields = metadata?.filterMetadata?.['envoy.lb'];
  return fields === undefined ? null : fields as { readonly [key: string]: unknown };
}

/** What a message says of transport sockets, or null. */
export function readMatchMetadata(metadata: CoreMetadata | undefined): { readonly [key: string]: unknown } | null {
  const fields = metadata?.filterMetadata?.['envoy.transport_socket_match'];
  return fields === undefined ? null : fields as { readonly [key: string]: unknown };
}
