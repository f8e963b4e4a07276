// Writes the tables of HPACK (RFC 7541): assembly/generated/hpack.ts. The source is the length of each symbol's Huffman
// code, since the code is canonical (codes of a length follow each other in the order of their symbols), and the static
// table. Run by scripts/build.mjs.
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');

// RFC 7541 Appendix B: code lengths of the bytes 0 to 255 and of the end of string, `length` or `length*times`.
const huffmanLengths = `
13 23 28*7 24 30 28*2 30 28*8 30 28*9
6 10*2 12 13 6 8 11 10*2 8 11 8 6*3 5*3 6*7 7 8 15 6 12 10
13 6 7*22 8 7 8 13 19 13 14 6
15 5 6 5 6 5 6*3 5 7*2 6*3 5 6 7 6 5*2 6 7*5 15 11 14 13 28
20 22 20*2 22*3 23 22 23*5 24 23 24*2 22 23 24 23*4 21 22 23 22 23*2 24
22 21 20 22*2 23*2 21 23 22*2 24 21 22 23*2 21*2 22 21 23 22 23*2 20 22*3 23 22*2 23
26*2 20 19 22 23 22 25 26*3 27*2 26 24 25 19 21 26 27*2 26 27 24 21*2 26*2 28 27*3
20 24 20 21 22 21*2 23 22*2 25*2 24*2 26 23 26 27 26*2 27*5 28 27*5 26 30
`.trim().split(/\s+/).flatMap((part) => {
  const [length, times = '1'] = part.split('*');
  return Array.from({ length: Number(times) }, () => Number(length));
});

// RFC 7541 Appendix A, `name=value` or `name`; entries 1 to 61.
const staticTable = `
:authority|:method=GET|:method=POST|:path=/|:path=/index.html|:scheme=http|:scheme=https|:status=200|:status=204|
:status=206|:status=304|:status=400|:status=404|:status=500|accept-charset|accept-encoding=gzip, deflate|
accept-language|accept-ranges|accept|access-control-allow-origin|age|allow|authorization|cache-control|
content-disposition|content-encoding|content-language|content-length|content-location|content-range|content-type|
cookie|date|etag|expect|expires|from|host|if-match|if-modified-since|if-none-match|if-range|if-unmodified-since|
last-modified|link|location|max-forwards|proxy-authenticate|proxy-authorization|range|referer|refresh|retry-after|
server|set-cookie|strict-transport-security|transfer-encoding|user-agent|vary|via|www-authenticate
`.replace(/\n/g, '').split('|').map((entry) => {
  const cut = entry.indexOf('=');
  return cut < 0 ? [entry, ''] : [entry.slice(0, cut), entry.slice(cut + 1)];
});

// What a name is to the decoder (assembly/http2/names.ts); 0 = nothing special.
const kinds = ['', ':method', ':scheme', ':authority', ':path', ':status', ':protocol', ':', 'host', 'cookie',
  'content-length', 'te', 'trailer', 'connection'];
const kindNames = ['plain', 'method', 'scheme', 'authority', 'path', 'status', 'protocol', 'unknownPseudo', 'host',
  'cookie', 'contentLength', 'te', 'trailer', 'connection'];
// transfer-encoding of the static table is as forbidden as connection
const kindOf = (name) => Math.max(0, kinds.indexOf(name === 'transfer-encoding' ? 'connection' : name));

// Fields of a connection that are not in the table (RFC 9113 8.2.2); te goes on as `trailers` alone.
const leftOut = ['connection', 'keep-alive', 'proxy-connection', 'upgrade', 'http2-settings', 'te'];

const END_OF_STRING = 256;
if (huffmanLengths.length !== 257) throw new Error(`${huffmanLengths.length} code lengths`);
if (huffmanLengths.reduce((sum, length) => sum + 2 ** -length, 0) !== 1) throw new Error('the code is not complete');
if (staticTable.length !== 61) throw new Error(`${staticTable.length} static entries`);

// Symbols by length and value; the code of each is one more than the one before, shifted to its length.
const sorted = Array.from(huffmanLengths.keys()).sort((a, b) => huffmanLengths[a] - huffmanLengths[b] || a - b);
const codes = new Map();
let next = 0, last = 0;
for (const symbol of sorted) {
  const length = huffmanLengths[symbol];
  next *= 2 ** (length - last);
  last = length;
  codes.set(symbol, { code: next++, length });
}

/** The first symbol in `bits`, a number of `count` bits; undefined when they end before its code does. */
function symbolIn(bits, count) {
  for (const symbol of sorted) {
    const { code, length } = codes.get(symbol);
    if (length > count) return undefined;
    if (Math.floor(bits / 2 ** (count - length)) === code) return { symbol, length };
  }
  return undefined;
}

// For every 12 bits: the one or two symbols that they begin with. first | second << 8 | bits << 16 | count << 24;
// 0 = the first code is longer.
const PAIR_BITS = 12;
const pairs = Array.from({ length: 2 ** PAIR_BITS }, (_, bits) => {
  const first = symbolIn(bits, PAIR_BITS);
  if (first === undefined) return 0;
  const left = PAIR_BITS - first.length;
  const second = symbolIn(bits % 2 ** left, left);
  if (second === undefined) return first.symbol + first.length * 2 ** 16 + 2 ** 24;
  return first.symbol + second.symbol * 2 ** 8 + (first.length + second.length) * 2 ** 16 + 2 * 2 ** 24;
});

// Long codes by length: below `limit` (a code of 32 bits, left-aligned) the length is right; the symbol stands at
// `offset` plus the code's distance from the length's first.
const LENGTH_MAX = 30;
const byLength = [];
for (let length = 0; length <= LENGTH_MAX; length++) {
  const of = sorted.filter((symbol) => huffmanLengths[symbol] === length);
  const first = of.length === 0 ? 0 : codes.get(of[0]).code * 2 ** (32 - length);
  const limit = of.length === 0 ? 0 : (codes.get(of.at(-1)).code + 1) * 2 ** (32 - length) - 1;
  byLength.push(first, limit, of.length === 0 ? 0 : sorted.indexOf(of[0]), 0);
}

const lines = ['// Generated by scripts/hpack.mjs; do not edit.'];
const data = (name, type, values) =>
  lines.push(`export const ${name}: usize = memory.data<${type}>([${values.join(',')}]);`);
data('HUFFMAN_PAIRS', 'u32', pairs);
data('HUFFMAN_LENGTHS', 'u32', byLength);
data('HUFFMAN_SYMBOLS', 'u16', sorted);
data('HUFFMAN_BITS', 'u8', huffmanLengths.slice(0, END_OF_STRING));

// The static table as canonical lines; name and value lengths as bytes. Behind it, names alone that the encoder leaves
// out. There is room for copies in steps of 16.
const named = [...staticTable, ...leftOut.map((name) => [name, ''])];
const text = named.map(([name, value]) => `${name}: ${value}\r\n`);
const offsets = text.map((_, index) => text.slice(0, index).join('').length);
data('STATIC_LINES', 'u8', Array.from(Buffer.from(text.join('') + ' '.repeat(16))));
data('STATIC_OFFSETS', 'u16', [0, ...offsets]);
data('STATIC_NAME_BYTES', 'u8', [0, ...named.map(([name]) => name.length)]);
data('STATIC_VALUE_BYTES', 'u8', [0, ...named.map(([, value]) => value.length)]);
data('STATIC_KINDS', 'u8', [0, ...staticTable.map(([name]) => kindOf(name))]);
kindNames.forEach((name, index) => lines.push(
  `export const KIND_${name.replace(/([a-z])([A-Z])/g, '$1_$2').toUpperCase()}: u32 = ${index};`));
named.forEach(([name], index) => {
  if (index > 0 && named[index - 1][0] === name) return;
  const constant = name.replace(/^:/, 'PSEUDO_').replace(/-/g, '_').toUpperCase();
  lines.push(`export const STATIC_${constant}: u32 = ${index + 1};`);
});

// The first index of a name, by the hash that the encoder computes (assembly/http2/hash.ts), found by search.
const SLOTS = 256, MASK = (1n << 64n) - 1n, MULTIPLIER = 0x9e3779b97f4a7c15n;
function hashOf(name, seed) {
  const bytes = Buffer.from(name), n = bytes.length;
  let hash = (BigInt(n) * MULTIPLIER & MASK) ^ seed;
  if (n >= 8) {
    for (let at = 0; at + 8 <= n; at += 8) hash = step(hash, bytes.readBigUInt64LE(at));
    if (n % 8 !== 0) hash = step(hash, bytes.readBigUInt64LE(n - 8));
  } else if (n >= 4) {
    hash = step(hash, BigInt(bytes.readUInt32LE(0)) | BigInt(bytes.readUInt32LE(n - 4)) << 32n);
  } else {
    hash = step(hash, BigInt(bytes[0] | bytes[n >> 1] << 8 | bytes[n - 1] << 16));
  }
  return hash;
}
function step(hash, word) {
  const product = (hash ^ word) * MULTIPLIER & MASK;
  return product ^ product >> 32n;
}
function slotsFor(seed) {
  const slots = new Array(SLOTS).fill(0);
  for (const [index, [name]] of named.entries()) {
    const slot = Number(hashOf(name, seed) & BigInt(SLOTS - 1));
    if (slots[slot] === 0) slots[slot] = index + 1;
    else if (named[slots[slot] - 1][0] !== name) return null;
  }
  return slots;
}
let seed = 1n;
while (slotsFor(seed) === null) seed++;
lines.push(`export const NAME_HASH_SEED: u64 = ${seed};`);
data('STATIC_BY_NAME', 'u8', slotsFor(seed));

const file = join(root, 'assembly/generated/hpack.ts'), content = lines.join('\n') + '\n';
if (!existsSync(file) || readFileSync(file, 'utf8') !== content) {
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, content);
}
