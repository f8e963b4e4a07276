// Problems as lines for people: file, path, reason, and the line of the file where that is known.
import type { Report } from '../wire/message.js';
import type { ParsedText } from './text.js';

/** One line per error of a file. */
export function formatProblems(label: string, report: Report, text: ParsedText | null): string[] {
  const lines = report.errors.map(({ path, reason }) => {
    const line = path === '' || text === null ? null : text.lineOf(path);
    return `${label}: ${path === '' ? '' : `${path}: `}${reason}${line === null ? '' : ` (line ${line})`}`;
  });
  if (report.dropped > 0) lines.push(`${label}: and ${report.dropped} more errors`);
  return lines;
}
