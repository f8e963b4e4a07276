// The limit of open descriptors. A proxy needs two per proxied connection, and shells start with a soft limit of 1,024.
import { RLIMIT_NOFILE } from './constants.js';
import * as libc from './libc.js';

const words = new BigUint64Array(64);       // large enough to live outside the JavaScript heap, where it never moves
const address = libc.addressOf(new Uint8Array(words.buffer));
const UNLIMITED = 0xffffffffffffffffn;

export interface FileLimit { soft: number; hard: number }

/** Both limits; Infinity where there is none. */
export function fileLimit(): FileLimit {
  libc.getrlimit(RLIMIT_NOFILE, address);
  const number = (value: bigint) => value === UNLIMITED ? Infinity : Number(value);
  return { soft: number(words[0]!), hard: number(words[1]!) };
}

/** Raises the soft limit to the hard one; returns what holds now. */
export function raiseFileLimit(): FileLimit {
  libc.getrlimit(RLIMIT_NOFILE, address);
  if (words[0] !== words[1]) {
    words[0] = words[1]!;
    libc.setrlimit(RLIMIT_NOFILE, address);
  }
  return fileLimit();
}
