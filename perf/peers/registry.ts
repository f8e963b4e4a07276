// The list of peers a run can measure, by name. `name#2` is the same peer once more: the A/A control.
import { join } from 'node:path';
import { envoyPeer } from './envoy.js';
import { haproxyPeer } from './haproxy.js';
import { mosnPeer } from './mosn.js';
import { nginxPeer } from './nginx.js';
import type { Peer } from './peer.js';
import { weftPeer } from './weft.js';

export const DEFAULT_PEERS = ['nginx', 'nginx#2', 'haproxy', 'envoy', ...(process.env.MOSN_BIN ? ['mosn'] : []),
  'weft-epoll', 'weft-uring'];

export interface PeerSettings {
  root: string;
  cache: string;
  mayDownload: boolean;
  /** Compiled main of another checkout: the peers base-epoll and base-uring. */
  baseMain: string | null;
}

/** Makes a peer; throws on a name that is not in the list. Whether it can be run here is in its `version`. */
export function makePeer(name: string, settings: PeerSettings): Peer {
  const kind = name.split('#')[0];
  const main = join(settings.root, 'dist/bundle/main.js');
  switch (kind) {
    case 'nginx': return nginxPeer(name);
    case 'haproxy': return haproxyPeer(name);
    case 'mosn': return mosnPeer(name);
    case 'envoy': return envoyPeer(name, settings.cache, settings.mayDownload);
    case 'weft-epoll': return weftPeer(name, 'epoll', main);
    case 'weft-uring': return weftPeer(name, 'uring', main);
    case 'base-epoll': return weftPeer(name, 'epoll', settings.baseMain ?? '(no --base)');
    case 'base-uring': return weftPeer(name, 'uring', settings.baseMain ?? '(no --base)');
    default: throw new Error(
      `unknown peer ${name}: known are ${DEFAULT_PEERS.join(', ')}, mosn, base-epoll, base-uring`);
  }
}
