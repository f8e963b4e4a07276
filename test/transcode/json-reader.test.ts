// The JSON reader takes a text in pieces of any size, and says the same of it whatever they are.
import t from 'tap';
import type { JsonEvents } from '../../src/transcode/json-events.js';
import { JsonReader } from '../../src/transcode/json-reader.js';
import { scalarText } from '../../src/transcode/scalars.js';

class Told implements JsonEvents {
  readonly lines: string[] = [];
  startObject(name: string): void { this.lines.push(`${name}{`); }
  endObject(): void { this.lines.push('}'); }
  startList(name: string): void { this.lines.push(`${name}[`); }
  endList(): void { this.lines.push(']'); }
  scalar(name: string,
    value: Parameters<JsonEvents['scalar']>[1]): void { this.lines.push(`${name}:${scalarText(value)}`); }
}

function read(pieces: readonly Uint8Array[]): { told: string; failure: string } {
  const told = new Told();
  const reader = new JsonReader(told, 100, 65536);
  // What was given is overwritten afterwards, as a scratch buffer is.
  const good = pieces.every((piece) => {
    const lent = Uint8Array.from(piece);
    const result = reader.read(lent);
    lent.fill(0x7e);
    return result;
  }) && reader.finish();
  return { told: told.lines.join(' '), failure: good ? '' : reader.failure.split('\n')[0]! };
}

const texts = ['{"a":[1,-2,3.5e1,"x\\u00e9\\ud83d\\ude00",true,false,null],"b":{"c":{}}}', " {a : 'it', b:[[],{}] , } ",
  '"ü€😀"', '12345', '-0.5',
  '{"a":1', '{"a" 1}', '[1,2', '[tru]', '{"a":01}', '{"\\ud83d":1}', '"abc', '{}x', '[1}', '{"a":1e999}', 'nul',
    '{null:1}', '"\\u12"'];

t.test('whole, split at every byte, and byte by byte', async (t) => {
  for (const text of texts) {
    const bytes = Buffer.from(text, 'utf8');
    const whole = read([bytes]);
    for (let at = 1; at < bytes.length; at++)
      t.same(read([bytes.subarray(0, at), bytes.subarray(at)]), whole, `${text} at ${at}`);
    t.same(read([...bytes].map((byte) => Uint8Array.of(byte))), whole, text);
  }
});

t.test('what it tells', async (t) => {
  t.same(read([Buffer.from(texts[0]!)]), { failure: '',
    told: '{ a[ :1 :-2 :35 :"x\u00c3\u00a9\u00f0\u009f\u0098\u0080" :true :false :null ] b{ c{ } } }' });
  t.equal(read([Buffer.from('{"a":1')]).failure, 'Unexpected end of string. Expected , or } after key:value pair.');
  t.equal(read([Buffer.from('[tru]')]).failure, 'Unexpected token.');
});

t.test('bytes that are no UTF-8, depth, and tokens without end', async (t) => {
  t.equal(read([Buffer.from('{"a":"\xff"}', 'latin1')]).failure, 'Encountered non UTF-8 code points.');
  t.equal(read([Buffer.from('{"a":"\xc3', 'latin1'), Buffer.from('\xa9"}', 'latin1')]).failure, '',
    'a character may be cut');
  t.equal(read([Buffer.from('{}\xff', 'latin1')]).failure, 'Encountered non UTF-8 code points.');
  t.equal(read([Buffer.from('['.repeat(101))]).failure, 'Message too deep. Max recursion depth reached in array');
  t.equal(read([Buffer.from('['.repeat(100) + ']'.repeat(100))]).failure, '');
  const endless = new JsonReader(new Told(), 100, 65536);
  let pieces = 0;
  while (endless.read(Buffer.alloc(4096, '1')) && ++pieces < 100) t.ok(endless.pending < 100_000);
  t.match(endless.failure, /^Unable to parse number/);
});
