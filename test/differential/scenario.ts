// What a differential scenario is: a small piece of configuration and the bytes that are sent through it. All scenarios
// of a file run in one process, each on listeners, clusters and upstreams of its own.
//
// Text in braces is replaced wherever it stands in configuration, bytes and names of statistics: `{up}` is the name of
// the cluster of the scenario's upstream `up`, `{port:up}` its port (a number, where it is all of a text),
// `{port:main}` the port of the listener `main`, `{id}` the scenario's own prefix, `{folder}` a folder for files.
import type { ClusterSpec, ListenerSpec } from '../support/bootstrap.js';

/** What an upstream does with a request: bytes to send, or one of the other ends a request can come to. */
export type Reply = string | { close: true; say?: string } | { reset: true; say?: string }
  | { hang: true } | { afterMs: number; reply: string };

/** What an upstream does with a connection: at once, for each piece of bytes, and when its peer has sent FIN. */
export interface RawUpstream {
  say?: string; echo?: boolean; answer?: string; answerMs?: number;
  /** Ends the connection at once (after `say`) or after the first bytes, or resets it then. */
  close?: 'atOnce' | 'afterBytes' | 'reset';
  /** Sent behind the peer's FIN, before its own. */
  farewell?: string;
  /** Its FIN does not follow the peer's. */
  stays?: boolean;
}

export interface Step {
  /** Bytes for the proxy; absent: nothing is sent. `get` and `post` make common ones. */
  send?: string;
  /** Listener by name; the scenario's first one when absent. */
  to?: string;
  /** Addresses to connect to and from; 127.0.0.1 when absent. */
  host?: string;
  from?: string;
  /** Goes on with the connection of the step before. */
  sameConnection?: boolean;
  /** Answers to wait for; default 1, 0 where none is to come. */
  responses?: number;
  /** The answers have no body whatever they say (HEAD). */
  noBody?: boolean;
  /** The connection is expected to end: waits for it. */
  ends?: boolean;
  /** The client sends FIN behind its bytes. */
  halfClose?: boolean;
  /** Bytes are not HTTP: what comes back within `quietMs` or until the end is shown as it is. */
  raw?: boolean;
  /** With `raw`: no longer than until this has come. */
  until?: string;
  /** The connection stays open when another step opens its own. */
  keep?: boolean;
  /** The client resets the connection behind its bytes. */
  reset?: boolean;
  /** Longest wait for an answer or an end; where none comes, say how long to wait for it. */
  quietMs?: number;
  /** Requests of the step that are waited for at the upstreams, where the answer does not wait for them. */
  forwarded?: number;
  /** Pause before the step. */
  waitMs?: number;
  /** What upstreams answer, by name, or for `up`: one reply for all requests, or one a request, the last one again. */
  answer?: Reply | Reply[] | Record<string, Reply | Reply[]>;
  /**
   * A call to the admin server instead of `send`; the status is compared, the body where `body` says so, or those lines
   * of it that match `lines`.
   */
  admin?: { method?: string; path: string; body?: boolean; lines?: string };
  /** What upstreams answer to requests for /check from here on, by name; 200 as long as nothing is said. */
  check?: Record<string, Reply>;
  /** Waits, before the step, until statistics have these values (and workers had time to hear of it). */
  untilStats?: Record<string, number>;
}

export interface Scenario {
  /** Unique in its file; says what is shown. */
  name: string;
  /** The listener `main`: routes or virtualHosts, and fields of manager, route configuration and listener. */
  main?: Omit<ListenerSpec, 'name' | 'port' | 'logFile'>;
  /** Further listeners by name; or whole Envoy listeners in `rawListeners`. */
  listeners?: Record<string, Omit<ListenerSpec, 'name' | 'port' | 'logFile'>>;
  /** Listeners in Envoy's own words, address included; named here so that `to` and `{port:name}` find them. */
  rawListeners?: Record<string, object>;
  /** Scripted servers; each has a static cluster of the same name. Default: ['up']. */
  upstreams?: readonly string[];
  /** What upstreams do with connections that are not HTTP; what they got is shown at the end. */
  rawUpstreams?: Record<string, RawUpstream>;
  /** Fields of those clusters, by name. */
  clusterFields?: Record<string, Record<string, unknown>>;
  /** Further clusters. */
  clusters?: readonly (Omit<ClusterSpec, 'ports'> & { ports?: readonly (number | string)[] })[];
  steps: readonly Step[];
  /** Counters and gauges that are compared at the end. */
  stats?: readonly string[];
  /** Access-log lines to wait for; default: one a response. */
  logLines?: number;
  /** Response and request headers that are shown by name only, because their value differs from run to run. */
  varying?: readonly string[];
  /** As `check` of a step, from the start of the proxy on. */
  firstChecks?: Record<string, Reply>;
  /** The first request for /check of each upstream is shown. */
  showChecks?: boolean;
  /** What it shows has nothing to do with drivers: one is enough. */
  oneDriver?: boolean;
  /** Needs a process of its own, with these top-level fields of the bootstrap and options. */
  alone?: { bootstrap?: Record<string, unknown>; options?: readonly string[] };
  /** Lines that may differ, and under which heading of docs/envoy-differences.md it says why. */
  differs?: readonly { line: RegExp; heading: string }[];
}

/** A GET on HTTP/1.1; `headers` as lines without their ends. */
export const get = (path: string, ...headers: string[]): string => request('GET', path, '', headers);
/** A POST with a content-length. */
export const post = (path: string, body: string, ...headers: string[]): string =>
  request('POST', path, body, [`content-length: ${body.length}`, ...headers]);

function request(method: string, path: string, body: string, headers: readonly string[]): string {
  const host = headers.some((line) => /^host:/i.test(line)) ? [] : ['host: a.example'];
  return [`${method} ${path} HTTP/1.1`, ...host, ...headers, '', body].join('\r\n');
}

/** An answer with a content-length; `headers` as lines without their ends. */
export const answer = (status: number, body = '', ...headers: string[]): string =>
  [`HTTP/1.1 ${status} Status`, `content-length: ${body.length}`, ...headers, '', body].join('\r\n');

const TYPE = 'type.googleapis.com/envoy.extensions.filters.http.';
/** http_filters of a manager: the given ones, then the router. */
export const withRouter = (...filters: readonly { name: string; type: string; config?: object }[]): object => ({
  http_filters: [
    ...filters.map(({ name, type, config }) => ({ name, typed_config: { '@type': `${TYPE}${type}`, ...config } })),
    { name: 'envoy.filters.http.router', typed_config: { '@type': `${TYPE}router.v3.Router` } },
  ],
});
