// Readiness of descriptors on the main thread, through libuv's own epoll (koffi.poll is uv_poll): no thread waits, and
// process exit does not hang on it. Level-triggered: the callback comes again while something is left.
import { ffi } from './libc.js';

export interface Watch {
  /** Stops calling; `resume` starts again. */
  pause(): void;
  resume(): void;
  /** Stops for good. Before the descriptor is closed. */
  close(): void;
  /** Lets the process end although this is open. */
  unref(): void;
}

/**
 * Calls `onReadable` whenever `fd` (a listening socket, an eventfd) has something. Errors of the fd count as readable.
 */
export function watchReadable(fd: number, onReadable: () => void): Watch {
  const wanted = { readable: true };
  const handle = ffi.node.poll(fd, wanted, onReadable);
  let paused = false;
  let closed = false;
  return {
    pause() {
      if (paused || closed) return;
      paused = true;
      handle.stop();
    },
    resume() {
      if (!paused || closed) return;
      paused = false;
      handle.start(wanted, onReadable);
    },
    close() {
      if (closed) return;
      closed = true;
      handle.close();
    },
    unref() { handle.unref(); },
  };
}
