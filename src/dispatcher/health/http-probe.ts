// Health checks over HTTP/1.1: a request, its status, and what its body or its headers must say.
import { Agent, request } from 'node:http';
import type { ClientRequest, IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import type { Checker, StatusRange } from '../../config/health.js';
import { limits } from '../../core/limits.js';
import type { HeaderMutations } from '../../config/types.js';
import { Payload } from './payload.js';
import { SUCCEEDED, dial, failed } from './probe.js';
import type { OnResult, Probe, ProbeResult, ProbeTarget } from './probe.js';

type HttpChecker = Extract<Checker, { kind: 'http' }>;

const within = (ranges: readonly StatusRange[], status: number): boolean =>
  ranges.some(({ start, end }) => status >= start && status < end);

export class HttpProbe implements Probe {
  private agent: Agent | null = null;
  private current: ClientRequest | null = null;
  private readonly receive: Payload;
  private readonly body: Buffer;
  private readonly headers: Record<string, string | string[]>;

  /** `matches` judges the service's name; null where nobody asks for it. */
  constructor(private readonly checker: HttpChecker, private readonly target: ProbeTarget,
    private readonly onResult: OnResult, private readonly matches: ((name: string) => boolean) | null) {
    this.receive = new Payload(checker.receive);
    this.body = Buffer.from(checker.send, 'hex');
    this.headers = requestHeaders(target.hostname, checker.headers);
    if (this.body.length > 0) this.headers['content-length'] = String(this.body.length);
  }

  start(): void {
    const { checker, target } = this;
    this.agent ??= agentTo(target);
    const current = request({ agent: this.agent, method: checker.method, path: checker.path, headers: this.headers,
      setHost: false });
    // the agent's own header would be sent otherwise, Envoy sends none
    current.removeHeader('connection');
    this.current = current;
    current.on('response', (response) => this.responded(current, response));
    current.on('error', () => this.finish(current, failed('NETWORK'), true));
    current.end(this.body.length > 0 ? this.body : undefined);
  }

  abort(): void {
    const { current } = this;
    this.current = null;
    current?.destroy();
    this.closeConnection();
  }
  end(): void { this.abort(); }

  private responded(current: ClientRequest, response: IncomingMessage): void {
    const pieces: Buffer[] = [];
    const most = Math.min(this.checker.responseBufferBytes || Infinity, limits.healthAnswerBytesMax);
    let bytes = 0;
    response.on('data', (piece: Buffer) => {
      if (this.receive.isEmpty || bytes >= most) return;
      pieces.push(piece.subarray(0, most - bytes));
      bytes += pieces.at(-1)!.length;
    });
    response.on('end', () => {
      const closes = /\bclose\b/i.test(String(response.headers.connection ?? '')) || response.httpVersion === '1.0';
      this.finish(current, this.judge(response, Buffer.concat(pieces)), closes || !this.target.reuseConnection);
    });
    response.on('error', () => this.finish(current, failed('NETWORK'), true));
  }

  private judge(response: IncomingMessage, body: Buffer): ProbeResult {
    const status = response.statusCode ?? 0;
    const excluded = response.headers['x-envoy-immediate-health-check-fail'] !== undefined;
    if (!this.receive.isIn(body)) return failed('ACTIVE', status, false, excluded);
    if (!within(this.checker.expected, status))
      return failed('ACTIVE', status, within(this.checker.retriable, status), excluded);
    if (this.matches?.(String(response.headers['x-envoy-upstream-healthchecked-cluster'] ?? '')) === false)
      return failed('ACTIVE', status);
    return response.headers['x-envoy-degraded'] === undefined ? SUCCEEDED : { ok: true, degraded: true };
  }

  private finish(current: ClientRequest, result: ProbeResult, close: boolean): void {
    if (this.current !== current) return;
    this.current = null;
    if (close) this.closeConnection();
    this.onResult(result);
  }

  private closeConnection(): void {
    this.agent?.destroy();
    this.agent = null;
  }
}

/** One connection, kept between checks. */
function agentTo(target: ProbeTarget): Agent {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  (agent as Agent & { createConnection(): Socket }).createConnection = () => dial(target);
  return agent;
}

/** Values by name, in the order they are sent. */
function requestHeaders(host: string, { add, remove }: HeaderMutations): Record<string, string | string[]> {
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
