// A short run of the HTTP/2 fuzzers; the long form is npm run fuzz.
import t from 'tap';
import { codecBuilds } from '../support/wasm.js';
import { literal } from '../protocols/http2/blocks.js';
import { Http2Codec } from '../protocols/http2/codec.js';
import { huffman, huffmanCode } from '../protocols/http2/reference-hpack.js';
import { http2Targets } from './http2.js';
import { fuzz } from './run.js';

t.test('two seconds without a finding', async (t) => {
  const report = fuzz(http2Targets(), 2000, Date.now() >>> 0, 5);
  for (const finding of report.findings)
    t.fail(`${finding.target}, seed ${finding.seed}`, {
      fault: finding.fault,
      input: finding.input.toString('latin1'),
    });
  for (const [name, count] of Object.entries(report.executions)) t.ok(count > 500, `${name}: ${count} executions`);
});

for (const build of codecBuilds) {
  t.test(`${build}: every symbol has the code of the reference`, async (t) => {
    const codec = new Http2Codec(build);
    codec.resetTable(4096);
    t.equal(huffmanCode.size, 257);
    for (let c = 0x20; c < 256; c++) {
      if (c === 0x7f) continue;
      // Alone, among short codes, and many in a row, so that it begins at every bit of a byte.
      for (const text of [`a${String.fromCharCode(c)}b`, `a${String.fromCharCode(c).repeat(9)}b`]) {
        const coded = huffman(text);
        const block = Buffer.concat([literal('x', '').subarray(0, 3), Buffer.from([0x80 | coded.length]), coded]);
        const read = codec.section('trailers', block).text;
        if (read !== `x: ${text}\r\n`) t.equal(read, text, `symbol ${c}`);
      }
    }
  });
}
