// The admin page. Polls small JSON answers of the process and draws them; every name goes through textContent, so
// nothing that stands in a configuration can become markup. No library, nothing loaded from elsewhere.
import { $, draw, make } from './dom.js';
import { record, showAll, showRecord } from './flame.js';

const POLL_MS = 1000;
const HISTORY = 120;
const LATENCY_WINDOW = 10;
const whole = new Intl.NumberFormat('en');
const short = (value) => value < 10_000 ? whole.format(Math.round(value))
  : value < 1e6 ? `${(value / 1e3).toFixed(value < 1e5 ? 1 : 0)}k` : `${(value / 1e6).toFixed(1)}M`;
const ofRate = (value) => value > 0 && value < 10 ? value.toFixed(1) : short(value);
const milliseconds = (value) => value === null || value === undefined || Number.isNaN(value) ? '–'
  : value < 10 ? value.toFixed(1) : short(value);
const size = (bytes) => bytes < 1024 ** 2 ? `${(bytes / 1024).toFixed(0)} KiB`
  : bytes < 1024 ** 3 ? `${(bytes / 1024 ** 2).toFixed(0)} MiB` : `${(bytes / 1024 ** 3).toFixed(1)} GiB`;
function age(ms) {
  const minutes = Math.floor(ms / 60_000);
  if (minutes < 1) return `${Math.floor(ms / 1000)} s`;
  if (minutes < 60) return `${minutes} min`;
  return minutes < 2880 ? `${Math.floor(minutes / 60)} h ${minutes % 60} min` : `${Math.floor(minutes / 1440)} days`;
}

/** A name that may be broken behind the characters that divide it. */
const breakable = (name) => name.split(/(?<=[|.~/_-])/).flatMap((part, index) => index === 0 ? [part]
  : [document.createElement('wbr'), part]);

async function json(path) {
  const response = await fetch(path, { cache: 'no-store', signal: AbortSignal.timeout(10_000) });
  if (!response.ok) throw new Error(`${path}: ${response.status}`);
  return response.json();
}

/* Overview */

const samples = [];       // newest last: { at, total, failed, latency, listeners }
let latest = null;

function sampleOf(now) {
  return { at: now.nowMs, total: now.requests.total, failed: now.requests.classes[4], sent: now.requests.sent,
    received: now.requests.received, latency: new Map(now.latency.map(([low, high, count]) => [low, { high, count }])),
    listeners: new Map(now.listeners.map(({ name, requests }) => [name, requests])) };
}

/** Mean of each point and the two before it: polls and requests do not keep step. */
const smooth = (points) => points.map((_, index) => {
  const part = points.slice(Math.max(0, index - 2), index + 1);
  const mean = (name) => part.reduce((sum, point) => sum + point[name], 0) / part.length;
  return { all: mean('all'), bad: mean('bad') };
});

/** Requests by response time since an older sample, sorted. */
function latencySince(older, newer) {
  const found = [];
  for (const [low, { high, count }] of newer.latency) {
    const more = count - (older.latency.get(low)?.count ?? 0);
    if (more > 0) found.push({ low, high, count: more });
  }
  return found.sort((a, b) => a.low - b.low);
}
function quantile(buckets, share) {
  const total = buckets.reduce((sum, { count }) => sum + count, 0);
  let below = 0;
  for (const { low, high, count } of buckets) {
    if (below + count >= share * total) return low + (high - low) * ((share * total - below) / count);
    below += count;
  }
  return null;
}

function rates() {
  const result = [];
  for (let i = 1; i < samples.length; i++) {
    const seconds = (samples[i].at - samples[i - 1].at) / 1000;
    result.push({ all: Math.max(0, samples[i].total - samples[i - 1].total) / seconds,
      bad: Math.max(0, samples[i].failed - samples[i - 1].failed) / seconds });
  }
  return result;
}

function showOverview(now) {
  const older = samples.at(-1 - Math.min(samples.length - 1, 3)), newest = samples.at(-1);
  const seconds = (newest.at - older.at) / 1000;
  const rate = seconds > 0 ? (newest.total - older.total) / seconds : 0;
  $('rate').textContent = ofRate(rate);
  $('rate-more').textContent = `${short(now.requests.total)} since the start`;
  const windowed = samples.at(-1 - Math.min(samples.length - 1, LATENCY_WINDOW));
  const recent = newest.total - windowed.total, failed = newest.failed - windowed.failed;
  $('success').textContent = recent > 0 ? (100 * (1 - failed / recent)).toFixed(failed === 0 ? 0 : 2) : '–';
  $('success').className = failed > 0 ? 'bad-text' : '';
  $('success-more').textContent = `${short(now.requests.classes[4])} answers with 5xx`;
  const times = latencySince(windowed, newest);
  $('median').textContent = milliseconds(quantile(times, 0.5));
  $('median-more').textContent = `p90 ${milliseconds(quantile(times, 0.9))} · p99 ${milliseconds(quantile(times, 0.99))}`;
  $('active').textContent = short(now.requests.active);
  $('active-more').textContent = `${short(now.requests.connections)} connections`;
  drawRates(smooth(rates()));
  drawLatency(times);
  showListeners(now, older, newest, seconds);
}

function showListeners(now, older, newest, seconds) {
  const rows = now.listeners.map((listener) => {
    const rate = seconds > 0 ? (listener.requests - (older.listeners.get(listener.name) ?? 0)) / seconds : 0;
    return make('tr', {}, make('td', { kind: 'name', title: listener.name }, ...breakable(listener.name)),
      make('td', { text: listener.addresses.join(', ') || 'not bound', kind: 'dim wide' }),
      number(listener.connections, short, false, ' wide'), number(rate, ofRate),
      number(listener.requests, short, false, ' wide'),
      failures(listener.failed, listener.requests));
  });
  $('listeners').tBodies[0].replaceChildren(...rows.length > 0 ? rows : [nothing(6, 'No listeners')]);
}
const number = (value, show = short, bad = false, more = '') =>
  make('td', { text: show(value), kind: `number${bad ? ' bad' : value === 0 ? ' zero' : ''}${more}` });
const nothing = (columns, text) => make('tr', {}, make('td', { text, kind: 'empty', colspan: columns }));

/** Room of a chart in its own units, so that lines and letters keep their size. */
function room(svg) {
  const { width, height } = svg.getBoundingClientRect();
  const area = { width: Math.max(width, 200), height: Math.max(height, 100) };
  svg.setAttribute('viewBox', `0 0 ${area.width} ${area.height}`);
  return area;
}
/** The least of 1, 2, 2.5, 5, 10, ... that is not below. */
function roundUp(value) {
  const power = 10 ** Math.floor(Math.log10(Math.max(value, 1)));
  return power * ([1, 2, 2.5, 5, 10].find((step) => step * power >= value) ?? 10);
}

function drawRates(points) {
  const svg = $('rate-chart'), { width, height } = room(svg);
  const left = 44, top = 10, bottom = height - 22, right = width - 4;
  const most = roundUp(Math.max(1, ...points.map(({ all }) => all)));
  const x = (index) => right - (points.length - 1 - index) * (right - left) / (HISTORY - 1);
  const y = (value) => bottom - value / most * (bottom - top);
  const parts = [];
  for (const share of [0, 0.5, 1]) {
    parts.push(draw('line', { class: 'grid', x1: left, x2: right, y1: y(share * most), y2: y(share * most) }),
      draw('text', { x: left - 8, y: y(share * most) + 4, 'text-anchor': 'end' }, ofRate(share * most)));
  }
  for (const [share, text] of [[0, '2 min ago'], [0.5, '1 min'], [1, 'now']]) {
    parts.push(draw('text', { x: left + share * (right - left), y: height - 4,
      'text-anchor': share === 0 ? 'start' : share === 1 ? 'end' : 'middle' }, text));
  }
  for (const [name, kind] of [['all', ''], ['bad', ' bad']]) {
    if (points.length < 2 || (name === 'bad' && points.every(({ bad }) => bad === 0))) continue;
    const line = points.map((point, index) => `${x(index).toFixed(1)},${y(point[name]).toFixed(1)}`).join(' L');
    parts.push(draw('path', { class: `area${kind}`, d: `M${x(0)},${bottom} L${line} L${right},${bottom} Z` }),
      draw('path', { class: `line${kind}`, d: `M${line}` }));
  }
  svg.replaceChildren(...parts);
}

/** Columns of powers of two, as response times are read: 0, 1, 2, 4, 8, ... ms. */
function drawLatency(times) {
  const svg = $('latency-chart'), { width, height } = room(svg);
  const left = 8, top = 22, bottom = height - 22, right = width - 8;
  if (times.length === 0) {
    svg.replaceChildren(draw('text', { x: width / 2, y: height / 2, 'text-anchor': 'middle' }, 'No requests'));
    return;
  }
  const octave = (value) => value < 1 ? 0 : Math.floor(Math.log2(value)) + 1;
  const last = Math.max(6, octave(times.at(-1).low) + 1);
  const columns = new Array(last + 1).fill(0);
  for (const { low, count } of times) columns[octave(low)] += count;
  const most = Math.max(...columns), step = (right - left) / columns.length;
  const parts = [draw('line', { class: 'grid', x1: left, x2: right, y1: bottom, y2: bottom })];
  columns.forEach((count, index) => {
    const tall = count === 0 ? 0 : Math.max(2, count / most * (bottom - top));
    parts.push(draw('rect', { class: 'column', x: left + index * step + 1.5, width: Math.max(1, step - 3), rx: 2,
      y: bottom - tall, height: tall }));
    if (columns.length < 12 || index % 2 === 0) parts.push(draw('text', { x: left + index * step + step / 2,
      y: height - 5, 'text-anchor': 'middle' }, index === 0 ? '<1' : short(2 ** (index - 1))));
  });
  let edge = -Infinity;
  for (const [share, name] of [[0.5, 'p50'], [0.9, 'p90'], [0.99, 'p99']]) {
    const value = quantile(times, share);
    const at = left + step * (value < 1 ? value : Math.log2(value) + 1);
    parts.push(draw('line', { class: 'mark', x1: at, x2: at, y1: top - 6, y2: bottom }));
    if (at - edge > 26) parts.push(draw('text', { class: 'mark-text', x: Math.min(at, right - 12), y: 11,
      'text-anchor': 'middle' }, name));
    edge = Math.max(edge, at);
  }
  svg.replaceChildren(...parts);
}

/* Clusters */

const heads = [['Cluster', ''], ['Endpoints', ''], ['Requests/s', 'number'], ['Requests', 'number wide'],
  ['5xx', 'number'], ['In progress', 'number wide'], ['p50 ms', 'number wide'], ['p99 ms', 'number']];
const headRow = (columns) => make('thead', {}, make('tr', {}, ...columns.map(([text, kind]) =>
  make('th', { text, kind }))));
let opened = null;
let page = 0;

/** Requests a second of each cluster between the two answers that were last seen, one of them some seconds old. */
const seenRequests = new Map();     // name -> [{ at, requests }, ...], newest last
function rateOf(name, at, requests) {
  const seen = seenRequests.get(name) ?? [];
  seenRequests.set(name, seen);
  if (seen.length > 0 && seen.at(-1).requests > requests) seen.length = 0;            // reset or restarted
  if (seen.length === 0 || seen.at(-1).at < at) seen.push({ at, requests });
  while (seen.length > 2 && at - seen[1].at > 3000) seen.shift();
  const seconds = (at - seen[0].at) / 1000;
  return seconds > 0 ? (requests - seen[0].requests) / seconds : null;
}

/** Failures, with their share where it is worth a look. */
function failures(failed, requests) {
  const cell = number(failed, short, failed >= 0.01 * requests && failed > 0);
  if (failed > 0 && failed >= 0.01 * requests && requests > 0)
    cell.prepend(make('small', { text: `${(100 * Math.min(1, failed / requests)).toFixed(failed < 0.1 * requests ? 1 : 0)} %` }));
  return cell;
}

function clusterRow(cluster, opens, at) {
  const rate = rateOf(cluster.name, at, cluster.requests);
  const kind = cluster.endpoints === 0 || cluster.healthy === 0 ? 'none'
    : cluster.healthy < cluster.endpoints ? 'some' : '';
  const row = make('tr', { kind: opens ? 'opens' : '' },
    make('td', { kind: 'name', title: cluster.name }, make('span', { kind: `dot ${kind}` }), ...breakable(cluster.name)),
    make('td', { kind: 'dim', text: `${cluster.healthy} of ${cluster.endpoints}` }),
    rate === null ? make('td', { kind: 'number zero', text: '–' }) : number(rate, ofRate),
    number(cluster.requests, short, false, ' wide'), failures(cluster.failed, cluster.requests),
    number(cluster.active, short, false, ' wide'),
    make('td', { kind: 'number wide', text: milliseconds(cluster.p50) }),
    make('td', { kind: 'number', text: milliseconds(cluster.p99) }));
  if (opens) {
    row.tabIndex = 0;
    const toggle = () => { opened = opened === cluster.name ? null : cluster.name; void showClusters(); };
    row.addEventListener('click', toggle);
    row.addEventListener('keydown', ({ key }) => { if (key === 'Enter') toggle(); });
  }
  return row;
}

const endpointHeads = [['Endpoint', ''], ['Health', ''], ['Zone', ''], ['Weight', 'number'], ['Requests', 'number'],
  ['Failed', 'number'], ['In progress', 'number'], ['Connections', 'number'], ['Latency ms', 'number']];

function endpointTable(endpoints) {
  const hasZone = endpoints.some(({ locality }) => locality), hasLatency = endpoints.some(({ latencyMs }) => latencyMs);
  const shownHeads = endpointHeads.filter(([text]) => (text !== 'Zone' || hasZone)
    && (text !== 'Latency ms' || hasLatency));
  const rows = endpoints.map((endpoint) => make('tr', {},
    make('td', {}, make('span', { kind: `dot ${['healthy', 'unknown'].includes(endpoint.health) ? ''
      : endpoint.health === 'degraded' ? 'some' : 'none'}` }),
    endpoint.hostname ? `${endpoint.hostname} (${endpoint.address})` : endpoint.address),
    make('td', { kind: 'dim', text: endpoint.health === 'unknown' ? 'not checked' : endpoint.health }),
    ...hasZone ? [make('td', { kind: 'dim', text: endpoint.locality || '–' })] : [], number(endpoint.weight),
    number(endpoint.requests), failures(endpoint.failed, endpoint.requests), number(endpoint.active),
    number(endpoint.connections),
    ...hasLatency ? [make('td', { kind: 'number', text: milliseconds(endpoint.latencyMs) })] : []));
  return make('table', {}, headRow(shownHeads),
    make('tbody', {}, ...rows.length > 0 ? rows : [nothing(shownHeads.length, 'No endpoints')]));
}

async function showClusters() {
  const query = new URLSearchParams({ search: $('cluster-search').value, sort: $('cluster-sort').value, page });
  const found = await json(`weft/clusters?${query}`);
  if (found.page >= found.pages) { page = found.pages - 1; return showClusters(); }
  const rows = [];
  for (const cluster of found.clusters) {
    rows.push(clusterRow(cluster, true, found.nowMs));
    if (cluster.name !== opened) continue;
    const { endpoints } = await json(`weft/cluster?${new URLSearchParams({ name: cluster.name })}`);
    rows.push(make('tr', { kind: 'inner' }, make('td', { colspan: heads.length }, endpointTable(endpoints))));
  }
  $('cluster-table').replaceChildren(headRow(heads),
    make('tbody', {}, ...rows.length > 0 ? rows : [nothing(heads.length, 'No cluster has such a name')]));
  $('cluster-count').textContent = found.matching === found.total ? `${whole.format(found.total)} clusters`
    : `${whole.format(found.matching)} of ${whole.format(found.total)}`;
  $('page-of').textContent = `${found.page + 1} of ${found.pages}`;
  $('previous').disabled = found.page === 0;
  $('next').disabled = found.page + 1 >= found.pages;
}

async function showBusiest() {
  const { clusters, nowMs } = await json('weft/clusters?sort=requests');
  const rows = clusters.slice(0, 8).map((cluster) => clusterRow(cluster, false, nowMs));
  $('busiest').replaceChildren(headRow(heads),
    make('tbody', {}, ...rows.length > 0 ? rows : [nothing(heads.length, 'No clusters')]));
}

/* Configuration */

const dumps = { listeners: ['static_listeners', 'dynamic_listeners'], routes: ['static_route_configs',
  'dynamic_route_configs'], clusters: ['static_clusters', 'dynamic_active_clusters'],
endpoints: ['static_endpoint_configs', 'dynamic_endpoint_configs'], bootstrap: [] };
const NAMES_MAX = 200;
let shown = { kind: '', search: null };

const nameOf = (entry) => entry.name ?? entry.cluster?.name ?? entry.route_config?.name ?? entry.listener?.name
  ?? entry.endpoint_config?.cluster_name ?? '(without a name)';

async function resources(kind, search) {
  if (kind === 'bootstrap') {
    const { configs } = await json('config_dump?mask=bootstrap');
    return configs.map((entry) => ['bootstrap', entry.bootstrap]);
  }
  const found = [];
  for (const resource of dumps[kind]) {
    const query = new URLSearchParams({ resource });
    if (search !== '') query.set('name_regex', `(?i).*${search.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')}.*`);
    if (kind === 'endpoints') query.set('include_eds', '');
    const { configs } = await json(`config_dump?${query}`).catch(() => ({ configs: [] }));
    for (const entry of configs ?? []) found.push([nameOf(entry), entry]);
  }
  return found;
}

async function showConfiguration() {
  const kind = $('kind').value, search = $('config-search').value.trim();
  if (shown.kind === kind && shown.search === search) return;
  shown = { kind, search };
  if (kind === 'clusters' && search === '' && (latest?.clusters ?? 0) > 2000) {
    $('names').replaceChildren(make('li', { kind: 'empty', text: 'Many clusters: type a part of a name' }));
    $('json').replaceChildren();
    return;
  }
  const found = await resources(kind, search);
  if (shown.kind !== kind || shown.search !== search) return;       // somebody typed on: a later answer counts
  $('config-count').textContent = found.length > NAMES_MAX ? `first ${NAMES_MAX} of ${found.length}`
    : `${found.length} ${found.length === 1 ? 'resource' : 'resources'}`;
  const items = found.slice(0, NAMES_MAX).map(([name, value]) => {
    const button = make('button', { title: name, on: { click: () => choose(button, value, search) } },
      ...breakable(name));
    return [button, value];
  });
  $('names').replaceChildren(...items.length > 0 ? items.map(([button]) => make('li', {}, button))
    : [make('li', { kind: 'empty', text: 'Nothing of that name' })]);
  if (items.length > 0) choose(items[0][0], items[0][1], search); else $('json').replaceChildren();
}

function choose(button, value, search) {
  for (const other of $('names').querySelectorAll('[aria-current]')) other.removeAttribute('aria-current');
  button.setAttribute('aria-current', 'true');
  $('json').replaceChildren(...coloured(JSON.stringify(value, null, 2), search));
  $('json').scrollTop = 0;
}

/** JSON text as spans by kind of token. */
function* coloured(text, search) {
  const token = /("(?:[^"\\]|\\.)*")(\s*:)?|-?\d[\d.eE+-]*|true|false|null/g;
  let at = 0;
  for (const match of text.matchAll(token)) {
    if (match.index > at) yield text.slice(at, match.index);
    const kind = match[1] === undefined ? 'plain' : match[2] === undefined ? 'text' : 'key';
    yield make('span', { kind }, ...marked(match[1] ?? match[0], search));
    if (match[2] !== undefined) yield match[2];
    at = match.index + match[0].length;
  }
  if (at < text.length) yield text.slice(at);
}
function marked(text, search) {
  const at = search === '' ? -1 : text.toLowerCase().indexOf(search.toLowerCase());
  return at < 0 ? [text] : [text.slice(0, at), make('mark', { text: text.slice(at, at + search.length) }),
    text.slice(at + search.length)];
}

/* Sections, and the beat of the page */

const sections = ['overview', 'clusters', 'configuration', 'flamegraph', 'commands'];
const current = () => sections.includes(location.hash.slice(1)) ? location.hash.slice(1) : 'overview';

function showSection() {
  for (const name of sections) {
    $(name).hidden = name !== current();
    const link = document.querySelector(`nav a[href="#${name}"]`);
    if (name === current()) link.setAttribute('aria-current', 'page'); else link.removeAttribute('aria-current');
  }
  void refresh();
}

async function refresh() {
  switch (current()) {
    case 'overview': if (latest !== null) showOverview(latest); await showBusiest(); break;
    case 'clusters': await showClusters(); break;
    case 'configuration': await showConfiguration(); break;
    default: break;
  }
}

function showProcess(now) {
  $('state').textContent = now.state;
  $('state').classList.toggle('other', now.state !== 'LIVE');
  const version = now.version.split('/')[1] ?? now.version;
  $('about').textContent = [version, now.node, `${now.workers} ${now.workers === 1 ? 'worker' : 'workers'}`,
    `up ${age(now.uptimeMs)}`, size(now.memoryBytes)].filter((part) => part !== '').join(' · ');
  if ($('worker').options.length !== now.workers) $('worker').replaceChildren(
    ...Array.from({ length: now.workers }, (_, index) => make('option', { text: index, value: index })));
}

async function beat() {
  try {
    if (document.hidden && samples.length > 0) return;
    latest = await json('weft/overview');
    if (samples.length > 0 && latest.requests.total < samples.at(-1).total) samples.length = 0;   // reset or restarted
    samples.push(sampleOf(latest));
    if (samples.length > HISTORY + 1) samples.shift();
    showProcess(latest);
    $('lost').hidden = true;
    await refresh();
  } catch {
    $('lost').hidden = samples.length === 0 && latest === null;
  } finally {
    setTimeout(beat, POLL_MS);
  }
}

for (const form of document.querySelectorAll('.command')) {
  form.addEventListener('submit', () => {
    const blank = [...form.querySelectorAll('input[type=text]')].filter(({ value }) => value === '');
    for (const input of blank) input.disabled = true;
    setTimeout(() => { for (const input of blank) input.disabled = false; });
  });
}
$('cluster-search').addEventListener('input', () => { page = 0; void showClusters(); });
$('cluster-sort').addEventListener('change', () => { page = 0; void showClusters(); });
$('previous').addEventListener('click', () => { page--; void showClusters(); });
$('next').addEventListener('click', () => { page++; void showClusters(); });
$('kind').addEventListener('change', () => void showConfiguration());
$('config-search').addEventListener('input', () => void showConfiguration());
$('record').addEventListener('click', () => void record());
$('whole').addEventListener('click', showAll);
$('waiting').addEventListener('change', showRecord);
addEventListener('hashchange', () => { showSection(); scrollTo(0, 0); });
addEventListener('resize', () => { if (current() === 'overview' && latest !== null) showOverview(latest); });
showSection();
void beat();
