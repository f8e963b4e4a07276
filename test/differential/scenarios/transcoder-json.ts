// What grpc_json_transcoder makes of JSON, and JSON of messages: protobuf's own mapping, with all that its parser
// allows and refuses. The forwarded bytes and the answers tell.
import { field, frame, grpcAnswer, ledger, varint } from '../bookstore.js';
import { get, type Scenario } from '../scenario.js';
import { json, transcoded } from './transcoder.js';

const nothing = grpcAnswer([frame('')]);
const readings = (name: string, texts: readonly string[], config: object = {}): Scenario =>
  transcoded(name, texts.map((text) => ({ send: json('/echo', Buffer.from(text, 'utf8').toString('latin1')),
    answer: nothing })), config);
const printings = (name: string, messages: readonly string[], config: object = {}): Scenario =>
  transcoded(name, messages.map((message) => ({ send: get('/echo'), answer: grpcAnswer([frame(message)]) })), config);

const values = (name: string, ...list: readonly string[]): readonly string[] => list.map((value) =>
  `{"${name}":${value}}`);
const numbers = ['0', '-0', '1', '-1', '2147483647', '2147483648', '-2147483648', '-2147483649', '4294967295',
  '4294967296',
  '9223372036854775807', '9223372036854775808', '-9223372036854775808', '-9223372036854775809', '18446744073709551615',
  '18446744073709551616', '1.0', '1.5', '1e3', '1e-3', '1E400', '"5"', '" 5"', '"5 "', '"+5"', '"0x5"', '"1.0"',
    '"1e3"',
  '""', '"NaN"', '"Infinity"', '"-Infinity"', '"nan"', '"inf"', 'true', 'null', '[1]', '{}'];

const scalars: readonly Scenario[] = [
  ...['i32', 'u32', 'i64', 'u64', 'si32', 'si64', 'f32', 'sf64', 'd', 'f', 'e'].map((name) =>
    readings(`numbers for ${name}`, values(name, ...numbers))),
  readings('numbers that are not JSON', ['01', '-01', '1.', '.5', '-', '-.5', '+1', '1e', '1e+', '0x1', '1x', '1_0',
    '1-2', 'NaN',
    'Infinity', '1.2.3', '--1', '1e5.5', '00', '-00', '1'.repeat(400), '0.1e-500', '3.5e38', '-3.5e38', '3.4028235e38']
    .flatMap((text) => values('f', text))),
  readings('truth values', values('bo', 'true', 'false', '"true"', '"FALSE"', '"t"', '"yes"', '"n"', '"1"', '"0"',
    '"2"', '1',
    '0', 'null', '" true"', 'True', 'tru', 'truex', '[]')),
  readings('texts', values('s', '"a"', '""', '"ü€😀"', '"\\u00fc\\u20ac\\ud83d\\ude00"', '"\\ud83d"', '"\\ud83dx"',
    '"\\ud83d\\u0041"', '"\\ude00"', '"\\u00g0"', '"\\u00"', '"\\n\\t\\b\\f\\r\\v\\/\\\\\\"\\q"', '"a\nb"', '"\\u0000"',
      "'x'",
    "'it\\'s \"x\"'", '"\\', '"x', '5', '1.5', 'true', 'null', '["a"]', '{"a":1}', '"\u2028\ufeff"')),
  readings('bytes', values('by', '"AQID"', '"AQI="', '"AQI"', '"AQ=="', '"AQ="', '"AQ"', '"A"', '"-_-_"', '"+/+/"',
    '"+_"', '"AQ ID"',
    '"AQ\\nID"', '"AQ.."', '"AR"', '"*"', '""', 'null', '5', '"AQID===="', '"=AQI"', '"AQ=ID"')),
  readings('enumerations', values('e', '"NOVEL"', '"novel"', '"POEM"', '"1"', '"7"', '7', '-1', '1.0', '1.5', 'null',
    'true', '[]',
    '4294967296', '""')),
];

const structure: readonly Scenario[] = [
  readings('lists', ['{"ri":[1,2,"3"]}', '{"ri":[]}', '{"ri":5}', '{"ri":null}', '{"ri":[null]}',
    '{"ri":[1,"x",2,"y"]}', '{"ri":[[1]]}',
    '{"rs":["a",5]}', '{"ri":{}}', '{"i32":[1]}', '{"ri":[1,]}', '{"ri":[,1]}', '{"ri":[1 2]}', '{"ri":[1}', '{"ri":[1',
    '{"re":["NOVEL",2,"X"]}', '{"ri":[1],"ri":[2]}']),
  readings('messages', ['{"every":{"i32":1,"every":{"i32":2}}}', '{"every":null}', '{"every":5}', '{"every":[]}',
    '{"every":"x"}',
    '{"every":{}}', '{"every":{"i32":1},"every":{"i32":2}}', '{"every":{"i32":"x"}}',
      '{"every":{"every":{"ri":[1,"x"]}}}']),
  readings('maps', ['{"mss":{"a":"b","c":"d"}}', '{"mss":{}}', '{"mss":null}', '{"mss":{"a":"b","a":"c"}}',
    '{"mss":{"a":1}}',
    '{"mss":{"a":null}}', '{"mss":[]}', '{"mss":5}', '{"mss":{"a":["b"]}}', '{"mss":{"a":{}}}',
      '{"mia":{"1":{"name":"n"}}}',
    '{"mia":{"x":{}}}', '{"mia":{"1":null}}', '{"mia":{"1":5}}', '{"mbk":{"true":"NOVEL","false":2}}',
      '{"mbk":{"x":1}}',
    '{"mss":{"":"e"}}', '{"mia":{"1":{"name":5}}}']),
  readings('one of several', ['{"oneS":"a"}', '{"one_s":"a"}', '{"oneS":"a","oneA":{}}', '{"oneS":"a","oneS":"b"}',
    '{"oneW":5}',
    '{"oneW":null,"oneS":"a"}', '{"oneA":{"name":"n"}}', '{"oneA":null,"oneS":"a"}', '{"opt":1,"opt":2}', '{"opt":0}']),
  readings('names', ['{"nope":1,"i32":2}', '{"nope":{"a":[1,{"b":2}]},"i32":2}', '{"nope":[[[]]],"i32":2}', '{"I32":1}',
    '{"":1}',
    '{i32:1}', '{i32 : 1 , s : "x"}', '{$a_1:1}', '{true:1}', '{trueish:1,i32:2}', '{null:1}', '{1:1}', "{'i32':1}",
      '{"i32":1,}',
    '{,"i32":1}', '{"i32":1 "s":"x"}', '{"i32" 1}', '{"i32":}', '{"i32"', '{"i32":1', '{', '}', '[', ']', '', ' ',
      '\n\t {"i32":1} \n',
    '{"i32":1}x', '{"i32":1} {}', '{"i32":1}}', 'null', 'true', '5', '"x"', '[]', '[{}]', 'nul', 'x', '//',
      '{"i32":1}//', '\u00a0{}',
    '\ufeff{}', '{"si32":1,"i32":2,"i64":3,"d":4}']),
  readings('depth', [98, 99, 100, 101].flatMap((depth) => [`${'{"every":'.repeat(depth)}{}${'}'.repeat(depth)}`,
    `{"nope":${'['.repeat(depth)}${']'.repeat(depth)}}`])),
];

const wellKnown: readonly Scenario[] = [
  readings('timestamps', values('time', '"1970-01-01T00:00:00Z"', '"2020-02-29T23:59:59.123456789Z"',
    '"2019-02-29T00:00:00Z"',
    '"2020-01-01T00:00:00.5Z"', '"2020-01-01T00:00:00.1234567890Z"', '"2020-01-01T00:00:00.Z"',
      '"2020-01-01T00:00:00+08:30"',
    '"2020-01-01T00:00:00-00:01"', '"2020-01-01T00:00:00+24:00"', '"2020-01-01T00:00:00"', '"2020-01-01"',
      '"2020-01-01t00:00:00z"',
    '"0001-01-01T00:00:00Z"', '"0000-12-31T23:59:59Z"', '"9999-12-31T23:59:59.999999999Z"', '"10000-01-01T00:00:00Z"',
    '"2020-13-01T00:00:00Z"', '"2020-1-1T0:0:0Z"', '"2020-01-01T24:00:00Z"', '"2020-01-01T23:59:60Z"', '"x"', '""', '5',
      'null', '{}', '[]',
    '"2020-01-01 00:00:00Z"', '"2020-01-01T00:00:00.-1Z"', '"2020-01-01T00:00:00.5x"', '{"seconds":5}',
      '{"seconds":5,"nanos":6}')),
  readings('durations', values('duration', '"0s"', '"1s"', '"-1s"', '"1.5s"', '"-1.5s"', '"-0.5s"', '"0.000000001s"',
    '"0.0000000001s"',
    '"315576000000s"', '"315576000001s"', '"-315576000001s"', '"1"', '"s"', '"1.s"', '".5s"', '"+1s"', '"--1s"',
      '" 1s"', '"1 s"', '"1e3s"',
    '5', 'null', '{"seconds":1}', '"99999999999999999999s"', '"1.5.5s"')),
  readings('field masks', values('mask', '"a"', '"aB,c.dE"', '""', '"a,,b"', '"a(b,c)"', '"a(b(c),d)"', '"a("', '"a)"',
    '"a_b"', '"AB"', '"aBC"',
    '"aB1C"', '5', 'null', '{"paths":["a"]}', '"m[\\"k\\"]"', '"m[\\"k\\"].x"', '"m[\\"k\\"]x"', '"m[k]"', '"m[\\"k"',
      '"a.(b)"', '"a b"')),
  readings('wrappers', [...values('wi32', '5', '"5"', '0', 'null', '"x"', '{"value":5}', '[]'), ...values('ws', '"x"',
    '5'),
    ...values('wb', 'true', '"x"'), ...values('wby', '"AQ"', '"*"'), ...values('wd', '1.5', '"NaN"'), ...values('wi64',
      '"9"', '1.5'),
    ...values('wf', '1e39'), ...values('wu64', '-1')]),
  readings('structs', [...values('struct', '{"a":1,"b":"x","c":null,"d":[1,{"e":2}],"f":{"g":true}}', '{}', 'null', '5',
    '[]', '{"a":1,"a":2}',
    '{"fields":{"a":{"numberValue":1}}}'), ...values('value', '1', '"x"', 'null', 'true', '[]', '[1,"x",[null]]',
      '{"a":{"b":[]}}', '1e400',
    '18446744073709551615', '-5'), ...values('list', '[]', '[1,"x",null,{"a":[2]},[3]]', 'null', '5', '{}',
      '{"values":[]}'),
  ...values('rv', '[1,"x",null,[2],{"a":3}]', '[]', '5'), ...values('mv', '{"a":1,"b":null,"c":[1],"d":{"e":1}}'),
    ...values('nil', 'null',
    '"NULL_VALUE"', '0', '1', '"x"'), ...values('rt', '["1970-01-01T00:00:01Z","x"]', '[null]')]),
  readings('anys', values('any', '{"@type":"type.googleapis.com/b.Author","name":"n"}',
    '{"name":"n","@type":"type.googleapis.com/b.Author"}',
    '{"@type":"type.googleapis.com/b.Author"}', '{}', 'null', '{"name":"n"}', '{"@type":"b.Author"}',
      '{"@type":"x/b.Author"}',
    '{"@type":"type.googleapis.com/b.None"}', '{"@type":5}',
      '{"@type":"type.googleapis.com/google.protobuf.Duration","value":"1s"}',
    '{"@type":"type.googleapis.com/google.protobuf.Duration","value":"x"}',
      '{"@type":"type.googleapis.com/google.protobuf.Duration","x":"1s"}',
    '{"@type":"type.googleapis.com/google.protobuf.Value","value":[1,{"a":2}]}',
      '{"@type":"type.googleapis.com/google.protobuf.Value","value":null}',
    '{"@type":"type.googleapis.com/google.protobuf.Struct","value":{"a":1}}',
      '{"@type":"type.googleapis.com/google.protobuf.Struct","value":1}',
    '{"@type":"type.googleapis.com/google.protobuf.Int32Value","value":5}',
      '{"value":5,"@type":"type.googleapis.com/google.protobuf.Int32Value"}',
    '{"@type":"type.googleapis.com/google.protobuf.Any","value":{"@type":"type.googleapis.com/b.Author","name":"n"}}',
    '{"@type":"type.googleapis.com/google.protobuf.ListValue","value":[1]}',
      '{"@type":"type.googleapis.com/google.protobuf.Empty","value":{}}',
    '{"@type":"type.googleapis.com/b.Every","i32":"x"}',
      '{"@type":"type.googleapis.com/b.Every","every":{"i32":5},"ri":[1,2]}', '5', '[]',
    '{"a":{"b":[1,{}]},"@type":"type.googleapis.com/b.Author","name":"n"}')),
];

const double = (value: number): string => Buffer.from(new Float64Array([value]).buffer).toString('latin1');
const float = (value: number): string => Buffer.from(new Float32Array([value]).buffer).toString('latin1');
const utf8 = (text: string): string => Buffer.from(text, 'utf8').toString('latin1');
const minus = '\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01';
const all = [`\x09${double(1.5)}\x15${float(2.5)}`, field(3, 3), field(4, 4), field(5, 5),
  `\x31${double(6)}\x3d${float(7)}`,
  field(8, 1), field(9, 's'), field(10, '\x01\xff'), field(11, 11), field(12, 1), field(15, 15),
  field(16, 16)].join('');
const doubles = [0, -0, 1, 0.1, 1e21, 1e20, 1e16, 123456789012345680, 1e-7, 1.7976931348623157e308, 5e-324, NaN,
  Infinity, -Infinity, 1 / 3,
  100, 1e15, 123456.789];

/**
 * Without an Any of an empty google.protobuf.Value, and entries of maps that lack key or value: they end Envoy's
 * process.
 */
const printed: readonly Scenario[] = [
  printings('every kind', [all, '', `\x28${minus}\x18${minus}\x20${minus}\x58${minus}\x60\x09\x60${minus}`, field(8, 0)
    + field(5, 0)]),
  printings('doubles', doubles.map((value) => `\x09${double(value)}`)),
  printings('floats', [...doubles.slice(0, 8), 3.4028235e38, 1e-45, 0.3, 16777216, 1e6, 1e7, NaN].map((value) =>
    `\x15${float(value)}`)),
  printings('printed texts', ['a"\\/<>&\'', '\n\r\t\b\f\v\0\x1f\x7f', utf8('ü€😀'),
    utf8('\u2028\u200b\ufeff\u00ad\u0080\u{e0001}'),
    '\xff', utf8('\u0600\u06dd\u070f\u17b4\u2060\u206a\ufff9\u{1d173}')].map((text) => field(9, text))),
  printings('printed lists and maps', [field(17, '\x01\x02\x03') + field(17, 4) + field(18, 'a') + field(18, ''),
    field(19, field(1, 'k')
    + field(2, 'v')) + field(19, field(2, 'v') + field(1, 'k')), field(20, field(1, 5) + field(2, field(1, 'n')))
    + field(20, field(1, 6) + field(2, '')), field(21, field(1, 1) + field(2, 1)) + field(21, field(1, 0) + field(2,
      9)), field(23, '\x00\x01\x07'),
  field(22, field(22, field(5, 1))), field(22, '')]),
  printings('printed well-known types', [field(31, field(1, 5) + field(2, 500000000)), field(31, ''),
    `${field(31, `\x08${minus}`)}`,
    field(31, field(2, 1000)), field(31, field(2, 1000000000)), field(31, field(1, 253402300800)), field(32, field(1,
      5)), field(32, field(2, 7)),
    field(32, `\x08${minus}\x10${minus}`), field(32, `\x08\x01\x10${minus}`), field(32, ''), field(33, field(1, 'a_b')
      + field(1, 'c.d_e')),
    field(33, ''), field(33, field(1, 'aB')), field(33, field(1, 'a__b')), field(41, `\x09${double(0.5)}`), field(45,
      ''), field(43, field(1, 9)),
    field(47, field(1, 1)), field(48, field(1, 'x')), field(49, field(1, '\x01')), field(51, 0) + field(51, 0).slice(0,
      0), field(64, 0)]),
  printings('printed structs', [field(34, field(1, field(1, 'a') + field(2, `\x11${double(1)}`)) + field(1, field(1,
    'b') + field(2, field(3, 'x')))
    + field(1, field(1, 'c') + field(2, field(1, 0))) + field(1, field(1, 'd') + field(2, ''))), field(34, ''),
      field(35, ''), field(35, field(4, 1)),
  field(35, field(6, field(1, field(3, 'x')) + field(1, ''))), field(35, field(5, '')), field(36, field(1, field(1, 0))
    + field(1, '')), field(36, ''),
  field(35, `\x11${double(NaN)}`), field(35, `\x11${double(Infinity)}`), field(50, field(3, 'x')) + field(50, ''),
    field(52, field(1, 'k')
    + field(2, field(3, 'v'))) + field(52, field(1, 'e') + field(2, ''))]),
  printings('printed anys', [field(37, field(1, 'type.googleapis.com/b.Author') + field(2, field(1, 'n'))), field(37,
    ''), field(37, field(2, 'x')),
    field(37, field(1, 'type.googleapis.com/b.None')), field(37, field(1, 'b.Author')), field(37, field(1,
      'type.googleapis.com/google.protobuf.Duration') + field(2, field(1, 5))), field(37, field(1,
        'type.googleapis.com/b.Author')), field(37, field(1, 'type.googleapis.com/b.Author') + field(2, '\x0a'))]),
  printings('messages that break', [field(200, 'x') + field(201, 5),
    `${varint(200 * 8 + 3)}${field(5, 1)}${varint(200 * 8 + 4)}`, '\x2a\x01\x01',
    '\x0d\0\0\0\0', '\x08\x01', '\x48\x01', '\x40\x02', '\x2b\x2c', '\x2c', '\x2e', '\x0a\x05ab', field(9, '\xc3'),
      field(5, 1) + field(5, 2), '\x28',
    field(22, '').repeat(2), `${'\xb2\x01\x02'.repeat(1)}\xb2\x01`, field(22, field(22, '')).repeat(1), '\0']),
];

const options: readonly Scenario[] = [
  printings('white space', [all, '', field(17, '\x01\x02') + field(19, field(1, 'k') + field(2, 'v')) + field(22, '')
    + field(18, 'x'),
    field(34, field(1, field(1, 'a') + field(2, field(6, field(1, field(4, 1)))))), field(37, field(1,
      'type.googleapis.com/b.Author')
      + field(2, field(1, 'n')))], { print_options: { add_whitespace: true } }),
  printings('primitive fields', ['', field(22, ''), field(61, 'x') + field(64, 0), field(37, field(1,
    'type.googleapis.com/b.Author'))],
    { print_options: { always_print_primitive_fields: true } }),
  printings('enumerations as numbers', [field(12, 1) + field(23, '\x01\x09') + field(51, 0) + field(21, field(1, 1)
    + field(2, 1))],
    { print_options: { always_print_enums_as_ints: true } }),
  printings('names as they are', [field(61, 'x') + field(20, field(1, 1) + field(2, field(2, 5)))],
    { print_options: { preserve_proto_field_names: true } }),
];

const older = { proto_descriptor_bin: Buffer.from(ledger).toString('base64'), services: ['l.Ledger'] };
const inner = field(4, field(1, 'n'));
const proto2: readonly Scenario[] = [
  transcoded('proto2 from JSON', ['{"id":1,"inner":{"name":"n"}}', '{"id":1}', '{"id":1,"inner":{}}',
    '{"inner":{"name":"n"}}',
    '{"id":"x","inner":{"name":"n"}}', '{"id":1,"inner":{"name":"n"},"more":[{"name":"a"},{}]}',
      '{"id":1,"inner":{"name":"n"},'
      + '"numbers":[1,2,"x"]}', '{"id":1,"inner":{"name":"n"},"side":"CREDIT","raw":"AQ","shelf":"s"}',
        '{"id":1,"inner":{"name":"n"},"by":{"k":{"name":"v"},"l":{}}}',
          '{"id":1,"inner":{"name":"n"},"shelf":"s","box":1}',
    '{"id":1,"inner":{"name":"n"},"more":[{"sum":"x"},{"sum":"y"}]}', '{"id":1,"id":2,"inner":{"name":"n"}}']
    .map((text) => ({ send: json('/entry', text), answer: nothing })), older),
  transcoded('proto2 with bindings', [{ send: json('/entry/5?inner.name=n', {}), answer: nothing },
    { send: json('/entry/5', {}),
    answer: nothing }, { send: get('/entry?id=1&inner.name=n&more.name=x&more.name=y'), answer: nothing }], older),
  transcoded('JSON of proto2', [field(1, 1) + inner, '', field(2, '\xff') + field(3, 4), field(3, 9) + field(7, '\x01'),
    field(6, '\x01\x02'),
    field(5, field(2, 5)), field(10, field(1, 'k') + field(2, field(1, 'v')))].map((message) =>
      ({ send: get('/entry?id=1&inner.name=n'),
    answer: grpcAnswer([frame(message)]) })), older),
  transcoded('JSON of proto2 with all fields', ['', field(1, 1) + field(4, '')].map((message) =>
    ({ send: get('/entry?id=1&inner.name=n'),
    answer: grpcAnswer([frame(message)]) })), { ...older, print_options: { always_print_primitive_fields: true } }),
];

export const scenarios: readonly Scenario[] = [...proto2, ...scalars, ...structure, ...wellKnown, ...printed,
  ...options]
  .map((scenario) => ({ ...scenario, oneDriver: true }));
