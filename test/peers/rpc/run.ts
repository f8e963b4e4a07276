// npm run peers [-- part of a name ...]: clients and servers of SOFARPC and Dubbo that others wrote, in Node and in
// Java, directly and through us, on both drivers. What cannot be fetched here is left out, and said.
import { dubbo2Peer } from './dubbo2.js';
import { nodePeer, nodePeers } from './node.js';
import { javaPeer } from './java.js';
import { dubbo2Server, javaPeers, onePort } from './java-peers.js';
import { showsJson } from './json.js';
import { onePortPeer } from './one-port.js';
import type { Peer } from './peer.js';
import { finish, leaveOut, show } from './report.js';
import { shows } from './suite.js';

const wanted = process.argv.slice(2);
const onePortName = 'Java Dubbo 3.3.6, Dubbo 2 and Triple on one port';

async function run(name: string, peer: () => Peer, shows: (peer: Peer) => Promise<void>): Promise<void> {
  if (wanted.length > 0 && !wanted.some((part) => name.includes(part))) return;
  let made: Peer;
  try { made = peer(); } catch (error) {
    leaveOut(`${name}: ${(error as Error).message}`);
    return;
  }
  try { await shows(made); } catch (error) { show(`${name} breaks off`, [String(error)]); }
}

for (const node of nodePeers) {
  await run(node.name, () => nodePeer(node), shows);
  await run(`${node.name}, HTTP/JSON`, () => nodePeer(node), showsJson);
}
await run('Node dubbo2.js and Java', () => dubbo2Peer(dubbo2Server), shows);
for (const java of javaPeers) {
  await run(java.name, () => javaPeer(java), shows);
  await run(`${java.name}, HTTP/JSON`, () => javaPeer(java), showsJson);
}
await run(onePortName, () => onePortPeer(onePortName, ...onePort), shows);
process.exit(finish() ? 0 : 1);
