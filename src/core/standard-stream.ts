// Standard output and error as descriptors that a full pipe or a stopped terminal cannot hold: a write that would wait
// fails with EAGAIN instead, and the writer drops or tries later.
import { constants, fstatSync, openSync } from 'node:fs';

/**
 * Standard output or error for writing without waiting. The non-blocking flag belongs to the open file, which other
 * processes share, so a pipe or terminal is opened once more through /proc. Where that is not allowed, and for a
 * socket, the descriptor is used as it is.
 */
export function openStandard(fd: number): number {
  try {
    const stat = fstatSync(fd);
    if (!stat.isFIFO() && !stat.isCharacterDevice()) return fd;
    return openSync(`/proc/self/fd/${fd}`, constants.O_WRONLY | constants.O_NONBLOCK | constants.O_NOCTTY);
  } catch {
    return fd;
  }
}
