// HPACK decoding on every build: the examples of RFC 7541 Appendix C, tables, size updates, and what cannot be decoded.
import t from 'tap';
import { H2Error, H2Scope } from '../../../src/core/generated/layouts.js';
import { codecBuilds } from '../../support/wasm.js';
import {
  hex, indexed, integer, literal, requestExamples, requestTexts, responseExamples, responseTexts, sizeUpdate, text,
} from './blocks.js';
import { Http2Codec } from './codec.js';

for (const build of codecBuilds) {
  const codec = new Http2Codec(build);
  const trailers = (...parts: Buffer[]) => codec.section('trailers', Buffer.concat(parts));
  const broken = (t: Pick<typeof import('tap').default, 'same'>, reason: string, ...parts: Buffer[]) => {
    const section = trailers(...parts);
    t.same([section.reason, section.code, section.scope, section.text],
      [reason, H2Error.compression, H2Scope.connection, '']);
  };

  t.test(`${build}: Appendix C`, async (t) => {
    codec.resetTable(4096);
    t.equal(trailers(hex('400a 6375 7374 6f6d 2d6b 6579 0d63 7573 746f 6d2d 6865 6164 6572')).text,
      'custom-key: custom-header\r\n', 'C.2.1');
    t.equal(trailers(hex('be')).text, 'custom-key: custom-header\r\n', 'C.2.1 is in the table');
    t.equal(trailers(hex('1008 7061 7373 776f 7264 0673 6563 7265 74')).text, 'password:  secret\r\n', 'C.2.3');
    for (const [name, blocks] of Object.entries(requestExamples)) {
      codec.resetTable(4096);
      blocks.forEach((block, index) => t.equal(codec.section('request', hex(block)).text, requestTexts[index], name));
    }
    for (const [name, blocks] of Object.entries(responseExamples)) {
      codec.resetTable(4096);
      t.equal(trailers(sizeUpdate(256)).reason, 'none');
      blocks.forEach((block, index) => t.equal(codec.section('response', hex(block)).text, responseTexts[index], name));
      for (const [index, line] of [responseTexts[2].split('\r\n')[5], 'content-encoding: gzip',
        'date: Mon, 21 Oct 2013 20:13:22 GMT'].entries()) {
        t.equal(trailers(indexed(62 + index)).text, `${line}\r\n`, `${name}: entry ${index + 1} of the table`);
      }
      broken(t, 'badIndex', indexed(65));
    }
  });

  t.test(`${build}: tables of every size hold what they should`, async (t) => {
    for (const bytes of [0, 32, 33, 80, 100, 4096]) {
      codec.resetTable(4096);
      trailers(sizeUpdate(bytes));
      const live: string[] = [];
      let size = 0;
      for (let turn = 0; turn < 300; turn++) {
        const name = `n${turn}`, value = 'v'.repeat(turn * 7 % 90);
        t.equal(trailers(literal(name, value, 'indexing')).text, `${name}: ${value}\r\n`);
        live.unshift(`${name}: ${value}\r\n`);
        size += name.length + value.length + 32;
        while (size > bytes) size -= live.pop()!.length - 4 + 32;
        const oldest = live.length, middle = oldest >> 1;
        if (oldest > 0)
          t.equal(trailers(indexed(61 + oldest), indexed(62 + middle)).text, live[oldest - 1] + live[middle]);
        if (turn % 37 === 0) {
          broken(t, 'badIndex', indexed(62 + oldest));
          broken(t, 'badIndex', integer(0, 4, 62 + oldest), text('x'));
        }
      }
    }
  });

  t.test(`${build}: integers`, async (t) => {
    codec.resetTable(4096);
    broken(t, 'badIndex', hex('80'));
    for (const input of ['ff', 'ff80', 'ff8080808080', 'ffffffffff7f', 'ff80808080ff01', '0fffffffffff00'])
      broken(t, 'badInteger', hex(input));
    broken(t, 'badIndex', hex('ffffffffff02'));
    t.equal(trailers(hex('0f 8380808000 03616263')).text, 'accept-ranges: abc\r\n', 'continued with zeros: index 18');
  });

  t.test(`${build}: strings`, async (t) => {
    codec.resetTable(4096);
    for (const input of ['00', '0001', '000161', '00016102', '0001610262', '00017f8000', '00ff', '0085f1e3c2e5'])
      t.match(trailers(hex(input)).reason, /badString|badInteger/, input);
    // Padding of eight bits, padding that is not ones, and the end of string in the text.
    for (const coded of ['1fff', '18', '1c', 'ff', 'ffffffff', 'fffffffc00', 'fffffffc', '1fffffffff'])
      broken(t, 'badString', hex('000178'), Buffer.from([0x80 | coded.length / 2]), hex(coded));
    t.equal(trailers(hex('000178 80')).text, 'x: \r\n', 'an empty Huffman string');
    t.equal(trailers(hex('000178 811f')).text, 'x: a\r\n');
  });

  t.test(`${build}: size updates`, async (t) => {
    codec.resetTable(8192);
    broken(t, 'badSizeUpdate', sizeUpdate(4097));
    codec.resizeTable(8192);
    t.equal(trailers(sizeUpdate(8192), literal('a', 'b', 'indexing')).text, 'a: b\r\n');
    broken(t, 'badSizeUpdate', literal('a', 'b'), sizeUpdate(100));
    broken(t, 'badSizeUpdate', sizeUpdate(8193));
    t.equal(trailers(indexed(62)).text, 'a: b\r\n');
    codec.resizeTable(100);
    codec.resizeTable(200);
    broken(t, 'badSizeUpdate', indexed(62));
    broken(t, 'badSizeUpdate', sizeUpdate(200), indexed(62));
    t.equal(trailers(sizeUpdate(100), sizeUpdate(200), indexed(62)).text, 'a: b\r\n');
    t.equal(trailers(sizeUpdate(0), sizeUpdate(200), literal('c', 'd', 'indexing')).text, 'c: d\r\n');
    t.equal(trailers(indexed(62)).text, 'c: d\r\n');
    broken(t, 'badIndex', indexed(63));
    t.equal(trailers(literal('e', 'f'.repeat(200), 'indexing')).text.length, 205);
    broken(t, 'badIndex', indexed(62));
  });

  t.test(`${build}: a section that is refused leaves the table in step`, async (t) => {
    const big = literal('big', 'x'.repeat(300), 'indexing');
    for (const [name, limits] of Object.entries({
      'the list is too large': { textMax: 2000, listBytesMax: 120, countMax: 100 },
      'the text is too small': { textMax: 400, listBytesMax: 10000, countMax: 100 },
      'too many fields': { textMax: 2000, listBytesMax: 10000, countMax: 2 } })) {
      codec.resetTable(4096);
      const refused = codec.section('trailers', Buffer.concat([literal('one', '1', 'indexing'), big, big,
        literal('two', '2', 'indexing'), literal('n'.repeat(5000), 'v', 'indexing'), literal('three', '3', 'indexing'),
        indexed(62)]), limits);
      t.same([refused.code, refused.scope, refused.text], [H2Error.enhanceYourCalm, H2Scope.stream, ''], name);
      t.same(refused.flags, [name === 'too many fields' ? 'tooMany' : 'tooLarge'], name);
      t.equal(trailers(indexed(62)).text, 'three: 3\r\n', `${name}: the table`);
      broken(t, 'badIndex', indexed(63));
    }
    codec.resetTable(4096);
    const malformed = trailers(literal('Bad', 'x', 'indexing'), literal('good', 'y', 'indexing'));
    t.same([malformed.reason, malformed.code, malformed.scope], ['badName', H2Error.protocol, H2Scope.stream]);
    t.equal(trailers(indexed(62)).text, 'good: y\r\n');
    t.equal(trailers(indexed(63)).reason, 'badName', 'a bad name is bad from the table too');
    t.equal(trailers(integer(0, 4, 63), text('z')).reason, 'badName');
    codec.resetTable(4096);
    t.equal(trailers(literal('v', 'a\nb', 'indexing')).reason, 'badValue');
    t.equal(trailers(indexed(62)).reason, 'badValue');
    t.equal(trailers(integer(0, 4, 62), text('z')).text, 'v: z\r\n', 'its name is good');
    t.equal(codec.section('trailers', literal('v', 'x'.repeat(300), 'indexing'),
      { textMax: 100, listBytesMax: 1000, countMax: 10 }).reason, 'textTooSmall', 'a text below the table');
  });

  t.test(`${build}: a bomb costs what it says`, async (t) => {
    codec.resetTable(65536);
    codec.resizeTable(65536);
    trailers(sizeUpdate(65536), literal('b', 'x'.repeat(60000), 'indexing'));
    const bomb = codec.section('trailers', Buffer.alloc(200000, 0xbe), { textMax: 65536, listBytesMax: 65536,
      countMax: 100 });
    t.same([bomb.flags, bomb.fieldCount], [['tooLarge'], 2]);
  });
}
