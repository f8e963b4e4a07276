// The reader of whole JSON texts: RFC 8259 and nothing else, numbers as they stand.
import t from 'tap';
import { CarryError } from '../../../src/transcode/rpc/failure.js';
import { JsonNumber, readJson } from '../../../src/transcode/rpc/json.js';
import type { Json } from '../../../src/transcode/rpc/json.js';

const read = (text: string | Buffer): Json | string => {
  try { return readJson(Buffer.from(text), 5); } catch (error) {
    if (!(error instanceof CarryError)) throw error;
    return error.message;
  }
};
const number = (text: string): JsonNumber => new JsonNumber(text);

t.test('values', async (t) => {
  t.same(read(' [null, true,false ,"a", 1]\n'), [null, true, false, 'a', number('1')]);
  t.same(read('{"a":{"b":[]},"":-0.10e+05}'), new Map<string, Json>([['a', new Map([['b', []]])], ['',
    number('-0.10e+05')]]));
  t.same(read('12345678901234567890123456789'), number('12345678901234567890123456789'));
  t.same(read('"\\"\\\\\\/\\b\\f\\n\\r\\t\\u00e9\\ud83d\\ude00\u{1f600}\\ud800"'),
    '"\\/\b\f\n\r\t\u00e9\u{1f600}\u{1f600}\ud800');
  t.same(read('[[[[[]]]]]'), [[[[[]]]]]);
  t.ok(read(`"${'a'.repeat(8 << 20)}"`) === 'a'.repeat(8 << 20));
});

t.test('what is refused', async (t) => {
  for (const text of ['', ' ', '[', '[1', '[1,]', '[,1]', '{', '{"a"', '{"a":', '{"a":1', '{"a":1,}', '{a:1}', "'a'",
    '"a',
    '"\n"', '"\\x"', '"\\u12"', '01', '1.', '.5', '+1', '-', '1e', 'NaN', 'Infinity', 'nul', 'True', '1 2', '[] x',
      '\ufeff1',
    '\u00a01', '{"a":1 "b":2}'])
    t.match(read(text), /^the body is no JSON: /, JSON.stringify(text));
  t.equal(read('[1 2]'), 'the body is no JSON: "," or "]" is expected at character 3');
  t.equal(read('{"a":1,"a":2}'), 'the body has the member "a" twice');
  t.equal(read('[[[[[[]]]]]]'), 'the body nests deeper than 5');
  t.equal(read(Buffer.from('"\xff"', 'latin1')), 'the body is no UTF-8');
});

t.test('every cut of a text is refused', async (t) => {
  const text = '{"a":[1.5e3,"\\u00e9x",null,true],"b":{}}';
  for (let at = 0; at < text.length; at++) t.type(read(text.slice(0, at)), 'string', `cut at ${at}`);
});
