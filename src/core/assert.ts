// Assertions about our own invariants. Bytes from the network and configuration never trip one: they are answered.

/** Throws when an invariant of ours is broken. */
export function assert(condition: boolean, what = 'invariant'): asserts condition {
  if (!condition) throw new Error(`assertion failed: ${what}`);
}

/** For the `default` of a switch over a union: fails to compile when a case is missing. */
export function unreachable(value: never): never {
  throw new Error(`unreachable: ${String(value)}`);
}
