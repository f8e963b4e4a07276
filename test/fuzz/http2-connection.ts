// A client's connection made by a random number: lawful requests in every form that frames allow, lawless frames, and
// bytes that are no frames, as the pieces in which they are sent.
import { integer, indexed, literal, sizeUpdate } from '../protocols/http2/blocks.js';
import { huffman } from '../protocols/http2/reference-hpack.js';
import { ACK, CONTINUATION, DATA, END_HEADERS, END_STREAM, frame, GOAWAY, HEADERS, PING, PREFACE, PRIORITY, RST_STREAM,
  setting, SETTINGS, WINDOW_UPDATE, word } from '../support/http2-frames.js';
import { mutate, type Random } from './random.js';

const PADDED = 8, PRIORITIES = 0x20, PUSH_PROMISE = 5;
const HEADER_TABLE = 1, MAX_STREAMS = 3, INITIAL_WINDOW = 4, MAX_FRAME = 5, MAX_LIST = 6;
const INDEX_GET = 2, INDEX_POST = 3, INDEX_HTTP = 6;

export interface MangledConnection {
  pieces: Buffer[];
  /** The largest header table that the client has allowed. */
  tableBytes: number;
}

export function mangledConnection(random: Random): MangledConnection {
  const tableBytes = random.pick([4096, 4096, 0, 100, 65536]);
  const settings = [setting(HEADER_TABLE, tableBytes), setting(INITIAL_WINDOW, random.pick([65535, 0, 10, 1 << 20])),
    ...(random.below(3) === 0 ? [setting(MAX_STREAMS, random.below(5)), setting(MAX_FRAME, 16384 + random.below(9)),
      setting(MAX_LIST, random.below(9999))] : [])];
  const frames = [PREFACE, frame(SETTINGS, 0, 0, Buffer.concat(settings))];
  if (random.below(10) > 0) frames.push(frame(SETTINGS, ACK, 0));
  const lawful = random.below(4) === 0;
  let id = 1;
  for (let count = 1 + random.below(25); count > 0; count--) {
    if (lawful || random.below(3) > 0) { frames.push(...request(random, id)); id += 2; }
    if (!lawful && random.below(2) === 0) frames.push(odd(random, id));
  }
  const seed = Buffer.concat(frames);
  const bytes = lawful || random.below(3) > 0 ? seed : Buffer.concat([seed.subarray(0, 60),
    mutate(random, seed.subarray(60), seed, ['\0\0\0', '\xff\xff', '\x01\x04'], 100_000)]);
  return { pieces: inPieces(random, bytes), tableBytes };
}

/** HEADERS, perhaps CONTINUATION, DATA, trailers; perhaps not to the end. */
function request(random: Random, id: number): Buffer[] {
  const post = random.below(2) === 0, ends = !post && random.below(5) > 0;
  const body = Buffer.alloc(random.pick([0, 1, 100, random.below(20_000)]), 'b');
  const fields = [indexed(post ? INDEX_POST : INDEX_GET), indexed(INDEX_HTTP),
    literal(':path', random.pick(['/1', '/2', `/2/${id}`, `/1/${'p'.repeat(random.below(3000))}`]),
      random.pick(['indexing', 'without', 'never'])),
    literal(':authority', 'test', 'indexing')];
  if (random.below(6) === 0) fields.push(indexed(random.pick([62, 63, 62, 80])));
  if (random.below(3) === 0) fields.push(field('x-custom', 'v'.repeat(random.below(300))));
  if (random.below(3) === 0) fields.push(literal('te', 'trailers'), literal('cookie', 'a=1'), literal('cookie', 'b=2'));
  if (random.below(8) === 0) fields.push(literal('content-length', String(post ? body.length : 0)));
  if (random.below(9) === 0) fields.push(literal(random.pick(['connection', 'Upper', 'x', '', ':path']), 'close'));
  if (random.below(30) === 0) fields.unshift(sizeUpdate(random.below(5000)));
  const block = Buffer.concat(fields);
  const frames = head(random, id, block, ends);
  if (ends) return frames;
  for (let at = 0; at < body.length; at += 16_000) frames.push(data(random, id, body.subarray(at, at + 16_000)));
  switch (random.below(6)) {
    case 0: return frames;
    case 1: return [...frames, frame(RST_STREAM, 0, id, word(random.pick([0, 8, 7])))];
    case 2: return [...frames, ...head(random, id, literal('x-trailer', 't'), true)];
    default: return [...frames, frame(DATA, END_STREAM, id)];
  }
}

function field(name: string, value: string): Buffer {
  const coded = huffman(value);
  return Buffer.concat([literal(name, '').subarray(0, -1), integer(0x80, 7, coded.length), coded]);
}

function head(random: Random, id: number, block: Buffer, ends: boolean): Buffer[] {
  const end = ends ? END_STREAM : 0;
  if (random.below(5) === 0) {
    const padding = Buffer.alloc(random.below(20));
    return [frame(HEADERS, end | END_HEADERS | PADDED | PRIORITIES, id, Buffer.concat([Buffer.from([padding.length]),
      word(random.below(3) === 0 ? 1 : 0), Buffer.from([9]), block, padding]))];
  }
  if (random.below(4) > 0) return [frame(HEADERS, end | END_HEADERS, id, block)];
  const cuts = [random.below(block.length), random.below(block.length)].sort((a, b) => a - b);
  return [frame(HEADERS, end, id, block.subarray(0, cuts[0])), frame(CONTINUATION, 0, id, block.subarray(...cuts)),
    frame(CONTINUATION, END_HEADERS, id, block.subarray(cuts[1]))];
}

function data(random: Random, id: number, body: Buffer): Buffer {
  if (random.below(4) > 0) return frame(DATA, 0, id, body);
  const padding = Buffer.alloc(random.below(256));
  return frame(DATA, PADDED, id, Buffer.concat([Buffer.from([padding.length]), body, padding]));
}

/** A frame that may be wrong where it stands, or anywhere. */
function odd(random: Random, next: number): Buffer {
  const id = random.pick([0, 1, next, Math.max(1, next - 2), next + 1, random.below(60)]);
  switch (random.below(12)) {
    case 0: return frame(WINDOW_UPDATE, 0, id, word(random.pick([1, 1000, 65535, 0x7fffffff, 0])));
    case 1: return frame(RST_STREAM, 0, id, word(random.below(14)));
    case 2: return frame(PING, random.below(2), 0, Buffer.alloc(8, 'p'));
    case 3: return frame(SETTINGS, 0, 0, setting(2 + random.below(7), random.pick([0, 1, 100, 65535, 16384, 1 << 20])));
    case 4: return frame(PRIORITY, 0, id, Buffer.concat([word(random.below(9)), Buffer.from([1])]));
    case 5: return frame(DATA, random.below(2), id, Buffer.alloc(random.below(200)));
    case 6: return frame(GOAWAY, 0, 0, word(0, random.below(14)));
    case 7: return frame(CONTINUATION, random.pick([0, END_HEADERS]), id, literal('a', 'b'));
    case 8: return frame(PUSH_PROMISE, END_HEADERS, id, Buffer.concat([word(2), literal('a', 'b')]));
    case 9: return frame(10 + random.below(200), random.below(256), id, Buffer.alloc(random.below(50)));
    case 10: return frame(HEADERS, random.below(64), id, Buffer.from([random.below(256), random.below(256)]));
    default: return frame(WINDOW_UPDATE, 0, 0, word(100_000));
  }
}

function inPieces(random: Random, bytes: Buffer): Buffer[] {
  const pieces: Buffer[] = [];
  const most = random.pick([5, 100, 3000, 100_000]);
  for (let at = 0; at < bytes.length && pieces.length < 400;) {
    const length = pieces.length === 399 ? bytes.length - at : 1 + random.below(most);
    pieces.push(bytes.subarray(at, at + length));
    at += length;
  }
  return random.below(6) === 0 ? pieces.slice(0, random.below(pieces.length + 1)) : pieces;
}
