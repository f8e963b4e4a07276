// The corpus of hostile messages against the whole proxy: the status of each refusal, what reached the upstream, and
// the connection's fate. Several lanes run at once, each with an upstream of its own, so that 750 conversations take
// seconds.
import t from 'tap';
import { observe } from '../conformance/observe.js';
import type { RequestCase, ResponseCase } from '../protocols/http1/corpus/case.js';
import { requestCases, responseCases } from '../protocols/http1/corpus/index.js';
import { routeTo } from '../support/bootstrap.js';
import { RawClient } from '../support/client.js';
import { forEachProxy, type Fixture } from '../support/fixture.js';
import { statusOf } from '../support/message.js';
import type { Upstream } from '../support/upstream.js';

const lanes = Array.from({ length: 6 }, (_, index) => `lane${index}`);

void forEachProxy(
  t,
  {
    upstreams: lanes,
    listeners: lanes.map((name) => ({
      name,
      manager: { codec_type: 'HTTP1' },                 // or the preface of HTTP/2 would be no fault
      routes: [routeTo(name), { match: { path: '*' }, route: { cluster: name } }],
    })),
  },
  async (t, fixture) => {
    await t.test('requests', async (t) => {
      await inLanes(requestCases, async (entry, lane) => {
        const fault = await requestFault(entry, fixture, lane, 0);
        if (fault !== '') t.fail(`${entry.source}: ${entry.name}`, { fault });
      });
      t.pass(`${requestCases.length} requests`);
    });

    await t.test('what the refusals left behind', async (t) => {
      const byCodec = requestCases.filter((entry) => entry.code !== '');
      const stats = await fixture.proxy.stats();
      const counted = lanes.reduce(
        (sum, lane) => sum + (stats.get(`http.${lane}.downstream_cx_protocol_error`) ?? 0),
        0,
      );
      t.equal(counted, byCodec.length, 'each refusal of the codec is counted once');
      let flagged: string[] = [];
      for (let tries = 0; tries < 100 && flagged.length < byCodec.length; tries++) {
        if (tries > 0) await new Promise((resolve) => setTimeout(resolve, 20));
        flagged = (await Promise.all(lanes.map((lane) => fixture.proxy.logLines(lane, 0))))
          .flat()
          .filter((line) => line.split('|')[4] === 'DPE');
      }
      t.ok(flagged.length >= byCodec.length, `${flagged.length} log lines with DPE for ${byCodec.length} refusals`);
      const active = lanes.reduce((sum, lane) => sum + (stats.get(`http.${lane}.downstream_rq_active`) ?? 0), 0);
      t.equal(active, 0, 'no request is left over');
    });

    await t.test('requests that arrive in two pieces', async (t) => {
      await inLanes(requestCases, async (entry, lane) => {
        const cut = 1 + Math.floor(Math.random() * (entry.bytes.length - 1));
        const fault = await requestFault(entry, fixture, lane, cut);
        if (fault !== '') t.fail(`${entry.source}: ${entry.name}`, { fault, cut });
      });
      t.pass(`${requestCases.length} requests`);
    });

    for (const slowly of [false, true]) {
      const cases = slowly ? responseCases.filter((entry) => entry.cut) : responseCases;
      await t.test(`responses${slowly ? ' that turn bad after their head' : ''}`, async (t) => {
        await inLanes(cases, async (entry, lane) => {
          const fault = await responseFault(entry, fixture, lane, slowly).catch((error: Error) => error.message);
          if (fault !== '') t.fail(`${entry.source}: ${entry.name}`, { fault });
        });
        t.pass(`${cases.length} responses`);
      });
    }
  },
);

async function inLanes<T>(cases: readonly T[], run: (entry: T, lane: string) => Promise<void>): Promise<void> {
  const queue = [...cases];
  await Promise.all(
    lanes.map(async (lane) => {
      for (let entry = queue.shift(); entry !== undefined; entry = queue.shift()) await run(entry, lane);
    }),
  );
}

async function requestFault(entry: RequestCase, fixture: Fixture, lane: string, cut: number): Promise<string> {
  const wanted = [...entry.seen.map(() => 200), ...(entry.status === 0 ? [] : [entry.status])];
  const observed = await observe(
    fixture.port[lane],
    fixture.upstream[lane],
    entry.bytes,
    wanted.length,
    entry.code !== '',
    400,
    0,
    cut,
  );
  const statuses = observed.responses.map(statusOf);
  if (statuses.join() !== wanted.join()) return `answered ${statuses.join() || 'nothing'}, not ${wanted.join()}`;
  const seen = JSON.stringify(observed.seen.map(({ line, body }) => ({ line, body })));
  if (seen !== JSON.stringify(entry.seen)) return `the upstream saw ${seen.slice(0, 300)}`;
  if (entry.code !== '' && !observed.ended) return 'the connection stayed open';
  return '';
}

/** `slowly`: what follows the response's head comes a little later, when the head is on its way to the client. */
async function responseFault(entry: ResponseCase, fixture: Fixture, lane: string, slowly: boolean): Promise<string> {
  const upstream: Upstream = fixture.upstream[lane];
  upstream.reset();
  upstream.answer = async (request) => {
    const headBytes = slowly ? entry.bytes.indexOf('\r\n\r\n') + 4 : 0;
    if (headBytes > 3) {
      request.socket.write(Buffer.from(entry.bytes.slice(0, headBytes), 'latin1'));
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    if (!entry.close) return entry.bytes.slice(headBytes);
    request.socket.end(Buffer.from(entry.bytes.slice(headBytes), 'latin1'));
    return null;
  };
  const client = await RawClient.open(fixture.port[lane]);
  try {
    client.send(`${entry.method} / HTTP/1.1\r\nHost: a.example\r\n\r\n`);
    const first = await client.response(entry.method === 'HEAD').catch((error: Error) => error);
    // A reset may overtake the head: nothing that looks like a response reached the client.
    if (first instanceof Error) return entry.cut && client.error?.code === 'ECONNRESET' ? '' : first.message;
    let response = first;
    while (statusOf(response) < 200 && statusOf(response) !== 101)
      response = await client.response(entry.method === 'HEAD');
    // The fault came with the head, so nothing had gone out yet.
    if (entry.cut && !slowly && statusOf(response) === 502) return '';
    if (statusOf(response) !== entry.status) return `answered ${response.start}`;
    if (entry.cut) {
      if (response.complete) return `the response looks complete: ${JSON.stringify(response.body)}`;
      return entry.body.startsWith(response.body) ? '' : `body ${JSON.stringify(response.body)}`;
    }
    if (!response.complete) return 'the response was cut';
    if (entry.status !== 502 && response.body !== entry.body) return `body ${JSON.stringify(response.body)}`;
    // Nothing of what followed may answer the next request, on whatever connection it goes.
    upstream.answer = () => 'HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nfresh';
    const next = await RawClient.open(fixture.port[lane]);
    next.send('GET /next HTTP/1.1\r\nHost: a.example\r\n\r\n');
    const fresh = await next.response();
    next.close();
    return fresh.body === 'fresh' ? '' : `the next request got ${fresh.start} ${JSON.stringify(fresh.body)}`;
  } finally {
    client.close();
  }
}
