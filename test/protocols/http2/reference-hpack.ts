// A slow decoder of HPACK, written from RFC 7541 over strings and arrays, sharing nothing with the codec: Huffman codes
// are compared as text of bits, the dynamic table is an array of pairs.

/** What a block came to: its fields in order, and how it ended. */
export interface Fields {
  fields: [name: string, value: string, neverIndexed: boolean][];
  fault: 'none' | 'badIndex' | 'badInteger' | 'badString' | 'badSizeUpdate';
}
class Fault extends Error {
  constructor(readonly kind: Exclude<Fields['fault'], 'none'>) { super(kind); }
}

/** RFC 7541 Appendix B by length of the code: the symbols in the order of their codes; numbers are `first-last`. */
const symbolsByLength: Record<number, string> = {
  5: '48-50 97 99 101 105 111 115 116', 6: '32 37 45-47 51-57 61 65 95 98 100 102-104 108-110 112 114 117',
  7: '58 66-87 89 106 107 113 118-122', 8: '38 42 44 59 88 90', 10: '33 34 40 41 63', 11: '39 43 124', 12: '35 62',
  13: '0 36 64 91 93 126', 14: '94 125', 15: '60 96 123', 19: '92 195 208', 20: '128 130 131 162 184 194 224 226',
  21: '153 161 167 172 176 177 179 209 216 217 227 229 230',
  22: '129 132-134 136 146 154 156 160 163 164 169 170 173 178 181 185-187 189 190 196 198 228 232 233',
  23: '1 135 137-141 143 147 149-152 155 157 158 165 166 168 174 175 180 182 183 188 191 197 231 239',
  24: '9 142 144 145 148 159 171 206 215 225 236 237', 25: '199 207 234 235',
  26: '192 193 200-202 205 210 213 218 219 238 240 242 243 255', 27: '203 204 211 212 214 221-223 241 244-248 250-254',
  28: '2-8 11 12 14-21 23-31 127 220 249', 30: '10 13 22 256' };
const END_OF_STRING = 256;

/** Bits of a code → its symbol. The code is canonical: the next is one more, shifted to its length. */
const symbolOf = new Map<string, number>();
let next = 0n, lastLength = 0;
for (const [key, list] of Object.entries(symbolsByLength)) {
  const length = Number(key);
  next <<= BigInt(length - lastLength);
  lastLength = length;
  for (const part of list.split(' ')) {
    const [first, last = first] = part.split('-').map(Number);
    for (let symbol = first; symbol <= last; symbol++) symbolOf.set((next++).toString(2).padStart(length, '0'), symbol);
  }
}
if (symbolOf.size !== 257 || next !== 1n << 30n) throw new Error('the code is not complete');
export const huffmanCode = new Map([...symbolOf].map(([bits, symbol]) => [symbol, bits]));

/** The code of a text, padded with the beginning of the end of string. */
export function huffman(text: string): Buffer {
  const bits = Array.from(text, (c) => huffmanCode.get(c.charCodeAt(0))!).join('');
  const padded = bits + '1'.repeat((8 - bits.length % 8) % 8);
  return Buffer.from((padded.match(/.{8}/g) ?? []).map((byte) => parseInt(byte, 2)));
}

function textOf(coded: Uint8Array): string {
  let text = '', code = '';
  for (const byte of coded) for (let bit = 7; bit >= 0; bit--) {
    code += (byte >> bit) & 1;
    const symbol = symbolOf.get(code);
    if (symbol === undefined) continue;
    if (symbol === END_OF_STRING) throw new Fault('badString');
    text += String.fromCharCode(symbol);
    code = '';
  }
  if (code.length > 7 || code.includes('0')) throw new Fault('badString');
  return text;
}

/** RFC 7541 Appendix A. */
const staticTable: [string, string][] = (':authority|:method GET|:method POST|:path /|:path /index.html|' +
  ':scheme http|:scheme https|:status 200|:status 204|:status 206|:status 304|:status 400|:status 404|:status 500|' +
  'accept-charset|accept-encoding gzip, deflate|accept-language|accept-ranges|accept|access-control-allow-origin|age|' +
  'allow|authorization|cache-control|content-disposition|content-encoding|content-language|content-length|' +
  'content-location|content-range|content-type|cookie|date|etag|expect|expires|from|host|if-match|' +
  'if-modified-since|if-none-match|if-range|if-unmodified-since|last-modified|link|location|max-forwards|' +
  'proxy-authenticate|proxy-authorization|range|referer|refresh|retry-after|server|set-cookie|' +
  'strict-transport-security|transfer-encoding|user-agent|vary|via|www-authenticate').split('|').map((entry) => {
  const [name, ...value] = entry.split(' ');
  return [name, value.join(' ')];
});

/** Names of the static table that no encoder of ours ever indexes: nobody has to be told. */
const CREDENTIALS = [23, 32, 49, 55];

export class ReferenceTable {
  private readonly entries: [string, string][] = [];
  private max = 4096;
  private limit = 4096;
  /** An update to at most this size has to come first. */
  private due = Infinity;

  constructor(private readonly capacity: number) {}

  /** A new SETTINGS_HEADER_TABLE_SIZE, acknowledged. */
  resize(bytes: number): void {
    this.limit = Math.min(bytes, Math.max(4096, this.capacity));
    if (this.limit < Math.min(this.max, this.due)) this.due = this.limit;
  }

  /** Decodes a whole block (RFC 7541 3, 6). */
  decode(block: Uint8Array): Fields {
    const fields: Fields['fields'] = [];
    const input = new Input(block);
    try {
      this.sizeUpdates(input);
      while (!input.isEmpty) fields.push(this.field(input));
      return { fields, fault: 'none' };
    } catch (error) {
      if (error instanceof Fault) return { fields, fault: error.kind };
      throw error;
    }
  }

  private sizeUpdates(input: Input): void {
    while (!input.isEmpty && (input.first & 0xe0) === 0x20) {
      const bytes = input.integer(5);
      if (bytes > this.limit) throw new Fault('badSizeUpdate');
      if (bytes <= this.due) this.due = Infinity;
      this.max = bytes;
      this.evict();
    }
    if (this.due !== Infinity && !input.isEmpty) throw new Fault('badSizeUpdate');
  }

  private field(input: Input): Fields['fields'][number] {
    const { first } = input;
    if (first >= 0x80) return [...this.entry(input.integer(7)), false];
    if ((first & 0xe0) === 0x20) throw new Fault('badSizeUpdate');
    const indexing = (first & 0x40) !== 0;
    const index = input.integer(indexing ? 6 : 4);
    const name = index === 0 ? input.string() : this.entry(index)[0];
    const field: [string, string] = [name, input.string()];
    if (indexing) {
      this.entries.unshift(field);
      this.evict();
    }
    return [...field, (first & 0xf0) === 0x10 && !CREDENTIALS.includes(index)];
  }

  private entry(index: number): [string, string] {
    const entry = index <= 61 ? staticTable[index - 1] : this.entries[index - 62];
    if (entry === undefined) throw new Fault('badIndex');
    return entry;
  }

  private evict(): void {
    let size = 0;
    const kept = this.entries.findIndex(([name, value]) => (size += name.length + value.length + 32) > this.max);
    if (kept >= 0) this.entries.length = kept;
  }

  get count(): number { return this.entries.length; }
}

class Input {
  private at = 0;
  constructor(private readonly bytes: Uint8Array) {}

  get isEmpty(): boolean { return this.at === this.bytes.length; }
  get first(): number { return this.bytes[this.at]; }

  /** RFC 7541 5.1; at most five bytes follow the first, and no number above 2^30 - 1 means anything. */
  integer(prefixBits: number): number {
    const mask = 2 ** prefixBits - 1;
    let value = this.bytes[this.at++] & mask;
    if (value < mask) return value;
    for (let power = 0; power < 5; power++) {
      if (this.isEmpty) break;
      const byte = this.bytes[this.at++];
      value += (byte & 127) * 128 ** power;
      if (byte < 128) {
        if (value >= 2 ** 30) break;
        return value;
      }
    }
    throw new Fault('badInteger');
  }

  string(): string {
    if (this.isEmpty) throw new Fault('badString');
    const coded = this.first >= 128;
    const length = this.integer(7);
    if (length > this.bytes.length - this.at) throw new Fault('badString');
    const bytes = this.bytes.subarray(this.at, this.at += length);
    return coded ? textOf(bytes) : Buffer.from(bytes).toString('latin1');
  }
}
