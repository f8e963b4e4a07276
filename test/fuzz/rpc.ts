// Fuzzes the RPC codecs. Frames made of valid parts, odd ones and mutated bytes are read alike by the SIMD build and
// its scalar twin; Dubbo's in hessian2 as the reference reads them too. Whatever the bytes: a part of them waits or
// says what the whole says; the text is a head that the HTTP/1.1 decoder takes; the frame that is made of it is read as
// the same text again.
import { bolt } from '../../src/protocols/bolt.js';
import { dubbo } from '../../src/protocols/dubbo.js';
import { example } from '../../src/protocols/example.js';
import type { RpcProtocol } from '../../src/protocols/protocol.js';
import { RPC_ALL_PAIRS } from '../../src/workers/codecs-rpc.js';
import { RpcCodec, type FrameView } from '../protocols/rpc/codec.js';
import { chunked, frame, hs, item, js, SERVICE, u32 } from '../protocols/rpc/dubbo-frames.js';
import { referenceHessian } from '../protocols/rpc/reference-dubbo.js';
import type { Target } from './http1.js';
import { mutate, type Random } from './random.js';

const BYTES_MAX = 4000;
const HEAD_LINES_MAX = 2000;
const FRAME_BYTES_MAX = 1 << 26;

export function rpcTargets(): Target[] {
  const target = (protocol: RpcProtocol, make: (random: Random) => Buffer): Target => {
    const release = new RpcCodec('release', protocol), scalar = new RpcCodec('scalar', protocol);
    return { name: protocol.name, seeds: [], dictionary: [], mutate: make,
      check: (input, random) => check(protocol, release, scalar, input, random) };
  };
  return [target(dubbo, dubboFrame), target(bolt, boltFrame), target(example, exampleFrame)];
}

// What holds for every protocol.

function check(protocol: RpcProtocol, release: RpcCodec, scalar: RpcCodec, input: Buffer, random: Random): void {
  const options = random.below(2) === 0 ? RPC_ALL_PAIRS : 0;
  const limits = { options, textMax: random.below(5) === 0 ? 2048 + random.below(4000) : 0x10000,
    frameBytesMax: random.below(10) === 0 ? random.below(600) : FRAME_BYTES_MAX };
  const found = release.decode(input, limits);
  same('the builds differ', comparable(found), comparable(scalar.decode(input, limits)));
  if (found.result === 0 && found.refusal === 'none') throw new Error('refused without a reason');
  if (found.result > input.length) throw new Error(`${found.result} of ${input.length} bytes`);
  checkPart(release, input.subarray(0, random.below(input.length + 1)), found, limits);
  if (found.result > 0 && found.textBytes > 0) {
    checkHead(release, found);
    if (found.bodyBytes <= input.length - found.result) checkAgain(release, input, found, limits);
  }
  if (protocol === dubbo && limits.textMax === 0x10000) checkDubbo(input, found, options);
}

const comparable = (view: FrameView): string => JSON.stringify({ ...view,
  needed: view.result === -1 ? view.needed : 0 });

function same(what: string, a: string, b: string): void {
  if (a !== b) throw new Error(`${what}:\n${a.slice(0, 1500)}\n${b.slice(0, 1500)}`);
}

function checkPart(codec: RpcCodec, part: Buffer, whole: FrameView, limits: object): void {
  const found = codec.decode(part, limits);
  if (found.result === -1) {
    if (found.needed <= part.length) throw new Error(`${part.length} bytes, and ${found.needed} are needed`);
    return;
  }
  same(`${part.length} bytes say something else`, comparable(found), comparable(whole));
}

/** Filters and routes see the text as a head of HTTP/1.1. */
function checkHead(codec: RpcCodec, { kind, kindName, text, bodyBytes }: FrameView): void {
  const response = kindName === 'response';
  const bytes = codec.head(response, text, HEAD_LINES_MAX);
  if (bytes !== text.length) throw new Error(`no head of HTTP/1.1 (${bytes}): ${text}`);
  if (codec.isCanonical(text, kind, bodyBytes) === 0) throw new Error(`not canonical: ${text}`);
}

function checkAgain(codec: RpcCodec, input: Buffer, found: FrameView,
    limits: { options: number; textMax: number }): void {
  const { kindName, text, idLow, idHigh, origin, result } = found;
  const out = codec.encode(kindName === 'response' ? 'response' : 'request', text, { idLow, idHigh, origin });
  if (out.result === 0) {
    if (out.refusal === 'headTooLarge' || out.refusal === 'badLength') return;
    throw new Error(`cannot be written: ${out.refusal}: ${text}`);
  }
  const tail = codec.bytes.slice(out.tailAt, out.tailAt + out.tailBytes);
  const bytes = Buffer.concat([out.bytes, input.subarray(result, result + out.bodyBytes - out.cut), tail]);
  const plain = (view: FrameView): string => view.text.replace(/(weft-frame|content-length): .*\r\n/g, '')
    + [view.result > 0, view.kindName, view.idLow, view.idHigh, view.status, view.timeoutMs, view.flags].join();
  const second = codec.decode(bytes, { ...limits, frameBytesMax: FRAME_BYTES_MAX });
  same('written and read again', plain(found), plain(second));
}

// Dubbo.

const texts = ['', 'a', 'group', 'timeout', '1000', 'path', SERVICE, 'sayHello', '$invoke', '$invokeAsync', '$echo',
  'größe', '\u20ac\u20ac', '\u{1f600}', 'a b', ' a', 'x\n', 'x-service', 'Host', 'content-length', 'weft-pair',
  'traceparent', 'a/b', 'v'.repeat(40), 'w'.repeat(1100), 'Ljava/lang/String;', 'I[J', 'Ljava/lang/String;I', '2.0.2'];
/** Values of hessian2: ints, strings, lists, maps, classes, references, and beginnings of them. */
const values = ['90', '49ffffffff', '4e', '54', '4c0000000000000001', '5b', '5f00000001', '0161', '2161', '34 01ff',
  '410001ff 20', '57 91 0161 5a', '78', '7a 91 92', '71 0161 90', '58 91 90', '56 0161 91 90', '55 90 5a',
  '48 0161 91 5a', '4d 0161 5a', '43 0161 91 0162 60 91', '60 92', '4f90 91', '61', '5190', '4a0000000000000000',
  '4b00000001', '4d', '43', '58', '3a0000', 'c800', 'd40000', 'f000', '42', '52', '53', 'ff'];
const jsonbs = ['00', 'ff', '3801', '4800000001', 'af', 'b0', 'b1', '4a61', 'a6 4a61 01 a5', '95 4a61', 'a430 01',
  'be0000000000000001', '7c02 6100', '92 4a61 a6a5', '91 0161', '93 4b242e', 'b9 01 05', 'c80001', 'd0', '90 01', 'a6',
  'a5', '79', '48', '94'];

const bytesOf = (text: string): Buffer => Buffer.from(text.replace(/\s/g, ''), 'hex');
const many = (random: Random, below: number, make: () => Buffer[]): Buffer[] =>
  Array.from({ length: random.below(below) }, make).flat();

function dubboFrame(random: Random): Buffer {
  const json = random.below(3) === 0, response = random.below(4) === 0;
  const text = (): Buffer => {
    const word = random.pick(texts);
    if (json) return item(js(word));
    return random.below(8) === 0 ? chunked(word, 1 + random.below(20)) : hs(word);
  };
  const value = (): Buffer => {
    if (random.below(2) === 0) return text();
    return json ? item(bytesOf(random.pick(jsonbs))) : bytesOf(random.pick(values));
  };
  const inner = (): Buffer => {
    if (random.below(4) > 0) return json ? js(random.pick(texts)) : text();
    return bytesOf(random.pick(json ? jsonbs : values));
  };
  const pairs = many(random, 6, () => [json ? js(random.pick(texts)) : text(), inner()]);
  const opened = random.pick(['48', '48', '48', '4d0161', '4e', '']);
  const map = json ? [item(Buffer.concat([bytesOf('a6'), ...pairs, bytesOf('a5')]))]
    : [bytesOf(opened), ...pairs, bytesOf('5a')];
  const count = random.below(4);
  const descriptor = random.below(6) === 0 ? random.pick(texts) : 'Ljava/lang/Object;'.repeat(count);
  const outcome = random.below(7);
  const parts = response ? [json ? item(Buffer.from([outcome])) : Buffer.from([0x90 + outcome]), value()]
    : [text(), text(), text(), text(), json ? item(js(descriptor)) : hs(descriptor),
      ...Array.from({ length: count }, value)];
  let body: Buffer = Buffer.concat([...parts, ...(random.below(8) === 0 ? [] : map)]);
  if (random.below(3) === 0)
    body = mutate(random, body, body, ['\x52\0\x02', 'Z', 'H', '\xa6', '\0\0\0\x01'], BYTES_MAX);
  const flags = (json ? 23 : random.below(20) === 0 ? 3 : 2) | (response ? 0 : 0x80)
    | random.pick([0x40, 0x40, 0, 0x60]);
  const bytes = frame(flags, response ? random.pick([20, 20, 20, 30, 100, 7]) : 0, BigInt(random.next()), body);
  return random.below(20) === 0 ? mutate(random, bytes, bytes, ['\xda\xbb', '\xff'], BYTES_MAX) : bytes;
}

function checkDubbo(input: Buffer, found: FrameView, options: number): void {
  const readable = input.length >= 16 && input.readUInt16BE() === 0xdabb && (input[2]! & 0x3f) === 2
    && input.readUInt32BE(12) === input.length - 16;
  if (!readable || options !== RPC_ALL_PAIRS || found.refusal === 'frameTooLarge' || found.refusal === 'headTooLarge')
    return;
  const wanted = referenceHessian(input);
  same('the reference says', JSON.stringify({ kind: found.kindName, status: found.status, refusal: found.refusal,
    text: found.result > 0 ? found.text : '' }), JSON.stringify(wanted));
}

// Bolt.

const named = ['service', 'sofa_head_target_service', 'sofa_head_method_name', 'sofa_head_response_error', 'app'];
const targets = ['a.Svc:1.0', 'a.Svc:1.0:uid', 'a.Svc', ':', 'a:', 'true', ...texts];
const contents = ['', '4f bc', '4f 81 61 91 0a6d6574686f644e616d65 6f90 04706c7573', '90',
  '4f 81 61 92 0161 0a6d6574686f644e616d65 6f90 4e 03616464', '4f 81 61 92 0161 0a6d6574686f644e616d65 6f90 53 0010'];

function boltFrame(random: Random): Buffer {
  const string = (text: string): Buffer => {
    const bytes = Buffer.from(text), length = random.below(30) === 0 ? random.pick([-1, 9, 1 << 30]) : bytes.length;
    return Buffer.concat([u32(length), length === -1 ? Buffer.alloc(0) : bytes]);
  };
  const type = random.pick([0, 1, 1, 1, 2, 3]), wide = random.below(2), crc = wide === 1 && random.below(2) === 0;
  const headers = Buffer.concat(many(random, 6, () => [string(random.pick(random.below(2) === 0 ? named : texts)),
    string(random.pick(targets))]));
  const className = Buffer.from(random.pick(['', 'com.alipay.sofa.rpc.core.request.SofaRequest', 'a\nb', 'ü']));
  const content = bytesOf(random.pick(contents));
  const command = random.below(12) === 0 ? random.pick([0, 100, 7]) : type === 0 ? 2 : 1;
  const codec = random.below(6) === 0 ? 12 : 1;
  const head = Buffer.from([...(wide === 1 ? [2, crc ? 2 : 1] : [1]), type, 0, command, 1]);
  const lengths = Buffer.alloc(8);
  lengths.writeUInt16BE(className.length, 0);
  lengths.writeUInt16BE(headers.length, 2);
  lengths.writeUInt32BE(content.length, 4);
  const bytes = Buffer.concat([head, u32(random.next()), Buffer.from(wide === 1 ? [codec, random.below(2) | +crc]
    : [codec]), type === 0 ? Buffer.from([0, random.pick([0, 2, 4, 6, 9, 18, 77])]) : u32(random.pick([3000, 0, -1])),
    lengths, className, headers, content, crc ? u32(random.next()) : Buffer.alloc(0)]);
  return random.below(3) === 0 ? mutate(random, bytes, bytes, ['\0\0\0\x01', '\x01', '\xff\xff\xff\xff'], BYTES_MAX)
    : bytes;
}

// The example protocol.

function exampleFrame(random: Random): Buffer {
  const header = Buffer.alloc(18), service = random.pick(texts), method = random.pick(texts), body = random.pick(texts);
  const kind = random.below(7), named = kind === 1 || kind === 2;
  const parts = [named ? service : '', named ? method : '', kind < 3 ? body : ''].map((part) => Buffer.from(part));
  header.write('WXP1');
  header[4] = kind;
  header[5] = random.below(7);
  header.writeUInt32BE(random.next(), 6);
  header.writeUInt16BE(parts[0]!.length, 10);
  header.writeUInt16BE(parts[1]!.length, 12);
  header.writeUInt32BE(parts[2]!.length, 14);
  const bytes = Buffer.concat([header, ...parts]);
  return random.below(3) === 0 ? mutate(random, bytes, bytes, ['WXP1', '\0'], BYTES_MAX) : bytes;
}
