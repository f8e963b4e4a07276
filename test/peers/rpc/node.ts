// SOFARPC and Dubbo in Node (npm sofa-rpc-node with sofa-bolt-node and dubbo-remoting), as peers.
import { setTimeout as sleep } from 'node:timers/promises';
import { npmPackages } from '../npm-packages.js';
import { ERROR, many, outcome } from './node-calls.js';
import { SERVICE, type Caller, type Outcome, type Peer, type Served } from './peer.js';

const PACKAGES = ['sofa-rpc-node@2.10.0', 'sofa-bolt-node@2.0.1', 'dubbo-remoting@2.1.4'];
const TIMEOUT_MS = 30_000;
/** With ten thousand, its clients and servers spend minutes by themselves. */
const LOAD = { calls: 1000, atOnce: 100 };

// The packages have no types; these are the parts that are used here.
interface Encoder { protocolType: string; boltVersion: number; crcEnable: boolean }
interface Wire { encoder(options: unknown): Encoder }
interface RpcServer { addService(facts: object, delegate: object): void; start(): Promise<void>;
  close(): Promise<void> }
interface Consumer { ready(): Promise<void>; close(): Promise<void>;
  invoke(method: string, args: unknown[], options?: object): Promise<unknown>;
  on(event: 'request', heard: (request: { oneway?: boolean }) => void): void }
interface RpcClient { createConsumer(options: object): Consumer }
interface SofaRpc { client: { RpcClient: new (options: object) => RpcClient };
  server: { RpcServer: new (options: object) => RpcServer } }

/** `version`: how the client writes Bolt first; its server answers as it is asked. */
interface NodePeer extends Pick<Peer, 'name' | 'protocol' | 'errors'> {
  version: { boltVersion: number; crcEnable: boolean } | null;
}
/** It says the same of every status. */
const ANY = /Server exception/;
const boltErrors: Peer['errors'] = { empty: ANY, busy: ANY, unrouted: ANY };
export const nodePeers: readonly NodePeer[] = [
  { name: 'Node Bolt 1', protocol: 'bolt', errors: boltErrors, version: null },
  { name: 'Node Bolt 2', protocol: 'bolt', errors: boltErrors, version: { boltVersion: 1, crcEnable: false } },
  { name: 'Node Bolt 2 with CRC', protocol: 'bolt', errors: boltErrors, version: { boltVersion: 2, crcEnable: true } },
  { name: 'Node Dubbo', protocol: 'dubbo', version: null,
    errors: { empty: /503 Service/, busy: /503 Service/, unrouted: /404 Not Found/ } },
];

const quiet = { info: () => undefined, warn: () => undefined, error: () => undefined, debug: () => undefined };
/** What a call must come to: the value that was sent, another, or an error. */
const SAME = Symbol('the same');
const calls: readonly [name: string, method: string, args: unknown[], wanted: unknown, timeoutMs?: number][] = [
  ['numbers', 'plus', [1, 2], 3], ['negative numbers', 'plus', [-70_000, 3], -69_997],
  ['text', 'echo', ['größe \u20ac \u{1f600}'], SAME],
  ['nothing', 'echo', [''], SAME], ['null', 'echo', [null], SAME],
  ['a list', 'echo', [[1, null, true, 1.5, 'x']], SAME],
  ['a map', 'echo', [{ $class: 'java.util.Map', $: { a: 1, b: 'x' } }], { a: 1, b: 'x' }],
  ['an object', 'echo', [{ $class: 'com.a.B', $: { a: 1, b: { $class: 'com.a.C', $: { c: [1, 2] } } } }],
    { a: 1, b: { c: [1, 2] } }],
  ['1,000 characters', 'echo', ['\u20ac'.repeat(1000)], SAME], ['a mebibyte', 'echo', ['x'.repeat(1 << 20)], SAME],
  ['an exception', 'fails', [], ERROR], ['a method that is not there', 'none', [], ERROR],
  ['a timeout', 'slow', [1, 700], ERROR, 250], ['after all that', 'plus', [1, 2], 3],
];

/** Throws one line where the packages cannot be had. */
export function nodePeer(facts: NodePeer): Peer {
  const require = npmPackages(PACKAGES);
  const { client: { RpcClient }, server: { RpcServer } } = require('sofa-rpc-node') as SofaRpc;
  const isDubbo = facts.protocol === 'dubbo';
  const wire = require(isDubbo ? 'dubbo-remoting' : 'sofa-bolt-node') as Wire;
  const spoken = facts.version === null ? wire : { ...wire, encoder: (options: unknown) =>
    Object.assign(wire.encoder(options), { protocolType: 'bolt2', ...facts.version }) };

  const serve = async (port: number): Promise<Served> => {
    const server = new RpcServer({ logger: quiet, port, protocol: wire });
    const heard = { calls: 0, notes: 0 };
    const slow = async (value: unknown, ms: number): Promise<unknown> => {
      heard.calls++;
      await sleep(ms);
      return value;
    };
    server.addService({ interfaceName: SERVICE }, {
      plus: async (a: number, b: number) => { heard.calls++; return a + b; },
      echo: async (value: unknown) => value,
      fails: async () => { throw new Error('as it should'); },
      note: async () => { heard.notes++; },
      slow, busy: async (ms: number) => await slow(1, ms), empty: async () => 1, unrouted: async () => 1,
    });
    await server.start();
    let closed = false;
    const die = async (): Promise<void> => {
      if (!closed) await server.close();
      closed = true;
    };
    served.add(die);
    return { facts: async () => heard, die, leave: null };
  };
  const served = new Set<() => Promise<void>>();

  const call = async (port: number): Promise<Caller> => {
    const client = new RpcClient({ logger: quiet, protocol: spoken });
    const consumerOf = async (interfaceName: string): Promise<Consumer> => {
      const consumer = client.createConsumer({ interfaceName, version: '1.0', serverHost: `127.0.0.1:${port}`,
        responseTimeout: TIMEOUT_MS });
      await consumer.ready();
      return consumer;
    };
    const consumer = await consumerOf(SERVICE), unknown = await consumerOf(`${SERVICE}.Unknown`);
    const invoke = (method: string, args: unknown[], timeoutMs = TIMEOUT_MS): Promise<unknown> =>
      consumer.invoke(method, args, { responseTimeout: timeoutMs });
    let oneway = false;
    consumer.on('request', (request) => { if (oneway) request.oneway = true; });
    const all = async (): Promise<Map<string, Outcome>> => {
      const found = new Map<string, Outcome>();
      for (const [name, method, args, wanted, timeoutMs] of calls)
        found.set(name, await outcome(invoke(method, args, timeoutMs), wanted === SAME ? args[0] : wanted));
      found.set('an unknown service', await outcome(unknown.invoke('plus', [1, 2]), ERROR));
      return found;
    };
    // This client waits for the answer of a one-way call as well.
    const notes = async (count: number): Promise<void> => {
      oneway = true;
      await Promise.all(Array.from({ length: count }, (_, i) =>
        invoke('note', [`note ${i}`], 500).catch(() => undefined)));
      oneway = false;
    };
    return { all, edited: null, notes: isDubbo ? null : notes,
      many: (count, atOnce, tookMs) => many((value) => invoke('slow', [value, tookMs]), count, atOnce),
      special: (name, times) => Promise.all(Array.from({ length: times }, () =>
        outcome(invoke(name, name === 'busy' ? [500] : []), ERROR))),
      close: async () => { await consumer.close(); await unknown.close(); } };
  };
  return { name: facts.name, protocol: facts.protocol, load: LOAD, connections: 1, errors: facts.errors, serve,
    call, close: () => { for (const die of served) void die(); } };
}
