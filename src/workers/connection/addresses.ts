// The two ends of a connection as text, looked up in the kernel the first time somebody asks. Client IP and local port
// also as bytes in the arena, for the headers that carry them.
import type { SocketAddress } from '../../os/sockaddr.js';
import type { Engine } from '../engine.js';
import type { TlsFacts } from './tls-facts.js';

const BLOCK_BYTES = 128;
const PORT_AT = 48;
const LOCAL_AT = 64;

/** What listener filters found out about a connection. */
export interface ConnectionFacts {
  /** Where the client wanted to go. */
  readonly restored: SocketAddress | null;
  /** Who the client is, where that is another one than the peer of the socket. */
  readonly client: SocketAddress | null;
  readonly serverName: string;
  readonly ja3: string;
  readonly ja4: string;
  /** Of the TLS that ended here; null: it came in plain bytes. */
  readonly tls: TlsFacts | null;
}

export class ConnectionAddresses {
  /** The name that the client asked for in its ClientHello, or ''. */
  serverName = '';
  /** Of its ClientHello, where the listener wants them; else ''. */
  ja3 = '';
  ja4 = '';
  /** Set by the TLS session once its handshake is done; null: plain bytes. */
  tls: TlsFacts | null = null;
  /** Why there was no handshake, or ''. */
  transportFailure = '';
  /** Why we ended it ourselves, or ''. */
  terminationDetails = '';
  get secure(): boolean { return this.tls !== null; }
  private fd = -1;
  private block = -1;
  private peer: SocketAddress | null = null;
  private remoteAddress: SocketAddress | null = null;
  private localAddress: SocketAddress | null = null;
  /** Where the client wanted to go, 'ip:port'; '' when nothing says that it is another place than this socket. */
  restoredText = '';
  private ipBytes = -1;
  private portBytes = -1;
  private localBytes = -1;

  constructor(private readonly engine: Engine) {}

  reset(fd: number): void {
    this.fd = fd;
    this.remoteAddress = this.localAddress = this.peer = null;
    this.restoredText = this.serverName = this.ja3 = this.ja4 = '';
    this.transportFailure = this.terminationDetails = '';
    this.tls = null;
    this.ipBytes = this.portBytes = this.localBytes = -1;
  }

  /** From now on the local address is where the client wanted to go, and the remote one is the client's own. */
  learn({ restored, client, serverName, ja3, ja4, tls }: ConnectionFacts): void {
    this.tls = tls;
    this.serverName = serverName;
    this.ja3 = ja3;
    this.ja4 = ja4;
    if (client !== null) this.remoteAddress = client;
    if (restored === null) return;
    this.localAddress = restored;
    this.restoredText = fullText(restored);
  }

  get remote(): SocketAddress | null { return this.remoteAddress ??= this.engine.outside.peerAddress(this.fd); }
  /** The peer of the socket itself. */
  directRemote(): SocketAddress | null { return this.peer ?? this.engine.outside.peerAddress(this.fd); }

  /** Asks the kernel now what a log asks for when it is too late: a client that is gone has no address. */
  note(): void {
    this.peer = this.engine.outside.peerAddress(this.fd);
    this.remoteAddress ??= this.peer;
    this.localAddress ??= this.engine.outside.localAddress(this.fd);
  }
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
  /** As clientIpBytes, of our end. */
  get localIpAt(): number { return this.block + LOCAL_AT; }
  localIpBytes(): number {
    if (this.localBytes < 0) this.localBytes = this.write(LOCAL_AT, ipText(this.local));
    return this.localBytes;
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
