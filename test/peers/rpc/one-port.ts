// Dubbo 2 and Triple on one port: a Dubbo server takes both, and so do a listener with AUTO and a cluster that speaks
// what its clients speak. The peer's clients are one of each.
import { javaPeer, type JavaPeer } from './java.js';
import type { Caller, Many, Outcome, Peer } from './peer.js';

/** The first that is not right. */
async function both(...outcomes: Promise<Outcome>[]): Promise<Outcome> {
  const all = await Promise.all(outcomes);
  return all.find(({ right }) => !right) ?? all[0]!;
}

/** Throws one line where it cannot be built. */
export function onePortPeer(name: string, dubbo: JavaPeer, triple: JavaPeer): Peer {
  const one = javaPeer({ ...dubbo, options: [...dubbo.options, '-Dpeers.other=tri'] }), other = javaPeer(triple);
  const call = async (port: number): Promise<Caller> => {
    const first = await one.call(port), second = await other.call(port);
    const all = async (): Promise<Map<string, Outcome>> => new Map([
      ...[...await first.all()].map(([called, found]) => [`Dubbo, ${called}`, found] as const),
      ...[...await second.all()].map(([called, found]) => [`Triple, ${called}`, found] as const)]);
    const many = async (count: number, atOnce: number, tookMs: number): Promise<Many> => {
      const ran = await Promise.all([first, second].map((caller) => caller.many(count / 2, atOnce / 2, tookMs)));
      const [bad] = ran.filter(({ wrong }) => wrong > 0);
      return { wrong: ran[0]!.wrong + ran[1]!.wrong, first: bad?.first ?? '', ms: Math.max(ran[0]!.ms, ran[1]!.ms) };
    };
    return { all, many, notes: first.notes,
      edited: async (wanted) => await both(first.edited!(wanted), second.edited!(wanted)),
      special: (called, times) => first.special(called, times),
      close: async () => { await first.close(); await second.close(); } };
  };
  return { name, protocol: 'any', load: triple.load, connections: 2, errors: dubbo.errors, serve: one.serve, call,
    close: () => { one.close(); other.close(); } };
}
