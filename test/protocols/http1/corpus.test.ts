// The corpus before the codec alone: a connection's bytes are read as a proxy reads them, and what it would forward
// and where it stops must be what the case says, on every build and according to the reference decoder. The whole
// proxy meets it in test/integration.
import t from 'tap';
import { codecBuilds } from '../../support/wasm.js';
import { Codec, mode, usualLimits, type HeadResult } from './codec.js';
import type { RequestCase } from './corpus/case.js';
import { requestCases, responseCases } from './corpus/index.js';
import { driveChunked } from './drive-chunked.js';
import { referenceChunked } from './reference-chunked.js';
import { referenceRequest, referenceResponse } from './reference.js';

interface Read {
  seen: { line: string; body: string }[];
  code: string;
}
type Decode = {
  head(input: Buffer): HeadResult;
  body(input: Buffer): { kind: number; code: string; data: string; consumed: number };
};

/** Reads requests until the bytes end, one is refused, or one says close. */
function readAll(bytes: Buffer, decode: Decode): Read {
  const seen: { line: string; body: string }[] = [];
  let at = 0;
  while (at < bytes.length) {
    const head = decode.head(bytes.subarray(at));
    if (head.kind === 'rejected') return { seen, code: head.code };
    if (head.kind === 'incomplete') break;
    at += head.head.bytes;
    const [method] = head.head.line.split(' ');
    const line = `${method} ${head.head.flags.includes('authorityForm') ? head.head.authority : head.head.path || '/'}`;
    if (head.head.flags.includes('chunked')) {
      const body = decode.body(bytes.subarray(at));
      if (body.kind === 0) return { seen, code: body.code };
      seen.push({ line, body: body.data });
      at += body.consumed;
    } else {
      const length = Math.max(0, head.head.length);
      seen.push({ line, body: bytes.subarray(at, at + length).toString('latin1') });
      at += length;
    }
    if (head.head.flags.includes('connectionClose')) break;
  }
  return { seen, code: '' };
}

const reference: Decode = {
  head: (input) => referenceRequest(input.toString('latin1'), usualLimits),
  body: (input) => {
    const said = referenceChunked(input.toString('latin1'));
    return {
      kind: { complete: 1, incomplete: -1, rejected: 0 }[said.kind],
      code: said.code,
      data: said.data,
      consumed: said.bytes,
    };
  },
};
const withCodec = (codec: Codec): Decode => ({
  head: (input) => codec.decodeRequest(input, usualLimits),
  body: (input) => {
    const said = driveChunked(codec, input, mode.strip, [input.length]);
    return { kind: said.result, code: said.code, data: said.output.toString('latin1'), consumed: said.consumed };
  },
});

function judge(entry: RequestCase, who: string, read: Read): string {
  if (entry.code === '' && entry.status !== 0)
    return read.code === '' ? '' : `${who}: the codec refuses already: ${read.code}`;
  const wanted = JSON.stringify({ seen: entry.seen, code: entry.code });
  const actual = JSON.stringify({ seen: read.seen, code: read.code });
  return wanted === actual ? '' : `${who}: wanted ${wanted.slice(0, 300)}, got ${actual.slice(0, 300)}`;
}

const decoders: [string, Decode][] = [
  ['reference', reference],
  ...codecBuilds.map((build): [string, Decode] => [build, withCodec(new Codec(build))]),
];

t.test('requests', async (t) => {
  const names = new Set<string>();
  for (const entry of requestCases) {
    const name = `${entry.source}: ${entry.name}`;
    if (names.has(name)) t.fail(`two cases are called "${name}"`);
    names.add(name);
    const bytes = Buffer.from(entry.bytes, 'latin1');
    const faults = decoders
      .map(([who, decode]) => judge(entry, who, readAll(bytes, decode)))
      .filter((fault) => fault !== '');
    if (faults.length > 0) t.fail(name, { faults });
  }
  t.ok(requestCases.length >= 300, `${requestCases.length} requests`);
});

t.test('responses: the codec and the reference agree', async (t) => {
  const codecs = codecBuilds.map((build) => new Codec(build));
  for (const entry of responseCases) {
    const bytes = Buffer.from(entry.bytes, 'latin1');
    const wanted = JSON.stringify(referenceResponse(entry.bytes, usualLimits));
    for (const codec of codecs)
      t.equal(JSON.stringify(codec.decodeResponse(bytes)), wanted, `${codec.build}: ${entry.name}`);
  }
  t.ok(responseCases.length >= 80, `${responseCases.length} responses`);
});
