// TLS ClientHellos and PROXY headers for tests, as Latin-1 text.
const u8 = (value: number): string => String.fromCharCode(value & 255);
const u16 = (value: number): string => u8(value >> 8) + u8(value);
const sized = (bytes: 1 | 2 | 3, text: string): string =>
  (bytes === 3 ? u8(text.length >> 16) : '') + (bytes === 1 ? u8(text.length) : u16(text.length & 0xffff)) + text;

export interface HelloOptions {
  /** client_version; the versions extension is left out where it is below 0x0303. */
  version?: number; versions?: readonly number[]; padding?: number; compression?: string;
  suites?: readonly number[]; groups?: readonly number[]; algorithms?: readonly number[];
  sessionId?: string;
  /** Of X25519; '' = the extension is left out. */
  keyShare?: string;
  /** Further ones, before the padding. */
  extensions?: string;
}
export const helloExtension = (type: number, value: string): string => u16(type) + sized(2, value);

/** The handshake message: to be put into one record or several. */
export function helloMessage(name: string | null, protocols: readonly string[] = [],
  options: HelloOptions = {}): string {
  const { version = 0x0303, versions = version < 0x0303 ? [] : [0x0304, 0x0303], padding = 0,
    compression = '\0', suites = [0x1301, 0xc02b, 0xc02f], sessionId = '', keyShare = 'k'.repeat(32) } = options;
  const extension = helloExtension;
  const groups = extension(10, sized(2, (options.groups ?? [29, 23]).map(u16).join('')));
  const algorithms = extension(13, sized(2, (options.algorithms ?? [0x0403, 0x0804, 0x0401]).map(u16).join('')));
  const extensions = [
    ...(name === null ? [] : [extension(0, sized(2, '\0' + sized(2, name)))]),
    groups, algorithms,
    ...(versions.length === 0 ? [] : [extension(43, sized(1, versions.map(u16).join('')))]),
    ...(protocols.length === 0 ? [] : [extension(16, sized(2, protocols.map((one) => sized(1, one)).join('')))]),
    ...(keyShare === '' ? [] : [extension(51, sized(2, u16(29) + sized(2, keyShare)))]),
    options.extensions ?? '',
    ...(padding === 0 ? [] : [extension(21, '\0'.repeat(padding))]),
  ].join('');
  const body = u16(version) + 'r'.repeat(32) + sized(1, sessionId) + sized(2, suites.map(u16).join(''))
    + sized(1, compression) + sized(2, extensions);
  return u8(1) + sized(3, body);
}

export const record = (content: string, type = 22, version = 0x0301): string => u8(type) + u16(version)
  + sized(2, content);

export const clientHello = (name: string | null, protocols: readonly string[] = [],
  options: HelloOptions = {}): string =>
  record(helloMessage(name, protocols, options));

const ip = (address: string): string => address.includes(':') ? ipv6(address) : address.split('.')
  .map((part) => u8(Number(part))).join('');
function ipv6(address: string): string {
  const [head, tail] = address.split('::');
  const groups = (text: string | undefined): string[] => text === undefined || text === '' ? [] : text.split(':');
  const left = groups(head), right = groups(tail);
  return [...left, ...new Array<string>(8 - left.length - right.length).fill('0'), ...right]
    .map((group) => u16(parseInt(group, 16))).join('');
}

/** Version 2 of the PROXY protocol. */
export function proxyV2(from: string, fromPort: number, to: string, toPort: number,
  { command = 0x21, family,
    extensions = '' }: { command?: number; family?: number; extensions?: string } = {}): string {
  const addresses = from === '' ? '' : ip(from) + ip(to) + u16(fromPort) + u16(toPort);
  return '\r\n\r\n\0\r\nQUIT\n' + u8(command) + u8(family ?? (from.includes(':') ? 0x21 : 0x11))
    + sized(2, addresses + extensions);
}
export const tlv = (type: number, value: string): string => u8(type) + sized(2, value);
