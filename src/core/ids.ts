// Random seeds for the generators that make ids where they are needed: a worker must never ask the operating system.
import { randomFillSync } from 'node:crypto';

/** 128 bits for one worker's generator, never all zero. */
export function randomSeed(): [number, number, number, number] {
  const words = randomFillSync(new Int32Array(4));
  if (words.every((word) => word === 0)) words[0] = 1;
  return [words[0]!, words[1]!, words[2]!, words[3]!];
}
