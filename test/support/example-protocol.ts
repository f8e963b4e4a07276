// The example protocol (assembly/rpc/example.ts) as tests speak it.
import type { Socket } from 'node:net';
import { FramedClient, FramedServer } from './framed.js';

export interface ExampleFrame { kind: number; status: number; id: number; service: string; method: string;
  body: string }
export const RESPONSE = 0, REQUEST = 1, ONEWAY = 2, HEARTBEAT = 3, HEARTBEAT_REPLY = 4, GO_AWAY = 5;
const HEADER_BYTES = 18;

export function exampleFrame({ kind = REQUEST, status = 0, id = 1, service = '', method = '', body = '' }:
  Partial<ExampleFrame>): Buffer {
  const header = Buffer.alloc(HEADER_BYTES);
  header.write('WXP1');
  header[4] = kind;
  header[5] = status;
  header.writeUInt32BE(id, 6);
  header.writeUInt16BE(service.length, 10);
  header.writeUInt16BE(method.length, 12);
  header.writeUInt32BE(body.length, 14);
  return Buffer.concat([header, Buffer.from(service + method + body)]);
}

function find(bytes: Buffer): { frame: ExampleFrame; end: number } | null {
  if (bytes.length < HEADER_BYTES) return null;
  const service = HEADER_BYTES + bytes.readUInt16BE(10), method = service + bytes.readUInt16BE(12);
  const end = method + bytes.readUInt32BE(14);
  if (bytes.length < end) return null;
  const text = (from: number, to: number): string => bytes.subarray(from, to).toString();
  return { end, frame: { kind: bytes[4]!, status: bytes[5]!, id: bytes.readUInt32BE(6),
    service: text(HEADER_BYTES, service), method: text(service, method), body: text(method, end) } };
}

export const openExample = (port: number): Promise<FramedClient<ExampleFrame>> => FramedClient.open(port, find);
export async function askExample(client: FramedClient<ExampleFrame>, frame: Partial<ExampleFrame> & { id: number }):
  Promise<ExampleFrame> {
  client.send(exampleFrame(frame));
  return await client.frame(({ id, kind }) => kind === RESPONSE && id === frame.id);
}

export function answerExample({ id, body }: ExampleFrame, socket: Socket, more: Partial<ExampleFrame> = {}): void {
  socket.write(exampleFrame({ kind: RESPONSE, id, body, ...more }));
}
/** Answers each request with its own body. */
export const serveExample = (port: number): Promise<FramedServer<ExampleFrame>> => FramedServer.start(port, find,
  ({ kind, id }, socket) => {
    if (kind === HEARTBEAT) socket.write(exampleFrame({ kind: HEARTBEAT_REPLY, id }));
    return kind === HEARTBEAT;
  }, (frame, socket) => { if (frame.kind === REQUEST) answerExample(frame, socket); });
