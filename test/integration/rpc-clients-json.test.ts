// Clients of Bolt and Dubbo in front of endpoints that speak HTTP with JSON, on real sockets: the requests that calls
// become, answers as results, exceptions and errors, and what is refused.
import t from 'tap';
import { fastjsonCall, hessianCall, hex, hmap, hs } from '../protocols/rpc/dubbo-frames.js';
import { RESPONSE, sofaRequest, sofaResponse, text } from '../protocols/rpc/sofa-content.js';
import { BoltClient, sofaHeaders } from '../support/bolt.js';
import type { BoltFrame } from '../support/bolt.js';
import { bootstrap } from '../support/bootstrap.js';
import { RawClient } from '../support/client.js';
import { DubboClient } from '../support/dubbo.js';
import { headerOf, statusOf } from '../support/message.js';
import { freePort } from '../support/ports.js';
import { Proxy, weftKinds } from '../support/proxy.js';
import { jsonManager, routeRequests } from '../support/rpc-json.js';
import { Upstream } from '../support/upstream.js';
import { hessianVectors } from '../transcode/rpc/hessian-vectors.js';

const TYPE = 'type.googleapis.com/weft.extensions.filters.network.rpc_proxy.v1.RpcProxy';
const SERVICE = 'com.example.Orders', OK = 20;
const SIGNATURES = ['java.lang.String', 'int', 'long', 'double', 'boolean', 'java.util.List', 'java.util.Map'];
const DESCRIPTOR = 'Ljava/lang/String;IJDZLjava/util/List;Ljava/util/Map;';

const of = (method: string): object => ({ path: `/${SERVICE}/${method}` });
const types = (...names: string[]): object[] => names.map((type) => ({ type }));
const routes = [
  routeRequests(of('types'), 'web', { path_template: '/types', arguments: types(...SIGNATURES),
    result: 'java.lang.Object' }),
  routeRequests(of('find'), 'web', { method: 'GET', path_template: '/orders/{id}/{part}', host: 'orders.example',
    arguments: [
    { type: 'long', path: 'id' }, { type: 'java.lang.String', query: 'q' }, { type: 'java.lang.String', path: 'part' }],
  result: 'java.util.List<java.lang.Long>', forwarded_attachments: ['traceparent'] }),
  routeRequests(of('put'), 'web', { method: 'PUT', path_template: '/put', arguments: [{ type: 'int', member: 'n' },
    { type: 'java.lang.String', member: 'text' }] }),
  routeRequests(of('whole'), 'web', { path_template: '/whole', arguments: [{ type: 'java.lang.Object', body: true }],
    result: 'int' }, { max_request_bytes: 1000, max_response_bytes: 100 }),
  routeRequests(of('slow'), 'web', { path_template: '/slow' }, {}, { timeout: '0.2s' }),
  routeRequests(of('again'), 'web', { path_template: '/again', result: 'int' }, {},
    { retry_policy: { retry_on: '5xx', num_retries: 2 } }),
  routeRequests(of('nobody'), 'nobody', { path_template: '/nobody' }),
];
const json = (body: string, status = '200 OK', type = 'application/json'): string => `HTTP/1.1 ${status}\r\n`
  + `content-type: ${type}\r\ncontent-length: ${Buffer.byteLength(body)}\r\nx-other: 1\r\n\r\n`
  + Buffer.from(body, 'utf8').toString('latin1');
/** Names of an exception's class and fields, in both dialects. */
const thrownFinal = (message: string): Buffer => Buffer.concat([hex('90'), hex('43'), hs('java.lang.RuntimeException'),
  hex('93'), hs('detailMessage'), hs('cause'), hs('stackTrace'), hex('4f90'), hs(message), hex('4e70'),
  hs('[java.lang.StackTraceElement')]);
const thrownDraft = (message: string): string => `4faa${Buffer.from('java.lang.RuntimeException').toString('hex')}93`
  + `${text('detailMessage')}${text('cause')}${text('stackTrace')}6f91${text(message)}4e5674001c`
  + `${Buffer.from('[java.lang.StackTraceElement').toString('hex')}6e007a`;

for (const kind of weftKinds) {
  t.test(kind, async (t) => {
    const web = await Upstream.start(await freePort());
    const ports = { bolt: await freePort(), dubbo: await freePort(), any: await freePort(), admin: await freePort() };
    const listener = (name: 'bolt' | 'dubbo' | 'any', protocol: string, folder: string) => ({ name, port: ports[name],
      logFile: `${folder}/${name}.log`, manager: { '@type': TYPE, protocol, ...jsonManager() }, routes });
    const proxy = await Proxy.start(kind, ports.admin, (folder) => bootstrap(ports.admin,
      [listener('bolt', 'BOLT', folder), listener('dubbo', 'DUBBO', folder), listener('any', 'AUTO', folder)],
      [{ name: 'web', ports: [web.port] }, { name: 'nobody', ports: [] }]));
    const bolt = await BoltClient.open(ports.bolt), dubbo = await DubboClient.open(ports.dubbo);
    t.teardown(async () => {
      bolt.close();
      dubbo.close();
      await proxy.stop();
      await web.stop();
    });
    let id = 0;
    const answers = (answer: string): void => {
      web.reset();
      web.answer = () => answer;
    };
    const askDubbo = (method: string, descriptor = '', values = '', ...map: (readonly [string, string])[]) =>
      dubbo.ask(hessianCall({ id: BigInt(++id), service: SERVICE, method, descriptor, values: [hex(values)],
        map: hmap(...map) }));
    const askBolt = (method: string, signatures: string[] = [], values = '', more: Partial<BoltFrame> = {},
      pairs: [string, string][] = []) => bolt.ask({ id: ++id, content: hex(sofaRequest(method, `${SERVICE}:1.0`,
        signatures, values)), headers: sofaHeaders(`${SERVICE}:1.0`, method, pairs), ...more });
    const sent = (): string => Buffer.from(web.requests.at(-1)!.body, 'latin1').toString('utf8');

    await t.test('arguments of every type, and results', async (t) => {
      answers(json('{"größe":[1,2147483648,1.5,null,true]}'));
      const wanted = '["a\u00e9\u{1f600}",-5,9007199254740993,1.5,true,[1,null],{"a":{"b":[2]}}]';
      const final = await askDubbo('types', DESCRIPTOR,
        '0461c3a9eda0bdedb8808b4c0020000000000001443ff8000000000000547a914e48016148016279925a5a');
      t.match(final, { status: OK, flags: 2 });
      t.equal(final.body.toString('hex'), '91480567' + '72c3b6c39f65'
        + '7d914c0000000080000000443ff80000000000004e545a');
      t.equal(sent(), wanted);
      const { start, headers } = web.requests[0]!;
      t.equal(start, 'POST /types HTTP/1.1');
      t.same(headers.filter(([name]) => !name.startsWith('x-envoy-')), [['host', SERVICE],
        ['accept', 'application/json'], ['content-type', 'application/json'],
        ['content-length', String(Buffer.byteLength(wanted))]]);
      const draft = await askBolt('types', SIGNATURES,
        '0461c3a9eda0bdedb8808b4c0020000000000001443ff800000000000054566e02914e7a4d01614d0162566e01927a7a7a');
      t.match(draft, { status: 0, className: RESPONSE, headers: [], proto: 1, codec: 1 });
      t.equal(draft.content.toString('hex'), sofaResponse('4d0567' + '72c3b6c39f65'
        + '566e05914c0000000080000000443ff80000000000004e547a7a').toString('hex'));
      t.equal(sent(), wanted);
      t.match((await proxy.logLines('bolt', 1))[0], `POST|/${SERVICE}/types|Bolt|200|-|via_upstream`);
    });

    await t.test('arguments in path and query; attachments that become headers', async (t) => {
      answers(json('[1,2147483648]'));
      const values = 'f7f4' + text('a b&c=\u00e9') + text('x/y?');
      const pairs: [string, string][] = [['traceparent', '00-1'], ['secret', 's']];
      const { body } = await askDubbo('find', 'JLjava/lang/String;Ljava/lang/String;', values, ...pairs);
      t.equal(body.toString('hex'), '917ae14c0000000080000000');
      const target = 'GET /orders/-12/x%2Fy%3F?q=a%20b%26c%3D%C3%A9 HTTP/1.1';
      t.equal(web.requests[0]!.start, target);
      t.same(web.requests[0]!.headers.filter(([name]) => !name.startsWith('x-envoy-')), [['host', 'orders.example'],
        ['accept', 'application/json'], ['traceparent', '00-1']]);
      const { content } = await askBolt('find', ['long', 'java.lang.String', 'java.lang.String'], values, {}, pairs);
      t.equal(content.toString('hex'), sofaResponse('566e02e14c00000000800000007a').toString('hex'));
      t.match(web.requests[1], { start: target });
      t.equal(headerOf(web.requests[1]!, 'traceparent'), '00-1');
    });

    await t.test('members, whole bodies, void, $invoke', async (t) => {
      answers(json('"is not looked at"'));
      t.match(await askDubbo('put', 'ILjava/lang/String;', '9701' + '61'), { status: OK, body: hex('92') });
      t.match([web.requests[0]!.start, sent()], ['PUT /put HTTP/1.1', '{"n":7,"text":"a"}']);
      t.equal((await askBolt('put', ['int', 'java.lang.String'], '970161')).content.toString('hex'),
        sofaResponse('4e').toString('hex'));
      answers(json('7'));
      t.match(await askDubbo('whole', 'Ljava/lang/Object;', hessianVectors['object']!.final), { body: hex('9197') });
      t.equal(sent(), '{"class":"V$Point","next":null,"big":null,"name":"p","x":1}');
      const generic = await dubbo.ask(hessianCall({ id: BigInt(++id), service: SERVICE, method: '$invoke',
        descriptor: 'Ljava/lang/String;[Ljava/lang/String;[Ljava/lang/Object;', values: [hs('whole'), hex('71'),
          hs('[string'), hs('java.lang.Object'), hex('71'), hs('[object'), hex('91')], map: hmap() }));
      t.match([generic.status, generic.body.toString('hex'), sent()], [OK, '9197', '1']);
      answers('HTTP/1.1 204 No Content\r\n\r\n');
      t.match(await askDubbo('types', DESCRIPTOR, '4e90e05b464e4e'), { body: hex('92') });
    });

    await t.test('Bolt version 2, with a checksum and without', async (t) => {
      answers(json('7'));
      for (const [ver1, switchByte, checksum] of [[1, 0, 'none'], [2, 1, 'right']] as const) {
        const answer = await askBolt('again', [], '', { proto: 2, ver1, switchByte });
        t.match(answer, { proto: 2, ver1, checksum, status: 0 });
        t.equal(answer.content.toString('hex'), sofaResponse('97').toString('hex'));
      }
    });

    await t.test('statuses of the endpoint: exceptions, or errors of the protocol', async (t) => {
      for (const [answer, message] of [[json('{"error":{"type":"T","message":"größe"}}', '404 Not Found'),
        'HTTP 404: größe'], [json('gone', '410 Gone', 'text/plain'), 'HTTP 410: gone'],
      [json('', '500 Internal Server Error'), 'HTTP 500']] as const) {
        answers(answer);
        t.equal((await askDubbo('slow')).body.toString('hex'), thrownFinal(message).toString('hex'));
        const { content, headers } = await askBolt('slow');
        t.equal(content.toString('hex'), sofaResponse(thrownDraft(message)).toString('hex'));
        t.same(headers, [['sofa_head_response_error', 'true']]);
      }
      for (const [status, ofDubbo, ofBolt] of [['503 Service Unavailable', 35, 4], ['504 Gateway Timeout', 31, 7],
        ['429 Too Many Requests', 100, 4], ['502 Bad Gateway', 50, 3]] as const) {
        answers(json('why', status));
        t.match(await askDubbo('slow'), { status: ofDubbo, body: hs(status) });
        t.match(await askBolt('slow'), { status: ofBolt, content: Buffer.alloc(0) });
      }
      web.answer = ({ socket }) => {
        socket.end('HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 100\r\n\r\n{"a":');
        return null;
      };
      t.match(await askDubbo('slow'), { status: 50, body: hs('502 Bad Gateway') });
      t.equal((await askBolt('slow')).status, 3);
      web.answer = () => null;
      t.equal((await askDubbo('slow')).status, 31);
      t.equal((await askBolt('slow', [], '', { timeout: 200 })).status, 7);
      t.equal((await askDubbo('nobody')).status, 60);
      t.equal((await askBolt('nobody')).status, 6);
    });

    await t.test('answers that cannot be carried', async (t) => {
      for (const [answer, why] of [[json('1.5'), 'the result: 1.5 is no int'],
        [json('2147483648'), 'the result: 2147483648 is beyond the range of int'],
        [json('{'), 'the body is no JSON: a string is expected at character 1'],
        [json('1', '200 OK', 'text/html'), 'it is not application/json'],
        [json(''), 'the result: null is no int']] as const) {
        answers(answer);
        const message = `the answer cannot be carried: ${why}`;
        t.match(await askDubbo('again'), { status: 50, body: hs(message) });
        const { content, status } = await askBolt('again');
        t.match([status, content.toString('hex')], [0, sofaResponse('4e', '54', text(message)).toString('hex')]);
      }
      answers(json(' '.repeat(101)));
      t.match(await askDubbo('whole', 'Ljava/lang/Object;', '4e'), { status: 50,
        body: hs('the answer is longer than max_response_bytes') });
    });

    await t.test('calls that cannot be carried are refused, and nothing is sent', async (t) => {
      answers(json('1'));
      const refused = (value: string, message: string) => Promise.all([
        askDubbo('find', 'JLjava/lang/String;Ljava/lang/String;', `e00161${value}`)
          .then((answer) => t.match(answer, { status: 40, body: hs(message) })),
        askBolt('find', ['long', 'java.lang.String', 'java.lang.String'], `e00161${value}`).then(({ content }) =>
          t.equal(content.toString('hex'), sofaResponse('4e', '54', text(message)).toString('hex')))]);
      await refused(text('..'), 'argument "part": ".." is no segment of a path');
      await refused('00', 'argument "part": "" is no segment of a path');
      await refused('4e', 'argument "part": null has no form in a path or query');
      await refused('01eda0bd', 'half a character has no form in a path or query');
      t.match(await askDubbo('whole', 'Ljava/lang/Object;', hessianVectors['bytes']!.final), { status: 40,
        body: hs('argument 1: bytes has no form in JSON') });
      t.match(await askDubbo('whole', 'I', '90'), { status: 40,
        body: hs('the call has arguments (int), its route (java.lang.Object)') });
      t.equal((await askDubbo('whole', 'Ljava/lang/Object;', '52')).status, 40);
      t.equal((await askDubbo('whole', 'Ljava/lang/Object;', hs('x'.repeat(1001)).toString('hex'))).status, 40);
      t.equal((await dubbo.ask(fastjsonCall({ id: BigInt(++id), service: SERVICE, method: 'again', descriptor: '',
        values: [] }))).status, 40);
      t.equal((await askBolt('again', [], '', { codec: 12 })).status, 9);
      t.equal((await bolt.ask({ id: ++id, content: hex('91'), headers: sofaHeaders(`${SERVICE}:1.0`,
        'again') })).status, 0);
      t.equal(web.requests.length, 0);
    });

    await t.test('a call is made again where its route says so, and nobody waits for a one-way call', async (t) => {
      let times = 0;
      web.reset();
      web.answer = () => json(++times < 3 ? 'no' : '7', times < 3 ? '500 No' : '200 OK');
      t.match(await askDubbo('again'), { status: OK, body: hex('9197') });
      t.equal(times, 3);
      dubbo.send(hessianCall({ id: 1_000_000n, flags: 0x82, service: SERVICE, method: 'put',
        descriptor: 'ILjava/lang/String;', values: [hex('970161')], map: hmap() }));
      await web.until(() => web.requests.length === 4);
      t.match(await askDubbo('again'), { status: OK });
      t.notOk(dubbo.frames.some((frame) => frame.id === 1_000_000n));
    });

    await t.test('on a port of several protocols, requests of HTTP pass', async (t) => {
      answers(json('7'));
      const client = await DubboClient.open(ports.any), raw = await RawClient.open(ports.any);
      t.match(await client.ask(hessianCall({ id: 1n, service: SERVICE, method: 'again', descriptor: '', values: [],
        map: hmap() })), { status: OK, body: hex('9197') });
      raw.send(`POST /${SERVICE}/again HTTP/1.1\r\nhost: h\r\ncontent-length: 2\r\n\r\nab`);
      const answer = await raw.response();
      t.same([statusOf(answer), answer.body, web.requests[1]!.start, sent()],
        [200, '7', `POST /${SERVICE}/again HTTP/1.1`, 'ab']);
      client.close();
      raw.close();
      t.equal(await proxy.stat('server.weft.exceptions'), 0);
    });
  });
}
