// One header matcher judged over a decoded head, outside of route tables: by bytes in place, so that nothing is
// allocated; only a regular expression makes a string.
import { createRequire } from 'node:module';
import type { RE2JS as Expression } from 're2js';
import {
  Head, Header, HeaderLine, HeaderLineFlag, RequestEdits, RequestEditsFlag,
} from '../../core/generated/layouts.js';
import type { HeaderMatcher } from '../../config/types.js';
import type { Engine } from '../engine.js';

const load = createRequire(import.meta.url);
const NONE = new Uint8Array(0);
const pseudo: Readonly<Record<string, readonly [at: number, bytes: number]>> = {
  ':method': [Head.methodAt, Head.methodBytes], ':path': [Head.pathAt, Head.pathBytes],
  ':authority': [Head.hostAt, Head.hostBytes], host: [Head.hostAt, Head.hostBytes] };

export class HeaderCondition {
  private readonly name: { at: number; bytes: number };
  private readonly known: number;
  private readonly wanted: Uint8Array;
  private readonly ignoreCase: boolean;
  private readonly expression: Expression | null;
  /** The text of what the head in hand does not say: its scheme, and the x-forwarded-proto that it goes on with. */
  private readonly https: { at: number; bytes: number } | null = null;
  private at = 0;
  private bytes = 0;

  constructor(private readonly engine: Engine, private readonly matcher: HeaderMatcher) {
    const name = engine.keepText(matcher.name);
    if (name === null) throw new Error('the arena has no room for a header matcher');
    this.name = name;
    this.known = (Header as Readonly<Record<string, number>>)[matcher.name] ?? 0;
    const { match } = matcher;
    if (matcher.name === ':scheme' || matcher.name === 'x-forwarded-proto') this.https = engine.keepText('https');
    this.ignoreCase = 'ignoreCase' in match && match.ignoreCase;
    const text = 'value' in match && match.kind !== 'regex' ? match.value : '';
    this.wanted = text === '' ? NONE : Buffer.from(this.ignoreCase ? text.toLowerCase() : text, 'utf8');
    this.expression = match.kind !== 'regex' ? null
      : (load('re2js') as { RE2JS: { compile(pattern: string): Expression } }).RE2JS.compile(match.value);
  }

  /** `record` is a Head record, or 0 for a head that is gone. */
  holds(record: number): boolean {
    const { match, invert, treatMissingAsEmpty } = this.matcher;
    const found = record !== 0 && this.find(record);
    if (match.kind === 'present') return ((found || treatMissingAsEmpty) === match.present) !== invert;
    if (!found) {
      if (!treatMissingAsEmpty) return false;
      this.bytes = 0;
    }
    return (this.valueMatches() || (found && this.anotherMatches(record))) !== invert;
  }

  private find(record: number): boolean {
    const { engine } = this;
    const { i32 } = engine;
    const words = Object.hasOwn(pseudo, this.matcher.name) ? pseudo[this.matcher.name] : null;
    if (words !== null) {
      this.at = i32[(record >> 2) + words[0]];
      this.bytes = i32[(record >> 2) + words[1]];
      return this.bytes > 0;
    }
    if (this.https !== null && record === engine.requestRecord && this.isImplied(this.https)) return true;
    const out = engine.valueScratch;
    if (engine.codecs.headerValue(record, this.name.at, this.name.bytes, this.known, out) === 0) return false;
    this.at = i32[out >> 2];
    this.bytes = i32[(out >> 2) + 1];
    return true;
  }

  /** Is it the scheme, or an x-forwarded-proto that is not the client's own but will be ours? */
  private isImplied(https: { at: number; bytes: number }): boolean {
    const { engine } = this;
    const flags = engine.i32[(engine.requestEdits >> 2) + RequestEdits.flags];
    const isScheme = this.matcher.name === ':scheme';
    if (!isScheme && (flags & RequestEditsFlag.setProto) === 0) {
      const claimed = engine.codecs.headerValue(engine.requestRecord, this.name.at, this.name.bytes, this.known,
        engine.valueScratch) !== 0;
      if (claimed || (flags & RequestEditsFlag.protoIfAbsent) === 0) return false;
    }
    this.at = https.at;
    this.bytes = (flags & (isScheme ? RequestEditsFlag.schemeHttps : RequestEditsFlag.https)) !== 0 ? 5 : 4;
    return true;
  }

  /** Each value of a repeated header is looked at by itself; one that matches is enough. */
  private anotherMatches(record: number): boolean {
    const { i32 } = this.engine;
    if (this.at === this.https?.at || Object.hasOwn(pseudo, this.matcher.name)) return false;
    const first = this.at;
    const count = i32[(record >> 2) + Head.headerCount];
    for (let i = 0; i < count; i++) {
      const line = (record >> 2) + Head.headers + i * 4;
      const meta = i32[line + HeaderLine.nameBytes_meta];
      if ((meta & 0xffff) !== this.name.bytes || ((meta >> 24) & HeaderLineFlag.dropped) !== 0) continue;
      if (i32[line + HeaderLine.valueAt] === first || !this.isName(i32[line], (meta >> 16) & 255)) continue;
      this.at = i32[line + HeaderLine.valueAt];
      this.bytes = i32[line + HeaderLine.valueBytes];
      if (this.valueMatches()) return true;
    }
    return false;
  }

  private isName(at: number, known: number): boolean {
    if (this.known !== 0) return known === this.known;
    const { u8 } = this.engine;
    for (let i = 0; i < this.name.bytes; i++) {
      const byte = u8[at + i];
      if ((byte >= 65 && byte <= 90 ? byte | 32 : byte) !== u8[this.name.at + i]) return false;
    }
    return true;
  }

  private valueMatches(): boolean {
    const { match } = this.matcher;
    const { wanted, bytes } = this;
    switch (match.kind) {
      case 'exact': return bytes === wanted.length && this.equals(0);
      case 'prefix': return bytes >= wanted.length && this.equals(0);
      case 'suffix': return bytes >= wanted.length && this.equals(bytes - wanted.length);
      case 'contains': {
        for (let from = 0; from + wanted.length <= bytes; from++) if (this.equals(from)) return true;
        return false;
      }
      case 'range': return this.inRange(match.start, match.end);
      case 'regex': return this.expression!.matches(this.engine.readText(this.at, bytes));
      case 'present': return true;
    }
  }

  private equals(from: number): boolean {
    const { wanted } = this;
    const { u8 } = this.engine;
    for (let i = 0; i < wanted.length; i++) {
      let byte = u8[this.at + from + i];
      if (this.ignoreCase && byte >= 65 && byte <= 90) byte |= 32;
      if (byte !== wanted[i]) return false;
    }
    return true;
  }

  /** A whole decimal number in [start, end). */
  private inRange(start: number, end: number): boolean {
    const { u8 } = this.engine;
    const negative = this.bytes > 0 && u8[this.at] === 45;
    let value = 0;
    if (this.bytes === (negative ? 1 : 0) || this.bytes > 16) return false;
    for (let i = negative ? 1 : 0; i < this.bytes; i++) {
      const digit = u8[this.at + i] - 48;
      if (digit < 0 || digit > 9) return false;
      value = value * 10 + digit;
    }
    if (negative) value = -value;
    return value >= start && value < end;
  }

  release(): void { this.engine.heap.release(this.name.at, this.name.bytes + 16); }
}
