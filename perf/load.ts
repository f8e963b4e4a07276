// The load generator as a process of its own, so that it can be pinned: one argument, the options as JSON; one line of
// JSON out.
//   node dist/perf/load.js '{"port":20100,"rate":1000,"seconds":5,"connections":16}'
import { LoadEngine, type LoadOptions } from './load/engine.js';

const defaults: LoadOptions =
  { method: 'GET', path: '/', bodyBytes: 0, connections: 16, hosts: ['backend'], close: false,
  port: 0, seconds: 5, rate: 0, warmSeconds: 0 };

const options: LoadOptions = { ...defaults, ...JSON.parse(process.argv[2] ?? '{}') as Partial<LoadOptions> };
if (options.port === 0) {
  process.stderr.write(
    'usage: load.js \'{"port":N,"rate":R,"seconds":S,"connections":C,"path":"/","hosts":["name"]}\'\n');
  process.exit(2);
}
process.stdout.write(`${JSON.stringify(new LoadEngine(options).run())}\n`);
