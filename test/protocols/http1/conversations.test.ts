// Runs every conversation of this folder: each message whole and cut at every byte, on the SIMD, scalar and debug
// builds, and against the reference decoder. WEFT_UPDATE=1 rewrites the expectation blocks from what the release
// build says; read the difference.
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { repositoryRoot } from '../../support/root.js';
import { codecBuilds } from '../../support/wasm.js';
import { COPY_SLACK_BYTES, Codec, mode, usualLimits, type DecodeLimits, type Edits } from './codec.js';
import { blockOf, bytesOf, readDocument, visible, type Case } from './document.js';
import { driveChunked, rechunkWithScan } from './drive-chunked.js';
import { referenceChunked } from './reference-chunked.js';
import { referenceRequest, referenceResponse } from './reference.js';
import { render } from './render.js';

const folder = join(repositoryRoot, 'test/protocols/http1');
const codecs = codecBuilds.map((build) => new Codec(build));
const update = process.env.WEFT_UPDATE === '1';

for (const name of readdirSync(folder)
  .filter((entry) => entry.endsWith('.md'))
  .sort()) {
  const file = join(folder, name);
  // Backwards, so that rewriting a block does not move the lines of those still to come.
  t.test(name, async (t) => {
    for (const entry of readDocument(file).reverse()) t.equal(run(file, entry), '', entry.title);
  });
}

/** Runs one case; returns what is wrong with it. */
function run(file: string, entry: Case): string {
  const kind = (['request', 'response', 'chunked'] as const).find((name) => blockOf(entry, name) !== undefined);
  if (kind === undefined) return `${file}:${entry.line}: no message block`;
  const input = bytesOf(blockOf(entry, kind)!.text);
  const limits = { ...usualLimits, ...JSON.parse(blockOf(entry, 'limits')?.text ?? '{}') } as DecodeLimits;
  try {
    const actual = kind === 'chunked' ? chunked(input) : head(kind, input, limits);
    // The later block first, for the same reason as above.
    const encoded = blockOf(entry, 'edits') ? encoding(file, entry, kind as 'request', input, limits) : '';
    return encoded + judge(file, entry, 'expect', actual.join('\n'));
  } catch (error) {
    return (error as Error).message;
  }
}

function judge(file: string, entry: Case, kind: string, actual: string): string {
  const expected = blockOf(entry, kind);
  if (expected !== undefined && expected.text.trimEnd() === actual.trimEnd()) return '';
  if (!update || expected === undefined)
    return `expected ${kind}:\n${expected?.text ?? '(no block)\n'}actual:\n${actual}`;
  const lines = readFileSync(file, 'utf8').split('\n');
  const end = lines.indexOf('```', expected.line);
  lines.splice(expected.line, end - expected.line, ...actual.trimEnd().split('\n'));
  writeFileSync(file, lines.join('\n'));
  return '';
}

function head(kind: 'request' | 'response', input: Buffer, limits: DecodeLimits): string[] {
  const text = input.toString('latin1');
  const wanted = render(kind === 'request' ? referenceRequest(text, limits) : referenceResponse(text, limits));
  for (const codec of codecs) {
    const said = render(kind === 'request' ? codec.decodeRequest(input, limits) : codec.decodeResponse(input, limits));
    if (said.join('\n') !== wanted.join('\n'))
      throw new Error(`${codec.build} says\n${said.join('\n')}\nthe reference says\n${wanted.join('\n')}`);
    atEveryByte(codec, kind, input, limits, said[0].split(' ')[0]);
  }
  return wanted;
}

/** A prefix of a good head is incomplete; of a bad one incomplete or bad; and once bad, it stays bad. */
function atEveryByte(
  codec: Codec,
  kind: 'request' | 'response',
  input: Buffer,
  limits: DecodeLimits,
  outcome: string,
): void {
  const whole = codec.verdict(kind, input, limits);
  const step = input.length > 4096 ? 97 : 1;
  let refused = false;
  for (let length = 0; length < input.length; length += step) {
    const verdict = codec.verdict(kind, input.subarray(0, length), limits);
    const wrong =
      (refused && verdict !== 0) ||
      (verdict === 0 && whole !== 0) ||
      (whole === -1 && verdict !== -1) ||
      (whole > 0 && verdict !== (length < whole ? -1 : whole));
    if (wrong)
      throw new Error(`${codec.build}: ${length} bytes of ${input.length} give ${verdict}, the whole is ${outcome}`);
    if (verdict === 0) refused = true;
  }
}

function chunked(input: Buffer): string[] {
  const wanted = referenceChunked(input.toString('latin1'));
  for (const codec of codecs)
    for (const how of [mode.strip, mode.rechunk | mode.trailers]) {
      const whole = driveChunked(codec, input, how, [input.length]);
      compareChunked(codec.build, how, whole.result, whole.code, whole.output, wanted);
      for (let cut = 1; cut < input.length; cut += input.length > 256 ? 7 : 1) {
        const split = driveChunked(codec, input, how, [cut, input.length - cut]);
        compareChunked(`${codec.build} cut at ${cut}`, how, split.result, split.code, split.output, wanted);
        const mixed = rechunkWithScan(codec, input, [cut, input.length - cut]);
        compareChunked(
          `${codec.build} scanning, cut at ${cut}`,
          mode.rechunk,
          mixed.result,
          mixed.code,
          mixed.output,
          wanted,
        );
      }
      const bytewise = Array.from({ length: input.length }, () => 1);
      const single = driveChunked(codec, input, how, bytewise);
      compareChunked(`${codec.build} byte by byte`, how, single.result, single.code, single.output, wanted);
      const mixed = rechunkWithScan(codec, input, bytewise);
      compareChunked(
        `${codec.build} scanning byte by byte`,
        mode.rechunk,
        mixed.result,
        mixed.code,
        mixed.output,
        wanted,
      );
    }
  const lines: string[] = [wanted.kind === 'rejected' ? `rejected ${wanted.code}` : wanted.kind];
  if (wanted.data !== '') lines.push(`data ${visible(Buffer.from(wanted.data, 'latin1')).replaceAll('\n', '')}`);
  for (const [name, value] of wanted.trailers) lines.push(`trailer ${name}: ${value}`);
  if (wanted.kind === 'complete') lines.push(`bytes ${wanted.bytes}`);
  return lines;
}

function compareChunked(
  who: string,
  how: number,
  result: number,
  code: string,
  output: Buffer,
  wanted: ReturnType<typeof referenceChunked>,
): void {
  const expected = { complete: 1, incomplete: -1, rejected: 0 }[wanted.kind];
  if (result !== expected || code !== wanted.code)
    throw new Error(`${who} says ${result} ${code}, the reference ${expected} ${wanted.code}`);
  let data = output.toString('latin1');
  if ((how & 3) === mode.rechunk) {
    const again = referenceChunked(data);
    if (again.kind === 'rejected') throw new Error(`${who} wrote chunks that are refused: ${again.code}`);
    if (wanted.kind === 'complete' && again.kind !== 'complete') throw new Error(`${who} wrote a body without its end`);
    if (wanted.kind !== 'complete' && again.kind === 'complete')
      throw new Error(`${who} ended a body that has not ended`);
    data = again.data;
  }
  if (data !== wanted.data)
    throw new Error(`${who} passed on ${JSON.stringify(data)}, not ${JSON.stringify(wanted.data)}`);
}

/**
 * Encodes the decoded head with the case's edits; every build must write the same bytes, and the reference must
 * take them again.
 */
function encoding(
  file: string,
  entry: Case,
  kind: 'request' | 'response',
  input: Buffer,
  limits: DecodeLimits,
): string {
  const edits = JSON.parse(blockOf(entry, 'edits')!.text) as Edits;
  const outputs = codecs.map((codec) => {
    const decoded =
      kind === 'request'
        ? codec.decodeRequest(input, limits, COPY_SLACK_BYTES)
        : codec.decodeResponse(input, limits, COPY_SLACK_BYTES);
    if (decoded.kind !== 'head') return 'not a head';
    if (!codec.dropNominated()) return 'refused: Connection names a protected header';
    const bytes = codec.encode(kind, edits);
    const again =
      kind === 'request'
        ? referenceRequest(bytes.toString('latin1'), { ...limits, countMax: 1000, bytesMax: 1 << 20 })
        : referenceResponse(bytes.toString('latin1'), { ...limits, countMax: 1000, bytesMax: 1 << 20 });
    if (again.kind !== 'head' || again.head.bytes !== bytes.length)
      throw new Error(`${codec.build} wrote a head that is refused:\n${visible(bytes)}`);
    return visible(bytes);
  });
  if (new Set(outputs).size !== 1) throw new Error(`the builds differ:\n${outputs.join('\n---\n')}`);
  return judge(file, entry, 'forwarded', outputs[0]);
}
