// docs/protocols.md tells strangers what a codec is: its numbers are those of the code, and its command compiles the
// example that the tests run.
import { readFileSync } from 'node:fs';
import t from 'tap';
import { RpcFrame, RpcFrameFlag, RpcKind, RpcRefusal } from '../../../src/core/generated/layouts.js';
import { RPC_CODEC_MARK, rpcCodecCalls, rpcCodecOptionalCalls, rpcCodecRoomBytes } from
  '../../../src/core/rpc-codec.js';
import { limits } from '../../../src/core/limits.js';
import { ResponseFlag } from '../../../src/core/response-flags.js';
import { rpcProtocols } from '../../../src/config/rpc.js';

const document = readFileSync('docs/protocols.md', 'utf8');
const chapter = document.slice(document.indexOf('## Codecs of your own'), document.indexOf('## Adding a protocol'));

t.test('calls', async (t) => {
  t.ok(chapter.includes(`\`${RPC_CODEC_MARK}\``));
  for (const [name, count] of Object.entries({ ...rpcCodecCalls, ...rpcCodecOptionalCalls })) {
    const [, given] = new RegExp(`\\| \`${name}\\(([^)]*)\\)\``).exec(chapter) ?? [];
    t.equal(given?.split(', ').length, count, name);
  }
});

t.test('the record, kinds, reasons and flags', async (t) => {
  const words = [...chapter.matchAll(/^\| (\d+) \| `(\w+)` \|/gm)]
    .map(([, offset, name]) => [name, Number(offset) / 4]);
  t.same(Object.fromEntries(words), RpcFrame);
  const listed = (from: string, names: Readonly<Record<string, number>>): void => {
    const table = chapter.slice(chapter.indexOf(from)).split('\n\n')[0]!;
    const found = [...table.matchAll(/(\d+) `(\w+)`/g)].map(([, number, name]) => [name, Number(number)]);
    t.same({ none: 0, ...Object.fromEntries(found) }, { none: 0, ...names }, from);
  };
  listed('| kinds |', RpcKind);
  listed('| flags |', RpcFrameFlag);
  listed('| reasons (`code`) |', RpcRefusal);
  const bits = [...chapter.matchAll(/1 << (\d+) \| `(\w+)`/g)];
  t.equal(bits.length, 12);
  for (const [, bit, name] of bits) t.equal(ResponseFlag[name as 'UH'], 1 << Number(bit), name);
});

t.test('limits', async (t) => {
  const said = (text: string): void => { t.ok(chapter.includes(text), text); };
  const thousands = (count: number): string => count.toLocaleString('en-US');
  said(`(${thousands(rpcCodecRoomBytes)})`);
  said(`at most ${limits.bufferLargeBytes / 1024} KiB`);
  said(`at most ${limits.rpcCodecFirstBytes / 1024} KiB`);
  said(`above ${limits.rpcInspectedBytesMax / 1024} KiB`);
  said(`at most ${thousands(limits.rpcCodecTableMax)}`);
  said(`${limits.rpcCodecBytesMax / 1024 / 1024} MiB`);
  said(`${thousands(limits.rpcCodecWorkPerMs)} units a millisecond`);
});

t.test('names of protocols have the same order for configuration and its schema', async (t) => {
  const schema = readFileSync('src/xds/wire/protos/weft/config/rpc/v1/rpc.proto', 'utf8');
  const names = [...schema.matchAll(/^ {2}([A-Z0-9]+) = (\d+);/gm)].map(([, name, number]) => [name, Number(number)]);
  t.same(names, ['auto', ...rpcProtocols].map((name, index) => [name.toUpperCase(), index]));
});
