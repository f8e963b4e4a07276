// What a change of endpoints does to connections: those of endpoints that stay are kept, those of removed ones
// end as they become idle.
import t from 'tap';
import { EndpointState } from '../../../src/core/memory-map.js';
import type { SimEnd } from '../../../src/workers/reactor/sim-network.js';
import { assignment, cluster, httpChain, listener, routes } from '../../config/snapshot/fixtures.js';
import { World } from '../../sim/world.js';

const ANSWER = Buffer.from('HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n');

class Mesh {
  readonly world = new World(6);
  readonly peers = new Map<number, SimEnd[]>();
  slow = false;

  constructor(...ports: number[]) {
    for (let port = 1; port <= 3; port++) {
      this.world.network.serve(`127.0.0.1:${port}`, (peer) => {
        this.peers.set(port, [...(this.peers.get(port) ?? []), peer]);
        peer.onReadable = () => {
          if (peer.ended) {
            peer.close();
            return;
          }
          if (peer.read().length > 0)
            this.world.network.after(this.slow ? 5000 : 0, () => {
              peer.write(ANSWER);
            });
        };
      });
    }
    this.world.configure([
      { kind: 'cluster', name: 'one', value: cluster('one') },
      { kind: 'assignment', name: 'one', value: assignment('one', ...ports) },
      { kind: 'route', name: 'routes', value: routes('routes', 'one') },
      {
        kind: 'listener',
        name: 'main',
        value: listener('main', 1, { filterChains: [httpChain()] }),
      },
    ]);
    this.world.listen('main');
  }

  /** Starts `count` requests at once; returns the clients. */
  ask(count: number): { answer: string }[] {
    return Array.from({ length: count }, () => {
      const client = this.world.arrive('main');
      const state = { answer: '' };
      client.onReadable = () => {
        state.answer += Buffer.from(client.read()).toString('latin1');
      };
      client.write(Buffer.from('GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n'));
      return state;
    });
  }
  endpoints(...ports: number[]): void {
    this.world.configure([{ kind: 'assignment', name: 'one', value: assignment('one', ...ports) }]);
  }
  open(port: number): number {
    return (this.peers.get(port) ?? []).filter((peer) => !peer.ended && peer.errno === 0).length;
  }
}

t.test('an endpoint that stays keeps its connections', (t) => {
  const mesh = new Mesh(1);
  mesh.ask(3);
  mesh.world.run(20);
  t.equal(mesh.open(1), 3);
  mesh.endpoints(1, 2);
  mesh.world.run(20);
  t.equal(mesh.open(1), 3);
  mesh.ask(2);
  mesh.world.run(20);
  t.equal(mesh.peers.get(1)!.length, 3, 'no new connection was needed');
  t.end();
});

t.test('a removed endpoint closes idle connections at once and busy ones after their response', (t) => {
  const mesh = new Mesh(1);
  mesh.ask(1);
  mesh.world.run(20);
  mesh.slow = true;
  const busy = mesh.ask(2);
  mesh.world.run(20);
  t.equal(mesh.open(1), 2, 'one was reused, one opened');
  mesh.slow = false;
  mesh.endpoints(2);
  mesh.world.run(20);
  t.equal(mesh.open(1), 2, 'requests in progress go on');
  mesh.world.run(8000);
  t.ok(busy.every(({ answer }) => answer.startsWith('HTTP/1.1 200')));
  t.equal(mesh.open(1), 0);
  mesh.ask(1);
  mesh.world.run(50);
  t.equal(mesh.open(2), 1, 'new requests go to the new endpoint');
  t.equal(mesh.world.engine.i32[(mesh.world.map.endpointStates >> 2) + EndpointState.activeConnections], 0);
  t.end();
});

t.test('no endpoint: 503, and service again when one comes', (t) => {
  const mesh = new Mesh(1);
  mesh.endpoints();
  const [before] = mesh.ask(1);
  mesh.world.run(20);
  t.match(before!.answer, /^HTTP\/1.1 503 [\s\S]*no healthy upstream$/);
  mesh.endpoints(3);
  const [after] = mesh.ask(1);
  mesh.world.run(20);
  t.match(after!.answer, /^HTTP\/1.1 200 /);
  t.end();
});

t.test('a keep-alive connection that died unseen costs no request', (t) => {
  const mesh = new Mesh(1);
  mesh.ask(4);
  mesh.world.run(20);
  // All of them die, and the requests are on their way before anybody has noticed.
  for (const peer of mesh.peers.get(1)!) {
    peer.onReadable = () => {
      peer.close(true);
    };
  }
  const clients = mesh.ask(4);
  mesh.world.run(100);
  t.ok(
    clients.every(({ answer }) => answer.startsWith('HTTP/1.1 200')),
    clients.map(({ answer }) => answer.slice(0, 20)).join(),
  );
  t.end();
});

t.test('no socket for a connection: 503, and no count stays', (t) => {
  const mesh = new Mesh(1);
  mesh.world.engine.outside.openSocket = () => -1;
  const clients = mesh.ask(3);
  mesh.world.run(100);
  t.ok(clients.every(({ answer }) => answer.startsWith('HTTP/1.1 503')));
  mesh.world.run(5000);
  t.same(mesh.world.leaks(), []);
  t.end();
});
