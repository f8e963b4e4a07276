import t from 'tap';
import { helpText, parseFlags } from '../../src/cli/flags.js';
import { LogSink, formatLine } from '../../src/core/log.js';

const parsed = (...args: string[]) => {
  const { flags, errors } = parseFlags(args);
  return errors.length > 0 ? errors : flags;
};

t.test('both forms of a flag are understood', async (t) => {
  t.match(parsed('-c', 'a.yaml', '--concurrency', '3'), { configPath: 'a.yaml', concurrency: 3 });
  t.match(parsed('--config-path=a.yaml', '--concurrency=0'), { configPath: 'a.yaml', concurrency: 0 });
  t.match(parsed('--config-yaml', 'admin: {a: "x=y"}'), { configYaml: 'admin: {a: "x=y"}' });
});

t.test("pilot-agent's command line is accepted as it is", async (t) => {
  const line = '-c etc/istio/proxy/envoy-rev.json --drain-time-s 45 --drain-strategy immediate ' +
    '--local-address-ip-version v4 --file-flush-interval-msec 1000 --disable-hot-restart ' +
    '--allow-unknown-static-fields -l warning --component-log-level misc:error --skip-deprecated-logs --concurrency 2';
  t.match(parsed(...line.split(' '), '--log-format', '%Y-%m-%dT%T.%fZ\t%l\tenvoy %n %g:%#\t%v\tthread=%t'), {
    drainTimeMs: 45_000, drainStrategy: 'immediate', fileFlushIntervalMs: 1000, allowUnknownStaticFields: true,
    logLevel: 'warning', componentLogLevels: [{ component: 'misc', level: 'error' }], concurrency: 2 });
});

t.test('every mistake is reported, each with what is allowed', async (t) => {
  t.match(parsed('--frobnicate', '-c'), [/unknown flag --frobnicate; --help lists all/, /--config-path needs a value/]);
  t.match(parsed('-c', 'x', '--concurrency', 'two', '--mode=fast', '--drain_time_s', '3'),
    [/--concurrency must be a whole number from 0 to \d+ \(it is 'two'\)/,
      /--mode must be one of serve, validate, init_only/,
      /unknown flag --drain_time_s; did you mean --drain-time-s\?/, /unexpected argument '3'/]);
  t.match(parsed('-c', 'x', '--disable-hot-restart=yes'), [/takes no value/]);
  t.match(parsed('-c', 'x', '--restart-epoch', '-1'), [/--restart-epoch/]);
  t.match(parsed('-c', 'x', '--component-log-level', 'http'), [/component:level pairs/]);
  t.match(parsed(), [/--config-path \(-c\) or --config-yaml is needed/]);
});

t.test('what only prints needs no configuration', async (t) => {
  t.match(parsed('--version'), { show: 'version' });
  t.match(parsed('-h'), { show: 'help' });
  t.match(helpText(), /--memory-mib <MiB> +size of the shared memory/);
});

t.test('log lines follow the format, and levels the component', async (t) => {
  const at = new Date(2024, 0, 2, 3, 4, 5, 6);
  t.equal(formatLine('[%Y-%m-%d %T.%e][%t][%l][%n] %v %%', 'main', 'info', 'hello', at),
    `[2024-01-02 03:04:05.006][${process.pid}][info][main] hello %`);
  t.equal(formatLine('{"m":"%j"}', 'main', 'info', 'a"b', at), '{"m":"a\\"b"}');
  const sink = new LogSink('warning');
  sink.setLevel('upstream', 'debug');
  t.same([sink.passes('main', 'info'), sink.passes('main', 'error'), sink.passes('upstream', 'debug')],
    [false, true, true]);
});
