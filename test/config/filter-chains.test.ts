// Which filter chain a connection gets: each level of Envoy's precedence by itself, together, and against a plain
// reading of the rules over random chains.
import t from 'tap';
import { FilterChainTree } from '../../src/config/filter-chains.js';
import type { ChainQuestion, FilterChainMatch } from '../../src/config/filter-chains.js';
import { parseAddress } from '../../src/os/sockaddr.js';
import { Random } from '../fuzz/random.js';

const match = (change: Partial<FilterChainMatch>): FilterChainMatch => ({ destinationPort: 0, prefixRanges: [],
  serverNames: [], transportProtocol: '', applicationProtocols: [], directSourcePrefixRanges: [], sourceType: 'any',
  sourcePrefixRanges: [], sourcePorts: [], ...change });
const range = (text: string) => ({ address: text.split('/')[0], bits: Number(text.split('/')[1]) });
interface Asked extends Partial<Pick<ChainQuestion, 'serverName' | 'transportProtocol' | 'applicationProtocols'>> {
  to?: string; from?: string; direct?: string }
const ask = ({ to = '10.0.0.1:80', from = '10.9.0.1:999', direct = from, ...rest }: Asked): ChainQuestion =>
  ({ serverName: '', transportProtocol: 'raw_buffer', applicationProtocols: [], ...rest, local: parseAddress(to),
    remote: parseAddress(from), directRemote: parseAddress(direct) });

function finder(...matches: Partial<FilterChainMatch>[]): (asked: Asked) => number {
  const tree = new FilterChainTree();
  matches.forEach((change, index) => t.ok(tree.add(match(change), index)));
  return (asked) => tree.find(ask(asked));
}

t.test('each level by itself', async (t) => {
  const port = finder({}, { destinationPort: 80 });
  t.same([port({}), port({ to: '10.0.0.1:81' })], [1, 0]);
  const ip = finder({ prefixRanges: [range('10.0.0.0/8')] }, { prefixRanges: [range('10.1.0.0/17'),
    range('::/1')] }, { prefixRanges: [range('10.1.2.3/32')] });
  t.same(['10.9.9.9:1', '10.1.2.4:1', '10.1.2.3:1', '10.1.128.1:1', '[::ffff:10.1.2.3]:1', '[::1]:1', '11.0.0.0:1']
    .map((to) => ip({ to })), [0, 1, 2, 0, 2, 1, -1]);
  const name = finder({ serverNames: ['a.b.c'] }, { serverNames: ['*.b.c', '*.z'] }, { serverNames: ['*.c'] }, {});
  t.same(['a.b.c', 'x.b.c', 'y.x.b.c', 'b.c', 'c', '', 'x.z', '.c'].map((serverName) => name({ serverName })),
    [0, 1, 1, 2, 3, 3, 1, 3]);
  const transport = finder({ transportProtocol: 'tls' }, { transportProtocol: 'raw_buffer' });
  t.same(['tls', 'raw_buffer', 'quic'].map((transportProtocol) => transport({ transportProtocol })), [0, 1, -1]);
  const protocol = finder({ applicationProtocols: ['h2', 'x'] }, { applicationProtocols: ['http/1.1'] }, {});
  t.same([['http/1.1', 'h2'], ['h3', 'x'], ['h3'], []]
    .map((applicationProtocols) => protocol({ applicationProtocols })), [1, 0, 2, 2]);
  const direct = finder({ directSourcePrefixRanges: [range('1.0.0.0/8')] }, {});
  t.same([direct({ direct: '1.2.3.4:1' }), direct({ from: '1.2.3.4:1', direct: '2.0.0.0:1' })], [0, 1]);
  const type = finder({ sourceType: 'sameIpOrLoopback' }, { sourceType: 'external' });
  t.same(['127.0.0.1:1', '10.0.0.1:5', '10.0.0.2:5', '[::1]:1', '@'].map((from) => type({ from })),
    [0, 0, 1, 0, 0]);
  const source = finder({ sourcePrefixRanges: [range('10.9.0.0/16')], sourcePorts: [5, 6] },
    { sourcePrefixRanges: [range('10.9.0.0/16')] }, { sourcePrefixRanges: [range('10.0.0.0/8')] });
  t.same(['10.9.0.1:5', '10.9.0.1:7', '10.8.0.1:5', '11.0.0.0:5'].map((from) => source({ from })),
    [0, 1, 2, -1]);
});

t.test('a level that matched is not left again', async (t) => {
  const find = finder({ destinationPort: 80, serverNames: ['a'] }, {}, { prefixRanges: [range('10.0.0.0/24')],
    transportProtocol: 'tls' });
  t.equal(find({}), -1, 'the port has chains, none of them fits');
  t.equal(find({ to: '10.0.0.1:81' }), -1, 'the longer range has chains, none of them fits');
  t.equal(find({ to: '10.0.1.1:81' }), 1);
});

t.test('chains that overlap', async (t) => {
  const tree = new FilterChainTree();
  t.ok(tree.add(match({ serverNames: ['a', 'b'] }), 0));
  t.notOk(tree.add(match({ serverNames: ['b', 'c'] }), 1));
  t.ok(tree.add(match({ serverNames: ['b'], sourceType: 'external' }), 2));
  t.ok(tree.add(match({ prefixRanges: [range('10.0.0.0/8')] }), 3));
  t.notOk(tree.add(match({ prefixRanges: [range('10.255.0.0/8')] }), 4), 'the same network by another address');
});

t.test('random chains, against a plain reading', async (t) => {
  const random = new Random(7);
  const pick = <T>(list: readonly T[]): T => random.pick(list);
  const names = ['', 'a.x', '*.x', 'b.y'], transports = ['', 'tls'], protocols = ['', 'h2', 'http/1.1'];
  let found = 0;
  for (let round = 0; round < 300; round++) {
    const tree = new FilterChainTree();
    const chains: (FilterChainMatch | null)[] = [];
    for (let n = 0; n < 8; n++) {
      const name = pick(names), protocol = pick(protocols);
      const one = match({ destinationPort: pick([0, 0, 80]), serverNames: name === '' ? [] : [name],
        transportProtocol: pick(transports), applicationProtocols: protocol === '' ? [] : [protocol] });
      chains.push(tree.add(one, n) ? one : null);
    }
    for (let n = 0; n < 20; n++) {
      const question = ask({ to: pick(['1.1.1.1:80', '1.1.1.1:81']), serverName: pick(['', 'a.x', 'c.x', 'z']),
        transportProtocol: pick(['tls', 'raw_buffer']), applicationProtocols: pick([[], ['h2'], ['http/1.1', 'h2']]) });
      const expected = plainly(chains, question);
      t.equal(tree.find(question), expected);
      if (expected >= 0) found++;
    }
  }
  t.ok(found > 1000);
});

/** Level by level: keep the chains with the most specific value that any chain has and the connection fits. */
function plainly(chains: readonly (FilterChainMatch | null)[], question: ChainQuestion): number {
  let left = chains.map((chain, index) => ({ chain, index })).filter(({ chain }) => chain !== null) as
    { chain: FilterChainMatch; index: number }[];
  const keep = (values: readonly string[], of: (chain: FilterChainMatch) => string): void => {
    const best = values.find((value) => left.some(({ chain }) => of(chain) === value));
    left = best === undefined ? [] : left.filter(({ chain }) => of(chain) === best);
  };
  const port = question.local?.kind === 'ip' ? question.local.port : 0;
  keep([String(port), '0'], (chain) => String(chain.destinationPort));
  const name = question.serverName;
  keep([name, ...(name.endsWith('.x') ? ['*.x'] : []), ''], (chain) => chain.serverNames[0] ?? '');
  keep([question.transportProtocol, ''], (chain) => chain.transportProtocol);
  keep([...question.applicationProtocols, ''], (chain) => chain.applicationProtocols[0] ?? '');
  return left[0]?.index ?? -1;
}
