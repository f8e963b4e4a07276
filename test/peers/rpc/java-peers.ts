// The frameworks of Java and their versions, as peers; what their clients say when we answer.
import type { JavaPeer } from './java.js';

const sofa = (name: string, version: string): JavaPeer => ({ name: `Java SOFARPC, ${name}`, protocol: 'bolt',
  project: 'sofa', maven: [], options: [`-Dpeers.bolt=${version}`],
  errors: { empty: /type 299/, busy: /type 100/, unrouted: /type 299/ } });

export const javaPeers: readonly JavaPeer[] = [
  sofa('Bolt 1', '1'), sofa('Bolt 2', '2'), sofa('Bolt 2 with CRC', 'crc'),
];
