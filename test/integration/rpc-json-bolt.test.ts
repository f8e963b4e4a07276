// HTTP with JSON in front of endpoints that speak Bolt, on real sockets: what goes out byte by byte, what comes back as
// JSON, and what is refused. What both protocols have in common is tried with Dubbo.
import t from 'tap';
import { object, REQUEST, RESPONSE, sofaRequest, sofaResponse, text } from '../protocols/rpc/sofa-content.js';
import { BoltServer } from '../support/bolt.js';
import type { BoltFrame } from '../support/bolt.js';
import { bootstrap, routeTo } from '../support/bootstrap.js';
import { freePort } from '../support/ports.js';
import { Proxy, weftKinds } from '../support/proxy.js';
import { askJson, errorJson, jsonManager, routeCalls, spokenIn } from '../support/rpc-json.js';
import { hessianVectors } from '../transcode/rpc/hessian-vectors.js';

const SERVICE = 'com.example.Orders';
const call = (method: string, types: readonly (string | object)[], more: object = {}): object => ({ protocol: 'BOLT',
  service: SERVICE, method, arguments: types.map((type) => typeof type === 'string' ? { type } : type), ...more });

const routes = [
  routeCalls({ path: '/types' }, 'orders', call('types', ['java.lang.String', 'int', 'long', 'double', 'boolean',
    'java.lang.Object', 'java.util.List<java.lang.Long>', 'java.util.Map'])),
  routeCalls({ path: '/named' }, 'orders', call('named', [{ type: 'int', member: 'n' }], { version: '2.0', group: 'uid',
    timeout: '0.5s', application: 'shop', attachments: { 'rpc_trace_context.sofaTraceId': '0a01' },
    forwarded_headers: ['traceparent'] })),
  { ...routeCalls({ path: '/none' }, 'orders', call('none', [])),
    request_headers_to_add: [{ header: { key: 'added', value: 'v' } }] },
  routeCalls({ path: '/dubbo' }, 'dubbo', call('none', [])),
  routeTo('orders'),
];

for (const kind of weftKinds) {
  t.test(kind, async (t) => {
    const server = await BoltServer.start(await freePort());
    const port = await freePort(), adminPort = await freePort(), traced = await freePort();
    const proxy = await Proxy.start(kind, adminPort, () => bootstrap(adminPort, [{ name: 'in', port,
      manager: jsonManager(), routes }, { name: 'traced', port: traced, routes,
      manager: jsonManager('filters.http.sofa_trace.v1.SofaTrace') }], [{ name: 'orders', ports: [server.port],
        fields: spokenIn('BOLT') },
      { name: 'dubbo', ports: [server.port], fields: spokenIn('DUBBO') }]));
    t.teardown(async () => {
      await proxy.stop();
      await server.stop();
    });
    const answers = (content: Buffer, more: Partial<BoltFrame> = {}): void => {
      server.requests.length = 0;
      server.serve = ({ answer }) => { answer({ className: RESPONSE, content, ...more }); };
    };
    const ask = (path: string, json: string | null): ReturnType<typeof askJson> => askJson(port, path, json);

    await t.test('a call with every type', async (t) => {
      answers(sofaResponse('93'));
      const json = '["a\\u00e9\\ud83d\\ude00",-5,9007199254740993,1.5,true,2147483648,[1,null],{"a":[true,0.5]}]';
      t.same(await ask('/types', json), { status: 200, type: 'application/json', length: '1', text: '3' });
      const [frame] = server.requests;
      t.match(frame, { proto: 1, type: 1, command: 1, codec: 1, timeout: 3000, className: REQUEST, headers: [
        ['service', `${SERVICE}:1.0`], ['sofa_head_target_service', `${SERVICE}:1.0`],
        ['sofa_head_method_name', 'types']] });
      t.equal(frame!.headers.length, 3);
      t.equal(frame!.content.toString('hex'), sofaRequest('types', `${SERVICE}:1.0`, ['java.lang.String', 'int', 'long',
        'double', 'boolean', 'java.lang.Object', 'java.util.List', 'java.util.Map'], '0461c3a9eda0bdedb880' + '8b'
        + '4c0020000000000001' + '443ff8000000000000' + '54' + '4c0000000080000000' + '566e02e14e7a'
        + '4d0161566e0254443fe00000000000007a7a'));
    });

    await t.test('version, unique id, application, timeout, and entries of the header map', async (t) => {
      answers(sofaResponse('4e'));
      const headers = { 'content-type': 'application/json', traceparent: '00-1', 'weft-frame': '00', service: 'other',
        'x-class': 'Other' };
      t.match(await askJson(port, '/named', '{"n":7}', headers), { status: 200, text: 'null' });
      const unique = `${SERVICE}:2.0:uid`;
      t.match(server.requests[0], { timeout: 500, className: REQUEST });
      t.same(server.requests[0]!.headers, [['service', unique], ['sofa_head_target_service', unique],
        ['sofa_head_method_name', 'named'], ['app', 'shop'],
        ['rpc_trace_context.sofaTraceId', '0a01'], ['traceparent', '00-1']]);
      t.equal(server.requests[0]!.content.toString('hex'), sofaRequest('named', unique, ['int'], '97'));
      t.match(await ask('/none', null), { status: 200 });
      t.same(server.requests[1]!.headers.at(-1), ['added', 'v']);
    });

    await t.test('a trace begins where a call does', async (t) => {
      answers(sofaResponse('4e'));
      t.match(await askJson(traced, '/none', null), { status: 200 });
      t.match(server.requests[0]!.headers.slice(3), [['rpc_trace_context.sofaTraceId', /^[0-9a-f]{20,}$/],
        ['rpc_trace_context.sofaRpcId', '0'], ['added', 'v']]);
    });

    await t.test('results of every kind', async (t) => {
      const of = (name: string): string => hessianVectors[name]!.draft;
      for (const [result, json] of [[of('long 9007199254740993'), '9007199254740993'], [of('double 12.25'), '12.25'],
        [of('map Linked'), '{"a":1,"b":null}'], [of('string emoji'), '"\u{1f600}!"'], [of('list 9'),
          '[1,2,3,4,5,6,7,8,9]'],
        ['54', 'true'], ['4fa46a6176612e6d6174682e426967446563696d616c910576616c75656f9104312e3530',
          '{"class":"java.math.BigDecimal","value":"1.50"}']] as const) {
        answers(sofaResponse(result));
        t.match(await ask('/none', null), { status: 200, text: json });
      }
      // References count from the answer itself, which is number 0.
      answers(sofaResponse('566e02566e01917a4a027a'));
      t.match(await ask('/none', null), { status: 200, text: '[[1],[1]]' });
      for (const [result, why] of [[of('bytes'), 'the result: bytes has no form in JSON'],
        ['566e014a017a', 'the result[0]: the value contains itself'],
        [of('map intkey'), 'the result: a map has a key that is no string'],
        ['4f', 'no value begins with byte 78']] as const) {
        answers(sofaResponse(result));
        t.match(await ask('/none', null), { status: 502,
          text: errorJson('weft', `the answer cannot be carried: ${why}`) });
      }
      answers(Buffer.from('91', 'hex'));
      t.match(await ask('/none', null), { status: 502,
        text: errorJson('weft', 'the answer cannot be carried: the answer is no SofaResponse') });
      answers(Buffer.from('{}'), { codec: 12 });
      t.match(await ask('/none', null), { status: 502,
        text: errorJson('weft', 'the answer cannot be carried: the answer is of codec 12, not of hessian2') });
    });

    await t.test('exceptions, errors and statuses', async (t) => {
      const thrown = object('com.example.Sold', [['detailMessage', text('out')], ['stackTrace', '4e'], ['cause',
        '4a01']]);
      answers(sofaResponse(thrown.toString('hex').replace('6f90', '6f91')));
      t.match(await ask('/none', null), { status: 500, text: errorJson('com.example.Sold', 'out') });
      answers(sofaResponse(text('a text')), { headers: [['sofa_head_response_error', 'true']] });
      t.match(await ask('/none', null), { status: 500, text: errorJson('bolt.EXCEPTION', 'a text') });
      answers(sofaResponse('4e', '54', text('no such service')));
      t.match(await ask('/none', null), { status: 500, text: errorJson('bolt.SOFA_RESPONSE_ERROR',
        'no such service') });
      for (const [status, http, name] of [[2, 500, 'SERVER_EXCEPTION'], [4, 503, 'SERVER_THREADPOOL_BUSY'],
        [5, 502, 'ERROR_COMM'], [6, 404, 'NO_PROCESSOR'], [7, 504, 'TIMEOUT'], [9, 400, 'CODEC_EXCEPTION'],
        [16, 503, 'CONNECTION_CLOSED'], [18, 400, 'SERVER_DESERIAL_EXCEPTION']] as const) {
        answers(Buffer.alloc(0), { status, className: '' });
        t.match(await ask('/none', null), { status: http, text: errorJson(`bolt.${name}`, '') });
      }
      answers(object('com.alipay.remoting.rpc.exception.RpcServerException', [['detailMessage', text('why')]]),
        { status: 2, className: 'com.alipay.remoting.rpc.exception.RpcServerException' });
      t.match(await ask('/none', null), { status: 500, text: errorJson('bolt.SERVER_EXCEPTION', 'why') });
    });

    await t.test('a cluster of another protocol is not sent to', async (t) => {
      answers(sofaResponse('4e'));
      t.match(await ask('/dubbo', null), { status: 502,
        text: errorJson('weft', 'the cluster dubbo speaks dubbo, not bolt') });
      t.equal(server.requests.length, 0);
      t.equal(await proxy.stat('server.weft.exceptions'), 0);
    });
  });
}
