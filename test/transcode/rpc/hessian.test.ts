// Hessian 2 in both dialects: what Java writes reads as JSON, what is written for a type is what Java writes for it,
// and what JSON has no form for is refused. Every cut and every altered byte is answered.
import t from 'tap';
import { CarryError } from '../../../src/transcode/rpc/failure.js';
import { writeJson } from '../../../src/transcode/rpc/hessian-of-json.js';
import { HessianReader } from '../../../src/transcode/rpc/hessian-reader.js';
import type { HessianDialect } from '../../../src/transcode/rpc/hessian-values.js';
import { HessianWriter } from '../../../src/transcode/rpc/hessian-writer.js';
import { javaType } from '../../../src/transcode/rpc/java-types.js';
import { readJson } from '../../../src/transcode/rpc/json.js';
import { jsonOf } from '../../../src/transcode/rpc/json-of-hessian.js';
import { hessianVectors } from './hessian-vectors.js';

const dialects: readonly HessianDialect[] = ['final', 'draft'];
const limits = { depthMax: 100, charactersMax: 1 << 20 };

function read(hex: string, dialect: HessianDialect): string {
  const reader = new HessianReader(Buffer.from(hex, 'hex'), dialect, limits.depthMax);
  try {
    const text = jsonOf(reader.value(), limits, 'it');
    return reader.ended ? text : `${text} and more`;
  } catch (error) {
    if (!(error instanceof CarryError)) throw error;
    return `refused: ${error.message}`;
  }
}
function write(dialect: HessianDialect, type: string, json: string): string {
  const out = new HessianWriter(dialect);
  try {
    writeJson(out, javaType(type)!, readJson(Buffer.from(json), 100), 'it');
    return out.done().toString('hex');
  } catch (error) {
    if (!(error instanceof CarryError)) throw error;
    return `refused: ${error.message}`;
  }
}

/** JSON of the vectors whose name is not their value. */
const asJson: Readonly<Record<string, string>> = {
  'double -0.0': '0.0', 'double 1.0E300': '1e+300', 'double 4.9E-324': '5e-324', 'float 0.5': '0.5',
  'double NaN': 'refused: it: NaN has no form in JSON', 'double Infinity': 'refused: it: Infinity has no form in JSON',
  'string empty': '""', 'string hi': '"hi"', 'string a31': `"${'a'.repeat(31)}"`, 'string a32': `"${'a'.repeat(32)}"`,
  'string e-acute': '"h\u00e9\u4e2d"', 'string emoji': '"\u{1f600}!"', 'string lone': '"\\ud83d"',
  'bytes': 'refused: it: bytes has no form in JSON', 'date': 'refused: it: a date has no form in JSON',
  'list ArrayList': '[1,"a"]', 'list empty': '[]', 'list LinkedList': '[1]', 'list 9': '[1,2,3,4,5,6,7,8,9]',
  'array String': '["a","b"]', 'array int': '[1,2]', 'array Object': '[1,"x"]', 'array long': '[1]', 'set': '[1]',
  'map Linked': '{"a":1,"b":null}', 'map Hash': '{"k":2}', 'map Tree': '{"k":"v"}', 'map empty': '{}',
  'map intkey': 'refused: it: a map has a key that is no string',
  'shared': '[[1],[1]]', 'circular': 'refused: it[0]: the value contains itself',
  'object': '{"class":"V$Point","next":null,"big":null,"name":"p","x":1}',
  'object circular': 'refused: it["next"]: the value contains itself',
  'objects': '[{"class":"V$Point","next":null,"big":null,"name":"p","x":1},'
    + '{"class":"V$Point","next":null,"big":null,"name":"p","x":1}]',
  'enum': '{"class":"V$Color","name":"RED"}', 'decimal': '{"class":"java.math.BigDecimal","value":"1.50"}',
  'exception': 'refused: it["cause"]: the value contains itself',
  'types twice': '{"a":{"b":1}}', 'lists twice': '[[1]]',
};
/** The draft's writers have fields in another order. */
const ofDraft: Readonly<Record<string, string>> = {
  'object': '{"class":"V$Point","x":1,"name":"p","big":null,"next":null}',
  'objects': '[{"class":"V$Point","x":1,"name":"p","big":null,"next":null},'
    + '{"class":"V$Point","x":1,"name":"p","big":null,"next":null}]',
};

for (const dialect of dialects) {
  t.test(`${dialect}: what Java writes, as JSON`, async (t) => {
    for (const [name, vector] of Object.entries(hessianVectors)) {
      if (name === 'biginteger') continue;
      const wanted = (dialect === 'draft' ? ofDraft[name] : undefined) ?? asJson[name] ?? name.replace(/^\w+ /, '');
      t.equal(read(vector[dialect], dialect), wanted, name);
    }
    t.match(read(hessianVectors['biginteger']![dialect], dialect), /^\{"class":"java\.math\.BigInteger"/);
  });

  t.test(`${dialect}: values of JSON, as Java writes them`, async (t) => {
    const wanted = (name: string): string => hessianVectors[name]![dialect];
    for (const name of Object.keys(hessianVectors)) {
      const [, kind = '', number = ''] = /^(int|long|double) (-?[\d.]+)$/.exec(name) ?? [];
      if (kind !== '' && kind !== 'double') {
        t.equal(write(dialect, kind, number), wanted(name), name);
        t.equal(read(write(dialect, 'java.lang.Object', number), dialect), number, `${name} as an object`);
      }
      // A double's short forms with a fraction are the writers' choice; a sign of zero is not.
      if (kind === 'double') {
        const bytes = write(dialect, kind, number);
        t.equal(read(bytes, dialect), number, name);
        if (/^-?\d+\.0$/.test(number) && number !== '-0.0' && Math.abs(Number(number)) < 32768)
          t.equal(bytes, wanted(name), name);
      }
    }
    t.equal(write(dialect, 'java.lang.String', '"hi"'), wanted('string hi'));
    t.equal(write(dialect, 'java.lang.String', `"${'a'.repeat(32)}"`), wanted('string a32'));
    t.equal(write(dialect, 'java.lang.String', '"h\u00e9\\u4e2d"'), wanted('string e-acute'));
    t.equal(write(dialect, 'java.lang.String', '"\u{1f600}!"'), wanted('string emoji'));
    t.equal(write(dialect, 'java.lang.String', '"\\ud83d"'), wanted('string lone'));
    t.equal(write(dialect, 'boolean', 'true'), '54');
    t.equal(write(dialect, 'java.lang.Long', 'null'), '4e');
    t.equal(write(dialect, 'java.util.Map', '{"k":1}'), dialect === 'final' ? '48016b915a' : '4d016b917a');
    t.equal(write(dialect, 'java.util.Map<java.lang.String,java.lang.Long>', '{"k":1}'),
      dialect === 'final' ? '48016be15a' : '4d016be17a');
    t.equal(write(dialect, 'java.util.List<java.lang.Double>', '[1,null]'),
      dialect === 'final' ? '7a5c4e' : '566e02684e7a');
    t.equal(write(dialect, 'java.util.List', '[1,"a"]'), dialect === 'final' ? '7a910161' : wanted('list ArrayList'));
  });

  t.test(`${dialect}: long texts go in pieces that part no character`, async (t) => {
    for (const text of ['a'.repeat(0x8000), 'a'.repeat(0x8001), 'a'.repeat(70_000), `${'a'.repeat(0x7fff)}\u{1f600}b`,
      '\u00e9'.repeat(40_000)]) {
      const bytes = write(dialect, 'java.lang.String', JSON.stringify(text));
      t.ok(read(bytes, dialect) === JSON.stringify(text));
    }
    // As the vectors' makers do: 0x8000 units, or one less.
    t.equal(write(dialect, 'java.lang.String', JSON.stringify('a'.repeat(70_000))).slice(0, 6),
      dialect === 'final' ? '528000' : '738000');
    t.equal(write(dialect, 'java.lang.String', `"${'a'.repeat(0x7fff)}\u{1f600}"`).slice(0, 6),
      dialect === 'final' ? '527fff' : '737fff');
  });

  t.test(`${dialect}: every cut is refused, every altered byte is a value or refused`, async (t) => {
    for (const [name, vector] of Object.entries(hessianVectors)) {
      const bytes = Buffer.from(vector[dialect], 'hex');
      for (let at = 0; at < bytes.length; at++)
        if (!read(bytes.toString('hex', 0, at), dialect).startsWith('refused: ')) t.fail(`${name} cut at ${at}`);
      for (let at = 0; at < bytes.length; at++) {
        for (const by of [1, 0x10, 0x80, 0xff]) {
          const altered = Buffer.from(bytes);
          altered[at] = altered[at]! ^ by;
          read(altered.toString('hex'), dialect);
        }
      }
    }
  });
}

t.test('values that a type cannot hold are refused, with their place', async (t) => {
  const cases: readonly (readonly [string, string, string])[] = [
    ['int', '2147483648', 'it: 2147483648 is beyond the range of int'],
    ['byte', '-129', 'it: -129 is beyond the range of byte'], ['short', '32768',
      'it: 32768 is beyond the range of short'],
    ['long', '9223372036854775808', 'it: 9223372036854775808 is beyond the range of long'],
    ['java.lang.Object', '9223372036854775808', 'it: 9223372036854775808 is beyond the range of long'],
    ['int', '1.0', 'it: 1.0 is no int'], ['int', '1e2', 'it: 1e2 is no int'], ['long', '-0', 'it: -0 is no long'],
    ['int', 'null', 'it: null is no int'], ['int', '"1"', 'it: a string is no int'], ['int', 'true',
      'it: a boolean is no int'],
    ['boolean', '1', 'it: a number is no boolean'], ['java.lang.String', '1', 'it: a number is no java.lang.String'],
    ['java.util.List', '{}', 'it: an object is no java.util.List'], ['java.util.Map', '[]',
      'it: a list is no java.util.Map'],
    ['double', '1e999', 'it: 1e999 is beyond the range of double'],
    ['double', '0.1000000000000000055', 'it: 0.1000000000000000055 has more digits than a double'],
    ['double', '9007199254740993', 'it: 9007199254740993 has more digits than a double'],
    ['java.lang.Object', '9007199254740993.0', 'it: 9007199254740993.0 has more digits than a double'],
    ['java.util.List<java.lang.Integer>', '[1,[2]]', 'it[1]: a list is no java.lang.Integer'],
    ['java.util.Map<java.lang.String,java.util.List<java.lang.Boolean>>', '{"a":[true,1]}',
      'it["a"][1]: a number is no java.lang.Boolean'],
    ['java.util.Map', '{"a":{"b":1e999}}', 'it["a"]["b"]: 1e999 is beyond the range of double'],
  ];
  for (const [type, json, message] of cases) t.equal(write('final', type, json), `refused: ${message}`);
  t.equal(read(write('final', 'double', '-0.0'), 'final'), '-0.0', 'the sign of zero stays');
  t.equal(read(write('draft', 'double', '3e2'), 'draft'), '300.0');
  t.equal(read(write('draft', 'java.lang.Object', '0.30'), 'draft'), '0.3');
});

t.test('types that are none, or that JSON has no values of', async (t) => {
  for (const type of ['float', 'char', 'void', 'java.util.Date', 'byte[]', 'int<int>', 'java.util.List<int>', 'String',
    'java.util.Map<java.lang.Long,java.lang.String>', 'java.util.List<java.lang.String', '', 'toString', 'constructor'])
    t.equal(javaType(type), null, type);
  t.match(javaType(' java.util.Map< java.lang.String , java.util.List<java.lang.Long> > '),
    { kind: 'map', descriptor: 'Ljava/util/Map;', element: { kind: 'list', element: { kind: 'long' } } });
});

t.test('depth, length and references are bounded', async (t) => {
  t.equal(read('79'.repeat(99) + '90', 'final'), `${'['.repeat(99)}0${']'.repeat(99)}`);
  t.equal(read('79'.repeat(101) + '90', 'final'), 'refused: the value nests deeper than 100');
  // A list of lists, each of which holds the one before it twice: 2^24 values of 90 bytes.
  const doubling = Buffer.concat([Buffer.from('58c819', 'hex'), Buffer.from('78', 'hex'),
    ...Array.from({ length: 24 }, (_, i) => Buffer.from([0x7a, 0x51, 0x91 + i, 0x51, 0x91 + i]))]);
  t.equal(read(doubling.toString('hex'), 'final'), 'refused: the value is longer than 1048576 characters as JSON');
  // By references it is deeper than it was read.
  const chain = (index: number): Buffer => Buffer.concat([Buffer.alloc(90, 0x79),
    index === 0 ? Buffer.from([0x90]) : Buffer.from([0x51, 0x49, 0, 0, 0, 0])]);
  const second = chain(1);
  second.writeInt32BE(1, second.length - 4);
  t.equal(read(`7a${Buffer.concat([chain(0), second]).toString('hex')}`, 'final'),
    'refused: the value nests deeper than 100');
  t.equal(read('58497fffffff', 'final'), 'refused: the value is cut short');
  t.equal(read('566c7fffffff', 'draft'), 'refused: the value is cut short');
  t.equal(read('43016149000f4240', 'final'), 'refused: the value is cut short');
  t.equal(read('5190', 'final'), 'refused: a reference to value 0, which is not there');
  t.equal(read('60', 'final'), 'refused: an object of class 0, which is not there');
  t.equal(read('7190', 'final'), 'refused: a reference to type 0, which is not there');
});

t.test('text that is none', async (t) => {
  for (const hex of ['01c080', '01ff', '01c3', '01c328', '01f09f9880', '02f8808080', '01e08080', '02f0808080',
    '02f4908080'])
    t.match(read(hex, 'final'), /^refused: (a string is no UTF-8|the value is cut short)/, hex);
  t.equal(read('02f09f9880', 'final'), '"\u{1f600}"', 'four bytes are two units');
  t.equal(read('480161900161915a', 'final'), 'refused: it: "a" stands there twice');
  t.equal(read('4301619105636c6173736090', 'final'), 'refused: it: "class" stands there twice');
});
