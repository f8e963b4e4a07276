// Reading TypeScript as text, for test/tidy.test.ts: imports, comments and strings taken out, lengths of functions.

export interface Import {
  path: string;
  typeOnly: boolean;
  later: boolean;
}

/** Modules that a file names: `from`, `import()` and worker URLs. `later` = not evaluated when the file is loaded. */
export function importsOf(text: string): Import[] {
  const found: Import[] = [];
  for (const match of text.matchAll(/^(import|export)\s+(type\s)?[^;'"]*?\bfrom\s+'([^']+)'|^import\s+'([^']+)'/gm)) {
    found.push({ path: (match[3] ?? match[4])!, typeOnly: match[2] !== undefined, later: false });
  }
  for (const match of text.matchAll(/\bimport\('([^']+)'\)/g))
    found.push({ path: match[1]!, typeOnly: false, later: true });
  for (const match of text.matchAll(/new URL\('(\.[^']+\.js)', import\.meta\.url\)/g))
    found.push({ path: match[1]!, typeOnly: false, later: true });
  return found;
}

/** The text with comments, strings, templates and regular expressions blanked; line breaks stay where they are. */
export function withoutText(text: string): string {
  let out = '';
  let at = 0;
  const blank = (end: number) => {
    out += text.slice(at, end).replace(/[^\n]/g, ' ');
    at = end;
  };
  const templates: number[] = []; // depth of braces at which a `${` was opened
  let depth = 0;
  while (at < text.length) {
    const char = text[at]!;
    const two = text.slice(at, at + 2);
    if (two === '//') blank(endOr(text.indexOf('\n', at), text.length));
    else if (two === '/*') blank(endOr(text.indexOf('*/', at + 2) + 2, text.length, 1));
    else if (char === "'" || char === '"') blank(closing(text, at + 1, char));
    else if (char === '`' || (char === '}' && templates.at(-1) === depth)) {
      if (char === '}') {
        templates.pop();
        depth--;
      }
      const end = templateEnd(text, at + 1);
      blank(end);
      if (text[end - 1] === '{') {
        templates.push(++depth);
      }
    } else if (char === '/' && /(^|[=(,:;!&|?{}[\n]|return|=>)\s*$/.test(out.slice(-12))) {
      const pattern = /^\/(?:\\.|\[(?:\\.|[^\]\\\n])*\]|[^/\\\n[])+\/[a-z]*/.exec(text.slice(at, at + 400));
      if (pattern === null) {
        out += char;
        at++;
      } else blank(at + pattern[0].length);
    } else {
      if (char === '{') depth++;
      if (char === '}') depth--;
      out += char;
      at++;
    }
  }
  return out;
}

const endOr = (found: number, otherwise: number, missing = -1): number =>
  found <= missing && found !== 0 ? otherwise : found;

function closing(text: string, from: number, quote: string): number {
  let at = from;
  while (at < text.length && text[at] !== quote && text[at] !== '\n') at += text[at] === '\\' ? 2 : 1;
  return Math.min(text.length, at + 1);
}

/** End of a piece of template text: after the closing backquote, or after the next `${`. */
function templateEnd(text: string, from: number): number {
  for (let at = from; at < text.length; at++) {
    if (text[at] === '\\') at++;
    else if (text[at] === '`') return at + 1;
    else if (text[at] === '$' && text[at + 1] === '{') return at + 2;
  }
  return text.length;
}

/** Functions and methods with bodies in braces: where they begin, how many lines they have, and their first line. */
export function functionLengths(text: string): { line: number; lines: number; head: string }[] {
  const code = withoutText(text);
  const found: { line: number; lines: number; head: string }[] = [];
  const open: { line: number; isFunction: boolean; head: string }[] = [];
  const original = text.split('\n');
  let line = 1;
  let statement = 0;
  for (let at = 0; at < code.length; at++) {
    const char = code[at];
    if (char === '\n') line++;
    if (char === '{') {
      const head = code.slice(statement, at).trim();
      const first = line - (head.match(/\n/g)?.length ?? 0);
      open.push({ line: first, isFunction: isFunctionHead(head), head: original[first - 1]!.trim().slice(0, 80) });
    }
    if (char === '}') {
      const block = open.pop();
      if (block?.isFunction) found.push({ line: block.line, lines: line - block.line + 1, head: block.head });
    }
    if (char === '{' || char === '}' || char === ';') statement = at + 1;
  }
  return found;
}

function isFunctionHead(head: string): boolean {
  if (/^(if|for|while|switch|catch|else|do|try|(export )?(abstract )?(class|interface))\b/.test(head)) return false;
  return /=>$/.test(head) || /\)\s*(:\s*[^=;]+)?$/.test(head);
}
