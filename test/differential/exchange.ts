// The steps of one scenario on a running proxy, and what was seen of them: answers, forwarded requests, log lines,
// statistics. Values that differ from run to run are reduced to their presence.
import { request as httpRequest } from 'node:http';
import { RawClient } from '../support/client.js';
import { HANG_MS } from '../support/hang.js';
import { statusOf, type Message } from '../support/message.js';
import type { Proxy } from '../support/proxy.js';
import { answerOk, type Seen, type Upstream } from '../support/upstream.js';
import type { Running } from './group.js';
import type { Reply, Step } from './scenario.js';

const always = ['x-request-id', 'date', 'x-envoy-upstream-service-time', 'x-envoy-expected-rq-timeout-ms'];

export async function runSteps(proxy: Proxy, running: Running): Promise<string[]> {
  const { scenario, upstreams } = running;
  const varying = new Set([...always, ...(scenario.varying ?? [])]);
  const lines: string[] = [];
  let client: RawClient | null = null, kept = false;
  const stay: RawClient[] = [];
  let responses = 0, digits = 0;
  const checks = new Map(Object.entries(scenario.firstChecks ?? {}));
  const firstChecks = scenario.showChecks === true ? await showChecks(upstreams, varying) : [];
  for (const [index, step] of scenario.steps.entries()) {
    lines.push(`step ${index + 1}`);
    if (step.waitMs !== undefined) await sleep(step.waitMs);
    for (const [name, reply] of Object.entries(step.check ?? {})) checks.set(name, reply);
    script(upstreams, step, checks);
    if (step.untilStats !== undefined) await untilStats(proxy, running, step.untilStats);
    for (const upstream of upstreams.values()) upstream.requests = [];
    if (step.admin !== undefined) { lines.push(...await callAdmin(proxy, running, step.admin, digits)); continue; }
    if (!step.sameConnection || client === null) {
      if (!kept) client?.close();
      const name = step.to ?? Object.keys({ ...(scenario.main === undefined ? {} : { main: 0 }), ...scenario.listeners,
        ...scenario.rawListeners })[0];
      client = await RawClient.open(running.ports.get(name)!, true, step.host, step.from);
    }
    kept = step.keep === true;
    if (kept) stay.push(client);
    if (step.send !== undefined) client.send(running.fill(step.send));
    if (step.halfClose) client.halfClose();
    if (step.reset) client.reset();
    if (step.raw) lines.push(...await seeRaw(client, step));
    else {
      const found = await seeResponses(client, step);
      responses += found.length;
      digits += found.reduce((sum, { headers }) => sum + moreDigits(headers), 0);
      for (const message of found) lines.push(...showResponse(message, varying));
      if (client.ended || client.closed) lines.push('connection ended');
    }
    await seeForwarded(upstreams, step.forwarded ?? 0);
    lines.push(...showForwarded(upstreams, varying));
  }
  client?.close();
  for (const other of stay) other.close();
  lines.push(...await showRaw(running));
  lines.push(...firstChecks);
  lines.push(...await logLines(proxy, running, scenario.logLines ?? responses));
  const seen = lines.map((line) => running.back(line));
  // A count may be as large as a port's number: names are not replaced there.
  return scenario.stats === undefined ? seen : [...seen, ...await settledStats(proxy, running, scenario.stats)];
}

/** Digits of the times in a head beyond the one that a time has on a machine that is not busy. */
const moreDigits = (headers: readonly [string, string][]): number => headers.reduce((sum, [name, value]) =>
  sum + (name === 'x-envoy-upstream-service-time' ? value.length - 1 : 0), 0);

const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** Sets what the upstreams answer from now on. */
function script(upstreams: ReadonlyMap<string, Upstream>, step: Step, checks: ReadonlyMap<string, Reply>): void {
  const { answer } = step;
  const named = answer === undefined ? {}
    : typeof answer === 'string' || Array.isArray(answer) || isReply(answer) ? { up: answer } : answer;
  for (const [name, upstream] of upstreams) {
    const replies = (named as Record<string, Reply | Reply[]>)[name];
    if (replies === undefined) { upstream.answer = answerOk; continue; }
    const list = Array.isArray(replies) ? [...replies] : [replies];
    upstream.answer = async (seen) => perform(list.length > 1 ? list.shift()! : list[0], seen);
  }
  for (const [name, upstream] of upstreams) answerChecks(name, upstream, checks);
}

const isCheck = ({ start }: Seen): boolean => start.includes(' /check');

/** Requests for /check are answered apart from the others. */
export function answerChecks(name: string, upstream: Upstream, checks: ReadonlyMap<string, Reply>): void {
  const { answer } = upstream;
  upstream.answer = (seen) => {
    if (!isCheck(seen)) return answer(seen);
    const reply = checks.get(name);
    return reply === undefined ? answerOk(seen) : perform(reply, seen);
  };
}

async function showChecks(upstreams: ReadonlyMap<string, Upstream>, varying: ReadonlySet<string>): Promise<string[]> {
  for (let tries = 0; tries < 50 && ![...upstreams.values()].some(({ requests }) => requests.some(isCheck)); tries++)
    await sleep(20);
  return [...upstreams].flatMap(([name, { requests }]) => {
    const seen = requests.find(isCheck);
    return seen === undefined ? [] : [`${name} check ${seen.start} ${JSON.stringify(seen.body)}`,
      ...showHeaders(seen.headers, varying).map((line) => `${name} check header ${line}`)];
  });
}

async function untilStats(proxy: Proxy, running: Running, wanted: Record<string, number>): Promise<void> {
  for (const [name, value] of Object.entries(wanted)) await proxy.untilStat(running.fill(name), value);
  await sleep(proxy.kind === 'envoy' ? 50 : 10);
}

const isReply = (value: object): boolean => ['close', 'reset', 'hang', 'afterMs'].some((key) => key in value);

async function perform(reply: Reply, seen: Seen): Promise<string | null> {
  if (typeof reply === 'string') return reply;
  if (('close' in reply || 'reset' in reply) && reply.say !== undefined) {
    seen.socket.write(reply.say);
    await sleep(100);
  }
  if ('close' in reply) seen.socket.end();
  else if ('reset' in reply) seen.socket.resetAndDestroy();
  else if ('afterMs' in reply) { await sleep(reply.afterMs); return reply.reply; }
  return null;
}

async function seeResponses(client: RawClient, step: Step): Promise<Message[]> {
  const found: Message[] = [];
  const wanted = step.responses ?? 1;
  while (found.length < wanted) {
    const message = await client.response(step.noBody ?? false, step.quietMs ?? HANG_MS).catch(() => null);
    if (message === null) break;
    found.push(message);
  }
  if (step.ends) await client.end(step.quietMs ?? HANG_MS).catch(() => { /* it stays open: that is the outcome */ });
  else if (wanted === 0) await client.end(step.quietMs ?? 200).catch(() => { /* as it should be */ });
  return found;
}

async function seeRaw(client: RawClient, step: Step): Promise<string[]> {
  const before = client.received.length;
  if (step.until !== undefined) {
    await client.until(() => client.rest.includes(step.until!) || client.closed, step.quietMs ?? HANG_MS)
      .catch(() => { /* what came is shown */ });
    return [`received ${JSON.stringify(client.take(client.rest.length))}`];
  }
  await client.end(step.quietMs ?? 300).catch(() => { /* it stays open */ });
  const text = client.take(client.received.length - before + client.rest.length);
  return [`received ${JSON.stringify(text)}`, client.error?.code === 'ECONNRESET' ? 'connection reset'
    : client.ended || client.closed ? 'connection ended' : 'connection open'];
}

function showHeaders(headers: readonly [string, string][], varying: ReadonlySet<string>): string[] {
  return headers.map(([name, value]) => varying.has(name.toLowerCase()) ? name.toLowerCase() : `${name}: ${value}`)
    .sort();
}

function showResponse(message: Message, varying: ReadonlySet<string>): string[] {
  return [`response ${statusOf(message)} ${JSON.stringify(message.body.slice(0, 300))} ${message.framing}`,
    ...showHeaders(message.headers, varying).map((line) => `response header ${line}`),
    ...message.trailers.map(([name, value]) => `response trailer ${name}: ${value}`)];
}

async function seeForwarded(upstreams: ReadonlyMap<string, Upstream>, wanted: number): Promise<void> {
  const seen = (): number => [...upstreams.values()].reduce((sum, { requests }) =>
    sum + requests.filter((request) => !isCheck(request)).length, 0);
  for (let tries = 0; tries < 100 && seen() < wanted; tries++) await sleep(10);
}

function showForwarded(upstreams: ReadonlyMap<string, Upstream>, varying: ReadonlySet<string>): string[] {
  const lines: string[] = [];
  for (const [name, upstream] of upstreams) {
    for (const seen of upstream.requests) {
      if (isCheck(seen)) continue;
      lines.push(`${name} got ${seen.start.replace(/ HTTP\/1\.1$/, '')} ${JSON.stringify(seen.body.slice(0, 300))}`);
      lines.push(...showHeaders(seen.headers, varying).map((line) => `${name} got header ${line}`));
    }
  }
  return lines;
}

/** What raw upstreams got, by connection, once nothing more comes. */
async function showRaw({ scenario, upstreams }: Running): Promise<string[]> {
  const lines: string[] = [];
  for (const name of Object.keys(scenario.rawUpstreams ?? {})) {
    const upstream = upstreams.get(name)!;
    const seen = (): string => upstream.raw.join('|');
    for (let last = ''; last !== seen(); await sleep(30)) last = seen();
    upstream.raw.forEach((text, index) => lines.push(`${name} connection ${index + 1} got ${
      JSON.stringify(text.length > 300 ? `${text.length} bytes` : text)}`));
  }
  return lines;
}

async function logLines(proxy: Proxy, { scenario, id }: Running, wanted: number): Promise<string[]> {
  const names = [...(scenario.main === undefined ? [] : ['main']), ...Object.keys(scenario.listeners ?? {}),
    ...Object.keys(scenario.rawListeners ?? {})];
  const read = async (): Promise<string[]> => (await Promise.all(names.map(async (name) =>
    (await proxy.logLines(`${id}-${name}`, 0)).map((line) => `log ${name} ${line}`)))).flat();
  let found = await read();
  for (let tries = 0; tries < 75 && found.length < wanted; tries++) {
    await sleep(20);
    found = await read();
  }
  return found;
}

/** Statistics once they stand still: workers count at their own pace. */
async function settledStats(proxy: Proxy, running: Running, names: readonly string[]): Promise<string[]> {
  const read = async (): Promise<string[]> => {
    const stats = await proxy.stats(names.map((name) => running.fill(name)));
    return names.map((name) => `stat ${name} ${stats.get(running.fill(name)) ?? 'absent'}`);
  };
  let last = await read();
  for (let tries = 0; tries < 20; tries++) {
    await sleep(30);
    const now = await read();
    if (now.join() === last.join()) break;
    last = now;
  }
  return last;
}

/** `digits` of times were sent that would not be on another day: bytes are shown without them. */
async function callAdmin(proxy: Proxy, running: Running, call: NonNullable<Step['admin']>, digits: number):
  Promise<string[]> {
  const { status, body: whole } = await new Promise<{ status: number; body: string }>((resolve, reject) => {
    const outgoing = httpRequest({ host: '127.0.0.1', port: proxy.adminPort, path: running.fill(call.path),
      method: call.method ?? 'GET', agent: false, timeout: HANG_MS }, (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (data) => { text += data; })
        .on('end', () => resolve({ status: response.statusCode ?? 0, body: text }));
    });
    outgoing.on('error', reject).on('timeout', () => outgoing.destroy(new Error('the admin server does not answer')));
    outgoing.end();
  });
  const body = whole.replace(/(downstream_cx_tx_bytes_total: )(\d+)/g, (_, name, bytes) => name + (bytes - digits));
  const lines = call.lines === undefined ? [] : body.split('\n').filter((line) =>
    new RegExp(running.fill(call.lines!)).test(line)).map((line) => `admin line ${line}`);
  return [`admin ${call.method ?? 'GET'} ${call.path} ${status}`, ...lines,
    ...(call.body ? [`admin body ${JSON.stringify(body)}`] : [])];
}
