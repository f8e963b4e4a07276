// The codec against node:http2 (nghttp2), which shares nothing with it: many messages on one connection, both ways,
// with header tables of several sizes. Our side speaks frames over a socket and nothing more than the peer needs to
// go on.
import { once } from 'node:events';
import { connect as connectHttp2, createServer as createHttp2Server, type IncomingHttpHeaders,
  type OutgoingHttpHeaders } from 'node:http2';
import { createServer, connect, type AddressInfo, type Socket } from 'node:net';
import t from 'tap';
import { H2Type } from '../../../src/core/generated/layouts.js';
import { Random } from '../../fuzz/random.js';
import { codecBuilds, type CodecBuild } from '../../support/wasm.js';
import { Http2Codec, frameBytes, wideLimits, type SectionKind, type SectionView } from './codec.js';

const PREFACE = 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n';
const DECODER = 0, ENCODER = 2;
const ACK = 1, END_STREAM = 1, END_HEADERS = 4;
const MESSAGES = 120;
type Fields = [name: string, value: string][];

/** Our end of a connection: frames in, field sections out. */
class Ours {
  readonly codec: Http2Codec;
  private input = Buffer.alloc(0);
  private block = Buffer.alloc(0);
  private endStream = false;
  onSection: (streamId: number, block: Buffer, endStream: boolean) => void = () => undefined;

  constructor(build: CodecBuild, readonly socket: Socket, tableBytes: number, preface: 'sent' | 'received') {
    socket.setNoDelay(true);
    this.codec = new Http2Codec(build);
    this.codec.resetTable(65536, DECODER);
    this.codec.resetTable(4096, ENCODER, 1);
    this.codec.resetSettings();
    let skipped = preface === 'sent' ? 0 : PREFACE.length;
    if (preface === 'sent') socket.write(PREFACE);
    socket.write(frameBytes(H2Type.settings, 0, 0, settingsOf(tableBytes)));
    socket.on('data', (data: Buffer) => {
      this.input = Buffer.concat([this.input, data]);
      const cut = Math.min(skipped, this.input.length);
      skipped -= cut;
      this.input = this.input.subarray(cut);
      while (this.take(tableBytes));
    });
  }

  private take(tableBytes: number): boolean {
    const frame = this.codec.frame(this.input);
    if (frame.result < 0) return false;
    if (frame.result === 0) throw new Error(`refused a frame of node's: ${frame.code}`);
    if (frame.remaining > 0) return false;
    this.input = this.input.subarray(frame.result);
    if (frame.type === H2Type.settings) {
      if (frame.flags & ACK) this.codec.resizeTable(tableBytes, DECODER);
      else this.applySettings(frame.payload);
    } else if (frame.type === H2Type.headers || frame.type === H2Type.continuation) {
      if (frame.type === H2Type.headers) this.endStream = (frame.flags & END_STREAM) !== 0;
      this.block = Buffer.concat([this.block, frame.payload]);
      if (frame.flags & END_HEADERS) {
        const block = this.block;
        this.block = Buffer.alloc(0);
        this.onSection(frame.streamId, block, this.endStream);
      }
    } else if ((frame.type === H2Type.goaway || frame.type === H2Type.rstStream) && frame.value !== 0) {
      throw new Error(`node ends: ${frame.type} ${frame.value} ${frame.payload.toString()}`);
    }
    return true;
  }

  private applySettings(payload: Buffer): void {
    if (this.codec.readSettings(payload) !== 0) throw new Error('refused settings');
    const { headerTableLeast, headerTableBytes } = this.codec.settings();
    this.codec.resizeTable(headerTableLeast, ENCODER);
    this.codec.resizeTable(headerTableBytes, ENCODER);
    this.socket.write(frameBytes(H2Type.settings, ACK, 0, Buffer.alloc(0)));
  }

  read(kind: SectionKind, block: Buffer): SectionView {
    const section = this.codec.section(kind, block, wideLimits, {}, DECODER);
    if (section.reason !== 'none') throw new Error(`${kind} refused: ${section.reason}`);
    return section;
  }
  send(kind: SectionKind, text: string, streamId: number, endStream = false): void {
    const frames = this.codec.encode(kind, text, { streamId, endStream }, ENCODER);
    if (frames === null) throw new Error(`not encoded: ${text}`);
    this.socket.write(frames);
  }
}

function settingsOf(tableBytes: number): Buffer {
  const payload = Buffer.alloc(6);
  payload.writeUInt16BE(1, 0);
  payload.writeUInt32BE(tableBytes, 2);
  return payload;
}

const names = ['x-request-id', 'user-agent', 'accept', 'x-tenant', 'cache-control', 'traceparent', 'grpc-timeout',
  'etag'];
const lines = (fields: Fields): string => fields.map(([name, value]) => `${name}: ${value}\r\n`).join('');

/** Fields of a message: some repeat, some never do, every printable character comes along. */
function fieldsOf(random: Random): Fields {
  const fields: Fields = [];
  for (const name of names) {
    if (random.below(3) === 0) continue;
    const length = random.below(20) === 0 ? random.below(3000) : random.below(60);
    const repeated = random.below(2) === 0;
    const value = repeated ? `${name}-${random.below(4)}` : Array.from({ length },
      () => String.fromCharCode(32 + random.below(95))).join('').trim();
    fields.push([name, value]);
  }
  return fields;
}
const pick = (headers: IncomingHttpHeaders, fields: Fields): Fields =>
  fields.map(([name]) => [name, String(headers[name])]);

for (const build of codecBuilds) {
  for (const tableBytes of [4096, 0, 200, 65536]) {
    t.test(`${build}: node asks, we answer; tables of ${tableBytes}`, async (t) => {
      const listening = createServer((socket) => {
        const ours = new Ours(build, socket, tableBytes, 'received');
        ours.onSection = (streamId, block) => {
          const { text } = ours.read('request', block);
          const fields = text.split('\r\n').slice(2, -2).join('\r\n');
          const [, path] = text.split(' ');
          const rest = `${fields}${fields === '' ? '' : '\r\n'}\r\n`;
          ours.send('response', `HTTP/1.1 200 \r\nx-path: ${path}\r\n${rest}`, streamId);
          socket.write(frameBytes(H2Type.data, 0, streamId, Buffer.from('body')));
          ours.send('trailers', `grpc-status: ${streamId % 17}\r\ngrpc-message: ${path}\r\n`, streamId);
        };
      }).listen(0, '127.0.0.1');
      await once(listening, 'listening');
      const client = connectHttp2(`http://127.0.0.1:${(listening.address() as AddressInfo).port}`,
        { settings: { headerTableSize: tableBytes } });
      const random = new Random(tableBytes + 1);
      for (let turn = 0; turn < MESSAGES; turn++) {
        const fields = fieldsOf(random), path = `/${turn % 3}/${random.below(1000)}`;
        const stream = client.request({ ':path': path, ...Object.fromEntries(fields) });
        let trailers: IncomingHttpHeaders = {};
        stream.on('trailers', (received) => { trailers = received; });
        const [headers] = await once(stream, 'response') as [IncomingHttpHeaders];
        let body = '';
        for await (const data of stream) body += String(data);
        const got = JSON.stringify([headers['x-path'], pick(headers, fields), body, trailers['grpc-message']]);
        const wanted = JSON.stringify([path, fields, 'body', path]);
        if (got !== wanted) t.equal(got, wanted, `message ${turn}`);
      }
      t.pass(`${MESSAGES} messages`);
      client.destroy();
      listening.close();
    });

    t.test(`${build}: we ask, node answers; tables of ${tableBytes}`, async (t) => {
      const server = createHttp2Server({ settings: { headerTableSize: tableBytes } });
      server.on('stream', (stream, headers) => {
        const fields: OutgoingHttpHeaders = {};
        for (const name of names) if (headers[name] !== undefined) fields[name] = headers[name];
        stream.respond({ ':status': 203, 'x-method': String(headers[':method']), 'x-path': String(headers[':path']),
          'x-host': String(headers[':authority']), 'x-secret': String(headers['authorization']), ...fields },
        { waitForTrailers: true });
        stream.on('wantTrailers', () => stream.sendTrailers({ 'x-end': String(headers[':path']) }));
        stream.end('body');
      });
      server.listen(0, '127.0.0.1');
      await once(server, 'listening');
      const socket = connect((server.address() as AddressInfo).port, '127.0.0.1');
      const ours = new Ours(build, socket, tableBytes, 'sent');
      const random = new Random(tableBytes + 2);
      for (let turn = 0; turn < MESSAGES; turn++) {
        const fields = fieldsOf(random), path = `/${random.below(1000)}`;
        const method = random.pick(['GET', 'DELETE', 'POST']);
        const sections: Buffer[] = [];
        const done = new Promise<void>((resolve) => {
          ours.onSection = (_stream, block, endStream) => { sections.push(block); if (endStream) resolve(); };
        });
        ours.send('request', `${method} ${path} HTTP/1.1\r\nhost: h:${turn % 5}\r\n` +
          `authorization: secret ${turn % 2}\r\n${lines(fields)}\r\n`, 2 * turn + 1, true);
        await done;
        const response = ours.read('response', sections[0]).text;
        const trailers = ours.read('trailers', sections[1]).text;
        const wanted = `HTTP/1.1 203 \r\nx-method: ${method}\r\nx-path: ${path}\r\nx-host: h:${turn % 5}\r\n` +
          `x-secret: secret ${turn % 2}\r\n${lines(fields)}`;
        if (!response.startsWith(wanted)) t.equal(response, wanted, `message ${turn}`);
        if (trailers !== `x-end: ${path}\r\n`) t.equal(trailers, path, `trailers ${turn}`);
      }
      t.pass(`${MESSAGES} messages`);
      socket.destroy();
      server.close();
    });
  }
}
