// Fuzzes the HTTP/2 codec. Sections: sequences of header blocks on one connection, made of valid fields, odd ones and
// mutated bytes, are read alike by the SIMD build, its scalar twin and the reference decoder, and the table is in step
// after each, whatever became of the section. Frames: the verdict is the reference's, and does not depend on how the
// bytes arrive. Encoder: what it writes of any head is read back as that head.
import { H2Scope } from '../../src/core/generated/layouts.js';
import { blockOf, indexed, integer, sizeUpdate } from '../protocols/http2/blocks.js';
import { Http2Codec, type SectionKind, type SectionLimits, type SectionOptions,
  type SectionView } from '../protocols/http2/codec.js';
import { referenceFrame } from '../protocols/http2/reference-frame.js';
import { huffman, ReferenceTable } from '../protocols/http2/reference-hpack.js';
import { KEY, referenceSection } from '../protocols/http2/reference-section.js';
import { encoded } from './http2-heads.js';
import type { Target } from './http1.js';
import { mutate, type Random } from './random.js';

const KINDS: readonly SectionKind[] = ['request', 'response', 'trailers'];
/** Kind of a step that is not a block: the acknowledged table size is another. */
const RESIZE = 3;
const STEP_HEADER_BYTES = 3;
const CAPACITY = 8192;
const names = [':method', ':scheme', ':path', ':authority', ':status', ':protocol', ':other', 'host', 'cookie', 'te',
  'content-length', 'connection', 'transfer-encoding', 'upgrade', 'trailer', 'x', 'x-custom', 'a_b', 'Upper', '',
  'sec-websocket-key', 'grpc-status', 'accept-encoding', 'bad name'];
const values = ['', 'GET', 'CONNECT', 'OPTIONS', 'http', 'HTTPS', '/', '/a?b', '*', 'a', 'a:80', '[::1]:8', 'b:99999',
  '200', '204', '101', '099', 'websocket', 'WebSocket', 'trailers', 'Trailers', '0', '17', '9007199254740992', '+1',
  'a=1', ' x', 'x\t', 'x\ny', 'x\0', '\xe4\xff', 'gzip, deflate', 'v'.repeat(300), 'w'.repeat(40), 'u'.repeat(1200)];

export function http2Targets(): Target[] {
  const release = new Http2Codec('release'), scalar = new Http2Codec('scalar');
  return [
    { name: 'h2section', seeds: [], dictionary: [], mutate: sections,
      check: (input, random) => checkSections(release, scalar, input, random) },
    { name: 'h2frame', seeds: [], dictionary: [], mutate: frames,
      check: (input, random) => checkFrames(release, scalar, input, random) },
    { name: 'h2encode', seeds: [], dictionary: [], mutate: encoded.mutate,
      check: (input, random) => encoded.check(release, scalar, input, random) },
  ];
}

// Sections.

function step(kind: number, bytes: Uint8Array): Buffer {
  return Buffer.concat([Buffer.from([kind, bytes.length >> 8, bytes.length & 255]), bytes]);
}

function sections(random: Random): Buffer {
  const steps: Buffer[] = [];
  for (let count = 1 + random.below(8); count > 0; count--) {
    if (random.below(10) === 0) {
      steps.push(step(RESIZE, Buffer.from([random.below(32), random.below(256)])));
      if (random.below(4) > 0) steps.push(step(2, sizeUpdate(random.below(200))));
      continue;
    }
    const kind = random.below(3);
    const good = blockOf(random.below(4) === 0 ? [] : goodFields(kind, random));
    const block = Buffer.concat([random.below(20) === 0 ? sizeUpdate(random.below(CAPACITY)) : Buffer.alloc(0), good,
      ...Array.from({ length: random.below(6) }, () => oddField(random))]);
    steps.push(step(kind, random.below(4) === 0 ? mutate(random, block, good, ['\x40', '\x80', '\x1f', '\xff'], 3000)
      : block));
  }
  return Buffer.concat(steps);
}

function goodFields(kind: number, random: Random): [string, string][] {
  if (kind === 2) return [['grpc-status', '0']];
  if (kind === 1) return [[':status', random.pick(['200', '404', '103'])]];
  const fields: [string, string][] = [[':method', random.pick(['GET', 'GET', 'CONNECT', 'POST', 'OPTIONS'])],
    [':scheme', 'http'], [':path', random.pick(['/', '/long/path', '*'])]];
  if (random.below(3) > 0) fields.push([':authority', random.pick(['a', 'host:8080'])]);
  if (fields[0][1] === 'CONNECT') fields.push([':protocol', random.pick(['websocket', 'other'])]);
  return fields;
}

/** One field in any representation, mostly one that can be decoded. */
function oddField(random: Random): Buffer {
  const index = 1 + random.below(random.below(3) === 0 ? 100 : 66);
  if (random.below(3) === 0) return indexed(index);
  const [first, prefixBits] = random.pick([[0x40, 6], [0x40, 6], [0, 4], [0x10, 4]]);
  const named = random.below(3) > 0;
  return Buffer.concat([integer(first, prefixBits, named ? 0 : index), ...(named ? [string(random, names)] : []),
    string(random, values)]);
}

function string(random: Random, from: readonly string[]): Buffer {
  const text = random.below(30) === 0
    ? Array.from({ length: random.below(40) }, () => String.fromCharCode(random.below(256))).join('')
    : random.pick(from);
  const coded = random.below(2) === 0;
  const bytes = coded ? huffman(text) : Buffer.from(text, 'latin1');
  return Buffer.concat([integer(coded ? 0x80 : 0, 7, bytes.length), bytes]);
}

function checkSections(release: Http2Codec, scalar: Http2Codec, input: Buffer, random: Random): void {
  const capacity = random.pick([0, 4096, CAPACITY]);
  const tight = random.below(4) === 0;
  const options: SectionOptions = { allowExtendedConnect: random.below(4) > 0, random: random.below(2) === 0 };
  if (random.below(3) === 0) options.upgraded = 'websocket';
  const table = new ReferenceTable(capacity);
  for (const codec of [release, scalar]) codec.resetTable(capacity);
  for (let at = 0; at + STEP_HEADER_BYTES <= input.length;) {
    const kind = input[at] & 3, length = input.readUInt16BE(at + 1);
    const bytes = input.subarray(at + STEP_HEADER_BYTES, at + STEP_HEADER_BYTES + length);
    at += STEP_HEADER_BYTES + length;
    if (kind === RESIZE) {
      const size = bytes.length < 2 ? 0 : bytes.readUInt16BE(0);
      for (const one of [table, release, scalar]) one instanceof ReferenceTable ? one.resize(size)
        : one.resizeTable(size);
      continue;
    }
    const limits = tight ? { textMax: 8400 + random.below(4000), listBytesMax: 30 + random.below(9000),
      countMax: random.below(12) } : { textMax: 0x30000, listBytesMax: 0x10000, countMax: 100 };
    if (!checkSection(release, scalar, table, KINDS[kind], bytes, limits, options)) return;
  }
}

/** False: the connection is over. */
function checkSection(release: Http2Codec, scalar: Http2Codec, table: ReferenceTable, kind: SectionKind,
    bytes: Uint8Array, limits: SectionLimits, options: SectionOptions): boolean {
  const found = release.section(kind, bytes, limits, options);
  const twin = scalar.section(kind, bytes, limits, options);
  if (JSON.stringify(found) !== JSON.stringify(twin))
    throw new Error(`the builds differ: ${JSON.stringify(found)}\n${JSON.stringify(twin)}`);
  const wanted = referenceSection(kind, bytes, table, limits, options);
  // Lines that do not fit the room are the codec's own limit; it lies above the list's where the room is wide.
  const cramped = found.reason === 'tooLarge' && limits.textMax < limits.listBytesMax * 3 + 8192;
  const a = comparable(found, cramped), b = comparable(wanted, cramped);
  if (a !== b) throw new Error(`${kind}: the codec says ${a.slice(0, 600)}\nthe reference says ${b.slice(0, 600)}`);
  return found.scope !== H2Scope.connection;
}

/** What both must say alike: of a refused section the reason, of one that is taken everything. */
function comparable(view: SectionView, cramped: boolean): string {
  if (cramped) return view.scope === H2Scope.connection ? 'broken' : 'refused or taken';
  const { reason, code, scope, listBytes, fieldCount } = view;
  if (reason !== 'none') return JSON.stringify({ reason, code, scope, listBytes, fieldCount });
  return JSON.stringify({ ...view, text: view.text.replace(/(sec-websocket-key: )[A-Za-z0-9+/]{21}[AQgw]==\r/,
    `$1${KEY}\r`) });
}

// Frames.

function frames(random: Random): Buffer {
  const length = random.pick([0, 1, 4, 5, 6, 8, 9, 12, random.below(40), random.below(300)]);
  const payload = Buffer.from(Array.from({ length }, () => random.pick([0, 0, 1, 3, 5, 255, random.below(256)])));
  const header = Buffer.alloc(9);
  header.writeUIntBE(random.below(10) === 0 ? random.next() & 0xffffff : Math.max(0, length - random.below(3)), 0, 3);
  header[3] = random.below(random.below(10) === 0 ? 256 : 11);
  header[4] = random.pick([0, 1, 4, 8, 0x20, 0x28, 0x2d, random.below(256)]);
  header.writeUInt32BE(random.pick([0, 0, 1, 3, 0x80000003, random.next()]) >>> 0, 5);
  return Buffer.concat([header, payload]);
}

function checkFrames(release: Http2Codec, scalar: Http2Codec, input: Buffer, random: Random): void {
  const maxPayload = random.pick([16384, 16384, 100]);
  const wanted = referenceFrame(input, maxPayload);
  for (const codec of [release, scalar]) {
    for (const length of [input.length, random.below(input.length + 1), Math.min(input.length, random.below(12))]) {
      const piece = input.subarray(0, length);
      const found = codec.frame(piece, maxPayload), judged = referenceFrame(piece, maxPayload);
      const { result, code, scope } = found;
      const said = result <= 0 ? { result, code: result === 0 ? code : 0, scope: result === 0 ? scope : 0 }
        : { result, code, scope, type: found.type, flags: found.flags, streamId: found.streamId,
            payload: found.payload.toString('latin1'), flowBytes: found.flowBytes, remaining: found.remaining,
            padding: found.padding, value: found.value, lastStreamId: found.lastStreamId * +(found.type === 7),
            dependency: found.dependency };
      if (JSON.stringify(said) !== JSON.stringify(judged))
        throw new Error(`${length} bytes: ${JSON.stringify(said)}\nthe reference: ${JSON.stringify(judged)}`);
      if (judged.result === 0 && wanted.result !== 0)
        throw new Error(`${length} of ${input.length} bytes are refused, all of them are not`);
    }
  }
}

