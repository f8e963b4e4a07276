// The command line of `npm run perf`.
import { parseArgs } from 'node:util';
import { DEFAULT_PEERS } from './peers/registry.js';

export interface Options {
  scenarios: string[];
  peers: string[];
  rounds: number;               // interleaved rounds in each start
  starts: number;               // process starts of every peer
  seconds: number;              // load in one round
  warmSeconds: number;          // load before the first round of a start
  rates: number[];              // requests a second of the latency scenario
  latencySeconds: number;
  proxyCore: number | null;
  loadCore: number | null;
  portBase: number;
  mayDownload: boolean;
  collectionRequests: number;   // of the collections scenario
  baseMain: string | null;
  note: string;
}

export const USAGE = `npm run perf -- [flags]
  --scenario a,b      ${'small-get, small-calm, small-crowded, mesh, mesh-calm, mesh-crowded, bodies, download-64k,'}
                      download-1m, upload-64k, upload-1m, connection-per-request, idle, large, start, latency,
                      collections, filters, protocols, grpc, rpc, latencies, idle-all, collections-all, all
                      (default: small-get)
  --peers a,b         default ${DEFAULT_PEERS.join(',')}; name#2 is the same peer again (A/A control)
  --rounds N          interleaved rounds in each process start (5)     --starts N   process starts of every peer (3)
  --seconds N         load in one round, whole seconds (3)             --warm N     load before the first round (3)
  --rates a,b         requests a second of the latency scenario (1000,4000)   --latency-seconds N   at each rate (20)
  --proxy-core N --load-core N   cores to pin to (1 and 0; "none" pins nothing)
  --port-base N       first of 400 ports to use (20000)
  --base FILE         dist/bundle/main.js of another checkout: the peers base-epoll and base-uring
  --no-download       never install Envoy with pip             --note TEXT   kept in the report
  --quick             one start, two rounds of one second: to see that everything works, not to compare`;

/** Reads the flags; throws an Error with a clear text on a bad one. */
export function readOptions(args: readonly string[]): Options {
  const { values } = parseArgs({ args: [...args], strict: true, options: {
    scenario: { type: 'string', default: 'small-get' }, peers: { type: 'string', default: DEFAULT_PEERS.join(',') },
    rounds: { type: 'string' }, starts: { type: 'string' }, seconds: { type: 'string' }, warm: { type: 'string' },
    rates: { type: 'string', default: '1000,4000' }, 'latency-seconds': { type: 'string' },
    'proxy-core': { type: 'string', default: '1' }, 'load-core': { type: 'string', default: '0' },
    'port-base': { type: 'string', default: '20000' }, base: { type: 'string' }, note: { type: 'string', default: '' },
    'no-download': { type: 'boolean', default: false }, help: { type: 'boolean', default: false },
      quick: { type: 'boolean', default: false },
  } });
  if (values.help) throw new Error('measure Weft beside its peers');
  const quick = values.quick;
  return {
    scenarios: values.scenario.split(','),
    peers: values.peers.split(','),
    rounds: whole('--rounds', values.rounds, quick ? 2 : 5, 1, 1000),
    starts: whole('--starts', values.starts, quick ? 1 : 3, 1, 100),
    seconds: whole('--seconds', values.seconds, quick ? 1 : 3, 1, 3600),
    warmSeconds: whole('--warm', values.warm, quick ? 1 : 3, 0, 600),
    rates: values.rates.split(',').map((rate) => whole('--rates', rate, 0, 1, 1_000_000)),
    latencySeconds: whole('--latency-seconds', values['latency-seconds'], quick ? 3 : 20, 1, 3600),
    collectionRequests: quick ? 20_000 : 500_000,
    proxyCore: core('--proxy-core', values['proxy-core']),
    loadCore: core('--load-core', values['load-core']),
    portBase: whole('--port-base', values['port-base'], 20000, 1024, 65000),
    mayDownload: !values['no-download'],
    baseMain: values.base ?? null,
    note: values.note,
  };
}

function whole(flag: string, text: string | undefined, missing: number, low: number, high: number): number {
  if (text === undefined) return missing;
  const value = Number(text);
  if (!Number.isInteger(value) || value < low || value > high) {
    throw new Error(`${flag} ${text}: a whole number from ${low} to ${high} is needed`);
  }
  return value;
}

const core = (flag: string, text: string): number | null => text === 'none' ? null : whole(flag, text, 0, 0, 4095);
