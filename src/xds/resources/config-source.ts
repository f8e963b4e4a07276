// core.v3.ConfigSource: where a subscription gets its resources. Files only, so far; the check refuses the rest.
import { existsSync } from 'node:fs';
import type { FileSource } from '../../config/bootstrap/bootstrap.js';
import { fieldPath } from '../wire/message.js';
import type { Report } from '../wire/message.js';
import type { ConfigSource } from '../wire/generated/messages.js';

/** The file of a source, or null with the reason in the report. */
export function readConfigSource(source: ConfigSource | undefined, path: string, report: Report): FileSource | null {
  if (source === undefined || source === null) {
    report.fail(path, 'required');
    return null;
  }
  const inner = source.pathConfigSource;
  const file = inner !== undefined ? inner.path ?? '' : source.path ?? '';
  const at = inner !== undefined ? `${path}.path_config_source.path` : fieldPath(path, 'path');
  if (inner === undefined && source.path === undefined) return null;    // the check has refused what is there instead
  if (file === '') {
    if (inner === undefined) report.fail(at, 'must not be empty');
    return null;
  }
  const watchedDirectory = inner?.watchedDirectory?.path ?? null;
  if (!existsSync(file)) report.fail(at, `'${file}' does not exist`);
  if (watchedDirectory !== null && !existsSync(watchedDirectory)) {
    report.fail(`${path}.path_config_source.watched_directory.path`, `'${watchedDirectory}' does not exist`);
  }
  return { path: file, watchedDirectory };
}
