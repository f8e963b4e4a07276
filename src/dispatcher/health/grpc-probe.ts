// Health checks by grpc.health.v1.Health/Check.
import type { OutgoingHttpHeaders } from 'node:http2';
import type { Checker } from '../../config/health.js';
import { Http2Client } from './http2-client.js';
import type { Http2Answer } from './http2-client.js';
import { SUCCEEDED, failed } from './probe.js';
import type { OnResult, Probe, ProbeResult, ProbeTarget } from './probe.js';

const SERVING = 1;

export class GrpcProbe implements Probe {
  private readonly client: Http2Client;
  private readonly message: Buffer;

  constructor(private readonly checker: Extract<Checker, { kind: 'grpc' }>, private readonly target: ProbeTarget,
    private readonly onResult: OnResult) {
    this.client = new Http2Client(target);
    this.message = checkRequest(checker.serviceName);
  }

  start(): void {
    const headers: OutgoingHttpHeaders = { ':method': 'POST', ':path': '/grpc.health.v1.Health/Check',
      ':authority': this.target.hostname, 'content-type': 'application/grpc', te: 'trailers',
      'user-agent': 'Envoy/HC' };
    for (const { name, value } of this.checker.metadata.add) headers[name] = value.replaceAll('%%', '%');
    this.client.ask(headers, this.message, (answer) => {
      if (answer === null || !this.target.reuseConnection) this.client.close();
      this.onResult(answer === null ? failed('NETWORK') : judge(answer));
    });
  }

  abort(): void { this.client.close(); }
  end(): void { this.client.close(); }
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
function judge({ status, headers, trailers, body }: Http2Answer): ProbeResult {
  const grpcStatus = String(trailers['grpc-status'] ?? headers['grpc-status'] ?? '');
  if (status !== 200 || grpcStatus !== '0' || body.length < 7 || body[0] !== 0) return failed('ACTIVE');
  const message = body.subarray(5, 5 + body.readUInt32BE(1));
  for (let at = 0; at + 1 < message.length; at += 2)
    if (message[at] === 0x08) return message[at + 1] === SERVING ? SUCCEEDED : failed('ACTIVE');
  return failed('ACTIVE');
}
