// Health checks by grpc.health.v1.Health/Check over HTTP/2 without TLS.
import { connect as connectHttp2, constants } from 'node:http2';
import type { ClientHttp2Session, ClientHttp2Stream } from 'node:http2';
import type { Checker } from '../../config/health.js';
import { limits } from '../../core/limits.js';
import { SUCCEEDED, dial, failed } from './probe.js';
import type { OnResult, Probe, ProbeResult, ProbeTarget } from './probe.js';

const SERVING = 1;

export class GrpcProbe implements Probe {
  private session: ClientHttp2Session | null = null;
  private stream: ClientHttp2Stream | null = null;
  private readonly message: Buffer;

  constructor(private readonly checker: Extract<Checker, { kind: 'grpc' }>, private readonly target: ProbeTarget,
    private readonly onResult: OnResult) {
    this.message = checkRequest(checker.serviceName);
  }

  start(): void {
    const session = this.session ?? this.open();
    const headers: Record<string, string | string[]> = { ':method': 'POST', ':path': '/grpc.health.v1.Health/Check',
      ':scheme': 'http', ':authority': this.target.hostname, 'content-type': 'application/grpc', te: 'trailers',
      'user-agent': 'Envoy/HC' };
    for (const { name, value } of this.checker.metadata.add) headers[name] = value.replaceAll('%%', '%');
    const stream = session.request(headers);
    this.stream = stream;
    let body: Buffer = Buffer.alloc(0);
    let status = '', grpcStatus = '';
    const take = (answer: Record<string, unknown>) => { grpcStatus = String(answer['grpc-status'] ?? grpcStatus); };
    stream.on('response', (answer) => { status = String(answer[':status']); take(answer); });
    stream.on('data', (bytes: Buffer) => {
      if (body.length < limits.healthAnswerBytesMax) body = Buffer.concat([body, bytes]);
    });
    stream.on('trailers', take);
    stream.on('error', () => {});                          // 'close' follows
    stream.on('close', () => {
      if (this.stream !== stream) return;
      const reset = stream.rstCode !== constants.NGHTTP2_NO_ERROR || status === '';
      this.finish(reset ? failed('NETWORK') : judge(status, grpcStatus, body));
    });
    stream.end(this.message);
  }

  abort(): void {
    this.stream = null;
    const { session } = this;
    this.session = null;
    session?.destroy();
  }
  end(): void { this.abort(); }

  private open(): ClientHttp2Session {
    const session = connectHttp2('http://health', { createConnection: () => dial(this.target) });
    this.session = session;
    session.on('error', () => {});
    session.on('goaway', () => { if (this.session === session) this.session = null; session.close(); });
    session.on('close', () => {
      if (this.session !== session) return;
      this.session = null;
      if (this.stream !== null) this.finish(failed('NETWORK'));
    });
    return session;
  }

  private finish(result: ProbeResult): void {
    this.stream = null;
    if (!this.target.reuseConnection || (!result.ok && result.type === 'NETWORK')) this.abort();
    this.onResult(result);
  }
}

/** HealthCheckRequest{service} in a gRPC frame. */
function checkRequest(service: string): Buffer {
  const name = Buffer.from(service, 'utf8');
  const length: number[] = [];
  for (let left = name.length; ; left >>>= 7) {
    length.push(left < 128 ? left : (left & 127) | 128);
    if (left < 128) break;
  }
  const message = name.length === 0 ? Buffer.alloc(0) : Buffer.concat([Buffer.from([0x0a, ...length]), name]);
  const frame = Buffer.alloc(5);
  frame.writeUInt32BE(message.length, 1);
  return Buffer.concat([frame, message]);
}

/** An answer that is gRPC, status OK, with HealthCheckResponse{status: SERVING}. */
function judge(status: string, grpcStatus: string, body: Buffer): ProbeResult {
  if (status !== '200' || grpcStatus !== '0' || body.length < 7 || body[0] !== 0) return failed('ACTIVE');
  const message = body.subarray(5, 5 + body.readUInt32BE(1));
  for (let at = 0; at + 1 < message.length; at += 2)
    if (message[at] === 0x08) return message[at + 1] === SERVING ? SUCCEEDED : failed('ACTIVE');
  return failed('ACTIVE');
}
