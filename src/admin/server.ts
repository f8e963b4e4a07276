// The admin server: an ordinary HTTP server on the main thread, for operators, scrapers and agents. Routes a request
// to its handler and sends the answer in pieces, letting the event loop run between them. Knows nothing of what the
// answers contain.
import { chmodSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setImmediate as turn } from 'node:timers/promises';
import type { Address } from '../config/types.js';
import { errorText } from '../core/errors.js';
import { limits } from '../core/limits.js';
import type { MemoryMap } from '../core/memory-map.js';
import { addressText } from './address.js';
import { textAnswer } from './answer.js';
import type { Answer, Handler } from './answer.js';
import type { AdminBackend } from './backend.js';
import { endpoints, helpText } from './endpoints.js';
import { QueryError } from './filter.js';
import { Query } from './query.js';

/** One finished request, for the access log of the admin server. */
export interface AdminRequest {
  method: string;
  path: string;
  protocol: string;
  status: number;
  bytesSent: number;
  startedMs: number;
  durationMs: number;
  remoteAddress: string;
  headers: IncomingMessage['headers'];
}

export interface AdminServerOptions {
  address: Address;
  backend: AdminBackend;
  memory: ArrayBufferLike;
  map: MemoryMap;
  /** File that gets the bound address as one line (--admin-address-path). */
  addressPath: string | null;
  profileDirectory: string;
  onRequest?: (request: AdminRequest) => void;
  /** A handler threw. The client got 500. */
  onError?: (path: string, text: string) => void;
}

/** A client that neither sends nor reads for so long is disconnected. */
const IDLE_MS = 60_000;

const mutating = new Set(endpoints.filter(({ mutates }) => mutates).map(({ path }) => path));

export class AdminServer {
  readonly #options: AdminServerOptions;
  readonly #server: Server;
  #handlers: Promise<Map<string, Handler>> | null = null;
  #address: Address;

  constructor(options: AdminServerOptions) {
    this.#options = options;
    this.#address = options.address;
    this.#server = createServer(
      { maxHeaderSize: limits.adminHeaderBytesMax, requestTimeout: 30_000, keepAliveTimeout: 60_000 },
      (request, response) => {
        void this.#serve(request, response);
      },
    );
    this.#server.maxConnections = limits.adminConnectionsMax;
    this.#server.setTimeout(IDLE_MS);
    this.#count();
  }

  /** Where it listens; the port that the kernel chose once `listen` has resolved. */
  get address(): Address {
    return this.#address;
  }

  /** Binds. Rejects with the reason and the address in it. */
  async listen(): Promise<void> {
    const { address, addressPath } = this.#options;
    await new Promise<void>((resolve, reject) => {
      this.#server.once('error', (error) =>
        reject(new Error(`admin address ${addressText(address)}: ${errorText(error)}`)),
      );
      if (address.kind === 'ip') {
        this.#server.listen({ host: address.host, port: address.port, ipv6Only: !address.ipv4Compat }, resolve);
      } else {
        if (!address.path.startsWith('@')) rmSync(address.path, { force: true });
        this.#server.listen({ path: address.path.replace(/^@/, '\0') }, resolve);
      }
    });
    this.#server.on('error', (error) => this.#options.onError?.('listen', errorText(error)));
    if (address.kind === 'ip') {
      this.#address = { ...address, port: (this.#server.address() as AddressInfo).port };
    } else if (address.mode !== 0 && !address.path.startsWith('@')) {
      chmodSync(address.path, address.mode);
    }
    if (addressPath !== null) writeFileSync(addressPath, addressText(this.#address));
  }

  /** Stops listening and ends connections; answers under way are cut. */
  async close(): Promise<void> {
    await new Promise<void>((resolve) => {
      this.#server.close(() => resolve());
      this.#server.closeAllConnections();
    });
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const startedMs = Date.now();
    const started = performance.now();
    const url = request.url ?? '/';
    const mark = url.indexOf('?');
    const path = mark < 0 ? url : url.slice(0, mark);
    request.resume();
    response.on('error', () => {});
    const answer = await this.#answer(request.method ?? 'GET', path, new Query(mark < 0 ? '' : url.slice(mark + 1)));
    const bytesSent = await send(request, response, answer).catch((error: unknown) => {
      this.#options.onError?.(path, errorText(error));
      response.destroy();
      return 0;
    });
    this.#finished(answer.status);
    answer.afterwards?.();
    this.#options.onRequest?.({
      method: request.method ?? '',
      path: url,
      protocol: `HTTP/${request.httpVersion}`,
      status: answer.status,
      bytesSent,
      startedMs,
      durationMs: Math.round(performance.now() - started),
      remoteAddress: request.socket.remoteAddress ?? '',
      headers: request.headers,
    });
  }

  async #answer(method: string, path: string, query: Query): Promise<Answer> {
    try {
      this.#handlers ??= this.#load();
      const handler = (await this.#handlers).get(path);
      if (handler === undefined) {
        return textAnswer(`invalid path. ${helpText()}`, 404);
      }
      if (mutating.has(path) && method !== 'POST')
        return textAnswer(`Method ${method} not allowed, POST required.`, 405);
      return await handler(query);
    } catch (error) {
      if (error instanceof QueryError) return textAnswer(error.message, error.status);
      this.#options.onError?.(path, errorText(error));
      return textAnswer('internal error\n', 500);
    }
  }

  async #load(): Promise<Map<string, Handler>> {
    const { backend, memory, map, profileDirectory } = this.#options;
    const [{ allHandlers }, { SharedStates }] = await Promise.all([
      import('./routes.js'),
      import('./stats/cluster-facts.js'),
    ]);
    return allHandlers(backend, new SharedStates(memory, map), profileDirectory);
  }

  /** The statistics that Envoy has of its admin listener. */
  #count(): void {
    const { statistics } = this.#options.backend;
    for (const code of [1, 2, 3, 4, 5]) statistics.counter(`http.admin.downstream_rq_${code}xx`);
    statistics.counter('http.admin.downstream_rq_completed');
    const totals = ['http.admin.', 'listener.admin.'].map((prefix) =>
      statistics.counter(`${prefix}downstream_cx_total`),
    );
    const active = ['http.admin.', 'listener.admin.'].map((prefix) =>
      statistics.gauge(`${prefix}downstream_cx_active`),
    );
    const requests = statistics.counter('http.admin.downstream_rq_total');
    const requestsActive = statistics.gauge('http.admin.downstream_rq_active');
    this.#server.on('connection', (socket) => {
      for (const counter of totals) counter.add();
      for (const gauge of active) gauge.add(1);
      socket.once('close', () => {
        for (const gauge of active) gauge.add(-1);
      });
    });
    this.#server.on('request', (_, response) => {
      requests.add();
      requestsActive.add(1);
      response.once('close', () => requestsActive.add(-1));
    });
  }

  #finished(status: number): void {
    const { statistics } = this.#options.backend;
    statistics.counter('http.admin.downstream_rq_completed').add();
    statistics.counter(`http.admin.downstream_rq_${Math.floor(status / 100)}xx`).add();
  }
}

/** Sends an answer and resolves with the body's bytes when all of it is with the kernel, or the client has gone. */
async function send(request: IncomingMessage, response: ServerResponse, answer: Answer): Promise<number> {
  response.writeHead(answer.status, {
    'content-type': answer.type,
    'cache-control': 'no-cache, max-age=0',
    'x-content-type-options': 'nosniff',
    server: 'envoy',
    ...answer.headers,
    ...(answer.afterwards !== undefined && { connection: 'close' }),
  });
  let bytes = 0;
  const pieces = request.method === 'HEAD' ? [] : typeof answer.body === 'string' ? [answer.body] : answer.body;
  for (const piece of pieces) {
    if (response.destroyed) break;
    bytes += Buffer.byteLength(piece);
    if (piece !== '' && !response.write(piece)) await drained(response);
    if (typeof answer.body !== 'string') await turn();
  }
  await new Promise<void>((resolve) => {
    response.once('close', resolve);
    response.end(resolve);
  });
  return bytes;
}

function drained(response: ServerResponse): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      response.off('drain', done);
      response.off('close', done);
      resolve();
    };
    response.once('drain', done);
    response.once('close', done);
  });
}
