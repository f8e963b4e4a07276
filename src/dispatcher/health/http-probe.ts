// Health checks over HTTP/1.1 and HTTP/2: a request, its status, and what its body or its headers must say.
import { Agent, request } from 'node:http';
import type { ClientRequest, IncomingHttpHeaders, IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import type { Checker, StatusRange } from '../../config/health.js';
import { limits } from '../../core/limits.js';
import type { HeaderMutations } from '../../config/types.js';
import { Http2Client } from './http2-client.js';
import { Payload } from './payload.js';
import { SUCCEEDED, dial, failed } from './probe.js';
import type { OnResult, Probe, ProbeResult, ProbeTarget } from './probe.js';

type HttpChecker = Extract<Checker, { kind: 'http' }>;

const within = (ranges: readonly StatusRange[], status: number): boolean =>
  ranges.some(({ start, end }) => status >= start && status < end);

export class HttpProbe implements Probe {
  private readonly exchange: Exchange;
  private readonly receive: Payload;

  /** `matches` judges the service's name; null where nobody asks for it. */
  constructor(private readonly checker: HttpChecker, private readonly target: ProbeTarget,
    private readonly onResult: OnResult, private readonly matches: ((name: string) => boolean) | null) {
    this.receive = new Payload(checker.receive);
    this.exchange = checker.protocol === 'http1' ? new Http1Exchange(checker, target)
      : new Http2Exchange(checker, target);
  }

  start(): void {
    this.exchange.start((answer) => {
      if (answer === null || answer.closes || !this.target.reuseConnection) this.exchange.close();
      this.onResult(answer === null ? failed('NETWORK') : this.judge(answer));
    });
  }

  abort(): void { this.exchange.close(); }
  end(): void { this.exchange.close(); }

  private judge({ status, headers, body }: Answer): ProbeResult {
    const excluded = headers['x-envoy-immediate-health-check-fail'] !== undefined;
    const most = Math.min(this.checker.responseBufferBytes || Infinity, limits.healthAnswerBytesMax);
    if (!this.receive.isIn(body.subarray(0, most))) return failed('ACTIVE', status, false, excluded);
    if (!within(this.checker.expected, status))
      return failed('ACTIVE', status, within(this.checker.retriable, status), excluded);
    if (this.matches?.(String(headers['x-envoy-upstream-healthchecked-cluster'] ?? '')) === false)
      return failed('ACTIVE', status);
    return headers['x-envoy-degraded'] === undefined ? SUCCEEDED : { ok: true, degraded: true };
  }
}

/** `closes`: the connection is of no use any more. */
interface Answer { status: number; headers: IncomingHttpHeaders; body: Buffer; closes: boolean }
type Answered = (answer: Answer | null) => void;
/** Asks once, on a connection that it keeps until `close`; nothing is answered behind that. */
interface Exchange { start(answered: Answered): void; close(): void }

class Http1Exchange implements Exchange {
  private agent: Agent | null = null;
  private current: ClientRequest | null = null;
  private cancel: (() => void) | null = null;
  private readonly body: Buffer;
  private readonly headers: Headers;

  constructor(private readonly checker: HttpChecker, private readonly target: ProbeTarget) {
    this.body = Buffer.from(checker.send, 'hex');
    this.headers = requestHeaders(target.hostname, checker.headers);
    if (this.body.length > 0) this.headers['content-length'] = String(this.body.length);
  }

  start(answered: Answered): void {
    const { checker, headers } = this;
    this.agent ??= this.newAgent();
    const current = request({ agent: this.agent, method: checker.method, path: checker.path, headers,
      setHost: false });
    // the agent's own header would be sent otherwise, Envoy sends none
    current.removeHeader('connection');
    this.current = current;
    const finish: Answered = (answer) => {
      if (this.current !== current) return;
      this.current = null;
      answered(answer);
    };
    current.on('response', (response) => receive(response, finish));
    current.on('error', () => finish(null));
    current.end(this.body.length > 0 ? this.body : undefined);
  }

  close(): void {
    const { current, cancel, agent } = this;
    this.current = this.cancel = this.agent = null;
    current?.destroy();
    agent?.destroy();
    cancel?.();
  }

  /** One connection, kept between checks. */
  private newAgent(): Agent {
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    type Created = (error: Error | null, socket?: Socket) => void;
    (agent as unknown as { createConnection(options: object, created: Created): void }).createConnection =
      (_options, created) => {
        this.cancel?.();
        this.cancel = dial(this.target, (socket) => {
          if (socket === null) created(new Error('not connected')); else created(null, socket);
        });
      };
    return agent;
  }
}

function receive(response: IncomingMessage, finish: Answered): void {
  const pieces: Buffer[] = [];
  let bytes = 0;
  response.on('data', (piece: Buffer) => {
    if (bytes >= limits.healthAnswerBytesMax) return;
    pieces.push(piece);
    bytes += piece.length;
  });
  response.on('end', () => finish({ status: response.statusCode ?? 0, headers: response.headers,
    body: Buffer.concat(pieces),
    closes: /\bclose\b/i.test(String(response.headers.connection ?? '')) || response.httpVersion === '1.0' }));
  response.on('error', () => finish(null));
}

class Http2Exchange implements Exchange {
  private readonly client: Http2Client;
  private readonly body: Buffer | null;
  private readonly headers: Headers;

  constructor(checker: HttpChecker, target: ProbeTarget) {
    this.client = new Http2Client(target);
    this.body = checker.send === '' ? null : Buffer.from(checker.send, 'hex');
    const { host, ...headers } = requestHeaders(target.hostname, checker.headers);
    this.headers = { ':method': checker.method, ':path': checker.path, ':authority': host ?? target.hostname,
      ...headers };
    if (this.body !== null) this.headers['content-length'] = String(this.body.length);
  }

  start(answered: Answered): void {
    this.client.ask(this.headers, this.body, (answer) =>
      answered(answer === null ? null : { ...answer, closes: false }));
  }

  close(): void { this.client.close(); }
}

type Headers = Record<string, string | string[]>;

/** Values by name, in the order they are sent. */
function requestHeaders(host: string, { add, remove }: HeaderMutations): Headers {
  const headers: Record<string, string[]> = { host: [host], 'user-agent': ['Envoy/HC'] };
  for (const { name, value, action, keepEmptyValue } of add) {
    if (value === '' && !keepEmptyValue) continue;
    const text = value.replaceAll('%%', '%');
    const known = headers[name];
    if (known === undefined) { if (action !== 'overwriteIfExists') headers[name] = [text]; continue; }
    if (action === 'append') known.push(text);
    else if (action !== 'addIfAbsent') headers[name] = [text];
  }
  for (const name of remove) delete headers[name];
  return Object.fromEntries(Object.entries(headers).map(([name, values]) =>
    [name, values.length === 1 ? values[0] : values]));
}
