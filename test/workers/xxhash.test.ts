// xxHash64 against its published vectors on each build of the codecs, and how the hashes of policies are combined.
import t from 'tap';
import { instantiateCodecs } from '../../src/workers/codecs.js';
import { codecBuilds, codecModule } from '../support/wasm.js';

const vectors: [string, bigint][] = [
  ['', 0xef46db3751d8e999n], ['a', 0xd24ec4f1a98c6e5bn], ['abc', 0x44bc2cf5ad770999n],
  ['Nobody inspects the spammish repetition', 0xfbcea83c8a378bf1n],
];

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
  });
}
