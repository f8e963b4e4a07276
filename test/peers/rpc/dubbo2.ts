// dubbo2.js (npm), a client of Dubbo in Node, as a peer. It has no server: Java's is its own. It finds servers through
// ZooKeeper; `DirectlyDubbo`, its part for tries without one, goes straight to an address.
import { npmPackages } from '../npm-packages.js';
import { javaPeer, type JavaPeer } from './java.js';
import { ERROR, many, outcome } from './node-calls.js';
import { SERVICE, type Caller, type Outcome, type Peer } from './peer.js';

const PACKAGES = ['dubbo2.js@2.3.9'];
const TIMEOUT_S = 30, SHORT_TIMEOUT_S = 0.25;

// The package's types are not those of its parts; these are the parts that are used here.
type Argument = object;
interface Java { int(value: number): Argument; String(value: string | null): Argument;
  List(values: unknown[]): Argument; Map(value: object): Argument; combine(type: string, fields: object): Argument }
type Methods = Record<string, (...args: never[]) => Argument[]>;
interface Direct {
  proxyService(facts: { dubboInterface: string; version: string; methods: Methods }):
    Record<string, (...args: unknown[]) => Promise<{ res: unknown; err: Error | null }>>;
  _socketWorker: { _retry: number; _socket: { destroy(): void } };
}
interface Dubbo2 { java: Java; DirectlyDubbo: { from(facts: object): Direct } }

const calls: readonly [name: string, method: string, args: unknown[], wanted: unknown][] = [
  ['numbers', 'plus', [1, 2], 3], ['negative numbers', 'plus', [-70_000, 3], -69_997],
  ['text', 'echo', ['größe \u20ac'], 'größe \u20ac'], ['nothing', 'echo', [''], ''], ['null', 'echo', [null], null],
  ['1,000 characters', 'echo', ['\u20ac'.repeat(1000)], '\u20ac'.repeat(1000)],
  ['2 MiB', 'echo', ['x'.repeat(2 << 20)], 'x'.repeat(2 << 20)],
  ['a list', 'echoList', [[1, null, true, 1.5, 'x']], [1, null, true, 1.5, 'x']],
  ['a map', 'echoMap', [{ a: 1, b: 'x' }], { a: 1, b: 'x' }],
  ['an object', 'echoOrder', [{ name: 'größer', number: 5, price: 1.25, paid: true, parts: null }],
    { name: 'größer', number: 5, price: 1.25, paid: true, parts: null }],
  ['a declared exception', 'fails', [], ERROR], ['another exception', 'breaks', [], ERROR],
  ['a method that is not there', 'none', [], ERROR],
];

/** Throws one line where the package or its server cannot be had. */
export function dubbo2Peer(server: JavaPeer): Peer {
  const { java, DirectlyDubbo } = npmPackages(PACKAGES)('dubbo2.js') as Dubbo2;
  const methods: Methods = {
    plus: (a: number, b: number) => [java.int(a), java.int(b)],
    slow: (value: number, ms: number) => [java.int(value), java.int(ms)],
    echo: (text: string | null) => [java.String(text)], echoList: (list: unknown[]) => [java.List(list)],
    echoMap: (map: object) => [java.Map(map)],
    echoOrder: (order: object) => [java.combine('com.weft.peers.Order', order)], busy: (ms: number) => [java.int(ms)],
    edited: (key: string) => [java.String(key)],
    fails: () => [], breaks: () => [], none: () => [], empty: () => [], unrouted: () => [],
  };
  const open = (port: number, dubboInvokeTimeout: number): Direct => DirectlyDubbo.from({
    dubboAddress: `127.0.0.1:${port}`, dubboVersion: '2.0.2', dubboInvokeTimeout });
  const served = javaPeer(server);

  const call = async (port: number): Promise<Caller> => {
    const direct = open(port, TIMEOUT_S), hurried = open(port, SHORT_TIMEOUT_S);
    const invokerOf = (one: Direct, dubboInterface: string) => {
      const proxy = one.proxyService({ dubboInterface, version: '0.0.0', methods });
      return async (method: string, args: unknown[]): Promise<unknown> => {
        const { res, err } = await proxy[method]!(...args);
        if (err !== null) throw err;
        return res;
      };
    };
    const invoke = invokerOf(direct, SERVICE);
    const all = async (): Promise<Map<string, Outcome>> => {
      const found = new Map<string, Outcome>();
      for (const [name, method, args, wanted] of calls) found.set(name, await outcome(invoke(method, args), wanted));
      found.set('a timeout', await outcome(invokerOf(hurried, SERVICE)('slow', [1, 700]), ERROR));
      found.set('an unknown service', await outcome(invokerOf(direct, `${SERVICE}s`)('plus', [1, 2]), ERROR));
      found.set('after all that', await outcome(invoke('plus', [1, 2]), 3));
      stop(hurried);
      return found;
    };
    return { all, notes: null, edited: (wanted) => outcome(invoke('edited', ['peers-added']), wanted),
      many: (count, atOnce, tookMs) => many((value) => invoke('slow', [value, tookMs]), count, atOnce),
      special: (name, times) => Promise.all(Array.from({ length: times }, () =>
        outcome(invoke(name, name === 'busy' ? [500] : []), ERROR))),
      close: async () => { stop(direct); stop(hurried); } };
  };
  return { name: 'Node dubbo2.js and Java', protocol: 'dubbo', load: { calls: 10_000, atOnce: 10_000 }, connections: 1,
    errors: { empty: /503 Service/, busy: /503 Service/, unrouted: /404 Not Found/ },
    serve: served.serve, call, close: served.close };
}

/** It has no way to close. */
function stop({ _socketWorker: worker }: Direct): void {
  worker._retry = 0;
  worker._socket.destroy();
}
