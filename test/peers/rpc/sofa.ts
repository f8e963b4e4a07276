// SOFARPC and Dubbo in Node (npm sofa-rpc-node with sofa-bolt-node and dubbo-remoting): servers and clients of a
// service, and what a client gets from a list of calls.
import { setTimeout as sleep } from 'node:timers/promises';
import { npmPackages } from '../npm-packages.js';

const PACKAGES = ['sofa-rpc-node@2.10.0', 'sofa-bolt-node@2.0.1', 'dubbo-remoting@2.1.4'];
export const SERVICE = 'com.weft.peers.Service';

// The packages have no types; these are the parts that are used here.
interface Encoder { protocolType: string; boltVersion: number; crcEnable: boolean }
interface Wire { encoder(options: unknown): Encoder }
interface RpcServer { addService(facts: object, delegate: object): void; start(): Promise<void>;
  close(): Promise<void> }
interface Consumer { ready(): Promise<void>; close(): Promise<void>;
  invoke(method: string, args: unknown[], options?: object): Promise<unknown> }
interface RpcClient { createConsumer(options: object): Consumer; close(): Promise<void> }
interface SofaRpc { client: { RpcClient: new (options: object) => RpcClient };
  server: { RpcServer: new (options: object) => RpcServer } }

const require = npmPackages(PACKAGES);
const { client: { RpcClient }, server: { RpcServer } } = require('sofa-rpc-node') as SofaRpc;
const bolt = require('sofa-bolt-node') as Wire, dubbo = require('dubbo-remoting') as Wire;
const quiet = { info: () => undefined, warn: () => undefined, error: () => undefined, debug: () => undefined };

/** Bolt as the client writes it first; its server answers as it is asked. */
const version2 = (boltVersion: number, crcEnable: boolean): Wire => ({ ...bolt, encoder: (options) =>
  Object.assign(bolt.encoder(options), { protocolType: 'bolt2', boltVersion, crcEnable }) });

export interface Speech { name: string; protocol: 'bolt' | 'dubbo'; client: Wire; server: Wire }
export const speeches: readonly Speech[] = [
  { name: 'Bolt 1', protocol: 'bolt', client: bolt, server: bolt },
  { name: 'Bolt 2', protocol: 'bolt', client: version2(1, false), server: bolt },
  { name: 'Bolt 2 with CRC', protocol: 'bolt', client: version2(2, true), server: bolt },
  { name: 'Dubbo', protocol: 'dubbo', client: dubbo, server: dubbo },
];

export interface Served { calls: number; stop(): Promise<void> }
export async function serve(speech: Speech, port: number): Promise<Served> {
  const server = new RpcServer({ logger: quiet, port, protocol: speech.server });
  const served: Served = { calls: 0, stop: () => server.close() };
  server.addService({ interfaceName: SERVICE }, {
    plus: async (a: number, b: number) => { served.calls++; return a + b; },
    echo: async (value: unknown) => value,
    fails: async () => { throw new Error('as it should'); },
    slow: async () => { await sleep(700); return 'late'; },
  });
  await server.start();
  return served;
}

export interface Caller { invoke(method: string, args: unknown[], timeoutMs?: number): Promise<unknown>;
  close(): Promise<void> }
export async function call(speech: Speech, port: number): Promise<Caller> {
  const client = new RpcClient({ logger: quiet, protocol: speech.client });
  const consumer = client.createConsumer({ interfaceName: SERVICE, version: '1.0', serverHost: `127.0.0.1:${port}`,
    responseTimeout: 10_000 });
  await consumer.ready();
  return { invoke: (method, args, timeoutMs = 10_000) => consumer.invoke(method, args, { responseTimeout: timeoutMs }),
    close: () => consumer.close() };
}

const calls: readonly [name: string, method: string, args: unknown[], timeoutMs?: number][] = [
  ['numbers', 'plus', [1, 2]], ['negative numbers', 'plus', [-70_000, 3]],
  ['text', 'echo', ['größe \u20ac \u{1f600}']],
  ['nothing', 'echo', ['']], ['null', 'echo', [null]], ['a list', 'echo', [[1, null, true, 1.5, 'x']]],
  ['a map', 'echo', [{ $class: 'java.util.Map', $: { a: 1, b: 'x' } }]],
  ['an object', 'echo', [{ $class: 'com.a.B', $: { a: 1, b: { $class: 'com.a.C', $: { c: [1, 2] } } } }]],
  ['1,000 characters', 'echo', ['\u20ac'.repeat(1000)]], ['a mebibyte', 'echo', ['x'.repeat(1 << 20)]],
  ['an exception', 'fails', []], ['a method that is not there', 'none', []], ['a timeout', 'slow', [], 250],
];

/** What each call comes to: a value, or the name and message of an error, but for addresses and times in it. */
export async function outcomes(caller: Caller): Promise<Map<string, string>> {
  const found = new Map<string, string>();
  for (const [name, method, args, timeoutMs] of calls) {
    const said = await caller.invoke(method, args, timeoutMs).then((value) => JSON.stringify(value),
      (error: Error) => `${error.name}: ${error.message.split('\n')[0]!.replace(/\d+ms|127[.\d]+:\d+/g, '*')}`);
    found.set(name, said);
  }
  return found;
}

/** `count` calls, `atOnce` of them in progress: what came of those that went wrong, and how long it took. */
export async function many(caller: Caller, count: number, atOnce: number): Promise<{ wrong: unknown[]; ms: number }> {
  const wrong: unknown[] = [];
  let next = 0;
  const start = performance.now();
  await Promise.all(Array.from({ length: atOnce }, async () => {
    for (let i = next++; i < count; i = next++) {
      const value = await caller.invoke('plus', [i, 1]).catch((error: Error) => error.message.slice(0, 200));
      if (value !== i + 1) wrong.push(value);
    }
  }));
  return { wrong, ms: performance.now() - start };
}
