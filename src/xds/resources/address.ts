// core.v3.Address: an IP address or host name with a port, or a Unix-domain socket.
import { isIP } from 'node:net';
import type { Address as PlainAddress, IpAddress } from '../../config/types.js';
import { fieldPath } from '../wire/message.js';
import type { Report } from '../wire/message.js';
import type { Address, SocketAddress } from '../wire/generated/messages.js';

const PIPE_PATH_BYTES_MAX = 107;   // sun_path is 108 bytes and ends with NUL

/** What an address may be: listeners and static endpoints need an IP address, DNS clusters take names. */
export type AddressUse = 'bind' | 'connect' | 'resolve';

/** The address, or null with the reason in the report. */
export function readAddress(address: Address | undefined, use: AddressUse, path: string,
  report: Report): PlainAddress | null {
  if (address?.pipe !== undefined) return readPipe(address.pipe, fieldPath(path, 'pipe'), use, report);
  const socket = address?.socketAddress;
  if (socket === undefined) {
    if (address === undefined) report.fail(path, 'required');
    return null;
  }
  return readSocketAddress(socket, use, fieldPath(path, 'socket_address'), report);
}

export function readSocketAddress(socket: SocketAddress, use: AddressUse, at: string,
  report: Report): IpAddress | null {
  const host = socket.address ?? '';
  const port = socket.portValue ?? 0;
  const compatible = socket.ipv4Compat ?? false;
  if (use !== 'resolve' && host !== '' && isIP(host) === 0) {
    report.fail(fieldPath(at, 'address'), `malformed IP address: ${host}` +
      (use === 'connect' ? '. A cluster that resolves names has the type STRICT_DNS' : ''));
    return null;
  }
  if (use === 'resolve' && host !== '' && isIP(host) === 0 && !isHostName(host)) {
    report.fail(fieldPath(at, 'address'), `neither an IP address nor a host name: ${host}`);
    return null;
  }
  if (use !== 'bind' && port === 0) {
    report.fail(fieldPath(at, 'port_value'), 'an endpoint needs a port');
    return null;
  }
  if (compatible && isIP(host) !== 6) report.fail(fieldPath(at, 'ipv4_compat'), 'needs an IPv6 address');
  return { kind: 'ip', host, port, ipv4Compat: compatible };
}

function readPipe(pipe: { path?: string; mode?: number }, at: string, use: AddressUse,
  report: Report): PlainAddress | null {
  const path = pipe.path ?? '';
  if (Buffer.byteLength(path) > PIPE_PATH_BYTES_MAX) {
    report.fail(fieldPath(at, 'path'), `longer than ${PIPE_PATH_BYTES_MAX} bytes, the kernel's limit`);
    return null;
  }
  if (use === 'resolve') {
    report.fail(at, 'a cluster that resolves names needs socket addresses');
    return null;
  }
  if (path.includes('\0')) report.fail(fieldPath(at, 'path'), 'holds a NUL byte');
  return { kind: 'pipe', path, mode: pipe.mode ?? 0 };
}

const isHostName = (host: string): boolean => host.length <= 253
  && /^[A-Za-z0-9_]([A-Za-z0-9_.-]*[A-Za-z0-9_.])?$/.test(host);

/** The address as Envoy prints it: '127.0.0.1:80', '[::1]:80', '/path'. */
export function addressText(address: PlainAddress): string {
  if (address.kind === 'pipe') return address.path;
  return address.host.includes(':') ? `[${address.host}]:${address.port}` : `${address.host}:${address.port}`;
}
