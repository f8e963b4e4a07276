// JSON that nobody means well with: texts made from good ones by a seed, cut, doubled, nested, with bytes that are no
// UTF-8; and messages that are cut and changed likewise. Envoy judged each of them; so does Weft. `WEFT_HOSTILE_SEED`
// makes others, for a run beside Envoy.
import { isUtf8 } from 'node:buffer';
import { Random } from '../../fuzz/random.js';
import { field, frame, grpcAnswer } from '../bookstore.js';
import { get, type Scenario } from '../scenario.js';
import { json, transcoded } from './transcoder.js';

const nothing = grpcAnswer([frame('')]);
const PER_SCENARIO = 40, TEXTS = 320;

const good = ['{"i32":5,"s":"text","ri":[1,2,3],"every":{"i32":1,"mss":{"a":"b","c":"d"}}}',
  '{"d":1.5e3,"f":-0.25,"i64":"9223372036854775807"}',
  '{"struct":{"a":[1,"x",{"b":null}],"c":true},"value":[{},[]]}',
    '{"time":"2020-01-02T03:04:05.678Z","duration":"-1.5s","mask":"a,bC"}',
  '{"any":{"@type":"type.googleapis.com/b.Author","name":"n","teacher":{"bornYear":"1"}}}',
    '{"oneS":"x","re":["NOVEL",2],"mbk":{"true":1}}',
  '{"by":"AQIDBA==","rs":["a","\\u00e9","\\ud83d\\ude00"],"wi32":7,"ws":"w","rv":[1,null]}',
    '{"nope":{"a":[{"b":{}}]},"u64":18446744073709551615}'];
const pieces = ['{', '}', '[', ']', ',', ':', '"', "'", '\\', '\\u', '\\ud800', '0', '-', '1e999', '9'.repeat(30),
  'null', 'true', 'NaN', ' ', '\n', '\x00',
  '\xff', '\xc3', '\xc3\xa9', '\xed\xa0\x80', '\xf4\x90\x80\x80', '"i32":7', '"every":{', '[[[[', ']]]]', '"@type":',
    '"oneA":{},', '"":', '//', '/**/', '.'];

function hostile(seed: number): string {
  const random = new Random(seed);
  const below = (most: number): number => random.below(most);
  let text = Buffer.from(good[below(good.length)]!, 'utf8').toString('latin1');
  for (let changes = 1 + below(4); changes > 0; changes--) {
    const at = below(text.length + 1), length = below(12);
    switch (below(7)) {
      case 0: text = text.slice(0, at) + pieces[below(pieces.length)]! + text.slice(at); break;
      case 1: text = text.slice(0, at) + text.slice(at + length); break;
      case 2: text = text.slice(0, at) + text.slice(at, at + length) + text.slice(at); break;
      case 3: text = text.slice(0, at); break;
      case 4: text = text.slice(0, at) + String.fromCharCode(below(256)) + text.slice(at + 1); break;
      case 5: text = text.replace(/:("[^"]*"|\d+)/, `:${pieces[below(pieces.length)]!}`); break;
      default: text = `{"every":${text}${below(3) === 0 ? '' : '}'}`;
    }
  }
  return text;
}

// Without maps, Any and Value: broken ones end Envoy's process.
const messages = [field(5, 7) + field(9, 'text') + field(17, '\x01\x02\x03') + field(18, 'a') + field(18, 'b'),
  field(22, field(22, field(5, 1) + field(9, 'inner')) + field(12, 1)) + field(16, 9) + field(15, 3),
  `\x09\0\0\0\0\0\0\xf8\x3f\x15\0\0\x20\x40${field(3, 3)}${field(4, 4)}\x31\x06\0\0\0\0\0\0\0${field(8, 1)}`,
  field(31, field(1, 5) + field(2, 500)) + field(32, field(1, 5)) + field(33, field(1, 'a_b') + field(1, 'c.d')),
  field(45, field(1, 9)) + field(48, field(1, 'x')) + field(64, 0) + field(62, field(1, 'n') + field(3, field(1,
    'm')))];

function changed(seed: number): string {
  const random = new Random(seed);
  let bytes = random.pick(messages);
  for (let changes = 1 + random.below(3); changes > 0; changes--) {
    const at = random.below(bytes.length + 1), length = random.below(6);
    switch (random.below(4)) {
      case 0: bytes = bytes.slice(0, at) + String.fromCharCode(random.below(256)) + bytes.slice(at + 1); break;
      case 1: bytes = bytes.slice(0, at) + bytes.slice(at + length); break;
      case 2: bytes = bytes.slice(0, at) + bytes.slice(at, at + length) + bytes.slice(at); break;
      default: bytes = bytes.slice(0, at);
    }
  }
  return bytes;
}

const first = Number(process.env.WEFT_HOSTILE_SEED ?? 1);
const texts = Array.from({ length: TEXTS }, (_, index) => hostile(first * 1000 + index));
const isText = (text: string): boolean => isUtf8(Buffer.from(text, 'latin1'));

const parts = (name: string, list: readonly string[], more: object = {}): Scenario[] =>
  Array.from({ length: Math.ceil(list.length / PER_SCENARIO) }, (_, part) => ({ ...transcoded(`${name} ${part + 1}`,
    list.slice(part * PER_SCENARIO, (part + 1) * PER_SCENARIO).map((text) => ({ send: json('/echo', text),
      answer: nothing }))), ...more }));

const broken: readonly Scenario[] = [1, 2, 3].map((part) => transcoded(`hostile messages ${part}`,
  Array.from({ length: PER_SCENARIO }, (_, index) => ({ send: get('/echo'),
    answer: grpcAnswer([frame(changed(first * 1000 + part * 100 + index))]) }))));

export const scenarios: readonly Scenario[] = [...broken, ...parts('hostile JSON', texts.filter(isText)),
  ...parts('hostile bytes', texts.filter((text) => !isText(text)), { differs: [
    { line: /^response (400 "Encountered non UTF-8|header content-length)/, heading: 'Transcoding' },
    { line: /^log main POST\|\/echo\|HTTP\/1.1\|400/, heading: 'Transcoding' }] })]
  .map((scenario) => ({ ...scenario, oneDriver: true }));
