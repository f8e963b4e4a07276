// What is refused: each probe on a connection of its own, with what it was answered, what was counted and what the log
// of the listener says.
import { deltas, outcomesOf, type Place } from './place.js';
import { answerOf, groups, type Probe } from './probes.js';
import { Tls12Peer } from './tls12-peer.js';

export interface Row { name: string; answer: string; counted: string; log: string; good: boolean }

/** The next line of a listener's log; '' where none came. */
export class LogReader {
  private seen = 0;
  private constructor(private readonly place: Place, private readonly listener: string) {}

  static async open(place: Place, listener: string): Promise<LogReader> {
    const log = new LogReader(place, listener);
    log.seen = (await place.proxy.logLines(listener, Infinity, 200)).length;
    return log;
  }

  async next(): Promise<string> {
    const lines = await this.place.proxy.logLines(this.listener, this.seen + 1, 1500);
    const fresh = lines.slice(this.seen);
    this.seen = lines.length;
    return fresh.join(' / ');
  }
}

/** Does a line say why, where the handshake failed? */
const tellsWhy = (log: string): boolean => /^[^|]*\|[^-|][^|]*\|/.test(log);

async function ask(place: Place, { name, run, wants, secured = false, quiet }: Probe, log: LogReader): Promise<Row> {
  const before = await outcomesOf(place, 'tls');
  const peer = await Tls12Peer.open(place.port.tls);
  await run(peer);
  const answer = answerOf(peer);
  peer.close();
  const line = await log.next();
  const counted = deltas(before, await outcomesOf(place, 'tls'));
  // What ends a connection that was secured: close_notify is no error.
  const wrong = /(FIN|RST)$/.test(answer) && !/^[^,]*, warning close_notify, FIN$/.test(answer);
  const accounted = quiet !== undefined ? counted === '' && quiet.test(line) : !wrong
    || (counted === `${secured ? 'handshake +1, ' : ''}connection_error +1` && tellsWhy(line));
  return { name, answer, counted, log: line, good: wants.test(answer) && accounted };
}

export async function askProbes(place: Place): Promise<Row[]> {
  const rows: Row[] = [], log = await LogReader.open(place, 'tls');
  for (const { name, probes } of groups)
    for (const probe of probes) rows.push({ ...await ask(place, probe, log), name: `${name}: ${probe.name}` });
  return rows;
}
