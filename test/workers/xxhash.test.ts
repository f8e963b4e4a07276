// xxHash64 against its published vectors on each build of the codecs, and how the hashes of policies are combined.
import t from 'tap';
import { instantiateCodecs } from '../../src/workers/codecs.js';
import { codecBuilds, codecModule } from '../support/wasm.js';

const vectors: [string, bigint][] = [
  ['', 0xef46db3751d8e999n], ['a', 0xd24ec4f1a98c6e5bn], ['abc', 0x44bc2cf5ad770999n],
  ['Nobody inspects the spammish repetition', 0xfbcea83c8a378bf1n],
];

const mask = (value: bigint): bigint => BigInt.asUintN(64, value);
/** MurmurHash2 of 64 bits, written after its description, eight bytes at a time. */
function murmur(text: string): bigint {
  const bytes = Buffer.from(text), multiplier = 0xc6a4a7935bd1e995n;
  let hash = 0xc70f6907n ^ mask(BigInt(bytes.length) * multiplier);
  let at = 0;
  for (; at + 8 <= bytes.length; at += 8) {
    const mixed = mask(bytes.readBigUInt64LE(at) * multiplier);
    hash = mask((hash ^ mask((mixed ^ (mixed >> 47n)) * multiplier)) * multiplier);
  }
  if (at < bytes.length) {
    const rest = Buffer.concat([bytes.subarray(at), Buffer.alloc(8)]).readBigUInt64LE(0);
    hash = mask((hash ^ rest) * multiplier);
  }
  hash = mask((hash ^ (hash >> 47n)) * multiplier);
  return hash ^ (hash >> 47n);
}

for (const build of codecBuilds) {
  t.test(build, async (t) => {
    const memory = new WebAssembly.Memory({ initial: 1024, maximum: 1024, shared: true });
    const codecs = instantiateCodecs(codecModule(build), memory);
    const bytes = new Uint8Array(memory.buffer), words = new BigUint64Array(memory.buffer);
    const at = 2 << 20, out = 3 << 20;
    const write = (text: string): number => { bytes.set(Buffer.from(text), at); return text.length; };
    for (const [text, hash] of vectors) {
      codecs.hashBytes(at, write(text), out);
      t.equal(words[out >> 3], hash, JSON.stringify(text));
    }
    codecs.hashCombine(at, write('a'), out, 0);
    t.equal(words[out >> 3], vectors[1]![1], 'the first hash stands alone');
    codecs.hashCombine(at, write('abc'), out, 1);
    const [, a] = vectors[1]!, [, abc] = vectors[2]!;
    t.equal(words[out >> 3], BigInt.asUintN(64, (a << 1n) | (a >> 63n)) ^ abc, 'the next is xor-ed to it, rotated');
    codecs.hashSeeded(at, write('a'), 1, out);
    t.equal(words[out >> 3], 0xdec2bc81c3cd46c6n, 'a seed changes it');
    for (const text of ['x_', '10.0.0.1:80_', 'exactly16bytes__', 'a-rather-long-name.of-an-endpoint.example:8080_']) {
      for (const first of [0, 9, 99_998]) {
        codecs.hashNumbered(at, write(text), first, 3, 1, out);
        t.same([...words.subarray(out >> 3, (out >> 3) + 3)], [0, 1, 2].map((i) => murmur(`${text}${first + i}`)));
        codecs.hashNumbered(at, write(text), first, 3, 0, out);
        const numbered = [...words.subarray(out >> 3, (out >> 3) + 3)];
        for (const [i, hash] of numbered.entries()) {
          codecs.hashBytes(at, write(`${text}${first + i}`), out);
          t.equal(hash, words[out >> 3]);
        }
      }
    }
  });
}
