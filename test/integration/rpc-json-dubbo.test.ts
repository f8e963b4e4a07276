// HTTP with JSON in front of endpoints that speak Dubbo, on real sockets: what goes out byte by byte, what comes back
// as JSON, and what is refused.
import { setTimeout as sleep } from 'node:timers/promises';
import t from 'tap';
import { frame, hessianCall, hex, hmap, hs } from '../protocols/rpc/dubbo-frames.js';
import { bootstrap, routeTo } from '../support/bootstrap.js';
import { RawClient } from '../support/client.js';
import { DubboClient, DubboServer } from '../support/dubbo.js';
import { Http2Client } from '../support/http2.js';
import { freePort } from '../support/ports.js';
import { Proxy, weftKinds } from '../support/proxy.js';
import { askJson, errorJson, jsonManager, routeCalls, spokenIn } from '../support/rpc-json.js';
import { hessianVectors } from '../transcode/rpc/hessian-vectors.js';

const SERVICE = 'com.example.Stock', OK = 20;
const call = (method: string, types: readonly (string | object)[], more: object = {}): object => ({ protocol: 'DUBBO',
  service: SERVICE, method, arguments: types.map((type) => typeof type === 'string' ? { type } : type), ...more });
/** A body as Dubbo's consumers write it, for these arguments and attachments. */
const body = (method: string, descriptor: string, values: string, ...pairs: (readonly [string, string])[]): string =>
  Buffer.concat([hs('2.0.2'), hs(SERVICE), hs('0.0.0'), hs(method), hs(descriptor), hex(values),
    hmap(['path', SERVICE], ['interface', SERVICE], ...pairs)]).toString('hex');

const routes = [
  routeCalls({ path: '/types' }, 'stock', call('types', ['java.lang.String', 'int', 'long', 'double', 'boolean',
    'java.lang.Integer', 'java.util.List<java.lang.Long>', 'java.util.Map', 'java.lang.Object'])),
  routeCalls({ path: '/none' }, 'stock', call('none', [])),
  routeCalls({ path: '/named' }, 'stock', call('named', [{ type: 'int', member: 'count' },
    { type: 'java.lang.String', member: 'name' }], { version: '1.2', group: 'blue', timeout: '2s', application: 'shop',
    attachments: { 'dubbo.tag': 'gray', Upper: 'x', host: 'h', note: '\u00e9' }, forwarded_headers: ['traceparent'] })),
  { ...routeCalls({ prefix: '/items/' }, 'stock', call('find', [{ type: 'long', path: 'id' },
    { type: 'java.lang.String', query: 'q' }, { type: 'java.util.Map', body: true }],
      { path_template: '/items/{id}' })),
    request_headers_to_add: [{ header: { key: 'added', value: 'v' } }] },
  routeCalls({ path: '/generic' }, 'stock', call('plus', ['int', 'java.lang.String'], { generic: true })),
  routeCalls({ path: '/small' }, 'stock', call('none', ['java.lang.String']), { max_request_bytes: 100,
    max_response_bytes: 100 }),
  routeCalls({ path: '/slow' }, 'stock', call('none', []), {}, { timeout: '0.2s' }),
  routeCalls({ path: '/again' }, 'stock', call('none', ['java.lang.String']), {},
    { retry_policy: { retry_on: '5xx', num_retries: 2 } }),
  routeCalls({ path: '/mirrored' }, 'stock', call('none', ['java.lang.String'], {
    forwarded_headers: ['x-request-id', 'via'] }), {}, { request_mirror_policies: [{ cluster: 'mirror' }] }),
  routeCalls({ path: '/hedged' }, 'stock', call('none', ['java.lang.String']), {}, { timeout: '5s', retry_policy: {
    retry_on: '5xx', num_retries: 1, per_try_timeout: '0.3s' }, hedge_policy: { hedge_on_per_try_timeout: true } }),
  routeCalls({ path: '/http' }, 'http', call('none', [])),
  routeCalls({ path: '/nobody' }, 'nobody', call('none', [])),
  routeTo('stock'),
];

for (const kind of weftKinds) {
  t.test(kind, async (t) => {
    const server = await DubboServer.start(await freePort());
    const mirror = await DubboServer.start(await freePort());
    const port = await freePort(), adminPort = await freePort(), anyPort = await freePort();
    const anything = { ...jsonManager(), protocol: 'AUTO',
      '@type': 'type.googleapis.com/weft.extensions.filters.network.rpc_proxy.v1.RpcProxy' };
    const proxy = await Proxy.start(kind, adminPort, (folder) => bootstrap(adminPort, [{ name: 'in', port,
      logFile: `${folder}/in.log`, manager: { ...jsonManager(), normalize_path: true }, routes }, { name: 'any',
        port: anyPort, manager: anything,
      routes: [routeCalls({ prefix: '/' }, 'stock', call('none', ['java.lang.String']))] }],
    [{ name: 'stock', ports: [server.port], fields: spokenIn('DUBBO') },
      { name: 'mirror', ports: [mirror.port], fields: spokenIn('DUBBO') }, { name: 'http', ports: [server.port] },
      { name: 'nobody', ports: [], fields: spokenIn('DUBBO') }]));
    t.teardown(async () => {
      await proxy.stop();
      await server.stop();
      await mirror.stop();
    });
    const answers = (bytes: string, status = OK): void => {
      server.requests.length = 0;
      server.serve = (_frame, answer) => { answer(status, hex(bytes)); };
    };
    const ask = (path: string, json: string | null): Promise<Awaited<ReturnType<typeof askJson>>> =>
      askJson(port, path, json);

    await t.test('a call with every type, as Java writes them', async (t) => {
      answers('91026869');
      const json = '["a\u00e9\\ud83d\\ude00",-5,9007199254740993,1.5,true,null,[1,2147483648],'
        + '{"a":{"b":[1,2.0,null,"x"]}},9223372036854775807]';
      t.same(await ask('/types', json), { status: 200, type: 'application/json', length: '4', text: '"hi"' });
      const [request] = server.requests;
      t.equal(request!.flags, 0xc2);
      t.equal(request!.body.toString('hex'), body('types',
        'Ljava/lang/String;IJDZLjava/lang/Integer;Ljava/util/List;Ljava/util/Map;Ljava/lang/Object;',
        '0461c3a9eda0bdedb880' + '8b' + '4c0020000000000001' + '443ff8000000000000' + '54' + '4e'
        + '7ae14c0000000080000000' + '480161480162' + '7c915d024e0178' + '5a5a' + '4c7fffffffffffffff'));
      t.match((await proxy.logLines('in', 1))[0], /POST\|\/types\|HTTP\/1.1\|200\|-\|via_upstream\|/);
    });

    await t.test('calls without arguments take no body, or an empty list', async (t) => {
      answers('92');
      for (const text of [null, '[]', ' [ ] ']) t.match(await ask('/none', text), { status: 200, text: 'null' });
      t.equal(server.requests.length, 3);
      t.equal(server.requests[0]!.body.toString('hex'), body('none', '', ''));
      t.match(await askJson(port, '/none', null, {}, 'GET'), { status: 200, text: 'null' });
    });

    await t.test('named arguments; attachments of the call and of the request; nothing else of the client',
      async (t) => {
      answers('9190');
      const headers = { 'content-type': 'application/json; charset=utf-8', traceparent: '00-1',
        'weft-frame': 'c2000000000000',
        'weft-pair': '61=62', 'x-service': 'com.example.Other', 'x-group': 'red', cookie: 'secret',
          'dubbo.tag': 'red' };
      t.match(await askJson(port, '/named', '{"name":"n","count":7}', headers), { status: 200, text: '0' });
      const wanted = Buffer.concat([hs('2.0.2'), hs(SERVICE), hs('1.2'), hs('named'), hs('ILjava/lang/String;'),
        hex('97016e'), hmap(['path', SERVICE], ['interface', SERVICE], ['version', '1.2'], ['group', 'blue'],
          ['timeout', '2000'], ['application', 'shop'], ['remote.application', 'shop'], ['dubbo.tag', 'gray'],
          ['Upper', 'x'], ['host', 'h'], ['note', '\u00e9'], ['traceparent', '00-1'])]);
      t.equal(server.requests[0]!.body.toString('hex'), wanted.toString('hex'));
    });

    await t.test('arguments of path and query, the body as one; routes add attachments', async (t) => {
      answers('9154');
      t.match(await ask('/items/-12?q=a%20b%2B%C3%A9', '{}'), { status: 200, text: 'true' });
      t.equal(server.requests[0]!.body.toString('hex'), body('find', 'JLjava/lang/String;Ljava/util/Map;',
        'f7f4' + '0561' + '20622bc3a9' + '485a', ['added', 'v']));
      for (const [path, json, message] of [
        ['/items/x?q=1', '{}', 'argument "id": "x" is no long'], ['/items/1', '{}', 'argument "q": it is not there'],
        ['/items/1?q=1&q=2', '{}', 'argument "q": it stands in the query twice'],
        ['/items/1?q=1&r=2', '{}', 'the query has "r", which no argument takes'],
        ['/items/1?q', '{}', 'the query has "q" without a value'], ['/items/1?q=%ff', '{}',
          'path or query is no UTF-8'],
        ['/items/1?q=1', null, 'the request has no body']] as const)
        t.match(await ask(path, json), { status: 400, text: errorJson('weft', message) });
      t.match(await ask('/items/1/2?q=1', '{}'), { status: 404, text: errorJson('weft',
        'the path is not that of the call') });
    });

    await t.test('a generic call', async (t) => {
      answers('91485a');
      t.match(await ask('/generic', '[1,"a"]'), { status: 200, text: '{}' });
      t.equal(server.requests[0]!.body.toString('hex'), Buffer.concat([hs('2.0.2'), hs(SERVICE), hs('0.0.0'),
        hs('$invoke'), hs('Ljava/lang/String;[Ljava/lang/String;[Ljava/lang/Object;'), hs('plus'), hex('72'),
        hs('[string'), hs('int'), hs('java.lang.String'), hex('72'), hs('[object'), hex('910161'),
        hmap(['path', SERVICE], ['interface', SERVICE], ['generic', 'true'])]).toString('hex'));
    });

    await t.test('results of every kind', async (t) => {
      const of = (name: string): string => hessianVectors[name]!.final;
      for (const [result, text] of [[`91${of('long 9007199254740993')}`, '9007199254740993'],
        [`94${of('double 12.25')}${hmap(['a', 'b']).toString('hex')}`, '12.25'], [`95${hmap().toString('hex')}`,
          'null'],
        [`91${of('map Linked')}`, '{"a":1,"b":null}'], [`91${of('string emoji')}`, '"\u{1f600}!"'],
        [`91${of('decimal')}`, '{"class":"java.math.BigDecimal","value":"1.50"}']] as const) {
        answers(result);
        t.match(await ask('/none', null), { status: 200, text, length: String(Buffer.byteLength(text)) });
      }
    });

    await t.test('exceptions and statuses', async (t) => {
      answers(`90${hessianVectors['exception']!.final}`);
      t.match(await ask('/none', null), { status: 500,
        text: errorJson('java.lang.IllegalStateException', 'broken') });
      answers(`93${hessianVectors['exception']!.final}${hmap().toString('hex')}`);
      t.match(await ask('/none', null), { status: 500 });
      const generic = [hs('org.apache.dubbo.rpc.service.GenericException'), hex('93'), hs('exceptionClass'),
        hs('exceptionMessage'), hs('detailMessage'), hex('60'), hs('com.example.Sold'), hs('out'), hs('x')];
      answers(`9043${Buffer.concat(generic).toString('hex')}`);
      t.match(await ask('/none', null), { status: 500, text: errorJson('com.example.Sold', 'out') });
      for (const [status, http, name] of [[30, 504, 'CLIENT_TIMEOUT'], [31, 504, 'SERVER_TIMEOUT'],
        [40, 400, 'BAD_REQUEST'], [50, 502, 'BAD_RESPONSE'], [60, 404, 'SERVICE_NOT_FOUND'], [70, 500, 'SERVICE_ERROR'],
        [80, 500, 'SERVER_ERROR'], [100, 503, 'SERVER_THREADPOOL_EXHAUSTED_ERROR'], [99, 500, '99']] as const) {
        answers(hs('why').toString('hex'), status);
        t.match(await ask('/none', null), { status: http, text: errorJson(`dubbo.${name}`, 'why'),
          type: 'application/json' });
      }
    });

    await t.test('answers that cannot be carried are refused, not altered', async (t) => {
      const of = (name: string): string => `91${hessianVectors[name]!.final}`;
      for (const [result, why] of [[of('bytes'), 'the result: bytes has no form in JSON'],
        [of('date'), 'the result: a date has no form in JSON'], [of('double NaN'),
          'the result: NaN has no form in JSON'],
        [of('circular'), 'the result[0]: the value contains itself'],
        [of('map intkey'), 'the result: a map has a key that is no string'], ['91', 'the value is cut short'],
        ['919090', 'bytes follow the answer'], ['91f0', 'the value is cut short']] as const) {
        answers(result);
        t.match(await ask('/none', null), { status: 502,
          text: errorJson('weft', `the answer cannot be carried: ${why}`) });
      }
    });

    await t.test('requests that cannot be carried are refused before anything is sent', async (t) => {
      answers('92');
      for (const [path, json, message] of [['/named', '{"name":"n"}', 'argument "count": it is not there'],
        ['/named', '{"name":"n","count":1,"more":2}', 'the body has "more", which no argument takes'],
        ['/named', '{"name":"n","count":2147483648}', 'argument "count": 2147483648 is beyond the range of int'],
        ['/named', '[]', 'the body is no object of arguments'], ['/none', '[1]',
          'the body has 1 arguments, 0 are wanted'],
        ['/none', '{}', 'the body is no list of arguments'], ['/named', '{',
          'the body is no JSON: a string is expected at character 1'],
        ['/generic', '[1,2]', 'argument 2: a number is no java.lang.String']] as const)
        t.match(await ask(path, json), { status: 400, text: errorJson('weft', message), type: 'application/json' });
      const types = { 'content-type': 'text/plain' };
      t.match(await askJson(port, '/none', '[]', types), { status: 415 });
      t.match(await askJson(port, '/none', '[]', { 'content-encoding': 'gzip' }), { status: 415 });
      t.match(await ask('/http', null), { status: 502, text: errorJson('weft',
        'the cluster http speaks HTTP, not dubbo') });
      t.equal(server.requests.length, 0);
    });

    await t.test('limits of both bodies', async (t) => {
      answers('92');
      t.match(await ask('/small', `["${'a'.repeat(96)}"]`), { status: 200 });
      t.match(await ask('/small', `["${'a'.repeat(97)}"]`), { status: 413,
        text: errorJson('weft', 'the body is longer than max_request_bytes') });
      answers(`91${hs('a'.repeat(97)).toString('hex')}`);
      t.match(await ask('/small', '[""]'), { status: 200 }, '100 bytes, and a text of 99');
      answers(`91${hs('a'.repeat(98)).toString('hex')}`);
      t.match(await ask('/small', '[""]'), { status: 502,
        text: errorJson('weft', 'the answer is longer than max_response_bytes') });
      answers(`91${hs('\n'.repeat(60)).toString('hex')}`);
      t.match(await ask('/small', '[""]'), { status: 502 });
      const large = 'x'.repeat(900_000);
      answers(`91${'52' + '8000' + '61'.repeat(0x8000)}${hs('b').toString('hex')}`);
      t.match(await ask('/again', `["${large}"]`), { status: 200, text: `"${'a'.repeat(0x8000)}b"` });
      t.ok(server.requests[0]!.body.length > 900_000);
    });

    await t.test('answers of the proxy are JSON too', async (t) => {
      server.serve = () => undefined;
      t.match(await ask('/slow', null), { status: 504, type: 'application/json',
        text: errorJson('weft', 'upstream request timeout') });
      t.match(await ask('/nobody', null), { status: 503, text: errorJson('weft', 'no healthy upstream') });
      server.serve = () => { server.dropConnections(); };
      t.match(await ask('/none', null), { status: 503, type: 'application/json' });
    });

    await t.test('an answer that breaks off, or stops, is an error', async (t) => {
      const begin = ({ id }: { id: bigint }): void => {
        const part = frame(2, OK, id, Buffer.concat([hex('91'), Buffer.alloc(100)]));
        part.writeUInt32BE(1 << 20, 12);
        for (const socket of server.sockets) socket.write(part);
      };
      const raw = await RawClient.open(port);
      const wanted = async (path: string, status: string, message: string): Promise<void> => {
        raw.send(`POST ${path} HTTP/1.1\r\nhost: x\r\ncontent-length: 0\r\n\r\n`);
        t.match(await raw.response(), { start: status, body: errorJson('weft', message) });
      };
      server.serve = (request) => {
        begin(request);
        for (const socket of server.sockets) socket.end();
      };
      await wanted('/none', 'HTTP/1.1 502 Bad Gateway', 'the endpoint broke off its answer');
      server.serve = begin;
      await wanted('/slow', 'HTTP/1.1 504 Gateway Timeout', 'upstream request timeout');
      server.dropConnections();
      await proxy.untilStat('cluster.stock.upstream_cx_active', 0);
      server.serve = (_request, answer) => { answer(OK, hex('92')); };
      raw.send('POST /none HTTP/1.1\r\nhost: x\r\ncontent-length: 0\r\n\r\n');
      t.match(await raw.response(), { body: 'null' }, 'the connection goes on');
      raw.close();
      const logged = async (): Promise<string> => (await proxy.logLines('in', 1)).join();
      for (let tries = 0; !(await logged()).includes('|504|UT|response_timeout|') && tries < 500; tries++)
        await sleep(10);
      t.match(await logged(), '|502|UC|upstream_reset_after_response_started{connection_termination}|');
      t.match(await logged(), '|504|UT|response_timeout|');
    });

    await t.test('a call is made again where its route says so', async (t) => {
      let times = 0;
      server.serve = (_frame, answer) => { answer(++times < 3 ? 70 : OK, times < 3 ? hs('no') : hex('9195')); };
      t.match(await ask('/again', '["x"]'), { status: 200, text: '5' });
      t.equal(times, 3);
    });

    await t.test('on a port of several protocols, calls of Dubbo clients go on as they are', async (t) => {
      answers('9190');
      t.match(await askJson(anyPort, '/x', '["a"]'), { status: 200, text: '0' });
      const client = await DubboClient.open(anyPort);
      const bytes = hessianCall({ service: SERVICE, method: 'none', values: [hs('a')],
        map: hmap(['path', SERVICE], ['interface', SERVICE]) });
      t.match(await client.ask(bytes), { status: OK, body: hex('9190') });
      client.close();
      t.same(server.requests.map((one) => one.body), [bytes.subarray(16), bytes.subarray(16)]);
    });

    await t.test('mirrors and hedges of a call are calls; the path is normalised before it is read', async (t) => {
      answers('9190');
      mirror.serve = (_frame, answer) => { answer(OK, hex('9191')); };
      const headers = { 'content-type': 'application/json', 'x-request-id': 'r-1', via: '1.1 a' };
      t.match(await askJson(port, '/mirrored', '["a"]', headers), { status: 200, text: '0' });
      for (let tries = 0; mirror.requests.length === 0 && tries < 500; tries++) await sleep(10);
      const wanted = body('none', 'Ljava/lang/String;', '0161', ['x-request-id', 'r-1'], ['via', '1.1 a']);
      t.same([...server.requests, ...mirror.requests].map((one) => one.body.toString('hex')), [wanted, wanted]);
      server.requests.length = 0;
      server.serve = (_frame, answer) => { if (server.requests.length === 2) answer(OK, hex('9192')); };
      t.match(await ask('/hedged', '["a"]'), { status: 200, text: '2' });
      t.ok(server.requests[0]!.body.equals(server.requests[1]!.body));
      answers('9190');
      const raw = await RawClient.open(port);
      raw.send('POST /a/../items/./7?q=x HTTP/1.1\r\nhost: x\r\ncontent-length: 2\r\n\r\n{}');
      t.match(await raw.response(), { start: 'HTTP/1.1 200 OK', body: '0' });
      raw.close();
    });

    await t.test('clients of HTTP/2, bodies in pieces, many at a time', async (t) => {
      server.serve = ({ body: said }, answer) => {
        answer(OK, Buffer.concat([hex('91'), hs(/v\d+/.exec(said.toString('latin1'))![0])]));
      };
      const client = await Http2Client.open(port);
      const post = { ':method': 'POST', ':path': '/again', 'content-type': 'application/json' };
      const many = await Promise.all(Array.from({ length: 200 }, async (_, i) =>
        (await client.ask(post, Buffer.from(`["v${i}"]`))).body.toString()));
      t.same(many, Array.from({ length: 200 }, (_, i) => `"v${i}"`));
      client.close();
      const raw = await RawClient.open(port);
      const text = 'POST /again HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n'
        + '3\r\n["v\r\n3\r\n7"]\r\n0\r\n\r\n';
      for (const letter of text) {
        raw.send(letter);
        await new Promise((resolve) => { setImmediate(resolve); });
      }
      t.match(await raw.response(), { start: 'HTTP/1.1 200 OK', body: '"v7"' });
      raw.close();
      t.equal(await proxy.stat('server.weft.exceptions'), 0);
    });
  });
}
