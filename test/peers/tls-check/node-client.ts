// Node's own client, HTTP/2 by its own implementation.
import { connect as connectHttp2 } from 'node:http2';
import { connect, type ConnectionOptions, type TLSSocket } from 'node:tls';
import { answerOf } from '../../support/http2.js';
import { rootsPem } from './place.js';
import { cipherList, HTTP1, oneByOne, signatureNames, type Outcome, type Question, type TlsClient } from './client.js';

const versions = { '1.0': 'TLSv1', '1.1': 'TLSv1.1', '1.2': 'TLSv1.2', '1.3': 'TLSv1.3' } as const;

function optionsOf(question: Question): ConnectionOptions {
  const { version, suite, curve, signatures, alpn, serverName, anyName, identity } = question;
  const ciphers = suite?.version === '1.3' ? suite.openssl : cipherList(question);
  return { ca: rootsPem, servername: serverName,
    ...version === '' ? {} : { minVersion: versions[version], maxVersion: versions[version] },
    ...ciphers === null ? {} : { ciphers }, ...curve === '' ? {} : { ecdhCurve: curve },
    ...signatures === '' ? {} : { sigalgs: signatureNames[signatures] },
    ...alpn.length === 0 ? {} : { ALPNProtocols: [...alpn] },
    ...anyName || serverName === '' ? { checkServerIdentity: () => undefined } : {},
    ...identity === null ? {} : { cert: identity.chainPem, key: identity.keyPem } };
}

function answered1(socket: TLSSocket): Promise<string> {
  return new Promise((resolve, reject) => {
    let text = '';
    socket.on('data', (data) => { text += String(data); });
    socket.on('end', () => resolve(text.startsWith('HTTP/1.1 200 ') ? '' : `answered ${text.slice(0, 40)}`));
    socket.on('error', reject);
    socket.write(HTTP1);
  });
}
async function answered2(socket: TLSSocket): Promise<string> {
  const session = connectHttp2('https://localhost', { createConnection: () => socket });
  session.on('error', () => undefined);
  const { status } = await answerOf(session.request({ ':path': '/' }));
  session.close();
  return status === 200 ? '' : `status ${status}`;
}

/** Null of a session: none came. */
async function once(port: number, options: ConnectionOptions): Promise<{ outcome: Outcome; session: Buffer | null }> {
  const socket = connect({ port, host: '127.0.0.1', ...options });
  let session: Buffer | null = null;
  socket.on('session', (bytes: Buffer) => { session = bytes; });
  try {
    await new Promise((resolve, reject) => { socket.once('secureConnect', resolve).once('error', reject); });
    const found = { version: (socket.getProtocol() ?? '').replace('TLSv', '').replace(/^1$/, '1.0'),
      suite: socket.getCipher().name, protocol: socket.alpnProtocol || '', resumed: socket.isSessionReused(),
      // of a resumed session Node tells no certificate
      peer: String(socket.getPeerCertificate().subject?.CN ?? '') };
    const wrong = await (found.protocol === 'h2' ? answered2(socket) : answered1(socket));
    return { outcome: wrong === '' ? found : wrong, session };
  } finally { socket.destroy(); }
}

export const node: TlsClient = {
  name: 'node',
  can: () => true,
  askAll: oneByOne(async (question, port) => {
    const options = optionsOf(question);
    const first = await once(port, options);
    if (!question.twice || typeof first.outcome === 'string') return first.outcome;
    // without one it is what it was
    return first.session === null ? first.outcome : (await once(port, { ...options, session: first.session })).outcome;
  }),
};
