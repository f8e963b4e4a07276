// One proxy of each kind with scripted upstreams behind it, for a whole test file: starting a process costs more than
// most tests.
import { bootstrap, type ClusterSpec, type ListenerSpec } from './bootstrap.js';
import { freePort } from './ports.js';
import { Proxy, weftKinds, type ProxyKind } from './proxy.js';
import { Upstream } from './upstream.js';

type Test = import('tap').Test;

export interface Fixture {
  kind: ProxyKind;
  proxy: Proxy;
  /** Upstreams by the names given; each is a cluster of the same name. */
  upstream: Record<string, Upstream>;
  /** Listener ports by name. */
  port: Record<string, number>;
}
export interface FixtureSpec {
  upstreams: readonly string[];
  listeners: readonly Omit<ListenerSpec, 'port' | 'logFile'>[];
  /** Fields of the clusters by name, and further clusters. */
  clusters?: Record<string, Record<string, unknown>>;
  more?: (ports: Record<string, number>) => ClusterSpec[];
  options?: string[];
  /** Further top-level fields of the bootstrap. */
  bootstrap?: Record<string, unknown>;
}

/** WEFT_TEST_KINDS=envoy runs the same tests on Envoy, to see that they ask for what Envoy does. */
const kinds =
  process.env.WEFT_TEST_KINDS === undefined ? weftKinds : (process.env.WEFT_TEST_KINDS.split(',') as ProxyKind[]);

/** Runs `tests` on each kind of proxy, one after the other. */
export async function forEachProxy(
  t: Pick<Test, 'test'>,
  spec: FixtureSpec,
  tests: (t: Test, fixture: Fixture) => Promise<void>,
): Promise<void> {
  for (const kind of kinds) {
    await t.test(kind, async (t) => {
      const fixture = await startFixture(kind, spec);
      try {
        await tests(t, fixture);
      } finally {
        await stopFixture(fixture);
      }
    });
  }
}

export async function startFixture(kind: ProxyKind, spec: FixtureSpec): Promise<Fixture> {
  const upstream: Record<string, Upstream> = {},
    port: Record<string, number> = {},
    ports: Record<string, number> = {};
  for (const name of spec.upstreams) {
    upstream[name] = await Upstream.start(await freePort());
    ports[name] = upstream[name].port;
  }
  for (const listener of spec.listeners) port[listener.name] = await freePort();
  const adminPort = await freePort();
  const clusters: ClusterSpec[] = [
    ...spec.upstreams.map((name) => ({ name, ports: [ports[name]], fields: spec.clusters?.[name] })),
    ...(spec.more?.(ports) ?? []),
  ];
  const proxy = await Proxy.start(
    kind,
    adminPort,
    (folder) => ({
      ...bootstrap(
        adminPort,
        spec.listeners.map((listener) => ({
          ...listener,
          port: port[listener.name],
          logFile: `${folder}/${listener.name}.log`,
        })),
        clusters,
      ),
      ...spec.bootstrap,
    }),
    spec.options,
  );
  return { kind, proxy, upstream, port };
}

export async function stopFixture(fixture: Fixture): Promise<void> {
  await fixture.proxy.stop();
  for (const upstream of Object.values(fixture.upstream)) await upstream.stop();
}
