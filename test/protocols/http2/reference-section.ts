// What a field section means, judged slowly from RFC 9113 8 over strings: the canonical text that the codec has to
// give, or the first rule that the section breaks. Limits of room are not the reference's: it has all there is.
import { H2Error, H2Scope } from '../../../src/core/generated/layouts.js';
import type { SectionKind, SectionLimits, SectionOptions, SectionView } from './codec.js';
import type { Fields, ReferenceTable } from './reference-hpack.js';

const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;
const CONNECTION_NAMES = ['connection', 'keep-alive', 'proxy-connection', 'transfer-encoding', 'upgrade'];
const PSEUDO_NAMES = [':method', ':scheme', ':authority', ':path', ':status', ':protocol'];
/** Stands for the random key in the reference's text. */
export const KEY = '<key>';

/** State of one section. */
class Section {
  reason = 'none';
  flags = new Set<string>();
  lines: [string, string][] = [];
  /** Values of the pseudo-header fields. */
  pseudo = new Map<string, string>();
  length = -1;
  host: string | null = null;
  /** Crumbs, and how many lines stood before each. */
  cookies: { at: number; value: string }[] = [];
  started = false;
  status = 0;
  protocol = '';

  refuse(reason: string): void { if (this.reason === 'none') this.reason = reason; }
}

export function referenceSection(kind: SectionKind, block: Uint8Array, table: ReferenceTable, limits: SectionLimits,
    options: SectionOptions): SectionView {
  const { fields, fault } = table.decode(block);
  const section = new Section();
  let listBytes = 0, fieldCount = 0;
  for (const [name, value, neverIndexed] of fields) {
    if (section.reason !== 'none') break;
    fieldCount++;
    listBytes += name.length + value.length + 32;
    if (listBytes > limits.listBytesMax || name.length > 8192) section.refuse('tooLarge');
    else if (fieldCount > limits.countMax) section.refuse('tooMany');
    else if (!nameIsGood(name)) section.refuse('badName');
    else if (!/^([\x21-\x7e\x80-\xff]([\t\x20-\x7e\x80-\xff]*[\x21-\x7e\x80-\xff])?)?$/.test(value))
      section.refuse('badValue');
    else take(section, kind, name, value, neverIndexed, options);
  }
  if (fault === 'none' && section.reason === 'none') finish(section, kind, options);
  const text = fault === 'none' && section.reason === 'none' ? textOf(section, kind, options) : '';
  return view(section, fault, text, listBytes, fieldCount);
}

function view(section: Section, fault: Fields['fault'], text: string, listBytes: number,
    fieldCount: number): SectionView {
  const broken = fault !== 'none', reason = broken ? fault : section.reason;
  const calm = !broken && ['tooLarge', 'tooMany'].includes(reason);
  if (calm) section.flags.add(reason);
  const code = broken ? H2Error.compression : calm ? H2Error.enhanceYourCalm
    : reason === 'none' ? H2Error.none : H2Error.protocol;
  return { text, reason, code, scope: broken ? H2Scope.connection : reason === 'none' ? H2Scope.none : H2Scope.stream,
    flags: [...section.flags].sort(), listBytes, fieldCount, length: section.length, status: section.status,
    protocol: section.protocol };
}

function nameIsGood(name: string): boolean {
  return name.startsWith(':') || (TOKEN.test(name) && !/[A-Z]/.test(name));
}

function take(section: Section, kind: SectionKind, name: string, value: string, neverIndexed: boolean,
    options: SectionOptions): void {
  if (name.startsWith(':')) { pseudo(section, kind, name, value); return; }
  if (kind === 'request' && !section.started) judgePseudo(section, options);
  if (kind === 'response' && section.status === 0) section.refuse('pseudoMissing');
  section.started = true;
  if (section.reason !== 'none') return;
  if (kind === 'trailers' && ['content-length', 'host', 'trailer', 'te'].includes(name)) return;
  if (kind === 'request' && name === 'host') { host(section, value); return; }
  if (name.includes('_')) section.flags.add('underscore');
  if (CONNECTION_NAMES.includes(name)) section.refuse('connectionField');
  else if (name === 'cookie') { section.cookies.push({ at: section.lines.length, value }); return; }
  else if (name === 'content-length') length(section, value);
  else if (name === 'te' && value.toLowerCase() !== 'trailers') section.refuse('badTe');
  const marked = neverIndexed && !['content-length', 'host', 'te', 'trailer'].includes(name);
  section.lines.push([name, marked ? ` ${value}` : value]);
}

function length(section: Section, value: string): void {
  const good = /^(0|[1-9][0-9]{0,15})$/.test(value) && BigInt(value) <= BigInt(Number.MAX_SAFE_INTEGER);
  if (!good) section.refuse('badContentLength');
  else if (section.flags.has('hasContentLength')) section.refuse('lengthRepeated');
  else section.length = Number(value);
  section.flags.add('hasContentLength');
}

function host(section: Section, value: string): void {
  const authority = section.pseudo.get(':authority');
  if (section.host !== null) section.refuse('hostRepeated');
  else if (authority !== undefined) {
    if (authority.toLowerCase() !== value.toLowerCase()) section.refuse('hostDiffers');
  } else if (!hostIsGood(value)) section.refuse('badAuthority');
  else section.lines.push(['host', value]);
  section.host = value;
}

function pseudo(section: Section, kind: SectionKind, name: string, value: string): void {
  if (kind === 'trailers') { section.refuse('pseudoUnknown'); return; }
  const known = kind === 'request' ? PSEUDO_NAMES.filter((other) => other !== ':status') : [':status'];
  if (section.started) section.refuse('pseudoAfterField');
  else if (section.pseudo.has(name)) section.refuse('pseudoRepeated');
  else if (!known.includes(name)) section.refuse('pseudoUnknown');
  else if (name === ':status' && (!/^[1-9][0-9][0-9]$/.test(value) || value === '101')) section.refuse('badStatus');
  else section.pseudo.set(name, value);
  if (kind === 'response' && section.reason === 'none') section.status = Number(value);
}

function hostIsGood(value: string): boolean {
  const parts = /^(\[[0-9a-f:.%]{2,}\]|[-._~!$&'()*+,;=%0-9A-Za-z]+)(?::([0-9]{0,5}))?$/i.exec(value);
  return parts !== null && (parts[2] === undefined || Number(parts[2]) < 65536);
}

/** RFC 9113 8.3.1, 8.5; RFC 8441 4. */
function judgePseudo(section: Section, options: SectionOptions): void {
  const { pseudo } = section;
  const method = pseudo.get(':method'), authority = pseudo.get(':authority'), protocol = pseudo.get(':protocol');
  const scheme = pseudo.get(':scheme'), path = pseudo.get(':path');
  if (method === undefined) section.refuse('pseudoMissing');
  else if (authority !== undefined && !hostIsGood(authority)) section.refuse('badAuthority');
  else if (protocol !== undefined) {
    if (method !== 'CONNECT' || options.allowExtendedConnect !== true) section.refuse('pseudoUnknown');
    else if (!TOKEN.test(protocol)) section.refuse('badProtocol');
    else if (authority === undefined || scheme === undefined || path === undefined) section.refuse('pseudoMissing');
    section.flags.add('extendedConnect');
  } else if (method === 'CONNECT') {
    if (scheme !== undefined || path !== undefined) section.refuse('pseudoUnknown');
    else if (authority === undefined) section.refuse('pseudoMissing');
    section.flags.add('connect');
    return;
  } else if (scheme === undefined || path === undefined) section.refuse('pseudoMissing');
  else if (!TOKEN.test(method)) section.refuse('badMethod');
  if (section.reason !== 'none') return;
  if (scheme!.toLowerCase() === 'https') section.flags.add('https');
  else if (scheme!.toLowerCase() !== 'http') section.refuse('badScheme');
  if (!/^\/[\x21-\x7e]*$/.test(path!) && !(path === '*' && method === 'OPTIONS')) section.refuse('badPath');
}

function finish(section: Section, kind: SectionKind, options: SectionOptions): void {
  if (kind === 'response' && section.status === 0) section.refuse('pseudoMissing');
  if (kind !== 'request') return;
  if (!section.started) judgePseudo(section, options);
  if (!section.pseudo.has(':authority') && section.host === null) section.refuse('pseudoMissing');
}

/** One cookie line: where the crumbs were, or at the end when others stood between them (RFC 9113 8.2.3). */
function linesOf(section: Section): [string, string][] {
  const { cookies, lines } = section;
  if (cookies.length === 0) return lines;
  const at = cookies.every((crumb) => crumb.at === cookies[0].at) ? cookies[0].at : lines.length;
  const value = cookies.map((crumb) => crumb.value).join('; ');
  return [...lines.slice(0, at), ['cookie', value], ...lines.slice(at)];
}

function textOf(section: Section, kind: SectionKind, options: SectionOptions): string {
  const { pseudo } = section;
  const lines = linesOf(section).map(([name, value]) => `${name}: ${value}\r\n`).join('');
  if (kind === 'trailers') return lines;
  if (kind === 'response') {
    const upgraded = options.upgraded !== undefined && section.status < 300 && section.status >= 200;
    if (upgraded) section.status = 101;
    const upgrade = upgraded ? `connection: upgrade\r\nupgrade: ${options.upgraded}\r\n` : '';
    return `HTTP/1.1 ${section.status} \r\n${lines}${upgrade}\r\n`;
  }
  const protocol = section.protocol = pseudo.get(':protocol') ?? '';
  const authority = pseudo.get(':authority');
  const method = protocol === '' ? pseudo.get(':method') : 'GET';
  const hostLine = authority === undefined ? '' : `host: ${authority}\r\n`;
  const upgrade = protocol === '' ? '' : `connection: upgrade\r\nupgrade: ${protocol}\r\n`;
  const hasKey = section.lines.some(([name]) => name === 'sec-websocket-key');
  const wantsKey = protocol.toLowerCase() === 'websocket' && !hasKey && options.random === true;
  const key = wantsKey ? `sec-websocket-key: ${KEY}\r\n` : '';
  return `${method} ${pseudo.get(':path') ?? authority} HTTP/1.1\r\n${hostLine}${upgrade}${lines}${key}\r\n`;
}
