// A slow decoder of HTTP/1 heads, written from RFC 9110 and RFC 9112 over strings and regular expressions, sharing
// nothing with the codec. It takes the same stand as Weft where the RFCs leave a choice: whatever two implementations
// could read differently is refused.
import type { DecodeLimits, HeadResult, HeadView } from './codec.js';

const TOKEN = "[!#$%&'*+\\-.^_`|~0-9A-Za-z]";
const VALUE = '[\\t\\x20-\\x7e\\x80-\\xff]';
const headerLine = new RegExp(`^(${TOKEN}+):[ \\t]*(${VALUE}*)\\r\\n`);
const headerLineBegun = new RegExp(`^${TOKEN}*$|^${TOKEN}+:${VALUE}*\\r?$`);
const rejected = (code: string): HeadResult => ({ kind: 'rejected', code });
const HTTP_VERSION = /^HTTP\/([0-9])\.([0-9])/;

/** RFC 9112 3: request-line, field lines, empty line. */
export function referenceRequest(text: string, limits: DecodeLimits): HeadResult {
  const blank = /^(\r\n)*/.exec(text)![0].length;
  if (blank > 8) return rejected('badMethod');
  const rest = text.slice(blank);
  const method = new RegExp(`^${TOKEN}*`).exec(rest)![0];
  if (method.length > 32) return rejected('badMethod');
  if (method.length === rest.length || rest === '\r') return { kind: 'incomplete' };
  if (method === '' || rest[method.length] !== ' ') return rejected('badMethod');
  const target = /^[\x21-\x7e]*/.exec(rest.slice(method.length + 1))![0];
  const lineBytes = method.length + 1 + target.length;
  if (lineBytes === rest.length) return unfinished(text, limits);
  if (target === '' || rest[lineBytes] !== ' ') return rejected('badTarget');
  if (blank + lineBytes > limits.bytesMax) return rejected('headTooLarge');
  const after = rest.slice(lineBytes + 1);
  const version = requestVersion(after);
  if (version.kind !== 'version') return version;
  const view = emptyView();
  view.line = `${method} ${target}`;
  if (version.minor === 0) view.flags.push('version10');
  const fault = requestTarget(view, method, target);
  if (fault !== '') return rejected(fault);
  const { authority } = view;
  const result = fieldSection(view, text, text.length - after.length + 10, limits, version.minor === 0);
  if (result.kind !== 'head') return result;
  if (!view.flags.includes('hostHeader') && version.minor === 1) return rejected('missingHost');
  if (view.flags.includes('absoluteForm') || view.flags.includes('authorityForm')) view.authority = authority;
  view.flags.sort();
  return result;
}

/** RFC 9112 4: status-line, field lines, empty line. */
export function referenceResponse(text: string, limits: DecodeLimits): HeadResult {
  const wanted = 'HTTP/1.1 200 ';
  if (text.length < 13)
    return text.startsWith('HTTP/') || wanted.startsWith(text.slice(0, 5))
      ? { kind: 'incomplete' }
      : rejected('badStatusLine');
  const line = /^HTTP\/1\.([01]) ([1-9][0-9][0-9])(?= |\r)/.exec(text);
  if (line === null) return rejected('badStatusLine');
  const reasonAt = 12 + (text[12] === ' ' ? 1 : 0);
  const reason = new RegExp(`^${VALUE}*`).exec(text.slice(reasonAt))![0];
  const lineEnd = text.slice(reasonAt + reason.length, reasonAt + reason.length + 2);
  if (lineEnd === '' || lineEnd === '\r') return unfinished(text, limits);
  if (lineEnd !== '\r\n') return rejected('badLineEnding');
  const view = emptyView();
  view.line = `${line[2]} ${reason}`;
  if (line[1] === '0') view.flags.push('version10');
  const result = fieldSection(view, text, reasonAt + reason.length + 2, limits, line[1] === '0');
  view.authority = '';
  view.flags.sort();
  return result;
}

function emptyView(): HeadView {
  return { line: '', authority: '', path: '', pathOnlyBytes: 0, headers: [], flags: [], length: -1, bytes: 0 };
}
function unfinished(text: string, limits: DecodeLimits): HeadResult {
  return text.length > limits.bytesMax ? rejected('headTooLarge') : { kind: 'incomplete' };
}

function requestVersion(text: string): HeadResult | { kind: 'version'; minor: number } {
  const name = text.slice(0, 5);
  if (text.length < 8) return 'HTTP/'.startsWith(name) ? { kind: 'incomplete' } : rejected('badVersion');
  const version = HTTP_VERSION.exec(text);
  if (version === null) return rejected('badVersion');
  if (version[1] !== '1' || version[2] > '1') return rejected('unsupportedVersion');
  const end = text.slice(8, 10);
  if (end === '' || end === '\r') return { kind: 'incomplete' };
  return end === '\r\n' ? { kind: 'version', minor: Number(version[2]) } : rejected('badLineEnding');
}

/** RFC 9112 3.2: the four forms of a target. Returns a rejection or ''. */
function requestTarget(view: HeadView, method: string, target: string): string {
  if (method === 'CONNECT') {
    if (!hostIsValid(target) || !/:[0-9]+$/.test(target)) return 'badTarget';
    view.flags.push('authorityForm');
    view.authority = target;
    return '';
  }
  let path = target;
  if (target === '*' && method === 'OPTIONS') view.flags.push('asteriskForm');
  else if (!target.startsWith('/')) {
    const absolute = /^http(s?):\/\/([^/?#]*)(.*)$/i.exec(target);
    if (absolute === null || target.length === 7 + absolute[1].length) return 'badTarget';
    if (absolute[2] === '' || !hostIsValid(absolute[2])) return 'badHost';
    view.flags.push('absoluteForm');
    if (absolute[1] !== '') view.flags.push('httpsScheme');
    view.authority = absolute[2];
    path = absolute[3];
    if (path !== '' && !path.startsWith('/')) return 'badTarget';
  }
  view.path = path;
  const pathOnly = /^[^?#]*/.exec(path)![0];
  view.pathOnlyBytes = pathOnly.length;
  const note = (flag: string, present: boolean) => {
    if (present) view.flags.push(flag);
  };
  note('fragment', path.includes('#'));
  note('pathHasDoubleSlash', pathOnly.includes('//'));
  note('pathHasDots', /\/\.|\\/.test(pathOnly));
  note('pathHasPercent', pathOnly.includes('%'));
  note('pathHasEscapedSlash', /%(2f|5c)/i.test(pathOnly));
  return '';
}

/** RFC 3986 3.2.2 and 3.2.3 without userinfo: reg-name or IPv6 literal, and a port. */
function hostIsValid(host: string): boolean {
  const parts = /^(\[[0-9a-f:.%]{2,}\]|[^:[\]]*)(?::([0-9]{0,5}))?$/i.exec(host);
  if (parts === null) return false;
  if (parts[1] === '' && host !== '') return false;
  if (!parts[1].startsWith('[') && !/^[-._~!$&'()*+,;=%0-9A-Za-z]*$/.test(parts[1])) return false;
  return parts[2] === undefined || Number(parts[2]) < 65536;
}

/** RFC 9112 5: field lines until the empty line; `at` is where they begin. */
function fieldSection(view: HeadView, text: string, at: number, limits: DecodeLimits, version10: boolean): HeadResult {
  for (;;) {
    const rest = text.slice(at);
    if (rest.startsWith('\r\n')) break;
    if (rest === '' || rest === '\r') return unfinished(text, limits);
    const line = headerLine.exec(rest);
    if (line === null) {
      if (headerLineBegun.test(rest)) return unfinished(text, limits);
      return rejected(lineFault(rest));
    }
    if (view.headers.length === limits.countMax) return rejected('tooManyHeaders');
    const name = limits.lowerCase ? line[1].toLowerCase() : line[1];
    const value = line[2].replace(/[ \t]+$/, '');
    view.headers.push([name, value]);
    if (name.includes('_') && !view.flags.includes('underscore')) view.flags.push('underscore');
    const fault = meaning(view, name.toLowerCase(), value, version10);
    if (fault !== '') return rejected(fault);
    at += line[0].length;
  }
  if (at + 2 > limits.bytesMax) return rejected('headTooLarge');
  view.bytes = at + 2;
  return { kind: 'head', head: view };
}

/** Why a field line is refused: the first byte that no field line can have there. */
function lineFault(rest: string): string {
  if (/^[ \t]/.test(rest)) return 'obsoleteFold';
  if (rest[0] === '\r') return 'badLineEnding';
  const name = new RegExp(`^${TOKEN}*`).exec(rest)![0];
  const stop = rest[name.length];
  if (stop === '\n') return 'badLineEnding';
  if (name !== '' && (stop === ' ' || stop === '\t')) return 'spaceBeforeColon';
  if (name === '' || stop !== ':') return 'badHeaderName';
  const bad = rest[name.length + 1 + new RegExp(`^${VALUE}*`).exec(rest.slice(name.length + 1))![0].length];
  return bad === '\r' || bad === '\n' ? 'badLineEnding' : 'badHeaderValue';
}

const elements = (value: string) => value.split(',').map((element) => element.replace(/^[ \t]+|[ \t]+$/g, ''));
const tokensOf = (value: string) =>
  elements(value).map((element) => new RegExp(`^${TOKEN}*`).exec(element)![0].toLowerCase());

/** What a framing, connection or host field says (RFC 9112 6, 7.6 of RFC 9110). Returns a rejection or ''. */
function meaning(view: HeadView, name: string, value: string, version10: boolean): string {
  const { flags } = view;
  const has = (flag: string) => flags.includes(flag);
  const set = (flag: string) => {
    if (!has(flag)) flags.push(flag);
  };
  if (['connection', 'te', 'upgrade', 'keep-alive', 'proxy-connection', 'http2-settings'].includes(name))
    set('hopByHop');
  if (name === 'host') {
    if (has('hostHeader')) return 'repeatedHost';
    if (!hostIsValid(value)) return 'badHost';
    set('hostHeader');
    view.authority = value;
  } else if (name === 'content-length') {
    if (has('hasContentLength')) return 'badContentLength';
    if (has('transferEncoding')) return 'lengthConflict';
    if (!/^(0|[1-9][0-9]{0,15})$/.test(value) || BigInt(value) > BigInt(Number.MAX_SAFE_INTEGER))
      return 'badContentLength';
    set('hasContentLength');
    view.length = Number(value);
  } else if (name === 'transfer-encoding') {
    if (has('transferEncoding')) return 'repeatedTransferEncoding';
    if (version10) return 'transferEncodingInHttp10';
    if (has('hasContentLength')) return 'lengthConflict';
    if (value.toLowerCase() !== 'chunked') return 'unsupportedTransferEncoding';
    set('transferEncoding');
    set('chunked');
    set('hopByHop');
  } else if (name === 'connection') {
    for (const option of value
      .split(/[,\t ]+/)
      .filter((part) => part !== '')
      .map((part) => part.toLowerCase())) {
      const known: Record<string, string> = {
        close: 'connectionClose',
        'keep-alive': 'connectionKeepAlive',
        upgrade: 'upgrade',
      };
      set(Object.hasOwn(known, option) ? known[option] : 'connectionNames');
    }
  } else if (name === 'expect' && value.toLowerCase() === '100-continue') set('expectContinue');
  else if (name === 'te' && tokensOf(value).includes('trailers')) set('teTrailers');
  return '';
}
