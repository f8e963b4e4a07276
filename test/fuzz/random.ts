// Random numbers that a seed replays (xoshiro128**), and mutations of byte strings.
export class Random {
  private readonly state = new Uint32Array(4);
  constructor(seed: number) {
    for (let i = 0; i < 4; i++) {
      seed = (Math.imul(seed ^ (seed >>> 16), 0x45d9f3b) + 0x9e3779b9 + i) >>> 0;
      this.state[i] = seed;
    }
  }

  next(): number {
    const s = this.state;
    const product = Math.imul(s[1], 5);
    const result = Math.imul((product << 7) | (product >>> 25), 9) >>> 0;
    const shifted = s[1] << 9;
    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= shifted;
    s[3] = (s[3] << 11) | (s[3] >>> 21);
    return result;
  }
  /** An integer in [0, bound). */
  below(bound: number): number {
    return bound === 0 ? 0 : this.next() % bound;
  }
  pick<T>(list: readonly T[]): T {
    return list[this.below(list.length)];
  }
}

/**
 * One to four changes: bytes flipped, pieces removed, doubled, inserted from the dictionary, or taken from another
 * seed.
 */
export function mutate(
  random: Random,
  input: Buffer,
  other: Buffer,
  dictionary: readonly string[],
  bytesMax: number,
): Buffer {
  let output = input;
  for (let changes = 1 + random.below(4); changes > 0; changes--) output = change(random, output, other, dictionary);
  return output.subarray(0, bytesMax);
}

function change(random: Random, input: Buffer, other: Buffer, dictionary: readonly string[]): Buffer {
  const at = random.below(input.length + 1),
    length = random.below(Math.min(40, input.length - at + 1));
  const piece = input.subarray(at, at + length);
  const spliced = (middle: Uint8Array, skip: number) =>
    Buffer.concat([input.subarray(0, at), middle, input.subarray(at + skip)]);
  switch (random.below(8)) {
    case 0:
      return spliced(Buffer.from([random.below(256)]), 1);
    case 1:
      return spliced(
        Buffer.from([random.pick([0, 9, 10, 11, 13, 32, 44, 48, 58, 59, 95, 127, 128, 255])]),
        random.below(2),
      );
    case 2:
      return spliced(Buffer.alloc(0), length);
    case 3:
      return spliced(Buffer.concat([piece, piece]), length);
    case 4:
      return spliced(Buffer.from(random.pick(dictionary), 'latin1'), 0);
    case 5:
      return spliced(Buffer.from(random.pick(dictionary), 'latin1'), length);
    case 6: {
      const from = random.below(other.length + 1);
      return spliced(other.subarray(from, from + 1 + random.below(60)), length);
    }
    default:
      return spliced(Buffer.alloc(1 + random.below(80), piece.length > 0 ? piece : 'a'), 0);
  }
}
