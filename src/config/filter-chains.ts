// Which filter chain a connection belongs to, by Envoy's precedence: destination port, destination address, server
// name, transport protocol, application protocol, direct source address, source type, source address, source port.
// A level that has matched is not left again, so the chains form a tree. Built from plain values: by the
// configuration reader to find chains that overlap, by workers to find the chain.
import { isIP } from 'node:net';
import { SOCKADDR_BYTES_MAX, encodeSockaddr, unmapped } from '../os/sockaddr.js';
import type { SocketAddress } from '../os/sockaddr.js';

/** envoy.config.core.v3.CidrRange with its host bits cleared where they are compared. */
export interface CidrRange { address: string; bits: number }

/** envoy.config.listener.v3.FilterChainMatch; an empty list or text asks for nothing. */
export interface FilterChainMatch {
  destinationPort: number;            // 0 = any
  prefixRanges: CidrRange[];
  serverNames: string[];              // lower case; 'a.b' or '*.b'
  transportProtocol: string;
  applicationProtocols: string[];
  directSourcePrefixRanges: CidrRange[];
  sourceType: 'any' | 'sameIpOrLoopback' | 'external';
  sourcePrefixRanges: CidrRange[];
  sourcePorts: number[];
}

/** What is known of a connection when its chain is chosen. Addresses are asked for only where they matter. */
export interface ChainQuestion {
  readonly local: SocketAddress | null;
  readonly remote: SocketAddress | null;
  /** The peer of the socket itself, where something else said who the client is. */
  readonly directRemote: SocketAddress | null;
  readonly serverName: string;
  readonly transportProtocol: string;
  readonly applicationProtocols: readonly string[];
}

const view = new DataView(new ArrayBuffer(SOCKADDR_BYTES_MAX));

/** The address as 4 or 16 bytes. */
export function addressBytes(host: string): number[] {
  const version = isIP(host);
  encodeSockaddr({ kind: 'ip', host, port: 0 }, view, 0);
  const from = version === 4 ? 4 : 8;
  return Array.from({ length: version === 4 ? 4 : 16 }, (_, index) => view.getUint8(from + index));
}

interface Range<T> { bytes: readonly number[]; bits: number; next: T }

export function inRange(bytes: readonly number[], range: { bytes: readonly number[]; bits: number }): boolean {
  if (bytes.length !== range.bytes.length) return false;
  const whole = range.bits >> 3;
  for (let i = 0; i < whole; i++) if (bytes[i] !== range.bytes[i]) return false;
  const rest = range.bits & 7;
  return rest === 0 || ((bytes[whole] ^ range.bytes[whole]) >> (8 - rest)) === 0;
}

/** Address ranges, the longest first. */
class Ranges<T> {
  private readonly ranges: Range<T>[] = [];
  private any: T | null = null;

  /** What hangs below a range (null: every address), made when it is not there yet. */
  below(range: CidrRange | null, make: () => T): T {
    if (range === null) return this.any ??= make();
    const bytes = addressBytes(range.address);
    const known = this.ranges.find((entry) => entry.bits === range.bits && inRange(bytes, entry));
    if (known !== undefined) return known.next;
    const next = make();
    this.ranges.push({ bytes, bits: range.bits, next });
    this.ranges.sort((a, b) => b.bits - a.bits);
    return next;
  }

  find(question: ChainQuestion, which: 'local' | 'remote' | 'directRemote'): T | null {
    if (this.ranges.length === 0) return this.any;
    const address = question[which];
    if (address === null || address.kind !== 'ip') return this.any;
    const plain = unmapped(address);
    const bytes = addressBytes(plain.kind === 'ip' ? plain.host : address.host);
    for (const range of this.ranges) if (inRange(bytes, range)) return range.next;
    return this.any;
  }
}

type SourcePorts = Map<number, number>;
interface SourceTypes { any: Ranges<SourcePorts> | null; same: Ranges<SourcePorts> | null;
  external: Ranges<SourcePorts> | null }
type Protocols = Map<string, Ranges<SourceTypes>>;
type Transports = Map<string, Protocols>;
type Names = Map<string, Transports>;

function below<K, V>(map: Map<K, V>, key: K, make: () => V): V {
  let value = map.get(key);
  if (value === undefined) map.set(key, value = make());
  return value;
}

const orAny = <T>(list: readonly T[], any: T): readonly T[] => (list.length === 0 ? [any] : list);
const rangesOrAny = (list: readonly CidrRange[]): readonly (CidrRange | null)[] => (list.length === 0 ? [null] : list);

export class FilterChainTree {
  private readonly ports = new Map<number, Ranges<Names>>();

  /** Adds a chain under everything it matches. False: another chain has a place that it wants. */
  add(match: FilterChainMatch, chain: number): boolean {
    let free = true;
    const destinations = below(this.ports, match.destinationPort, () => new Ranges<Names>());
    for (const range of rangesOrAny(match.prefixRanges)) {
      const names = destinations.below(range, () => new Map());
      for (const name of orAny(match.serverNames, '')) {
        const protocols = below(below(names, name, () => new Map() as Transports), match.transportProtocol,
          () => new Map() as Protocols);
        for (const protocol of orAny(match.applicationProtocols, '')) {
          const sources = below(protocols, protocol, () => new Ranges<SourceTypes>());
          for (const direct of rangesOrAny(match.directSourcePrefixRanges)) {
            const types = sources.below(direct, () => ({ any: null, same: null, external: null }));
            if (!addSource(types, match, chain)) free = false;
          }
        }
      }
    }
    return free;
  }

  /** The chain's number, or -1. */
  find(question: ChainQuestion): number {
    let destinations = this.ports.get(0);
    // Chains with a port shadow those without one, if there are any for this port.
    if (this.ports.size > 1 || destinations === undefined) {
      const port = question.local?.kind === 'ip' ? this.ports.get(question.local.port) : undefined;
      destinations = port ?? destinations;
    }
    const names = destinations === undefined ? null : destinations.find(question, 'local');
    const transports = names === null ? undefined : byName(names, question.serverName);
    const protocols = transports?.get(question.transportProtocol) ?? transports?.get('');
    const sources = protocols === undefined ? undefined : byProtocol(protocols, question.applicationProtocols);
    const types = sources === undefined ? null : sources.find(question, 'directRemote');
    return types === null ? -1 : bySource(types, question);
  }
}

function addSource(types: SourceTypes, match: FilterChainMatch, chain: number): boolean {
  const kind = match.sourceType === 'any' ? 'any' : match.sourceType === 'external' ? 'external' : 'same';
  const sources = types[kind] ??= new Ranges<SourcePorts>();
  let free = true;
  for (const range of rangesOrAny(match.sourcePrefixRanges)) {
    const ports = sources.below(range, () => new Map());
    for (const port of orAny(match.sourcePorts, 0)) {
      if (ports.has(port)) free = false; else ports.set(port, chain);
    }
  }
  return free;
}

/** The name itself, then the domains that it lies in, then chains without a name. */
function byName(names: Names, name: string): Transports | undefined {
  if (names.size === 1) {
    const any = names.get('');
    if (any !== undefined) return any;
  }
  const exact = name === '' ? undefined : names.get(name);
  if (exact !== undefined) return exact;
  for (let dot = name.indexOf('.', 1); dot > 0 && dot < name.length - 1; dot = name.indexOf('.', dot + 1)) {
    const domain = names.get(`*${name.slice(dot)}`);
    if (domain !== undefined) return domain;
  }
  return names.get('');
}

function byProtocol(protocols: Protocols, wanted: readonly string[]): Ranges<SourceTypes> | undefined {
  for (const protocol of wanted) {
    const found = protocols.get(protocol);
    if (found !== undefined) return found;
  }
  return protocols.get('');
}

function bySource(types: SourceTypes, question: ChainQuestion): number {
  let sources = types.any;
  if (types.same !== null || types.external !== null)
    sources = (isLocal(question) ? types.same : types.external) ?? types.any;
  const ports = sources === null ? null : sources.find(question, 'remote');
  if (ports === null) return -1;
  if (ports.size === 1 && ports.has(0)) return ports.get(0)!;
  const port = question.remote?.kind === 'ip' ? question.remote.port : 0;
  return ports.get(port) ?? ports.get(0) ?? -1;
}

/** A unix socket, a loopback address, or both ends at one address. */
function isLocal({ local, remote }: ChainQuestion): boolean {
  if (remote === null || remote.kind !== 'ip') return true;
  const from = unmapped(remote);
  if (from.kind !== 'ip' || from.host === '::1' || from.host.startsWith('127.')) return true;
  if (local === null || local.kind !== 'ip') return false;
  const to = unmapped(local);
  return to.kind === 'ip' && to.host === from.host;
}
