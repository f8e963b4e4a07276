// The two ends of a connection as text, looked up in the kernel the first time somebody asks. Client IP and local port
// also as bytes in the arena, for the headers that carry them.
import type { SocketAddress } from '../../os/sockaddr.js';
import type { Engine } from '../engine.js';

const BLOCK_BYTES = 64;
const PORT_AT = 48;

export class ConnectionAddresses {
  private fd = -1;
  private block = -1;
  private remoteAddress: SocketAddress | null = null;
  private localAddress: SocketAddress | null = null;
  /** Where the client wanted to go, 'ip:port'; '' when nothing says that it is another place than this socket. */
  restoredText = '';
  private ipBytes = -1;
  private portBytes = -1;

  constructor(private readonly engine: Engine) {}

  reset(fd: number): void {
    this.fd = fd;
    this.remoteAddress = this.localAddress = null;
    this.restoredText = '';
    this.ipBytes = this.portBytes = -1;
  }

  /** A listener filter found out where the client wanted to go: from now on that is the local address. */
  restoreLocal(address: SocketAddress): void {
    this.localAddress = address;
    this.restoredText = fullText(address);
  }

  get remote(): SocketAddress | null { return this.remoteAddress ??= this.engine.outside.peerAddress(this.fd); }
  get local(): SocketAddress | null { return this.localAddress ??= this.engine.outside.localAddress(this.fd); }

  /** As workers/routing/hash-policies.ts asks for the two ends. */
  remoteIp(): string { return ipText(this.remote); }
  remoteText(): string { return fullText(this.remote); }
  localText(): string { return fullText(this.local); }

  /**
   * Memory offset and length of the client's IP without port; length 0 when the arena is full or the client has none.
   */
  get clientIpAt(): number { return this.block; }
  clientIpBytes(): number {
    if (this.ipBytes < 0) this.ipBytes = this.write(0, ipText(this.remote));
    return this.ipBytes;
  }
  get localPortAt(): number { return this.block + PORT_AT; }
  localPortBytes(): number {
    if (this.portBytes < 0) this.portBytes = this.write(PORT_AT, portText(this.local));
    return this.portBytes;
  }

  private write(at: number, text: string): number {
    if (this.block < 0) this.block = this.engine.heap.allocate(BLOCK_BYTES);
    if (this.block < 0) return 0;
    return this.engine.writeText(this.block + at, text.slice(0, PORT_AT));
  }
}

export const ipText = (address: SocketAddress | null): string => (address?.kind === 'ip' ? address.host : '');
export const portText = (address: SocketAddress | null): string =>
  (address?.kind === 'ip' ? String(address.port) : '0');
/** 'ip:port', '[v6]:port', or a path; '' when unknown. */
export function fullText(address: SocketAddress | null): string {
  if (address === null) return '';
  if (address.kind === 'pipe') return address.path;
  return address.host.includes(':') ? `[${address.host}]:${address.port}` : `${address.host}:${address.port}`;
}
