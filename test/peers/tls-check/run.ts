// npm run tls-check [-- --peer envoy] [--part allowed,refused,certificates,servers,endings] [--verbose]: our TLS, asked
// by clients of others (openssl s_client, curl, Node, Go, Java), and what must be refused, byte by byte; on both
// drivers. Where there is an Envoy, it is asked the same, and what differs is printed.
import { parseArgs } from 'node:util';
import { envoyProgram, weftKinds, type ProxyKind } from '../../support/proxy.js';
import { askClients, questions } from './allowed.js';
import { go, java } from './batch.js';
import { showCertificates } from './client-certificates.js';
import type { TlsClient } from './client.js';
import { askEndings } from './endings.js';
import { node } from './node-client.js';
import { Files, startPlace, type Place } from './place.js';
import { curl, has, openSsl } from './programs.js';
import { askProbes, type Row } from './refused.js';
import { askServers } from './servers.js';

const { values: flags } = parseArgs({ options: { peer: { type: 'string' }, verbose: { type: 'boolean' },
  part: { type: 'string', default: 'allowed,refused,certificates,servers,endings' } } });
const say = (text: string): void => { process.stdout.write(`${text}\n`); };
const parts = flags.part.split(',');
const files = new Files();

function clientsHere(): TlsClient[] {
  const found = [has('openssl') ? openSsl(files) : null, has('curl') ? curl(files) : null, node, go(files),
    java(files)];
  const clients = found.filter((one) => one !== null);
  const missing = ['openssl', 'curl', 'node', 'go', 'java'].filter((name) => !clients.some((one) => one.name === name));
  if (missing.length > 0) say(`not here: ${missing.join(', ')}`);
  return clients;
}
const clients = clientsHere();

/** Of one kind of proxy: cells by row and column, and whether each is good. */
interface Table { name: string; columns: readonly string[]; rows: { name: string; cells: string[]; good: boolean }[] }

const ofRows = (name: string, rows: readonly Row[]): Table => ({ name, columns: ['answer', 'counted', 'log'],
  rows: rows.map(({ name: row, answer, counted, log, good }) =>
    ({ name: row, cells: [answer, counted, log], good })) });

async function tablesOf(place: Place): Promise<Table[]> {
  const tables: Table[] = [];
  if (parts.includes('allowed')) {
    const cells = await askClients(place, clients);
    tables.push({ name: 'allowed', columns: clients.map(({ name }) => name), rows: questions.map(({ name }, row) => ({
      name, cells: cells[row]!, good: cells[row]!.every((cell) => cell === 'ok' || cell === '-') })) });
  }
  if (parts.includes('refused')) tables.push(ofRows('refused', await askProbes(place)));
  if (parts.includes('certificates')) tables.push(ofRows('certificates of clients', await showCertificates(place)));
  if (parts.includes('servers')) tables.push(ofRows('certificates of servers', await askServers(place.kind)));
  if (parts.includes('endings')) tables.push(ofRows('endings', await askEndings(place, files)));
  return tables;
}

/** Codes are each library's own, and so are some words. */
const shortLog = (cell: string): string => cell.replace(/TLS_error:(.*?):TLS_error_end/g, (_, text: string) =>
  text.split('|').filter((one) => one !== '').map((one) => one.replace(/^\d+:[^:]*:OPENSSL_internal:/, '')).join(', '));

function print({ name, columns, rows }: Table): void {
  const width = Math.max(...rows.map((row) => row.name.length));
  const narrow = columns.map((column, i) => Math.min(60, Math.max(column.length,
    ...rows.map(({ cells }) => shortLog(cells[i]!).length))));
  const line = (good: boolean, row: string, cells: readonly string[]): string =>
    [`  ${good ? ' ' : '!'} ${row.padEnd(width)}`, ...cells.map((cell, i) => cell.padEnd(narrow[i]!))].join('  ')
      .trimEnd();
  say(`\n  ${name}`);
  say(line(true, '', columns));
  for (const { name: row, cells, good } of rows) say(line(good, row, cells.map(shortLog)));
}

function printDifferences(ours: readonly Table[], theirs: readonly Table[]): void {
  say('\nwhere Envoy differs (its answer, then ours)');
  for (const [i, { name, columns, rows }] of theirs.entries()) {
    for (const [at, { name: row, cells }] of rows.entries()) {
      const own = ours[i]!.rows[at]!.cells;
      for (const [column, cell] of cells.entries()) {
        const theirs = shortLog(cell), ours = shortLog(own[column]!);
        if (columns[column] === 'log' || theirs === ours) continue;
        say(`  ${name}, ${row}, ${columns[column]}: ${theirs || 'nothing'} / ${ours || 'nothing'}`);
      }
    }
  }
}

async function check(kind: ProxyKind): Promise<Table[]> {
  const place = await startPlace(kind);
  try { return await tablesOf(place); } finally { await place.stop(); }
}

let wrong = 0;
let ours: Table[] = [];
try {
  for (const kind of flags.peer === undefined ? weftKinds : [flags.peer as ProxyKind]) {
    ours = await check(kind);
    say(`\n${kind}`);
    for (const table of ours) {
      const bad = table.rows.filter(({ good }) => !good);
      if (bad.length > 0 || flags.verbose || kind !== 'weft-uring') print(table);
      say(`  ${table.name}: ${table.rows.length - bad.length} as they must be, ${bad.length} not`);
      wrong += bad.length;
    }
  }
  if (flags.peer === undefined && envoyProgram() !== null) printDifferences(ours, await check('envoy'));
} finally { files.remove(); }
say(wrong === 0 ? 'OK' : `NOT OK: ${wrong}`);
process.exit(wrong === 0 ? 0 : 1);
