// Linux errno numbers (generic table: x64 and arm64 agree), their names and short descriptions as strerror prints them.

export const EPERM = 1;
export const ENOENT = 2;
export const EINTR = 4;
export const EIO = 5;
export const EBADF = 9;
export const EAGAIN = 11;
export const ENOMEM = 12;
export const EACCES = 13;
export const EFAULT = 14;
export const EBUSY = 16;
export const EEXIST = 17;
export const EINVAL = 22;
export const ENFILE = 23;
export const EMFILE = 24;
export const ENOSPC = 28;
export const EPIPE = 32;
export const ENOSYS = 38;
export const ETIME = 62;
export const EPROTO = 71;
export const ENOTSOCK = 88;
export const EOPNOTSUPP = 95;
export const EADDRINUSE = 98;
export const EADDRNOTAVAIL = 99;
export const ENETDOWN = 100;
export const ENETUNREACH = 101;
export const ECONNABORTED = 103;
export const ECONNRESET = 104;
export const ENOBUFS = 105;
export const EISCONN = 106;
export const ENOTCONN = 107;
export const ETIMEDOUT = 110;
export const ECONNREFUSED = 111;
export const EHOSTUNREACH = 113;
export const EALREADY = 114;
export const EINPROGRESS = 115;
export const ECANCELED = 125;

const NAMES = new Map<number, [string, string]>([
  [EPERM, ['EPERM', 'Operation not permitted']],
  [ENOENT, ['ENOENT', 'No such file or directory']],
  [EINTR, ['EINTR', 'Interrupted system call']],
  [EIO, ['EIO', 'Input/output error']],
  [EBADF, ['EBADF', 'Bad file descriptor']],
  [EAGAIN, ['EAGAIN', 'Resource temporarily unavailable']],
  [ENOMEM, ['ENOMEM', 'Cannot allocate memory']],
  [EACCES, ['EACCES', 'Permission denied']],
  [EFAULT, ['EFAULT', 'Bad address']],
  [EBUSY, ['EBUSY', 'Device or resource busy']],
  [EEXIST, ['EEXIST', 'File exists']],
  [EINVAL, ['EINVAL', 'Invalid argument']],
  [ENFILE, ['ENFILE', 'Too many open files in system']],
  [EMFILE, ['EMFILE', 'Too many open files']],
  [ENOSPC, ['ENOSPC', 'No space left on device']],
  [EPIPE, ['EPIPE', 'Broken pipe']],
  [ENOSYS, ['ENOSYS', 'Function not implemented']],
  [ETIME, ['ETIME', 'Timer expired']],
  [EPROTO, ['EPROTO', 'Protocol error']],
  [ENOTSOCK, ['ENOTSOCK', 'Socket operation on non-socket']],
  [EOPNOTSUPP, ['EOPNOTSUPP', 'Operation not supported']],
  [EADDRINUSE, ['EADDRINUSE', 'Address already in use']],
  [EADDRNOTAVAIL, ['EADDRNOTAVAIL', 'Cannot assign requested address']],
  [ENETDOWN, ['ENETDOWN', 'Network is down']],
  [ENETUNREACH, ['ENETUNREACH', 'Network is unreachable']],
  [ECONNABORTED, ['ECONNABORTED', 'Software caused connection abort']],
  [ECONNRESET, ['ECONNRESET', 'Connection reset by peer']],
  [ENOBUFS, ['ENOBUFS', 'No buffer space available']],
  [EISCONN, ['EISCONN', 'Transport endpoint is already connected']],
  [ENOTCONN, ['ENOTCONN', 'Transport endpoint is not connected']],
  [ETIMEDOUT, ['ETIMEDOUT', 'Connection timed out']],
  [ECONNREFUSED, ['ECONNREFUSED', 'Connection refused']],
  [EHOSTUNREACH, ['EHOSTUNREACH', 'No route to host']],
  [EALREADY, ['EALREADY', 'Operation already in progress']],
  [EINPROGRESS, ['EINPROGRESS', 'Operation now in progress']],
  [ECANCELED, ['ECANCELED', 'Operation canceled']],
]);

/** 'ECONNRESET' for 104; 'errno 999' for a number that is not in the table. */
export function errnoName(errno: number): string {
  return NAMES.get(errno)?.[0] ?? `errno ${errno}`;
}

/** 'Connection reset by peer' for 104: what strerror prints, and what Envoy quotes in its details. */
export function errnoText(errno: number): string {
  return NAMES.get(errno)?.[1] ?? `Unknown error ${errno}`;
}

/**
 * A system call failed where nothing but telling the operator can be done: 'bind 0.0.0.0:80: Permission denied
 * (EACCES)'.
 */
export class SystemCallError extends Error {
  constructor(readonly what: string, readonly errno: number) {
    super(`${what}: ${errnoText(errno)} (${errnoName(errno)})`);
  }
}
