// Pieces of JSON as protobuf's printer writes them: which characters it escapes, what it makes of bytes that are no
// UTF-8.
import { isUtf8 } from 'node:buffer';

const ESCAPED = new RegExp('[\\0-\\x1f"\\\\<>\\x7f-\\x9f\\xad\\u0600-\\u0603\\u06dd\\u070f\\u17b4\\u17b5\\u200b-\\u200f'
  + '\\u2028-\\u202e\\u2060-\\u2064\\u206a-\\u206f\\ufeff\\ufff9-\\ufffb\\u{1d173}-\\u{1d17a}\\u{e0001}'
  + '\\u{e0020}-\\u{e007f}]', 'gu');
const named: Readonly<Record<string, string>> = { '\n': '\\n', '\r': '\\r', '\t': '\\t', '"': '\\"', '\f': '\\f',
  '\b': '\\b', '\\': '\\\\' };

const unit = (code: number): string => `\\u${code.toString(16).padStart(4, '0')}`;

export const quoted = (text: string): string => `"${text.replace(ESCAPED, (letter) => named[letter]
  ?? [...Array(letter.length).keys()].map((i) => unit(letter.charCodeAt(i))).join(''))}"`;

/** Text of bytes; what is no character becomes a space. */
export function textOf(bytes: Uint8Array): string {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  if (isUtf8(bytes)) return buffer.toString('utf8');
  let text = '';
  for (let at = 0; at < bytes.length;) {
    let end = at + 1;
    const behind = bytes[at]! >= 0xf0 ? 3 : bytes[at]! >= 0xe0 ? 2 : bytes[at]! >= 0xc0 ? 1 : 0;
    while (end < bytes.length && end <= at + behind) if (bytes[end++]! >> 6 !== 2) break;
    text += isUtf8(bytes.subarray(at, end)) ? buffer.toString('utf8', at, end) : ' ';
    at = end;
  }
  return text;
}

export const base64Text = (bytes: Uint8Array): string =>
  `"${Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('base64')}"`;
