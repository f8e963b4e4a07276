// What a proxy does with one client's bytes: the responses, what the upstream saw, and the access-log lines.
import { RawClient } from '../support/client.js';
import { parseMessage, statusOf, type Message } from '../support/message.js';
import type { Upstream } from '../support/upstream.js';

export interface Observation {
  responses: Message[];
  /** The proxy ended the connection. */
  ended: boolean;
  seen: { line: string; body: string; headers: [string, string][] }[];
}

/**
 * Sends `bytes` and watches until `responses` answers have come, the connection ends, or nothing more happens for
 * `quietMs`; then for `settleMs` more, for a proxy that takes what another refuses.
 * With `cut`, the bytes arrive in two pieces.
 */
export async function observe(
  port: number,
  upstream: Upstream,
  bytes: string,
  responses: number,
  ends: boolean,
  quietMs = 400,
  settleMs = 0,
  cut = 0,
): Promise<Observation> {
  upstream.reset();
  const client = await RawClient.open(port);
  const found: Message[] = [];
  try {
    if (cut > 0) {
      client.send(bytes.slice(0, cut));
      await new Promise((resolve) => setTimeout(resolve, 2));
    }
    client.send(bytes.slice(cut));
    while (found.length < responses) {
      const message = await client.response(isHead(bytes), quietMs).catch(() => null);
      if (message === null) break;
      found.push(message);
    }
    if (ends || found.length < responses)
      await client.end(ends ? 1500 : 50).catch(() => {
        /* it stays open: that is the observation */
      });
    else if (settleMs > 0)
      await client.end(settleMs).catch(() => {
        /* it stays open */
      });
    for (
      let extra = parseMessage(client.rest, 'response');
      extra !== null && extra.complete;
      extra = parseMessage(client.rest, 'response')
    ) {
      found.push(extra);
      client.take(extra.bytes);
    }
    const seen = upstream.requests.map((request) => ({
      line: request.start.replace(/ HTTP\/1\.1$/, ''),
      body: request.body,
      headers: request.headers,
    }));
    return { responses: found, ended: client.ended || client.closed, seen };
  } finally {
    client.close();
  }
}

const isHead = (bytes: string): boolean => bytes.startsWith('HEAD ');

/** Headers that differ from run to run, reduced to their presence. */
const varying = new Set(['x-request-id', 'date', 'x-envoy-upstream-service-time', 'x-envoy-expected-rq-timeout-ms']);
const reduced = (headers: readonly [string, string][]): string[] =>
  headers.map(([name, value]) => (varying.has(name.toLowerCase()) ? name : `${name}: ${value}`)).sort();

/** An observation as lines of text that two proxies can be compared by. */
export function describe(observation: Observation): string[] {
  const lines: string[] = [];
  for (const response of observation.responses) {
    lines.push(`response ${statusOf(response)} ${JSON.stringify(response.body.slice(0, 200))} ${response.framing}`);
    lines.push(...reduced(response.headers).map((line) => `response header ${line}`));
  }
  lines.push(observation.ended ? 'connection ended' : 'connection open');
  for (const request of observation.seen) {
    lines.push(`forwarded ${request.line} ${JSON.stringify(request.body.slice(0, 200))}`);
    lines.push(...reduced(request.headers).map((line) => `forwarded header ${line}`));
  }
  return lines;
}
