// npm run conformance [-- --io epoll|uring]: the whole corpus and the good requests on Weft and on Envoy, over the
// same bootstrap. Prints every difference under its heading of docs/envoy-differences.md; ends with 1 when one is not
// explained.
import { parseArgs } from 'node:util';
import { requestCases } from '../protocols/http1/corpus/index.js';
import { envoyProgram, type ProxyKind } from '../support/proxy.js';
import { compareCase, describeGood, goodCases, startPair, stopPair } from './compare.js';
import { differences } from './differences.js';
import { explained } from './explained.js';

const { values } = parseArgs({ options: { io: { type: 'string', default: 'epoll' }, part: { type: 'string' } } });

async function main(): Promise<void> {
  if (envoyProgram() === null) {
    process.stdout.write('Envoy is not installed: set ENVOY_BIN, or put envoy on PATH\n');
    return;
  }
  const pair = await startPair(`weft-${values.io}` as ProxyKind, 12);
  const found = new Map<string, string[]>();
  const note = (heading: string, text: string): void => {
    found.set(heading, [...(found.get(heading) ?? []), text]);
  };
  try {
    if (values.part !== 'good') {
      const queue = [...requestCases];
      await Promise.all(
        pair.lanes.map(async (lane) => {
          for (let entry = queue.shift(); entry !== undefined; entry = queue.shift()) {
            const said = await compareCase(pair, lane, entry);
            if (said.weft === said.envoy) continue;
            const heading = differences.find((difference) => difference.applies(entry))?.heading ?? 'NOT EXPLAINED';
            note(
              heading,
              `${entry.source}: ${entry.name}\n      weft  ${said.weft.slice(0, 160)}\n` +
                `      envoy ${said.envoy.slice(0, 160)}`,
            );
          }
        }),
      );
    }
    for (const entry of goodCases) {
      const weft = await describeGood(pair.weft, 'lane0', entry),
        envoy = await describeGood(pair.envoy, 'lane0', entry);
      for (const { line, heading } of explained(entry.name, weft, envoy))
        note(heading ?? 'NOT EXPLAINED', `${entry.name}: ${line}`);
    }
  } finally {
    await stopPair(pair);
  }
  for (const [heading, texts] of [...found].sort())
    process.stdout.write(`\n${heading} (${texts.length})\n${texts.map((text) => `  - ${text}\n`).join('')}`);
  process.stdout.write(
    `\n${requestCases.length} hostile and ${goodCases.length} good conversations, ` +
      `${found.get('NOT EXPLAINED')?.length ?? 0} differences not explained\n`,
  );
  process.exitCode = found.has('NOT EXPLAINED') ? 1 : 0;
}
void main();
