// One request through a simulated worker: what the upstream got, what the client got, what was logged.
import type { HttpConnectionManager, RouteConfig } from '../../src/config/types.js';
import { assignment, cluster, httpChain, listener, routes } from '../config/snapshot/fixtures.js';
import { World } from './world.js';

export interface ExchangeSetup {
  hcm?: Partial<HttpConnectionManager>;
  routes?: (config: RouteConfig) => void;
  /** Log format; text, or a JSON format. */
  log?: string | Record<string, unknown>;
}
export interface Exchanged {
  upstream: string;
  client: string;
  lines: string[];
}

const RESPONSE = 'HTTP/1.1 200 OK\r\ncontent-length: 2\r\nx-up: 1\r\n\r\nok';

export class Exchange {
  readonly world = new World(9);
  private upstream = '';
  private response = RESPONSE;

  constructor(setup: ExchangeSetup = {}) {
    const config = routes('routes', 'one');
    setup.routes?.(config);
    const format =
      typeof setup.log === 'object'
        ? { kind: 'json' as const, fields: setup.log as never, omitEmptyValues: false }
        : { kind: 'text' as const, format: setup.log ?? '%RESPONSE_CODE%\n', omitEmptyValues: false };
    this.world.network.serve('127.0.0.1:80', (peer) => {
      peer.onReadable = () => {
        const text = Buffer.from(peer.read()).toString('latin1');
        this.upstream += text;
        if (text !== '') peer.write(Buffer.from(this.response, 'latin1'));
      };
    });
    this.world.configure([
      { kind: 'cluster', name: 'one', value: cluster('one') },
      { kind: 'assignment', name: 'one', value: assignment('one', 80) },
      { kind: 'route', name: 'routes', value: config },
      {
        kind: 'listener',
        name: 'main',
        value: listener('main', 1, {
          filterChains: [
            httpChain({
              generateRequestId: false,
              accessLogs: [{ sink: { kind: 'stdout' }, format, filter: null }],
              ...setup.hcm,
            }),
          ],
        }),
      },
    ]);
    this.world.listen('main');
  }

  /** Sends `request` and waits for what comes back. */
  send(request: string, response = RESPONSE): Exchanged {
    this.upstream = '';
    this.response = response;
    const before = this.world.lines.length;
    const client = this.world.arrive('main');
    let answer = '';
    client.onReadable = () => {
      answer += Buffer.from(client.read()).toString('latin1');
    };
    client.write(Buffer.from(request, 'latin1'));
    this.world.run(50);
    client.close();
    this.world.run(50);
    return { upstream: this.upstream, client: answer, lines: this.world.lines.slice(before) };
  }

  get(path: string, headers = ''): Exchanged {
    return this.send(`GET ${path} HTTP/1.1\r\nHost: a.test\r\n${headers}\r\n`);
  }
}

/** Header lines of a message with one of these names, in order. */
export const linesOf = (message: string, ...names: string[]): string[] =>
  message
    .split('\r\n\r\n')[0]!
    .split('\r\n')
    .slice(1)
    .filter((line) => names.includes(line.slice(0, line.indexOf(':')).toLowerCase()));
