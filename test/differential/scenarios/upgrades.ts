// Connections that stop being HTTP: WebSockets and CONNECT, allowed, refused and answered otherwise.
import { answer, get, type Scenario, type Step } from '../scenario.js';

type Fields = Record<string, unknown>;
const UPGRADE = ['connection: upgrade', 'upgrade: websocket', 'sec-websocket-key: k'];
const SWITCHING = 'HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: websocket\r\n'
  + 'sec-websocket-accept: a\r\n\r\n';
const CONNECT = 'CONNECT b.example:443 HTTP/1.1\r\nhost: b.example:443\r\n\r\n';
const WEBSOCKET = { upgrade_configs: [{ upgrade_type: 'websocket' }] };
const STATS = ['downstream_cx_upgrades_total', 'downstream_cx_upgrades_active', 'downstream_rq_ws_on_non_ws_route']
  .map((name) => `http.{id}-main.${name}`);

const asked = (name: string, manager: Fields, route: Fields, step: Step, more: Partial<Scenario> = {}): Scenario => ({
  name, main: { manager, routes: [{ match: { prefix: '/' }, route: { cluster: '{up}', ...route } }] },
  steps: [{ noBody: true, ...step }], stats: STATS, ...more });

const upgrades = (line: RegExp): Partial<Scenario> => ({ differs: [{ line, heading: 'Upgrades' }] });

const websockets: readonly Scenario[] = [
  asked('an upgrade that is accepted', WEBSOCKET, {}, { send: get('/', ...UPGRADE), answer: SWITCHING }),
  asked('an upgrade that the upstream refuses', WEBSOCKET, {}, { send: get('/', ...UPGRADE), noBody: false,
    answer: answer(403, 'no') }),
  asked('an upgrade that the upstream answers plainly', WEBSOCKET, {}, { send: get('/', ...UPGRADE), noBody: false,
    answer: answer(200, 'plain') }, upgrades(/^response|^log/)),
  asked('an upgrade that is not configured', {}, {}, { send: get('/', ...UPGRADE), noBody: false, ends: true },
    upgrades(/^log/)),
  asked('an upgrade that is turned off', { upgrade_configs: [{ upgrade_type: 'websocket', enabled: false }] }, {},
    { send: get('/', ...UPGRADE), noBody: false, ends: true }, upgrades(/^log/)),
  asked('an upgrade that the route turns off', WEBSOCKET, { upgrade_configs: [{ upgrade_type: 'websocket',
    enabled: false }] }, { send: get('/', ...UPGRADE), noBody: false, ends: true }, upgrades(/^log/)),
  asked('an upgrade that only the route turns on', { upgrade_configs: [{ upgrade_type: 'websocket',
    enabled: false }] }, { upgrade_configs: [{ upgrade_type: 'websocket' }] }, { send: get('/', ...UPGRADE),
    answer: SWITCHING }),
  asked('an upgrade in capitals', WEBSOCKET, {}, { send: get('/', 'connection: Upgrade', 'upgrade: WebSocket'),
    answer: SWITCHING }, upgrades(/got header connection/)),
  asked('an upgrade behind keep-alive', WEBSOCKET, {}, { send: get('/', 'connection: keep-alive, Upgrade',
    'upgrade: websocket'), answer: SWITCHING }, upgrades(/got header connection/)),
  asked('upgrade without connection', WEBSOCKET, {}, { send: get('/', 'upgrade: websocket'), noBody: false }),
  asked('101 that nobody asked for', {}, {}, { send: get('/'), answer: SWITCHING, noBody: false },
    upgrades(/^response|^log/)),
  asked('the upstream closes instead of an upgrade', WEBSOCKET, {}, { send: get('/', ...UPGRADE),
    answer: { close: true }, noBody: false }),
  asked('an upgrade has no route timeout', WEBSOCKET, { timeout: '0.1s' }, { send: get('/', ...UPGRADE),
    answer: SWITCHING }),
  asked('an upgrade of another type', { upgrade_configs: [{ upgrade_type: 'spdy/3.1' }] }, {},
    { send: get('/', 'connection: upgrade', 'upgrade: SPDY/3.1'),
      answer: 'HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: SPDY/3.1\r\n\r\n' }),
];

const connect = (name: string, manager: Fields, routes: object[], step: Step, more: Partial<Scenario> = {}): Scenario =>
  ({ name, main: { manager, routes }, steps: [step], stats: STATS, ...more });
const TUNNEL = { upgrade_configs: [{ upgrade_type: 'CONNECT' }] };
const matched = (route: Fields): object => ({ match: { connect_matcher: {} }, route: { cluster: '{up}', ...route } });
const plain = { match: { prefix: '/' }, route: { cluster: '{up}' } };

const connects: readonly Scenario[] = [
  connect('CONNECT that is not configured', {}, [matched({}), plain], { send: CONNECT, ends: true }, upgrades(/^log/)),
  connect('CONNECT without a route for it', TUNNEL, [plain], { send: CONNECT, ends: true }, upgrades(/^stat/)),
  connect('CONNECT ends here', TUNNEL, [matched({ upgrade_configs: [{ upgrade_type: 'CONNECT', connect_config: {} }] }),
    plain], { send: CONNECT, noBody: true }),
  connect('CONNECT is forwarded and accepted', TUNNEL, [matched(TUNNEL), plain], { send: CONNECT, noBody: true,
    answer: 'HTTP/1.1 200 OK\r\n\r\n' }),
  connect('CONNECT is forwarded and refused', TUNNEL, [matched(TUNNEL), plain], { send: CONNECT,
    answer: answer(403, 'no') }),
  connect('a GET does not match connect_matcher', TUNNEL, [matched(TUNNEL)], { send: get('/') }),
];

export const scenarios: readonly Scenario[] = [...websockets, ...connects];
