// Conversations are Markdown documents: a heading per case, prose that says why, and code blocks.
//
//   ```request            bytes: line ends of the document mean nothing, \r \n \t \0 \\ \xHH are written out,
//   GET / HTTP/1.1\r\n    and \(text*100) repeats a text
//   ```
//   ```expect             what the decoder must say, line by line (see render in conversations.ts)
//   ```edits              JSON given to the encoder        ```forwarded   the bytes it must write
import { readFileSync } from 'node:fs';

export interface Block {
  kind: string;
  text: string;
  line: number;
}
export interface Case {
  title: string;
  blocks: Block[];
  line: number;
}

export function readDocument(file: string): Case[] {
  const cases: Case[] = [];
  let open: Block | null = null;
  readFileSync(file, 'utf8')
    .split('\n')
    .forEach((line, index) => {
      const fence = /^```(.*)$/.exec(line);
      if (fence !== null) {
        if (open === null) {
          open = { kind: fence[1].trim(), text: '', line: index + 1 };
          return;
        }
        if (cases.length === 0) throw new Error(`${file}:${index + 1}: a block before any heading`);
        cases.at(-1)!.blocks.push(open);
        open = null;
      } else if (open !== null) open.text += `${line}\n`;
      else if (line.startsWith('## ')) cases.push({ title: line.slice(3).trim(), blocks: [], line: index + 1 });
    });
  if (open !== null) throw new Error(`${file}: a block is not closed`);
  return cases.filter((entry) => entry.blocks.length > 0);
}

export const blockOf = (entry: Case, kind: string): Block | undefined =>
  entry.blocks.find((block) => block.kind === kind);

/** The bytes that a block writes. */
export function bytesOf(text: string): Buffer {
  return Buffer.from(unescape(text.replaceAll('\n', '')), 'latin1');
}

function unescape(text: string): string {
  const repeated = text.replace(/\\\((.*?)\*(\d+)\)/g, (_, part: string, count: string) => part.repeat(Number(count)));
  return repeated.replace(/\\(x[0-9a-fA-F]{2}|.)/g, (_, code: string) => {
    const simple: Record<string, string> = { r: '\r', n: '\n', t: '\t', 0: '\0', '\\': '\\' };
    if (code in simple) return simple[code];
    if (code.length === 3) return String.fromCharCode(Number.parseInt(code.slice(1), 16));
    throw new Error(`unknown escape \\${code}`);
  });
}

/** The opposite: bytes as a block shows them, one line of the message a line. */
export function visible(bytes: Uint8Array): string {
  return Buffer.from(bytes)
    .toString('latin1')
    .replaceAll('\\', '\\\\')
    .replaceAll('\r', '\\r')
    .replaceAll('\n', '\\n\n')
    .replaceAll('\t', '\\t')
    .replace(/[^\n\x20-\x7e]/g, (c) => `\\x${c.charCodeAt(0).toString(16).padStart(2, '0')}`);
}
