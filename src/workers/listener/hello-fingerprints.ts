// Fingerprints of TLS clients by what their ClientHello offers, in which order: JA3 (the MD5 of five lists) and JA4 (a
// readable part and two truncated SHA-256). Values that clients make up to keep servers tolerant (GREASE) do not count.
import { createHash } from 'node:crypto';
import type { Reader } from './hello-reader.js';

const SNI = 0, GROUPS = 10, POINT_FORMATS = 11, SIGNATURES = 13, ALPN = 16, VERSIONS = 43;
const JA4_DIGEST = 12;
const NOTHING = '0'.repeat(JA4_DIGEST);

/** RFC 8701: both bytes are the same, and end in a. */
const isGrease = (value: number): boolean => (value & 0x0f0f) === 0x0a0a && (value >> 8) === (value & 0xff);

/** The 16-bit numbers of a span, those made up left out. */
export function numbersOf(span: Reader, out: number[]): void {
  for (let { at } = span; at + 2 <= span.end; at += 2) {
    const value = (span.u8[at] << 8) | span.u8[at + 1];
    if (!isGrease(value)) out.push(value);
  }
}

/** What a ClientHello offers, in its order. */
export class HelloNotes {
  version = 0;
  readonly ciphers: number[] = [];
  readonly extensions: number[] = [];
  readonly groups: number[] = [];
  readonly pointFormats: number[] = [];
  readonly signatures: number[] = [];
  private highest = 0;
  private protocol = '';

  clear(): void {
    this.version = this.highest = 0;
    this.protocol = '';
    for (const list of [this.ciphers, this.extensions, this.groups, this.pointFormats,
      this.signatures]) list.length = 0;
  }

  extension(type: number, value: Reader): void {
    if (isGrease(type)) return;
    this.extensions.push(type);
    switch (type) {
      case GROUPS: numbersOf(value.span(2), this.groups); break;
      case SIGNATURES: numbersOf(value.span(2), this.signatures); break;
      case POINT_FORMATS:
        for (const formats = value.span(1); formats.left > 0;) this.pointFormats.push(formats.number(1));
        break;
      case ALPN: this.protocol = value.span(2).span(1).text(); break;
      case VERSIONS: {
        const list: number[] = [];
        numbersOf(value.span(1), list);
        this.highest = Math.max(0, ...list);
        break;
      }
      default: break;
    }
  }

  /** MD5 of `version,ciphers,extensions,groups,point formats`, each a list of decimals. */
  get ja3(): string {
    const text = [[this.version], this.ciphers, this.extensions, this.groups, this.pointFormats]
      .map((list) => list.join('-')).join(',');
    return createHash('md5').update(text).digest('hex');
  }

  /** `t13d1516h2_<ciphers>_<extensions and signature algorithms>` */
  get ja4(): string {
    const count = (list: readonly number[]): string => String(Math.min(99, list.length)).padStart(2, '0');
    const head = `t${versionNames[this.highest || this.version] ?? '00'}${this.extensions.includes(SNI) ? 'd' : 'i'}`
      + `${count(this.ciphers)}${count(this.extensions)}${this.protocolEnds()}`;
    const shown = sorted(this.extensions.filter((type) => type !== SNI && type !== ALPN));
    const signatures = this.signatures.map(hexOf).join(',');
    return `${head}_${digest(sorted(this.ciphers))}_${digest(signatures === '' ? shown : `${shown}_${signatures}`)}`;
  }

  /** First and last letter of the first protocol; of one that is not made of letters and digits, of its hexadecimal. */
  private protocolEnds(): string {
    const { protocol } = this;
    if (protocol === '') return '00';
    const ends = [protocol[0], protocol.at(-1)!];
    if (ends.every((letter) => /[0-9A-Za-z]/.test(letter))) return ends.join('');
    const hexadecimal = Buffer.from(protocol, 'latin1').toString('hex');
    return hexadecimal[0] + hexadecimal.at(-1)!;
  }
}

const versionNames: { readonly [version: number]: string } = { 0x0300: 's3', 0x0301: '10', 0x0302: '11', 0x0303: '12',
  0x0304: '13' };
const hexOf = (value: number): string => value.toString(16).padStart(4, '0');
const sorted = (list: readonly number[]): string => list.map(hexOf).sort().join(',');
const digest = (text: string): string => text === '' ? NOTHING
  : createHash('sha256').update(text).digest('hex').slice(0, JA4_DIGEST);
