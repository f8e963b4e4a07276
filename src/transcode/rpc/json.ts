// Reads a whole JSON text (RFC 8259, nothing else), so that no value is altered: numbers stay the digits they were, a
// member that stands twice is refused, characters are what they were written as.
import { isUtf8 } from 'node:buffer';
import { CarryError } from './failure.js';

const TYPE = /^application\/(?:[\w.+-]+\+)?json\s*(?:;|$)/i;
/** Does a content-type say that it is JSON? */
export const isJsonType = (type: string): boolean => TYPE.test(type);

/** A number as its text. */
export class JsonNumber {
  constructor(readonly text: string) {}
}
export type Json = null | boolean | string | JsonNumber | readonly Json[] | ReadonlyMap<string, Json>;

const NUMBER = /-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?/y;
const ESCAPE = /\\(?:["\\/bfnrt]|u[0-9A-Fa-f]{4})/y;
const QUOTE = 34, BACKSLASH = 92, SPACE = 32;
const words: readonly (readonly [string, Json])[] = [['null', null], ['true', true], ['false', false]];

/** Throws CarryError. */
export function readJson(bytes: Uint8Array, depthMax: number): Json {
  if (!isUtf8(bytes)) throw new CarryError('the body is no UTF-8');
  const reader = new Reader(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('utf8'), depthMax);
  return reader.whole();
}

class Reader {
  private at = 0;

  constructor(private readonly text: string, private readonly depthMax: number) {}

  whole(): Json {
    const value = this.value(0);
    this.skipSpace();
    if (this.at < this.text.length) throw this.unexpected('nothing more');
    return value;
  }

  private value(depth: number): Json {
    this.skipSpace();
    const letter = this.text[this.at];
    if (letter === '{' || letter === '[') {
      if (depth === this.depthMax) throw new CarryError(`the body nests deeper than ${this.depthMax}`);
      this.at++;
      return letter === '{' ? this.members(depth + 1) : this.items(depth + 1);
    }
    if (letter === '"') return this.string();
    const number = this.match(NUMBER);
    if (number !== '') return new JsonNumber(number);
    for (const [word, value] of words) {
      if (!this.text.startsWith(word, this.at)) continue;
      this.at += word.length;
      return value;
    }
    throw this.unexpected('a value');
  }

  private items(depth: number): Json[] {
    const items: Json[] = [];
    if (this.take(']')) return items;
    do items.push(this.value(depth)); while (this.take(','));
    if (!this.take(']')) throw this.unexpected('"," or "]"');
    return items;
  }

  private members(depth: number): Map<string, Json> {
    const members = new Map<string, Json>();
    if (this.take('}')) return members;
    do {
      this.skipSpace();
      const name = this.string();
      if (!this.take(':')) throw this.unexpected('":"');
      if (members.has(name)) throw new CarryError(`the body has the member ${JSON.stringify(name)} twice`);
      members.set(name, this.value(depth));
    } while (this.take(','));
    if (!this.take('}')) throw this.unexpected('"," or "}"');
    return members;
  }

  private string(): string {
    const { text } = this;
    if (text.charCodeAt(this.at) !== QUOTE) throw this.unexpected('a string');
    const from = this.at++;
    let escaped = false;
    for (;;) {
      const code = text.charCodeAt(this.at);                 // NaN at the end
      if (code === QUOTE) break;
      if (code === BACKSLASH) {
        escaped = true;
        if (this.match(ESCAPE) === '') throw this.unexpected('an escape');
      } else if (code >= SPACE) this.at++;
      else throw this.unexpected('the end of a string');
    }
    this.at++;
    return escaped ? JSON.parse(text.slice(from, this.at)) as string : text.slice(from + 1, this.at - 1);
  }

  private take(letter: string): boolean {
    this.skipSpace();
    if (this.text[this.at] !== letter) return false;
    this.at++;
    return true;
  }

  private match(what: RegExp): string {
    what.lastIndex = this.at;
    if (!what.test(this.text)) return '';
    const from = this.at;
    this.at = what.lastIndex;
    return this.text.slice(from, this.at);
  }

  private skipSpace(): void {
    for (let code = this.text.charCodeAt(this.at); code === SPACE || code === 10 || code === 13 || code === 9;)
      code = this.text.charCodeAt(++this.at);
  }

  private unexpected(wanted: string): CarryError {
    return new CarryError(`the body is no JSON: ${wanted} is expected at character ${this.at}`);
  }
}
