// A slow reader of Dubbo 2 frames, written from the formats' descriptions and not from the codec: what a frame comes to
// when all attachments are wanted, and the text that it should become. It knows no limit of size.
import { Buffer } from 'node:buffer';

export interface ReferenceFrame { kind: string; status: number; refusal: string; text: string }

class Bad extends Error {}
const DEPTH_MAX = 200, CLASSES_MAX = 256;

/** A cursor over bytes; reading beyond the end is bad. */
class Reader {
  at = 0;
  constructor(readonly bytes: Buffer) {}
  get done(): boolean { return this.at === this.bytes.length; }
  peek(): number {
    if (this.done) throw new Bad();
    return this.bytes[this.at]!;
  }
  take(n: number): Buffer {
    if (n < 0 || this.at + n > this.bytes.length) throw new Bad();
    this.at += n;
    return this.bytes.subarray(this.at - n, this.at);
  }
  byte(): number { return this.take(1)[0]!; }
  uint(n: number): number { return this.take(n).readUIntBE(0, n); }
  int(n: number): number { return this.take(n).readIntBE(0, n); }
}

const isString = (c: number): boolean => c < 0x20 || (c >= 0x30 && c < 0x34) || c === 0x52 || c === 0x53;

class Hessian extends Reader {
  private readonly classes: number[] = [];

  string(): Buffer | null {
    if (this.peek() === 0x4e) { this.at++; return null; }
    const parts: Buffer[] = [];
    for (let last = false; !last;) {
      const c = this.byte();
      last = c !== 0x52;
      if (!isString(c)) throw new Bad();
      let units = c < 0x20 ? c : c < 0x34 ? (c - 0x30) * 256 + this.byte() : this.uint(2);
      const from = this.at;
      while (units > 0) {
        const lead = this.byte();
        const more = lead < 0x80 ? 0 : lead < 0xc0 || lead > 0xf7 ? -1 : lead < 0xe0 ? 1 : lead < 0xf0 ? 2 : 3;
        if (more < 0) throw new Bad();
        if (this.take(more).some((b) => b < 0x80 || b > 0xbf)) throw new Bad();
        units -= more === 3 ? 2 : 1;
      }
      if (units < 0) throw new Bad();
      parts.push(this.bytes.subarray(from, this.at));
    }
    return Buffer.concat(parts);
  }
  integer(): number {
    const c = this.byte();
    if (c >= 0x80 && c <= 0xbf) return c - 0x90;
    if (c >= 0xc0 && c <= 0xcf) return (c - 0xc8) * 256 + this.byte();
    if (c >= 0xd0 && c <= 0xd7) return (c - 0xd4) * 65536 + this.uint(2);
    if (c === 0x49) return this.int(4);
    throw new Bad();
  }
  type(): void { if (isString(this.peek())) this.string(); else this.integer(); }
  private fill(count: number, depth: number): void {
    if (count < 0) throw new Bad();
    for (let i = 0; i < count; i++) this.skip(depth);
  }
  private untilEnd(step: number, depth: number): void {
    while (this.peek() !== 0x5a) this.fill(step, depth);
    this.at++;
  }
  skip(depth = DEPTH_MAX): void {
    const c = this.peek();
    if (depth === 0) throw new Bad();
    if (isString(c)) { this.string(); return; }
    this.at++;
    const width = new Map([[0x44, 8], [0x46, 0], [0x49, 4], [0x4a, 8], [0x4b, 4], [0x4c, 8], [0x4e, 0], [0x54, 0],
      [0x59, 4], [0x5b, 0], [0x5c, 0], [0x5d, 1], [0x5e, 2], [0x5f, 4]]).get(c);
    if (width !== undefined) this.take(width);
    else if (c >= 0x80) this.take(c < 0xc0 ? 0 : c < 0xd0 ? 1 : c < 0xd8 ? 2 : c < 0xf0 ? 0 : 1);
    else if (c >= 0x38 && c < 0x40) this.take(2);
    else if (c < 0x30 || (c >= 0x34 && c < 0x38) || c === 0x41 || c === 0x42) this.binary(c);
    else if (c === 0x43) this.defined(depth);
    else if (c === 0x4f) this.object(this.integer(), depth - 1);
    else if (c >= 0x60 && c < 0x70) this.object(c - 0x60, depth - 1);
    else if (c === 0x51) this.integer();
    else if (c === 0x48) this.untilEnd(2, depth - 1);
    else if (c === 0x4d) { this.type(); this.untilEnd(2, depth - 1); }
    else if (c === 0x55) { this.type(); this.untilEnd(1, depth - 1); }
    else if (c === 0x57) this.untilEnd(1, depth - 1);
    else if (c === 0x56) { this.type(); this.fill(this.integer(), depth - 1); }
    else if (c === 0x58) this.fill(this.integer(), depth - 1);
    else if (c >= 0x70 && c < 0x78) { this.type(); this.fill(c - 0x70, depth - 1); }
    else if (c >= 0x78) this.fill(c - 0x78, depth - 1);
    else throw new Bad();
  }
  private binary(c: number): void {
    while (c === 0x41) {
      this.take(this.uint(2));
      c = this.byte();
    }
    if (c >= 0x20 && c < 0x30) this.take(c - 0x20);
    else if (c >= 0x34 && c < 0x38) this.take((c - 0x34) * 256 + this.byte());
    else if (c === 0x42) this.take(this.uint(2));
    else throw new Bad();
  }
  private name(): void { if (!isString(this.peek())) throw new Bad(); this.string(); }
  private defined(depth: number): void {
    this.name();
    const count = this.integer();
    if (count < 0 || this.classes.length === CLASSES_MAX) throw new Bad();
    for (let i = 0; i < count; i++) this.name();
    this.classes.push(count);
    const c = this.peek();
    if (c !== 0x43 && c !== 0x4f && (c < 0x60 || c > 0x6f)) throw new Bad();
    this.skip(depth);
  }
  private object(index: number, depth: number): void {
    const fields = this.classes[index];
    if (fields === undefined) throw new Bad();
    this.fill(fields, depth);
  }
}

/** A pair: null, a string, or the bytes of another value. */
type Half = Buffer | null;
interface Pair { name: Half; value: Half; raw: boolean }

const ours = new RegExp(`^(${['weft-.*', 'x-envoy-.*', 'x-(service|method|version|group|class)', 'host', 'connection',
  'content-length', 'transfer-encoding', 'keep-alive', 'upgrade', 'te', 'trailer', 'expect', 'proxy-connection',
  'x-forwarded-(for|proto|host|port)', 'x-request-id', 'via', 'server', 'date', 'http2-settings'].join('|')})$`, 'i');
const token = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;
const fits = (value: string): boolean => !/[\0-\x08\x0a-\x1f\x7f]/.test(value) && !/^[ \t]|[ \t]$/.test(value);

function line({ name, value, raw }: Pair): string {
  const n = name?.toString('latin1') ?? '', v = value?.toString('latin1') ?? '';
  if (!raw && name !== null && value !== null && token.test(n) && n.length <= 4096 && !ours.test(n) && fits(v))
    return `${n}: ${v}\r\n`;
  const half = (bytes: Half): string => bytes === null ? '-' : bytes.toString('hex');
  return `weft-pair: ${half(name)}=${raw ? '*' : ''}${half(value)}\r\n`;
}

function hessianPairs(reader: Hessian, length: number): { pairs: Pair[]; shape: number; cut: number } {
  if (reader.done) return { pairs: [], shape: 3, cut: 0 };
  const c = reader.byte();
  if (c === 0x4e) {
    if (!reader.done) throw new Bad();
    return { pairs: [], shape: 2, cut: 1 };
  }
  if (c === 0x4d) reader.type(); else if (c !== 0x48) throw new Bad();
  const cut = length - reader.at, pairs: Pair[] = [];
  while (reader.peek() !== 0x5a) {
    const name = reader.string(), from = reader.at;
    if (isString(reader.peek()) || reader.peek() === 0x4e) pairs.push({ name, value: reader.string(), raw: false });
    else {
      reader.skip();
      pairs.push({ name, value: reader.bytes.subarray(from, reader.at), raw: true });
    }
  }
  reader.at++;
  if (!reader.done) throw new Bad();
  return { pairs, shape: 1, cut };
}

const word = (bytes: Half): string => bytes !== null && /^[A-Za-z0-9$._-]{1,255}$/.test(bytes.toString('latin1'))
  ? bytes.toString('latin1') : '-';
function labelled(name: string, bytes: Half): string {
  const value = bytes?.toString('latin1') ?? '';
  return value === '' || !fits(value) ? '' : `${name}: ${value}\r\n`;
}

function count(descriptor: string): number {
  let rest = descriptor, found = 0;
  while (rest !== '') {
    const one = /^\[*(L[^;]*;|[BCDFIJSZ])/s.exec(rest);
    if (one === null) throw new Bad();
    rest = rest.slice(one[0].length);
    found++;
  }
  return found;
}

/** What a whole frame of hessian2, no event, comes to. */
export function referenceHessian(bytes: Buffer): ReferenceFrame {
  const flags = bytes[2]!, status = bytes[3]!, length = bytes.readUInt32BE(12);
  const reader = new Hessian(bytes.subarray(16, 16 + length));
  const request = (flags & 0x80) !== 0;
  const view = { kind: !request ? 'response' : (flags & 0x40) !== 0 ? 'request' : 'oneway', status, refusal: 'none',
    text: '' };
  const facts = (shape: number, cut: number): string => `weft-frame: ${Buffer.from([flags, status, shape])
    .toString('hex')}${cut.toString(16).padStart(8, '0')}\r\ncontent-length: ${length}\r\n\r\n`;
  let phase = 'badBody';
  try {
    if (request) {
      const [, service, version, method, descriptor] = [0, 0, 0, 0, 0].map(() => reader.string()) as Half[];
      const values = count(descriptor?.toString('latin1') ?? '');
      let called = method!, from = reader.at;
      if (values > 0 && /^\$invoke(Async)?$/.test(method?.toString('latin1') ?? '') && isString(reader.peek())) {
        const real = reader.string();
        if (real!.length > 0) called = real!;
      }
      reader.at = from;
      for (let i = 0; i < values; i++) reader.skip();
      phase = 'badPairs';
      const { pairs, shape, cut } = hessianPairs(reader, length);
      const group = pairs.filter(({ name, value, raw }) => !raw && name?.toString() === 'group'
        && value !== null && value.length > 0).at(-1);
      view.text = `POST /${word(service!)}/${word(called)} HTTP/1.1\r\nhost: ${word(service!)}\r\n`
        + labelled('x-service', service!) + labelled('x-method', called) + labelled('x-version', version!)
        + pairs.map(line).join('') + labelled('x-group', group?.value ?? null) + facts(shape, cut);
      return view;
    }
    const http = ({ 20: 200, 30: 504, 31: 504, 35: 503, 100: 503, 40: 400, 50: 502, 60: 404 } as
      Record<number, number>)[status] ?? 500;
    view.text = `HTTP/1.1 ${http} \r\n`;
    const kind = status === 20 && length > 0 ? reader.byte() - 0x90 : -1;
    if (status === 20 && length > 0 && (kind < 0 || kind > 5)) throw new Bad();
    if (kind < 3) view.text += facts(0, 0);
    else {
      if (kind !== 5) reader.skip();
      phase = 'badPairs';
      const { pairs, shape, cut } = hessianPairs(reader, length);
      view.text += pairs.map(line).join('') + facts(shape, cut);
    }
    return view;
  } catch (error) {
    if (!(error instanceof Bad)) throw error;
    return { ...view, refusal: phase, text: '' };
  }
}
