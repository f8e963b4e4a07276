// The listeners that are bound. Owns their sockets: opens them before anything is published, hands them to workers
// (one SO_REUSEPORT socket each) or to the acceptor, keeps them across changes that do not touch the address, and
// closes them when the last worker has let go. A change is prepared (may fail, costs nothing), then committed or
// aborted.
import { chainsOf } from '../config/types.js';
import type { Address, ListenerConfig } from '../config/types.js';
import { errorText } from '../core/errors.js';
import type { Log } from '../core/log.js';
import { close } from '../os/libc.js';
import { formatAddress } from '../os/sockaddr.js';
import type { Statistics } from '../telemetry/statistics.js';
import type { ToWorker } from '../workers/messages.js';
import type { Acceptor } from './acceptor.js';
import { addressKey, bindSocket, boundAddress, probeAddress, startListening } from './listen-socket.js';
import type { SocketRequest } from './listen-socket.js';

/**
 * Who accepts: every worker on a socket of its own, worker 0 alone (there is no other), main, or nobody
 * (bind_to_port: false).
 */
type Accepting = 'perWorker' | 'onlyWorker' | 'dealt' | 'nobody';
/**
 * `asked`: what the configuration asks for; `accepting` differs where sockets that a predecessor left cannot do it.
 * Descriptor i is worker i % workers' where workers accept.
 */
interface Bound { key: string; address: Address; asked: Accepting; accepting: Accepting; request: SocketRequest;
  fds: number[] }
interface Listener { name: string; slot: number; config: ListenerConfig; bound: Bound[] }
export interface InheritedSockets { fds: number[]; reusePort: boolean }
export interface Prepared { config: ListenerConfig; kept: Bound[]; opened: Bound[]; dropped: Bound[];
  old: Listener | null }

export interface WorkerPort {
  readonly workers: number;
  isReady(worker: number): boolean;
  post(worker: number, message: ToWorker): void;
}

export class Listeners {
  private readonly byName = new Map<string, Listener>();
  private readonly leaving = new Map<number, number>();     // fd -> worker that has been asked to let go of it
  private accepting = true;
  /** Slots of removed listeners whose connections have not been told yet. */
  private readonly removed: number[] = [];

  constructor(private readonly port: WorkerPort, private readonly acceptor: Acceptor, private readonly drainMs: number,
    private readonly log: Log, private readonly statistics: Statistics) {}

  /** Listening sockets of an address that another process left us; null where there are none. */
  inherit: (key: string) => InheritedSockets | null = () => null;

  /** Every bound address with its sockets, for a process that takes over. */
  sockets(): { key: string; address: Address; reusePort: boolean; fds: readonly number[] }[] {
    return [...this.byName.values()].flatMap(({ bound }) => bound.filter(({ fds }) => fds.length > 0).map(({ key,
      address, accepting, fds }) =>
      ({ key, address, reusePort: accepting === 'perWorker', fds })));
  }

  *configs(): Iterable<ListenerConfig> { for (const { config } of this.byName.values()) yield config; }
  get names(): string[] { return [...this.byName.keys()]; }
  configOf(name: string): ListenerConfig | null { return this.byName.get(name)?.config ?? null; }
  /** Addresses as they are bound, with the port that the kernel chose where 0 was configured. */
  addressesOf(name: string): Address[] { return this.byName.get(name)?.bound.map((bound) => bound.address) ?? []; }

  /**
   * Binds what the configuration adds. Throws SystemCallError with the address in its text; nothing is changed then.
   */
  prepare(config: ListenerConfig): Prepared {
    const old = this.byName.get(config.name) ?? null;
    const kept: Bound[] = [];
    const opened: Bound[] = [];
    try {
      for (const [index, address] of config.addresses.entries()) {
        const accepting = this.acceptingOf(config, address);
        const key = addressKey(address);
        this.checkUnbound(config, key);
        const { transparent, freebind, options } = config.sockets;
        const request = { transparent, freebind, options: options[index] ?? [] };
        const present = old?.bound.find((bound) => bound.key === key);
        if (present === undefined) {
          opened.push(accepting === 'nobody' ? { key, address, asked: accepting, accepting, request, fds: [] }
            : this.open(address, key, accepting, request));
        } else if (present.asked === accepting && JSON.stringify(present.request) === JSON.stringify(request)) {
          kept.push(present);
        } else {
          throw new Error(`${formatAddress(address)}: enable_reuse_port, bind_to_port, connection_balance_config and ` +
            'socket options cannot change while the address stays');
        }
      }
    } catch (error) {
      closeAll(opened);
      throw error;
    }
    return { config, kept, opened, dropped: old?.bound.filter((bound) => !kept.includes(bound)) ?? [], old };
  }

  abort(prepared: Prepared): void { closeAll(prepared.opened); }

  /** After the root that has the listener was published: starts accepting on what is new, lets go of what is old. */
  commit(prepared: Prepared, slot: number): void {
    const { config, kept, opened, dropped, old } = prepared;
    const listener: Listener = { name: config.name, slot, config, bound: [...kept, ...opened] };
    this.byName.set(config.name, listener);
    for (const bound of opened) this.serve(listener, bound);
    for (const bound of dropped) this.letGo(slot, bound);
    this.statistics.counter('listener_manager.listener_create_success').add(this.port.workers);
    const chains = JSON.stringify(chainsOf(config));
    if (old !== null && JSON.stringify(chainsOf(old.config)) !== chains) {
      this.drain(slot);
      if (withoutChains(old.config) === withoutChains(config))
        this.statistics.counter('listener_manager.listener_in_place_updated').add();
    }
    this.log.info(`listener ${config.name} ${old === null ? 'listens on' : 'was updated on'} ` +
      listener.bound.map((bound) => formatAddress(bound.address)).join(', '));
  }

  /** Stops accepting. Call it before the root without the listener is published, and `drainRemoved` after that. */
  remove(name: string): void {
    const listener = this.byName.get(name);
    if (listener === undefined) return;
    this.byName.delete(name);
    for (const bound of listener.bound) this.letGo(listener.slot, bound);
    this.removed.push(listener.slot);
    this.log.info(`listener ${name} was removed`);
  }

  /** A root without them is published: connections of removed listeners drain. */
  drainRemoved(): void { for (const slot of this.removed.splice(0)) this.drain(slot); }

  /** Stops accepting on every listener of the process (or the inbound ones) for good; connections go on. */
  stopAccepting(inboundOnly: boolean): void {
    if (!inboundOnly) this.accepting = false;
    for (const listener of this.byName.values()) {
      if (inboundOnly && listener.config.trafficDirection !== 'inbound') continue;
      for (const bound of listener.bound.splice(0)) this.letGo(listener.slot, bound);
    }
  }

  /** A worker entered its loop, perhaps in the place of one that died: it gets its sockets. */
  workerReady(worker: number): void {
    for (const listener of this.byName.values()) {
      for (const bound of listener.bound) this.handTo(worker, listener, bound);
    }
  }

  /** A worker confirmed that it no longer accepts on that socket. */
  unlistened(fd: number): void {
    if (this.leaving.delete(fd)) close(fd);
  }

  /** A dead worker confirms nothing. */
  workerDied(worker: number): void {
    for (const [fd, owner] of this.leaving) if (owner === worker) this.unlistened(fd);
  }

  /** Two listeners at one address: the kernel tells of those that are bound, and nobody of the others. */
  private checkUnbound(config: ListenerConfig, key: string): void {
    for (const other of this.byName.values()) {
      if (other.name === config.name || (config.bindToPort && other.config.bindToPort)) continue;
      if (other.bound.some((bound) => bound.key === key))
        throw new Error(`duplicate address ${key}: listener ${other.name} has it`);
    }
  }

  private acceptingOf(config: ListenerConfig, address: Address): Accepting {
    if (!config.bindToPort) return 'nobody';
    if (this.port.workers === 1) return 'onlyWorker';
    return address.kind === 'ip' && config.reusePort && !config.exactBalance ? 'perWorker' : 'dealt';
  }

  private open(address: Address, key: string, accepting: Accepting, request: SocketRequest): Bound {
    const left = this.inherit(key);
    if (left !== null) return this.adopt(address, key, accepting, request, left);
    const fds: number[] = [];
    try {
      if (accepting !== 'perWorker') {
        fds.push(bindSocket(address, false, request));
        return { key, address: boundAddress(fds[0]!, address), asked: accepting, accepting, request, fds };
      }
      probeAddress(address, request);
      let actual = address;
      for (let worker = 0; worker < this.port.workers; worker++) {
        fds.push(bindSocket(actual, true, request));
        if (worker === 0) actual = boundAddress(fds[0]!, address);
      }
      return { key, address: actual, asked: accepting, accepting, request, fds };
    } catch (error) {
      for (const fd of fds) close(fd);
      throw error;
    }
  }

  /** Sockets of the process before this one: all of them are used, since each has a backlog of its own. */
  private adopt(address: Address, key: string, asked: Accepting, request: SocketRequest,
    left: InheritedSockets): Bound {
    const { fds } = left;
    const actual = boundAddress(fds[0]!, address);
    const accepting = asked === 'perWorker' && !left.reusePort ? 'dealt' : asked;
    for (let worker = fds.length; accepting === 'perWorker' && worker < this.port.workers; worker++)
      fds.push(bindSocket(actual, true, request));
    return { key, address: actual, asked, accepting, request, fds };
  }

  private serve(listener: Listener, bound: Bound): void {
    try {
      for (const fd of bound.fds) startListening(fd, listener.config.backlog, bound.address, bound.request);
    } catch (error) {
      this.log.error(`listener ${listener.name}: ${errorText(error)}`);
      return;
    }
    if (bound.accepting === 'dealt') for (const fd of bound.fds) this.acceptor.add(fd, listener.slot,
      listener.config.acceptsPerEvent);
    for (let worker = 0; worker < this.port.workers; worker++) {
      if (this.port.isReady(worker)) this.handTo(worker, listener, bound);
    }
  }

  private handTo(worker: number, listener: Listener, bound: Bound): void {
    if (bound.accepting === 'dealt') return;
    for (let index = worker; index < bound.fds.length; index += this.port.workers) {
      this.port.post(worker, { kind: 'listen', listenerSlot: listener.slot, fd: bound.fds[index]!,
        backlog: listener.config.backlog, acceptsPerEvent: listener.config.acceptsPerEvent });
    }
  }

  private letGo(slot: number, bound: Bound): void {
    if (bound.accepting === 'dealt') {
      for (const fd of bound.fds) {
        this.acceptor.remove(fd);
        close(fd);
      }
      return;
    }
    bound.fds.forEach((fd, index) => {
      const worker = index % this.port.workers;
      if (this.port.isReady(worker)) {
        this.leaving.set(fd, worker);
        this.port.post(worker, { kind: 'unlisten', listenerSlot: slot, fd });
      } else {
        close(fd);
      }
    });
  }

  private drain(slot: number): void {
    if (!this.accepting) return;
    for (let worker = 0; worker < this.port.workers; worker++) {
      this.port.post(worker, { kind: 'drain', listenerSlot: slot, inboundOnly: false, graceMs: this.drainMs,
        mode: 'immediate', closeIdle: false });
    }
  }
}

/** What a listener is beside its filter chains. */
const withoutChains = (config: ListenerConfig): string =>
  JSON.stringify({ ...config, filterChains: [], defaultFilterChain: null });

function closeAll(bounds: Bound[]): void {
  for (const bound of bounds) for (const fd of bound.fds) close(fd);
}
