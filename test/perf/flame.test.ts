// Flame graphs: stacks of both kinds of profile become a tree, and the tree a picture.
import t from 'tap';
import { flameGraph } from '../../perf/flame/svg.js';
import { isCpuProfile, selfWeights, treeOfPerfScript, treeOfProfile } from '../../perf/flame/stacks.js';

const node = (id: number, functionName: string, url: string, children: number[]) =>
  ({ id, children, callFrame: { functionName, url, lineNumber: 9 } });

const profile = {
  nodes: [node(1, '(root)', '', [2, 4]), node(2, 'serve', 'file:///x/proxy/request.js', [3]),
    node(3, 'decode', 'wasm://wasm/1', []),
    node(4, '(idle)', '', [])],
  samples: [2, 3, 3, 4], timeDeltas: [0, 10, 20, 30],
};

t.test('a V8 profile: each sample weighs the time until the next one', async (t) => {
  const tree = treeOfProfile(profile);
  const serve = tree.children.get('serve proxy/request.js:10')!;
  t.equal(tree.weight, 10 + 20 + 30 + 30);
  t.equal(serve.weight, 60);
  t.equal([...serve.children.values()][0].weight, 50);
  t.same(selfWeights(tree)[0].weight, 50);
});

t.test('what is no profile is told apart', async (t) => {
  t.ok(isCpuProfile(profile));
  t.notOk(isCpuProfile({ nodes: [] }));
  t.notOk(isCpuProfile(null));
});

t.test('perf script: innermost first becomes outermost first, threads stay apart', async (t) => {
  const tree = treeOfPerfScript([
    'node  12/15  1.0: 500 cpu-clock:', '\t ffff tcp_sendmsg+0x1 ([kernel.kallsyms])',
      '\t 7f01 JS:*loop /a/dist/worker.js:5+0x2 (/tmp/perf-12.map)',
    '', 'node  12/12  1.0: 500 cpu-clock:', '\t 7f01 [unknown] (/usr/lib/libc.so.6)', ''].join('\n'));
  const worker = tree.children.get('node 15')!;
  t.equal(worker.children.get('*loop dist/worker.js:5')!.children.get('tcp_sendmsg')!.weight, 1);
  t.ok(tree.children.get('node 12')!.children.has('[libc.so.6]'));
});

t.test('the picture is well formed', async (t) => {
  const picture = flameGraph(treeOfProfile(profile), 'a & b', 'µs');
  t.match(picture, /a &amp; b/);
  t.notMatch(picture, /NaN|undefined/);
  t.match(picture, /serve proxy\/request\.js:10: 66\.67 %/);
});
