// Bootstraps for tests: the smallest that is good, and a way to change one thing in it.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { compileBootstrap } from '../../src/xds/compile/bootstrap.js';
import type { CompiledBootstrap } from '../../src/xds/compile/bootstrap.js';
import { configForms } from '../../src/xds/store.js';
import type { CompiledResource } from '../../src/xds/compile/resource.js';

export type Tree = { [key: string]: unknown };
export const typeUrl = (name: string): string => `type.googleapis.com/${name}`;
const network = 'envoy.extensions.filters.network';
export const hcmTypeUrl = typeUrl(`${network}.http_connection_manager.v3.HttpConnectionManager`);
export const routerTypeUrl = typeUrl('envoy.extensions.filters.http.router.v3.Router');
export const httpOptions = 'envoy.extensions.upstreams.http.v3.HttpProtocolOptions';

export const ipAddress = (port: number, host = '127.0.0.1'): Tree =>
  ({ socket_address: { address: host, port_value: port } });
export const router = (): Tree => ({ name: 'router', typed_config: { '@type': routerTypeUrl } });
export const route = (cluster = 'backend'): Tree => ({ match: { prefix: '/' }, route: { cluster } });
export const virtualHost = (): Tree => ({ name: 'all', domains: ['*'], routes: [route()] });

export const connectionManager = (more: Tree = {}): Tree => ({ '@type': hcmTypeUrl, stat_prefix: 'ingress',
  route_config: { name: 'local', virtual_hosts: [virtualHost()] }, http_filters: [router()], ...more });
export const listener = (more: Tree = {}, hcm: Tree = connectionManager()): Tree =>
  ({ name: 'front', address: ipAddress(21010),
  filter_chains: [{ filters: [{ name: 'hcm', typed_config: hcm }] }], ...more });
export const loadAssignment = (name = 'backend', port = 21020): Tree =>
  ({ cluster_name: name, endpoints: [{ lb_endpoints: [{ endpoint: { address: ipAddress(port) } }] }] });
export const cluster =
  (more: Tree = {}): Tree =>
    ({ name: 'backend', connect_timeout: '0.25s', load_assignment: loadAssignment(), ...more });
export const bootstrap = (listeners: unknown[] = [listener()], clusters: unknown[] = [cluster()],
  more: Tree = {}): Tree =>
  ({ static_resources: { listeners, clusters }, ...more });

/** Compiles a bootstrap given as a tree; its label in errors is '--config-yaml'. */
export const compile = (tree: unknown, allowUnknownFields = false): CompiledBootstrap =>
  compileBootstrap({ configPath: null, configYaml: JSON.stringify(tree), allowUnknownFields });

/** The errors of a bootstrap, without file and line. */
export function errorsOf(tree: unknown): string[] {
  const result = compile(tree);
  return result.ok ? []
    : result.errors.map((line) => line.replace(/^--config-yaml: /, '').replace(/ \(line \d+\)$/, ''));
}

/** The plain value of the resource of this kind. */
export function configOf<T>(tree: unknown, kind: 'listener' | 'cluster' | 'route'): T {
  const result = compile(tree);
  if (!result.ok) throw new Error(result.errors.join('\n'));
  const texts = result.resources.flatMap((resource: CompiledResource) => [resource, ...resource.inlineRoutes]);
  const found = texts.find((text) => text.kind === kind);
  if (found === undefined) throw new Error(`no ${kind}`);
  return configForms[found.kind].ofText(found.configJson) as T;
}

const directories: string[] = [];
process.on('exit', () => {
  for (const directory of directories) rmSync(directory, { recursive: true, force: true });
});

/** A directory that goes away with the process. */
export function temporaryDirectory(): string {
  const directory = mkdtempSync(join(tmpdir(), 'weft-config-'));
  directories.push(directory);
  return directory;
}
export function writeJson(file: string, tree: unknown): string {
  writeFileSync(file, JSON.stringify(tree));
  return file;
}
