// What a decoder said, as lines of text: the expectation blocks of the conversations and the failure messages of
// fuzzers use them.
import type { HeadResult } from './codec.js';

const implied = new Set(['hopByHop', 'hostHeader', 'hasContentLength', 'transferEncoding']);

export function render(result: HeadResult): string[] {
  if (result.kind === 'incomplete') return ['incomplete'];
  if (result.kind === 'rejected') return [`rejected ${result.code}`];
  const { head } = result;
  const lines = [`line ${printable(head.line)}`];
  if (head.authority !== '') lines.push(`authority ${printable(head.authority)}`);
  if (head.path !== '')
    lines.push(
      `path ${printable(head.path.slice(0, head.pathOnlyBytes))} + ${printable(head.path.slice(head.pathOnlyBytes))}`,
    );
  for (const [name, value] of head.headers) lines.push(`header ${name}: ${printable(value)}`);
  if (head.length !== -1) lines.push(`length ${head.length}`);
  const flags = head.flags.filter((flag) => !implied.has(flag));
  if (flags.length > 0) lines.push(`flags ${flags.join(' ')}`);
  lines.push(`bytes ${head.bytes}`);
  return lines.map((line) => line.trimEnd());
}

function printable(text: string): string {
  const shown = text.replace(/[^\x20-\x7e]/g, (c) => `\\x${c.charCodeAt(0).toString(16).padStart(2, '0')}`);
  return shown.length > 160 ? `${shown.slice(0, 60)}...(${text.length})` : shown;
}
