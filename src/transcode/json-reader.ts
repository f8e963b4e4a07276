// Reads JSON as it comes, in pieces of any size, with the licence that protobuf's parser gives: single quotes, bare
// keys, a comma behind the last entry. Its words for what it refuses are that parser's, with the place.
//
//   stack of what is expected next: value; entry → colon → value → comma or brace; value → comma or bracket
import { isUtf8 } from 'node:buffer';
import type { JsonEvents } from './json-events.js';
import { readDouble } from './number-text.js';
import { utf8Span } from './utf8.js';

const VALUE = 0, OBJECT_MID = 1, ENTRY = 2, ENTRY_MID = 3, ARRAY_VALUE = 4, ARRAY_MID = 5;
/** What a step came to. */
const OK = 0, WAIT = 1, FAILED = 2;
const UNKNOWN = 0, STRING = 1, NUMBER = 2, TRUE = 3, FALSE = 4, NULL = 5, OBJECT = 6, OBJECT_END = 7, ARRAY = 8,
  ARRAY_END = 9, COLON = 10, COMMA = 11, KEY = 12;
const punctuation: Readonly<Record<number, number>> = { 34: STRING, 39: STRING, 123: OBJECT, 125: OBJECT_END, 91: ARRAY,
  93: ARRAY_END, 58: COLON, 44: COMMA };
const escapes: Readonly<Record<string, string>> = { b: '\b', f: '\f', n: '\n', r: '\r', t: '\t', v: '\v' };

const isWord = (text: string): boolean => text === 'true' || text === 'false' || text === 'null';

const CONTEXT = 20;
const CHARACTER_BYTES_MAX = 4;
const isSpace = (byte: number): boolean => byte === 32 || (byte >= 9 && byte <= 13);
const isDigit = (byte: number): boolean => byte >= 48 && byte <= 57;
const isLetter = (byte: number): boolean => (byte >= 97 && byte <= 122) || (byte >= 65 && byte <= 90) || byte === 95
  || byte === 36;
/** Digits, a point, an exponent's letter, signs and "x": the parser takes them all, then looks. */
const isNumeric = (byte: number): boolean => isDigit(byte) || byte === 46 || byte === 101 || byte === 69 || byte === 43
  || byte === 45 || byte === 120;

export class JsonReader {
  /** Why the text was refused. */
  failure = '';
  private readonly stack: number[] = [VALUE];
  private bytes: Buffer = Buffer.alloc(0);
  /** What is there: [at, end), and where the piece in hand began. */
  private at = 0;
  private start = 0;
  private end = 0;
  /** Bytes that may be looked at: a character that is cut is not. */
  private valid = 0;
  private finishing = false;
  private key = '';
  /** The quote of a string that is open, and what has come of it. */
  private quote = 0;
  private text = '';
  private depth = 0;

  /** `tokenBytesMax`: of a number or a bare key, which are looked at whole. */
  constructor(private readonly events: JsonEvents, private readonly depthMax: number,
    private readonly tokenBytesMax: number) {}

  /** Bytes that wait for those behind them. */
  get pending(): number { return this.end - this.at; }

  /** Nothing more is expected but white space. */
  get complete(): boolean { return this.stack.length === 0; }

  /** Reads a piece. False: `failure` says why. */
  read(piece: Uint8Array): boolean {
    // What was no character when so much stood behind it will never be one.
    if (!this.complete && this.end - this.valid >= CONTEXT + CHARACTER_BYTES_MAX) return this.notUtf8();
    this.append(piece);
    this.valid = this.at + utf8Span(this.bytes, this.at, this.end);
    if (!this.run()) return false;
    this.skipSpace();
    if (this.at < this.valid && this.complete) return this.fail('Parsing terminated before end of input.') === OK;
    return true;
  }

  private notUtf8(): boolean {
    this.start = this.at;
    this.valid = this.end;
    return this.fail('Encountered non UTF-8 code points.') === OK;
  }

  /** There is no more. */
  finish(): boolean {
    if (this.complete && this.at === this.end) return true;
    if (!isUtf8(this.bytes.subarray(this.at, this.end))) return this.notUtf8();
    this.start = this.at;
    this.valid = this.end;
    this.finishing = true;
    if (!this.run()) return false;
    this.skipSpace();
    return this.at === this.end || this.fail('Parsing terminated before end of input.') === OK;
  }

  /** Puts a piece behind what is left of those before it; the piece's memory is somebody else's again afterwards. */
  private append(piece: Uint8Array): void {
    const left = this.end - this.at;
    const joined = Buffer.allocUnsafe(left + piece.length);
    this.bytes.copy(joined, 0, this.at, this.end);
    joined.set(piece, left);
    this.bytes = joined;
    this.at = this.start = 0;
    this.end = joined.length;
  }

  private run(): boolean {
    while (this.stack.length > 0) {
      const expected = this.stack.pop()!;
      const result = this.step(expected, this.quote === 0 ? this.token() : STRING);
      if (result === FAILED) return false;
      if (result === WAIT) { this.stack.push(expected); return true; }
    }
    return true;
  }

  private step(expected: number, token: number): number {
    switch (expected) {
      case VALUE: return this.value(token);
      case ENTRY: return this.entry(token);
      case ENTRY_MID:
        if (token !== COLON) return this.unexpected(token, 'Expected : between key:value pair.');
        this.at++;
        this.stack.push(VALUE);
        return OK;
      case ARRAY_VALUE: return this.arrayValue(token);
      case OBJECT_MID: return this.mid(token, OBJECT_END, ENTRY, 'Expected , or } after key:value pair.');
      default: return this.mid(token, ARRAY_END, ARRAY_VALUE, 'Expected , or ] after array value.');
    }
  }

  /** Behind an entry or a value: the end, or a comma and another. */
  private mid(token: number, end: number, next: number, message: string): number {
    if (token === end) return this.close(end);
    if (token !== COMMA) return this.unexpected(token, message);
    this.at++;
    this.stack.push(next);
    return OK;
  }

  private close(end: number): number {
    this.at++;
    this.depth--;
    if (end === OBJECT_END) this.events.endObject(); else this.events.endList();
    return OK;
  }

  private entry(token: number): number {
    if (token === OBJECT_END) return this.close(OBJECT_END);
    const message = 'Expected an object key or }.';
    let result = OK;
    if (token === STRING) {
      result = this.string();
      if (result === OK) this.key = this.taken();
    } else if (token === KEY || token === TRUE || token === FALSE || token === NULL) {
      result = this.bareKey();
      if (result === OK && token !== KEY && isWord(this.key)) result = this.fail(message);
    } else result = this.unexpected(token, message);
    if (result === OK) this.stack.push(OBJECT_MID, ENTRY_MID);
    return result;
  }

  private arrayValue(token: number): number {
    if (token === UNKNOWN) return this.unexpected(token, 'Expected a value or ] within an array.');
    if (token === ARRAY_END) return this.close(ARRAY_END);
    this.stack.push(ARRAY_MID);
    const result = this.value(token);
    if (result === WAIT) this.stack.pop();
    return result;
  }

  private value(token: number): number {
    switch (token) {
      case OBJECT: case ARRAY: return this.open(token);
      case STRING: {
        const result = this.string();
        if (result === OK) this.render(this.taken());
        return result;
      }
      case NUMBER: return this.number();
      case TRUE: case FALSE: case NULL:
        this.at += token === FALSE ? 5 : 4;
        this.render(token === NULL ? null : token === TRUE);
        return OK;
      case UNKNOWN: return this.unexpected(token, 'Expected a value.');
      default:
        // It may be the beginning of a word.
        return !this.finishing && this.valid - this.at < 5 ? WAIT : this.fail('Unexpected token.');
    }
  }

  private render(value: string | number | bigint | boolean | null): void {
    const { key } = this;
    this.key = '';
    this.events.scalar(key, value);
  }

  private open(token: number): number {
    const { key } = this;
    this.at++;
    this.key = '';
    if (token === OBJECT) this.events.startObject(key); else this.events.startList(key);
    if (++this.depth > this.depthMax) {
      this.failure = `Message too deep. Max recursion depth reached ${token === OBJECT ? `for key '${key}'`
        : 'in array'}`;
      return FAILED;
    }
    this.stack.push(token === OBJECT ? ENTRY : ARRAY_VALUE);
    return OK;
  }

  private bareKey(): number {
    let to = this.at + 1;
    while (to < this.valid && (isLetter(this.bytes[to]!) || isDigit(this.bytes[to]!))) to++;
    if (to - this.at > this.tokenBytesMax) return this.fail('Invalid key or variable name.');
    if (to === this.valid && !this.finishing) return WAIT;
    this.key = this.bytes.toString('latin1', this.at, to);
    this.at = to;
    return OK;
  }

  private taken(): string {
    const { text } = this;
    this.text = '';
    return text;
  }

  private string(): number {
    const { bytes } = this;
    if (this.quote === 0) this.quote = bytes[this.at++]!;
    for (;;) {
      let to = this.at;
      while (to < this.valid && bytes[to] !== 92 && bytes[to] !== this.quote) to++;
      this.text += bytes.toString('latin1', this.at, to);
      this.at = to;
      if (to === this.valid) break;
      if (bytes[to] === this.quote) {
        this.quote = 0;
        this.at++;
        return OK;
      }
      if (to + 1 === this.valid) break;
      const letter = String.fromCharCode(bytes[to + 1]!);
      if (letter === 'u') {
        const result = this.unicode();
        if (result !== OK) return result;
        continue;
      }
      this.text += escapes[letter] ?? letter;
      this.at += 2;
    }
    if (!this.finishing) return WAIT;
    return this.fail('Closing quote expected in string.');
  }

  private unicode(): number {
    if (this.valid - this.at < 6) return this.finishing ? this.fail('Illegal hex string.') : WAIT;
    let code = this.hex(this.at + 2);
    if (code < 0) return this.fail('Invalid escape sequence.');
    if (code >= 0xd800 && code <= 0xdbff) {
      if (this.valid - this.at < 12) return this.finishing ? this.fail('Missing low surrogate.') : WAIT;
      if (this.bytes[this.at + 6] !== 92 || this.bytes[this.at + 7] !== 117) return this.fail('Missing low surrogate.');
      const low = this.hex(this.at + 8);
      if (low < 0) return this.fail('Invalid escape sequence.');
      if (low < 0xdc00 || low > 0xdfff) return this.fail('Invalid low surrogate.');
      code = 0x10000 + ((code & 0x3ff) << 10) + (low & 0x3ff);
      this.at += 6;
    } else if (code >= 0xdc00 && code <= 0xdfff) return this.fail('Invalid unicode code point.');
    this.at += 6;
    this.text += Buffer.from(String.fromCodePoint(code), 'utf8').toString('latin1');
    return OK;
  }

  private hex(at: number): number {
    const text = this.bytes.toString('latin1', at, at + 4);
    return /^[0-9A-Fa-f]{4}$/.test(text) ? Number.parseInt(text, 16) : -1;
  }

  private number(): number {
    let to = this.at, whole = true;
    for (; to < this.valid && isNumeric(this.bytes[to]!); to++)
      if (this.bytes[to] === 46 || (this.bytes[to]! | 32) === 101) whole = false;
    if (to - this.at > this.tokenBytesMax) return this.fail('Unable to parse number.');
    if (to === this.valid && !this.finishing) return WAIT;
    const text = this.bytes.toString('latin1', this.at, to);
    if (whole && /^-?0./.test(text)) return this.fail('Octal/hex numbers are not valid JSON values.');
    if (whole && /^-?\d{1,20}$/.test(text)) {
      const value = BigInt(text);
      if (value >= -(2n ** 63n) && value < 2n ** 64n) {
        this.at = to;
        this.render(value);
        return OK;
      }
    }
    const value = readDouble(text);
    if (value === undefined) return this.fail('Unable to parse number.');
    if (!Number.isFinite(value)) return this.fail('Number exceeds the range of double.');
    this.at = to;
    this.render(value);
    return OK;
  }

  private token(): number {
    this.skipSpace();
    if (this.at >= this.valid) return UNKNOWN;
    const byte = this.bytes[this.at]!;
    if (byte === 45 || isDigit(byte)) return NUMBER;
    if (byte === 116 && this.spells('true')) return TRUE;
    if (byte === 102 && this.spells('false')) return FALSE;
    if (byte === 110 && this.spells('null')) return NULL;
    return punctuation[byte] ?? (isLetter(byte) ? KEY : UNKNOWN);
  }

  private spells(word: string): boolean {
    if (this.valid - this.at < word.length) return false;
    for (let i = 1; i < word.length; i++) if (this.bytes[this.at + i] !== word.charCodeAt(i)) return false;
    return true;
  }

  private skipSpace(): void {
    while (this.at < this.valid && isSpace(this.bytes[this.at]!)) this.at++;
  }

  private unexpected(token: number, message: string): number {
    if (token !== UNKNOWN) return this.fail(message);
    if (!this.finishing) return WAIT;
    return this.fail(this.at === this.valid ? `Unexpected end of string. ${message}` : message);
  }

  private fail(message: string): number {
    const from = Math.max(this.at - CONTEXT, this.start), to = Math.min(this.at + CONTEXT, this.valid);
    this.failure = `${message}\n${this.bytes.toString('latin1', from, to)}\n${' '.repeat(this.at - from)}^`;
    return FAILED;
  }
}
