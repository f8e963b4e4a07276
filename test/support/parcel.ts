// Parcel (examples/codecs/parcel.ts) as tests speak it: frames byte by byte, a client, and a server whose answers a
// script decides.
import type { Socket } from 'node:net';
import { FramedClient, FramedServer } from './framed.js';

export interface Parcel { kind: number; status: number; id: number; service: string; method: string; tenant: string;
  body: Buffer }
export const CALL = 1, TELL = 2, ANSWER = 3, PING = 4, PONG = 5, LEAVE = 6;
const HEADER_BYTES = 16;

export function parcelFrame({ kind = CALL, status = 0, id = 1, service = '', method = '', tenant = '',
  body = Buffer.alloc(0) }: Partial<Parcel>): Buffer {
  const header = Buffer.alloc(HEADER_BYTES), names = Buffer.from(service + method + tenant);
  header.writeUInt32LE(HEADER_BYTES + names.length + body.length, 0);
  header[4] = kind;
  header[5] = status;
  header.writeUInt16LE(service.length, 6);
  header.writeUInt16LE(method.length, 8);
  header.writeUInt16LE(tenant.length, 10);
  header.writeUInt32LE(id, 12);
  return Buffer.concat([header, names, body]);
}

function find(bytes: Buffer): { frame: Parcel; end: number } | null {
  if (bytes.length < HEADER_BYTES || bytes.length < bytes.readUInt32LE(0)) return null;
  const end = bytes.readUInt32LE(0);
  let at = HEADER_BYTES;
  const name = (place: number): string => bytes.subarray(at, at += bytes.readUInt16LE(place)).toString();
  return { end, frame: { kind: bytes[4]!, status: bytes[5]!, id: bytes.readUInt32LE(12), service: name(6),
    method: name(8), tenant: name(10), body: Buffer.from(bytes.subarray(at, end)) } };
}

export const openParcels = (port: number): Promise<FramedClient<Parcel>> => FramedClient.open(port, find);
export async function askParcels(client: FramedClient<Parcel>, frame: Partial<Parcel> & { id: number }):
  Promise<Parcel> {
  client.send(parcelFrame(frame));
  return await client.frame(({ id, kind }) => kind === ANSWER && id === frame.id);
}

export function answerParcel({ id, body }: Parcel, socket: Socket, more: Partial<Parcel> = {}): void {
  socket.write(parcelFrame({ kind: ANSWER, id, body, ...more }));
}
/** Answers each call with its own body. */
export const serveParcels = (port: number): Promise<FramedServer<Parcel>> => FramedServer.start(port, find,
  (frame, socket) => {
    if (frame.kind === PING) socket.write(parcelFrame({ kind: PONG, id: frame.id }));
    return frame.kind === PING;
  }, (frame, socket) => { if (frame.kind === CALL) answerParcel(frame, socket); });
