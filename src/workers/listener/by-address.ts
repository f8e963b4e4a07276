// Which listener a connection belongs to that the kernel redirected: the one at the address that the client wanted,
// else the one at that port of every address. Listeners that are bound to no port are reached in no other way.
import { BLOB_HEADER_BYTES, LISTENER_AT } from '../../config/snapshot/layout.js';
import { formatAddress, unmapped } from '../../os/sockaddr.js';
import type { SocketAddress } from '../../os/sockaddr.js';
import type { Engine } from '../engine.js';
import type { Root } from '../snapshot/snapshot.js';

const QUOTE = 34;

export class ListenersByAddress {
  private root: Root | null = null;
  private readonly slots = new Map<string, number>();
  /** Addresses of each slot's blob: those of blobs that stayed are not read again. */
  private readonly known: { blob: number; addresses: string }[] = [];

  constructor(private readonly engine: Engine) {}

  /** The listener's slot in the newest root, or -1. */
  find(address: SocketAddress): number {
    if (address.kind !== 'ip') return -1;
    const { root } = this.engine.snapshot;
    if (root !== null && root !== this.root) this.read(root);
    const plain = unmapped(address);
    const exact = this.slots.get(formatAddress(plain));
    if (exact !== undefined) return exact;
    const six = plain.kind === 'ip' && plain.host.includes(':');
    return this.slots.get(`${six ? '[::]' : '0.0.0.0'}:${address.port}`) ?? -1;
  }

  private read(root: Root): void {
    this.root = root;
    this.slots.clear();
    for (let slot = 0; slot < root.listenerSlots; slot++) {
      const blob = this.engine.snapshot.listenerBlob(root, slot);
      if (blob === 0) continue;
      const known = slot < this.known.length ? this.known[slot] : undefined;
      const addresses = known !== undefined && known.blob === blob ? known.addresses : this.addressesOf(blob);
      while (this.known.length <= slot) this.known.push({ blob: 0, addresses: '' });
      this.known[slot] = { blob, addresses };
      for (const address of addresses.split(' ')) if (address !== '') this.slots.set(address, slot);
    }
  }

  /** A blob begins with its addresses: no more of it is read. */
  private addressesOf(blob: number): string {
    const from = blob + BLOB_HEADER_BYTES + LISTENER_AT.length;
    let end = from;
    while (this.engine.u8[end] !== QUOTE) end++;
    return this.engine.readText(from, end - from);
  }
}
