// Sessions are resumed by tickets: those of one worker on the others, those of an older key while it is there.
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { connect } from 'node:tls';
import t from 'tap';
import { routeTo } from '../support/bootstrap.js';
import { issue, root } from '../support/certificates.js';
import { forEachProxy } from '../support/fixture.js';
import { HANG_MS } from '../support/hang.js';

const TYPE = 'type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.';
const authority = root();
const server = issue({ name: 'server', issuer: authority, sans: ['DNS:localhost'] });
const folder = mkdtempSync(join(tmpdir(), 'weft-tickets-'));
t.teardown(() => rmSync(folder, { recursive: true }));
const file = join(folder, 'tickets.json');
let version = 0;
function writeKeys(...keys: Buffer[]): void {
  writeFileSync(`${file}.new`, JSON.stringify({ version_info: String(++version), resources: [{
    '@type': `${TYPE}Secret`, name: 'tickets', session_ticket_keys: { keys: keys.map((key) =>
      ({ inline_bytes: key.toString('base64') })) } }] }));
  renameSync(`${file}.new`, file);
}
const [first, second, third] = [randomBytes(80), randomBytes(80), randomBytes(80)];
const secured = (name: string, more: object = {}) => ({ name, routes: [routeTo('a')], transportSocket: {
  name: 'tls', typed_config: { '@type': `${TYPE}DownstreamTlsContext`, ...more, common_tls_context: {
    tls_certificates: [{ certificate_chain: { inline_string: server.chainPem },
      private_key: { inline_string: server.keyPem } }] } } } });

interface Asked { reused: boolean; session: Buffer | null }
async function ask(port: number, maxVersion: 'TLSv1.2' | 'TLSv1.3', session: Buffer | null): Promise<Asked> {
  const socket = connect({ host: '127.0.0.1', port, maxVersion, rejectUnauthorized: false,
    ...session === null ? {} : { session } });
  let made: Buffer | null = null;
  socket.on('session', (ticket: Buffer) => { made = ticket; });
  await once(socket, 'secureConnect');
  const reused = socket.isSessionReused();
  if (maxVersion === 'TLSv1.2') made = socket.getSession() ?? null;   // it tells of no ticket that is renewed
  socket.write('GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n');
  socket.resume();
  await once(socket, 'close');
  return { reused, session: made };
}

t.test('session tickets', (t) => forEachProxy(t, {
  upstreams: ['a'],
  bootstrap: { node: { id: 'tickets', cluster: 'tickets' } },
  options: process.env.WEFT_TEST_KINDS === 'envoy' ? [] : ['--concurrency', '2'],
  listeners: [secured('own'), secured('given', { session_ticket_keys_sds_secret_config: { name: 'tickets',
    sds_config: { path_config_source: { path: file }, resource_api_version: 'V3' } } })],
  more: () => { writeKeys(first); return []; },
}, async (t, { proxy, port }) => {
  for (const maxVersion of ['TLSv1.2', 'TLSv1.3'] as const) {
    await t.test(`${maxVersion}: any worker resumes`, async (t) => {
      const { session } = await ask(port.own!, maxVersion, null);
      const all = await Promise.all(Array.from({ length: 16 }, () => ask(port.own!, maxVersion, session)));
      t.same(all.map(({ reused }) => reused), all.map(() => true));
    });
    await t.test(`${maxVersion}: a key that is there still opens, a key that is gone does not`, async (t) => {
      const taken = async (...keys: Buffer[]) => {
        const before = await proxy.stat('sds.tickets.update_success');
        writeKeys(...keys);
        for (const end = Date.now() + HANG_MS; Date.now() < end; await sleep(10))
          if (await proxy.stat('sds.tickets.update_success') > before) break;
        await sleep(50);
      };
      await taken(first);
      const { session } = await ask(port.given!, maxVersion, null);
      t.ok((await ask(port.given!, maxVersion, session)).reused);
      await taken(second, first);
      const resumed = await ask(port.given!, maxVersion, session);
      t.ok(resumed.reused, 'opened by the older key');
      t.ok(resumed.session, 'and a new ticket came');
      await taken(third, second);
      t.notOk((await ask(port.given!, maxVersion, session)).reused, 'its key is gone');
      t.ok((await ask(port.given!, maxVersion, resumed.session)).reused, 'the new ticket is of the newer key');
    });
  }
}));
