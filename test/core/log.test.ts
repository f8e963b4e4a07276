import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, renameSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { DEFAULT_LOG_FORMAT, formatLine, Log, LogSink } from '../../src/core/log.js';

const path = join(mkdtempSync(join(tmpdir(), 'weft-applog-')), 'log');
const at = new Date(2026, 0, 2, 3, 4, 5, 67);

t.test("Envoy's default format", async (t) => {
  const line = formatLine(DEFAULT_LOG_FORMAT, 'main', 'warning', 'hello', at);
  t.equal(line, `[2026-01-02 03:04:05.067][${process.pid}][warning][main] hello`);
});

t.test('a JSON format with escapes, widths and unknown flags', async (t) => {
  const json = '{"level":"%l","msg":"%j"}';
  t.equal(formatLine(json, 'x', 'info', 'say "hi"\n', at), '{"level":"info","msg":"say \\"hi\\"\\n"}');
  t.equal(formatLine('[%8l][%-8l]%%%q', 'x', 'info', '', at), '[    info][info    ]%%q');
});

t.test('levels of all and of one component', async (t) => {
  const sink = new LogSink('warning', '%n %l %v', path);
  const [one, two] = [new Log(sink, 'one'), new Log(sink, 'two')];
  one.info('not shown');
  one.error('shown', { code: 7 });
  sink.setLevel('two', 'trace');
  two.trace('fine detail');
  sink.setAllLevels('off');
  two.critical('nothing is shown any more');
  t.equal(readFileSync(path, 'utf8'), 'one error shown code=7\ntwo trace fine detail\n');
  t.ok(sink.components().includes('two'));
});

t.test('a file that was moved away is opened again', async (t) => {
  const sink = new LogSink('info', '%v', path);
  renameSync(path, `${path}.1`);
  new Log(sink, 'main').info('old');
  sink.reopen();
  new Log(sink, 'main').info('new');
  t.match(readFileSync(`${path}.1`, 'utf8'), /old\n$/);
  t.equal(readFileSync(path, 'utf8'), 'new\n');
});

t.test('standard error that nobody reads drops lines and holds nobody', async (t) => {
  const module = new URL('../../src/core/log.js', import.meta.url).href;
  const program = `const { LogSink, Log } = await import('${module}'); 
    const sink = new LogSink('info'); const log = new Log(sink, 'main');

    for (let i = 0; i < 3000; i++) log.info('x'.repeat(200)); process.stdout.write(String(sink.dropped));`;
  const result = `${path}.dropped`;
  const piped = `"$0" --input-type=module -e "$1" 2>&1 >"$2" | sleep 0.7`;
  const child = spawn('sh', ['-c', piped, process.execPath, program, result], { stdio: 'ignore' });
  await new Promise((resolve) => child.once('exit', resolve));
  t.ok(Number(readFileSync(result, 'utf8')) > 100);
});
