// The frameworks of Java and their versions, as peers; what their clients say when we answer.
import type { JavaPeer } from './java.js';

const MANY = { calls: 10_000, atOnce: 10_000 };
/** With more at a time, Dubbo's servers of Triple write header blocks that its clients cannot read, without us too. */
const FEWER = { calls: 10_000, atOnce: 100 };
/** A server that is told to end waits so long for its calls. */
const SHUTDOWN = ['-Ddubbo.service.shutdown.wait=3000'];

const sofa = (name: string, version: string): JavaPeer => ({ name: `Java SOFARPC, ${name}`, protocol: 'bolt',
  load: MANY, project: 'sofa', maven: [], options: [`-Dpeers.bolt=${version}`],
  errors: { empty: /type 299/, busy: /type 100/, unrouted: /type 299/ } });

const dubbo = (version: string, serialization: string): JavaPeer => ({ name: `Java Dubbo ${version}, ${serialization}`,
  protocol: 'dubbo', load: MANY, project: 'dubbo', maven: [`-Ddubbo.version=${version}`],
  options: ['-Dpeers.protocol=dubbo', ...SHUTDOWN, `-Dpeers.serialization=${serialization}`],
  errors: { empty: /code 1, .*Service Unavailable/, busy: /code 1, .*Service Unavailable/,
    unrouted: /code 1, .*Not Found/ } });

const triple = (version: string, serialization: string): JavaPeer => ({ ...dubbo(version, serialization),
  name: `Java Dubbo ${version}, Triple with ${serialization}`, protocol: 'http2', load: FEWER,
  options: ['-Dpeers.protocol=tri', ...SHUTDOWN, `-Dpeers.serialization=${serialization}`],
  errors: { empty: /UNAVAILABLE : no healthy/, busy: /UNAVAILABLE : .*overflow/, unrouted: /UNIMPLEMENTED/ } });

export const javaPeers: readonly JavaPeer[] = [
  sofa('Bolt 1', '1'), sofa('Bolt 2', '2'), sofa('Bolt 2 with CRC', 'crc'),
  dubbo('3.3.6', 'hessian2'), triple('3.3.6', 'hessian2'), dubbo('3.2.19', 'fastjson2'), triple('3.2.19', 'fastjson2'),
];

/** What dubbo2.js calls. */
export const dubbo2Server = dubbo('3.3.6', 'hessian2');

/** What shares a port. */
export const onePort = [dubbo('3.3.6', 'hessian2'), triple('3.3.6', 'hessian2')] as const;
