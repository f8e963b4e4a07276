// Percent-decoding of parts of a URL, as the transcoder wants it: bytes, with some escapes left as they are. Text is
// held as latin1: one character is one byte.
const RESERVED = new Set("!#$&'()*+,/:;=?@[]");
const ESCAPE = /%[0-9A-Fa-f]{2}/g;
const ESCAPE_OR_PLUS = /\+|%[0-9A-Fa-f]{2}/g;

/** Which escapes stay: those of RFC 6570's reserved characters, that of the slash, none. */
export type UnescapeSpec = 'exceptReserved' | 'exceptSlash' | 'all';

export function unescapeUrl(text: string, spec: UnescapeSpec, plus: boolean): string {
  if (!text.includes('%') && !(plus && text.includes('+'))) return text;
  return text.replace(plus ? ESCAPE_OR_PLUS : ESCAPE, (escape) => {
    if (escape === '+') return ' ';
    const letter = String.fromCharCode(Number.parseInt(escape.slice(1), 16));
    const stays = spec === 'exceptReserved' ? RESERVED.has(letter) : spec === 'exceptSlash' && letter === '/';
    return stays ? escape : letter;
  });
}
