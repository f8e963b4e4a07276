// The list of admin endpoints: what /, /help and the router agree on. An endpoint that changes something takes POST
// only.
export interface Parameter {
  name: string;
  description: string;
}
export interface Endpoint {
  path: string;
  mutates: boolean;
  description: string;
  parameters: Parameter[];
}

const p = (name: string, description: string): Parameter => ({ name, description });
const get = (path: string, description: string, ...parameters: Parameter[]): Endpoint => ({
  path,
  mutates: false,
  description,
  parameters,
});
const post = (path: string, description: string, ...parameters: Parameter[]): Endpoint => ({
  path,
  mutates: true,
  description,
  parameters,
});

const filter = p('filter', 'Regular expression (Google re2) for filtering stats');
const usedOnly = p('usedonly', 'Only include stats that have been written by system since restart');
const invert = p('invert_filter', 'Invert the filter regex');

export const endpoints: readonly Endpoint[] = [
  get('/', 'Admin home page'),
  get('/certs', 'print certs on machine'),
  get(
    '/clusters',
    'upstream cluster status',
    p('filter', 'Regular expression (Google re2) for filtering clusters by name'),
    p('format', 'File format to use; One of (text, json)'),
  ),
  get(
    '/config_dump',
    'dump current configuration',
    p('resource', 'The resource to dump'),
    p('mask', 'The mask to apply, a FieldMask; with resource, it is applied to every element of the resource'),
    p('name_regex', 'Dump only the currently loaded configurations whose names match the specified regex'),
    p('include_eds', 'Dump currently loaded configuration including EDS'),
  ),
  get('/contention', 'dump current Envoy mutex contention stats (if enabled)'),
  post(
    '/cpuprofiler',
    'enable/disable the CPU profiler of every worker and of the main thread; the answer names the files',
    p('enable', 'enables the CPU profiler; One of (y, n)'),
  ),
  post(
    '/drain_listeners',
    'drain listeners',
    p('graceful', 'Enter a graceful drain period prior to closing listeners'),
    p('skip_exit', 'Drain the connections but never stop the listeners'),
    p('inboundonly', 'Drains all inbound listeners'),
  ),
  ...(process.env.WEFT_FAULT_INJECTION === '1' ? [post(
    '/weft/kill_worker',
    'fault injection: end the thread of one worker as a crash would',
    p('worker', 'index of the worker; a random one without it'),
  )] : []),
  post('/healthcheck/fail', 'cause the server to fail health checks'),
  post('/healthcheck/ok', 'cause the server to pass health checks'),
  get('/help', 'print out list of admin commands'),
  post('/heapprofiler', 'enable/disable the heap profiler (if supported)',
    p('enable', 'enable/disable the heap profiler; One of (y, n)')),
  get('/heap_dump', 'dump current Envoy heap (if supported)'),
  get('/hot_restart_version', 'print the hot restart compatibility version'),
  get('/init_dump', 'dump current Envoy init manager information (experimental)',
    p('mask', 'The desired component to dump unready targets. The mask is parsed as a ProtobufWkt::FieldMask.')),
  get('/listeners', 'print listener info', p('format', 'File format to use; One of (text, json)')),
  post(
    '/logging',
    'query/change logging levels',
    p(
      'paths',
      'Change multiple logging levels by setting to <logger_name1>:<desired_level1>,<logger_name2>:<desired_level2>',
    ),
    p(
      'level',
      'desired level of all loggers; One of (trace, debug, info, warning, error, critical, off)',
    ),
  ),
  get('/memory', 'print current allocation/heap usage'),
  post('/quitquitquit', 'exit the server'),
  get('/ready', 'print server state, return 200 if LIVE, otherwise return 503'),
  post('/reopen_logs', 'reopen access logs'),
  post('/reset_counters', 'reset all counters to zero'),
  get('/runtime', 'print runtime values'),
  post('/runtime_modify', 'Adds or modifies runtime values as passed in query parameters'),
  get('/server_info', 'print server version/status information'),
  get(
    '/stats',
    'print server stats',
    usedOnly,
    filter,
    invert,
    p('format', 'Format to use; One of (html, text, json, prometheus)'),
    p('type', 'Stat types to include.; One of (All, Counters, Histograms, Gauges, TextReadouts)'),
    p('histogram_buckets', 'Histogram bucket display mode; One of (cumulative, disjoint, detailed, summary)'),
  ),
  get(
    '/stats/prometheus',
    'print server stats in prometheus format',
    usedOnly,
    p('text_readouts', 'Render text_readouts as new gaugues with value 0 (increases Prometheus data size)'),
    filter,
    invert,
    p('histogram_buckets', 'Histogram bucket display mode; One of (cumulative, summary)'),
  ),
  get('/stats/recentlookups', 'Show recent stat-name lookups'),
  post('/stats/recentlookups/clear', 'clear list of stat-name lookups and counter'),
  post('/stats/recentlookups/disable', 'disable recording of reset stat-name lookup names'),
  post('/stats/recentlookups/enable', 'enable recording of reset stat-name lookup names'),
  get('/weft/overview', "the page's numbers: requests, latency, listeners"),
  get('/weft/clusters', 'clusters by page', p('search', 'part of the name'),
    p('sort', 'One of (requests, failed, active, name)'), p('page', 'from 0')),
  get('/weft/cluster', 'endpoints of one cluster', p('name', 'its name')),
  post('/weft/flamegraph', 'profile one worker and answer its call tree as JSON', p('worker', 'index of the worker'),
    p('seconds', 'how long, at most 30')),
  get('/workers', 'print what each worker thread says of itself: pools, connections, buffers'),
];

/** The text of /help, and of the answer to an unknown path. */
export function helpText(): string {
  let text = 'admin commands are:\n';
  for (const { path, mutates, description, parameters } of endpoints) {
    text += `  ${path}${mutates ? ' (POST)' : ''}: ${description}\n`;
    for (const { name, description: what } of parameters) text += `      ${name}: ${what}\n`;
  }
  return text;
}
