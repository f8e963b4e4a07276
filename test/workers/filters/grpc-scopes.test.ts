// Where grpc_stats counts: until main has said where a method's scope is, counts wait; methods have a limit.
import t from 'tap';
import type { Question } from '../../../src/config/questions.js';
import { limits } from '../../../src/core/limits.js';
import { ClusterGrpcStat } from '../../../src/telemetry/schema.js';
import { allocateScope } from '../../../src/telemetry/scopes.js';
import { GrpcScopes } from '../../../src/workers/filters/grpc-scopes.js';
import { GrpcMessages } from '../../../src/workers/proxy/grpc-messages.js';
import type { GrpcScope } from '../../../src/workers/filters/grpc-scopes.js';
import { World } from '../../sim/world.js';

function asking(): { world: World; asked: { id: number; question: Question }[]; of(path: string): GrpcScope | null } {
  const world = new World(1);
  const asked: { id: number; question: Question }[] = [];
  const { engine } = world;
  engine.asks.send = (id, question) => { asked.push({ id, question }); };
  const scopes = GrpcScopes.of(engine);
  return { world, asked, of: (path) => scopes.ofMethod('up', engine.text, engine.writeText(engine.text, path), true) };
}

t.test('counts wait for the answer', async (t) => {
  const { world: { engine, map }, asked, of } = asking();
  const scope = of('/a.b/Do')!;
  t.equal(of('/a.b/Do'), scope);
  t.not(of('/a.b/Du'), scope);
  t.same(asked.map(({ question }) => question), [{ kind: 'grpcScope', name: 'up.grpc.a_b.Do' },
    { kind: 'grpcScope', name: 'up.grpc.a_b.Du' }]);
  scope.add(ClusterGrpcStat.total, 2);
  const offset = allocateScope(engine.i32, map, 'grpcMethod');
  engine.asks.answered(asked[0]!.id, { kind: 'grpcScope', offset });
  scope.add(ClusterGrpcStat.total, 1);
  t.equal(engine.f64[engine.statsBase + (offset >> 3) + ClusterGrpcStat.total], 3);
});

t.test('without room they are thrown away', async (t) => {
  const { world: { engine }, asked, of } = asking();
  const scope = of('/a.b/Do')!;
  engine.asks.answered(asked[0]!.id, { kind: 'grpcScope', offset: -1 });
  const before = engine.f64.slice(engine.statsBase, engine.statsBase + 200);
  scope.add(ClusterGrpcStat.total, 1);
  t.same(engine.f64.slice(engine.statsBase, engine.statsBase + 200), before);
});

t.test('further methods than the most count with their cluster', async (t) => {
  const { world: { engine }, asked, of } = asking();
  for (let i = 0; i < limits.grpcMethodsMax; i++) {
    if (of(`/a/${i}`) === null) t.fail(`method ${i}`);
    engine.asks.answered(asked[i]!.id, { kind: 'grpcScope', offset: -1 });
  }
  t.equal(of('/a/more'), null);
  t.not(of('/a/0'), null);
  t.equal(asked.length, limits.grpcMethodsMax);
});

t.test('messages are counted however their bytes are cut', async (t) => {
  const { engine } = new World(1);
  const bytes = Buffer.from([0, 0, 0, 0, 3, 1, 2, 3, 1, 0, 0, 0, 0, 0, 0, 0, 1, 0, ...Array<number>(256).fill(9), 0]);
  for (let first = 0; first <= bytes.length; first += 3) for (let second = first; second <= bytes.length; second += 7) {
    const messages = new GrpcMessages(engine);
    messages.begin(null, false);
    messages.requestPiece(bytes, 0, first);
    messages.requestPiece(bytes, first, second);
    messages.requestPiece(bytes, second, bytes.length);
    if (messages.request.count !== 4) t.fail(`${messages.request.count} of 4, cut at ${first} and ${second}`);
  }
});

const found: Record<string, number> = { 'grpc-status: 0\r\n': 0, 'grpc-status:13\r\n': 13,
  'a: b\r\nGrpc-Status: 7\r\n': 7,
  'grpc-message: grpc-status: 3\r\ngrpc-status: 5 \r\n': 5, 'x-grpc-status: 1\r\n': NaN, 'grpc-status: \r\n': -1,
  'grpc-status: 1a\r\n': -1, 'grpc-status-details-bin: 4\r\n': NaN };
for (const [lines, status] of Object.entries(found)) t.test(`the status in ${JSON.stringify(lines)}`, async (t) => {
  const { engine } = new World(1);
  const added: number[] = [];
  const messages = new GrpcMessages(engine);
  messages.begin({ add: (cell, count) => { added.push(cell, count); }, observe: () => undefined }, false);
  messages.trailers(engine.text, engine.writeText(engine.text, lines));
  const of = status === 0 ? [ClusterGrpcStat.success, 1] : [ClusterGrpcStat.failure, 1];
  t.same(added, Number.isNaN(status) ? [] : [...status < 0 ? [] : [ClusterGrpcStat['0'] + status, 1], ...of,
    ClusterGrpcStat.total, 1]);
});
