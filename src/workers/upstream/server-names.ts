// The names that requests have for their endpoints' certificates (auto_sni, auto_san_validation). A connection was
// opened for one name, so an endpoint has connections of its own for each.
import { limits } from '../../core/limits.js';
import type { Engine } from '../engine.js';

export interface ServerName {
  readonly text: string;
  /** It is an IP address: no server name is sent for it (RFC 6066 3). */
  readonly isAddress: boolean;
  readonly bytes: Uint8Array;
}

export class ServerNames {
  /** The one that was asked last is first. */
  private readonly names: ServerName[] = [];

  /** `dropped`: nobody will ask for that name by this object again. */
  constructor(private readonly engine: Engine, private readonly dropped: (name: ServerName) => void) {}

  /** The name of an authority: [at, at + bytes), a host with or without port. Null: it is empty. */
  find(at: number, bytes: number): ServerName | null {
    const { u8, codecs } = this.engine;
    let length = codecs.withoutPort(at, bytes);
    if (length > 1 && u8[at] === LEFT_BRACKET && u8[at + length - 1] === RIGHT_BRACKET) { at++; length -= 2; }
    if (length === 0) return null;
    const { names } = this;
    for (let i = 0; i < names.length; i++) {
      const name = names[i]!;
      if (!isAt(name.bytes, u8, at, length)) continue;
      if (i > 0) { names.splice(i, 1); names.unshift(name); }
      return name;
    }
    return this.add(this.engine.readText(at, length));
  }

  private add(text: string): ServerName {
    const name: ServerName = { text, isAddress: text.includes(':') || /^\d+\.\d+\.\d+\.\d+$/.test(text),
      bytes: Uint8Array.from(text, (letter) => letter.charCodeAt(0)) };
    if (this.names.length >= limits.serverNamesMax) this.dropped(this.names.pop()!);
    this.names.unshift(name);
    return name;
  }
}

const LEFT_BRACKET = 0x5b;
const RIGHT_BRACKET = 0x5d;

function isAt(bytes: Uint8Array, memory: Uint8Array, at: number, length: number): boolean {
  if (bytes.length !== length) return false;
  for (let i = 0; i < length; i++) if (bytes[i] !== memory[at + i]) return false;
  return true;
}
