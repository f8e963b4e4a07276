// Does a connection begin with an HTTP request, and of which version? Only the first line is looked at.
const preface = 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n';
const token = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;

export const LINE_MORE = 0;
export const LINE_OTHER = 1;
export const LINE_HTTP10 = 2;
export const LINE_HTTP11 = 3;
export const LINE_HTTP2 = 4;

/** Looks at all bytes that have arrived so far. */
export function requestLine(u8: Uint8Array, at: number, end: number): number {
  if (at === end) return LINE_MORE;
  let same = 0;
  while (same < preface.length && at + same < end && u8[at + same] === preface.charCodeAt(same)) same++;
  if (same === preface.length) return LINE_HTTP2;
  if (at + same === end) return LINE_MORE;
  if (!token.test(String.fromCharCode(u8[at]))) return LINE_OTHER;
  const newline = u8.subarray(at, end).indexOf(10);
  return newline < 0 ? LINE_MORE : versionOf(u8, at, at + newline);
}

function versionOf(u8: Uint8Array, at: number, end: number): number {
  let text = '';
  for (let i = at; i < end; i++) text += String.fromCharCode(u8[i]);
  const [method, target, version, more] = text.trimEnd().split(/[ \t]+/);
  if (target === undefined || more !== undefined || !token.test(method)) return LINE_OTHER;
  for (let i = 0; i < target.length; i++) if (target.charCodeAt(i) < 33
    || target.charCodeAt(i) > 126) return LINE_OTHER;
  if (version !== undefined && !/^HTTP\/\d\.\d$/.test(version)) return LINE_OTHER;
  return version === 'HTTP/1.1' ? LINE_HTTP11 : LINE_HTTP10;
}
