// Where grpc_stats counts: until main has said where a method's scope is, counts wait; methods have a limit.
import t from 'tap';
import type { Question } from '../../../src/config/questions.js';
import { limits } from '../../../src/core/limits.js';
import { ClusterGrpcStat, scopeBytes } from '../../../src/telemetry/schema.js';
import { allocateScope } from '../../../src/telemetry/scopes.js';
import { GrpcScope, GrpcScopes } from '../../../src/workers/filters/grpc-scopes.js';
import { GrpcMessages } from '../../../src/workers/proxy/grpc-messages.js';
import { NO_STATUS, trailersGrpcStatus } from '../../../src/workers/proxy/grpc-reply.js';
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
  const at = engine.text;
  engine.u8.set(bytes, at);
  for (let first = 0; first <= bytes.length; first += 3) for (let second = first; second <= bytes.length; second += 7) {
    const messages = new GrpcMessages(engine);
    messages.begin(null, false);
    messages.requestBytes(at, at + first);
    messages.requestBytes(at + first, at + second);
    messages.requestBytes(at + second, at + bytes.length);
    if (messages.request.count !== 4) t.fail(`${messages.request.count} of 4, cut at ${first} and ${second}`);
  }
});

const found: Record<string, number> = { 'grpc-status: 0\r\n': 0, 'grpc-status:13\r\n': 13,
  'a: b\r\nGrpc-Status: 7\r\n': 7,
  'grpc-message: grpc-status: 3\r\ngrpc-status: 5 \r\n': 5, 'x-grpc-status: 1\r\n': NaN, 'grpc-status: \r\n': -1,
  'grpc-status: 1a\r\n': -1, 'grpc-status-details-bin: 4\r\n': NaN };
for (const [lines, status] of Object.entries(found)) t.test(`the status in ${JSON.stringify(lines)}`, async (t) => {
  const { engine } = new World(1);
  const cells = new Float64Array(scopeBytes('grpcMethod') >> 3), expected = new Float64Array(cells.length);
  const messages = new GrpcMessages(engine);
  messages.begin(new GrpcScope(cells, 0), false);
  const read = trailersGrpcStatus(engine, engine.text, engine.writeText(engine.text, lines));
  t.equal(read, Number.isNaN(status) ? NO_STATUS : status);
  if (Number.isNaN(status)) return;
  messages.status(read);
  if (status >= 0) expected[ClusterGrpcStat['0'] + status] = 1;
  expected[status === 0 ? ClusterGrpcStat.success : ClusterGrpcStat.failure] = 1;
  expected[ClusterGrpcStat.total] = 1;
  t.same(cells, expected);
});
