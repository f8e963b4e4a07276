// Bootstrap files into plain values and compiled static resources. Runs in the compile pool when the files are large.
import { readFileSync, statSync } from 'node:fs';
import type { Bootstrap } from '../../config/bootstrap/bootstrap.js';
import type { AdminConfig } from '../../config/types.js';
import { limits } from '../../core/limits.js';
import { fileLog, readAccessLogs } from '../resources/access-log.js';
import { readAddress } from '../resources/address.js';
import { readConfigSource } from '../resources/config-source.js';
import { readTypedResolver } from '../resources/dns.js';
import type { ClusterReference } from '../resources/route-context.js';
import { readOverload } from '../resources/overload.js';
import { readStatsConfig } from '../resources/stats-config.js';
import { missingCodec, readBootstrapExtensions, unknownCodec } from '../resources/rpc-codecs.js';
import { readRuntimeLayers } from '../resources/runtime-layers.js';
import { checkMessage } from '../wire/check.js';
import { otherKind } from '../secrets/definition.js';
import type { SecretDefinition } from '../secrets/definition.js';
import type { Admin, Bootstrap as BootstrapMessage, Secret } from '../wire/generated/messages.js';
import { JsonReader } from '../wire/json-reader.js';
import { writeMessage } from '../wire/json-writer.js';
import { mergeMessage } from '../wire/merge.js';
import { Report } from '../wire/message.js';
import { formatProblems } from './problems.js';
import { compileResource } from './resource.js';
import type { CompiledResource } from './resource.js';
import { looksLikeJson, parseText } from './text.js';
import type { ParsedText } from './text.js';

/** Runtime keys that turn pieces of Envoy's own code on and off. */
const switchesOfEnvoy = /^(envoy\.(reloadable|restart|deprecated)_features|re2)[.:]/;
const bootstrapType = 'envoy.config.bootstrap.v3.Bootstrap';

export interface BootstrapSources {
  /** The file of -c, or null. */
  configPath: string | null;
  /** The text of --config-yaml, or null; it lies over the file. */
  configYaml: string | null;
  allowUnknownFields: boolean;
}

export type CompiledBootstrap =
  | { ok: true; bootstrap: Bootstrap; resources: CompiledResource[] }
  | { ok: false; errors: string[] };

interface Part { label: string; parsed: ParsedText; message: BootstrapMessage }

/** The whole bootstrap, or every error in it. */
export function compileBootstrap(sources: BootstrapSources): CompiledBootstrap {
  const errors: string[] = [];
  const warnings: string[] = [];
  const parts: Part[] = [];
  const inputs = inputsOf(sources, errors);
  for (const { label, text, isJson } of inputs) {
    const report = new Report(sources.allowUnknownFields, limits.configErrorsMax);
    const parsed = parseText(text, isJson, report);
    if (parsed !== null) {
      const message = new JsonReader(report, parsed.yaml).read(bootstrapType, parsed.tree, '') as BootstrapMessage;
      parts.push({ label, parsed, message });
      parsed.tree = null;    // the message is all that is needed from here on
    }
    errors.push(...formatProblems(label, report, parsed));
    warnings.push(...report.warnings.map(({ path, reason }) => `${label}: ${path}: ${reason}`));
  }
  if (inputs.length === 0 && errors.length === 0) {
    errors.push('no configuration: give a file with -c or text with --config-yaml');
  }
  if (parts.length === 0 || parts.length < inputs.length) return { ok: false, errors };
  const merged = parts[0];
  for (const { label, message } of parts.slice(1)) {
    mergeMessage(bootstrapType, merged.message, message);
    merged.label += ` + ${label}`;
  }
  const report = new Report(sources.allowUnknownFields, limits.configErrorsMax);
  const resources = compileStatic(merged.message, report);
  const bootstrap = readBootstrap(merged.message, warnings, report);
  const { localCluster, rpcCodecs } = bootstrap;
  for (const { codecs } of resources) {
    const missing = missingCodec(codecs, rpcCodecs);
    if (missing !== null) report.fail(missing.path, unknownCodec(missing));
  }
  if (localCluster !== '' && !resources.some(({ kind, name }) => kind === 'cluster' && name === localCluster))
    report.fail('cluster_manager.local_cluster_name', `no static cluster is called ${localCluster}`);
  warnings.push(...report.warnings.map(({ path, reason }) => `${merged.label}: ${path}: ${reason}`));
  errors.push(...formatProblems(merged.label, report, parts.length === 1 ? merged.parsed : null));
  return errors.length > 0 ? { ok: false, errors: [...new Set(errors)] } : { ok: true, bootstrap, resources };
}

function inputsOf(sources: BootstrapSources, errors: string[]): { label: string; text: string; isJson: boolean }[] {
  const inputs: { label: string; text: string; isJson: boolean }[] = [];
  if (sources.configPath !== null) {
    try {
      if (statSync(sources.configPath).size > limits.configFileBytesMax) {
        throw new Error(`larger than ${limits.configFileBytesMax} bytes`);
      }
      const text = readFileSync(sources.configPath, 'utf8');
      inputs.push({ label: sources.configPath, text, isJson: looksLikeJson(sources.configPath, text) });
    } catch (error) {
      errors.push(`${sources.configPath}: cannot be read: ${(error as Error).message}`);
    }
  }
  if (sources.configYaml !== null) inputs.push({ label: '--config-yaml', text: sources.configYaml, isJson: false });
  return inputs;
}

/** Before those who name them. */
function compileSecrets(secrets: readonly Secret[], report: Report): CompiledResource[] {
  const names = new Set<string>();
  return secrets.flatMap((secret, index) => {
    const path = `static_resources.secrets[${index}]`;
    if (names.has(secret.name ?? '')) report.fail(`${path}.name`, `duplicate secret '${secret.name}'`);
    names.add(secret.name ?? '');
    return compileResource('secret', secret, null, path, report) ?? [];
  });
}

/** What contexts name without saying where it comes from stands in the bootstrap. */
function checkSecrets(resources: readonly CompiledResource[], present: readonly Secret[], report: Report): void {
  const kinds = new Map(resources.filter(({ kind }) => kind === 'secret')
    .map(({ name, configJson }) => [name, (JSON.parse(configJson) as SecretDefinition).kind]));
  const named = new Set(present.map(({ name }) => name));
  for (const { secrets } of resources) {
    for (const use of secrets?.uses ?? []) {
      const kind = use.kind === 'static' ? kinds.get(use.secret) : undefined;
      if (use.kind === 'static' && !named.has(use.secret)) report.fail(use.path, `unknown secret '${use.secret}'`);
      else if (use.kind === 'static' && kind !== undefined && kind !== use.wanted)
        report.fail(use.path, otherKind(use, kind));
    }
  }
}

/** Compiles the static resources and takes them out of the message, so that their trees can be freed. */
function compileStatic(message: BootstrapMessage, report: Report): CompiledResource[] {
  const { clusters = [], listeners = [], secrets = [] } = message.staticResources ?? {};
  const { staticResources } = message;
  delete message.staticResources;
  const result = compileSecrets(secrets, report);
  const names = new Set<string>();
  clusters.forEach((cluster, index) => {
    const path = `static_resources.clusters[${index}]`;
    if (names.has(cluster.name ?? '')) report.fail(`${path}.name`, `duplicate cluster '${cluster.name}'`);
    names.add(cluster.name ?? '');
    const compiled = compileResource('cluster', cluster, null, path, report);
    if (compiled !== null) result.push(compiled);
  });
  const listenerNames = new Set<string>();
  const addresses = new Map<string, string>();
  listeners.forEach((listener, index) => {
    const path = `static_resources.listeners[${index}]`;
    if (listenerNames.has(listener.name ?? '') && listener.name !== '' && listener.name !== undefined) {
      report.fail(`${path}.name`, `duplicate listener '${listener.name}'`);
    }
    listenerNames.add(listener.name ?? '');
    const references: ClusterReference[] = [];
    const compiled = compileResource('listener', listener, `unnamed_${index}`, path, report, references);
    for (const { cluster, path: at } of references) {
      if (!names.has(cluster)) report.fail(at, `unknown cluster '${cluster}'`);
    }
    if (compiled === null) return;
    compiled.references = [];
    result.push(compiled);
    for (const address of compiled.addresses) {
      const other = addresses.get(address);
      if (other !== undefined) report.fail(`${path}.address`, `duplicate address '${address}', also of ${other}`);
      addresses.set(address, path);
    }
  });
  checkSources(result, report);
  checkSecrets(result, secrets, report);
  if (staticResources !== undefined) {
    const rest = { ...staticResources } as { [field: string]: unknown };
    delete rest.clusters;
    delete rest.listeners;
    delete rest.secrets;
    checkMessage('envoy.config.bootstrap.v3.Bootstrap.StaticResources', rest, 'static_resources', report);
  }
  return result;
}

/** A name means one resource: it cannot come from two files. */
function checkSources(resources: CompiledResource[], report: Report): void {
  const files = new Map<string, string>();
  for (const { kind, name: owner, subscriptions } of resources) {
    for (const { kind: wanted, name, source } of subscriptions) {
      const other = files.get(`${wanted}/${name}`);
      if (other !== undefined && other !== source.path) {
        report.fail('static_resources',
          `${kind} ${owner} subscribes to ${wanted} ${name} in ${source.path}, another one in ${other}`);
      }
      files.set(`${wanted}/${name}`, source.path);
    }
  }
}

function readBootstrap(message: BootstrapMessage, warnings: string[], report: Report): Bootstrap {
  checkMessage(bootstrapType, message, '', report);
  const dynamic = message.dynamicResources;
  const runtimeLayers = readRuntimeLayers(message.layeredRuntime, 'layered_runtime', report);
  for (const layer of runtimeLayers) {
    if (layer.kind !== 'static') continue;
    for (const [key] of layer.entries)
      if (switchesOfEnvoy.test(key)) warnings.push(`runtime key ${key} has no effect: it switches code of Envoy`);
  }
  return {
    node: { id: message.node?.id ?? '', cluster: message.node?.cluster ?? '', locality: {
      region: message.node?.locality?.region ?? '', zone: message.node?.locality?.zone ?? '',
      subZone: message.node?.locality?.subZone ?? '' } },
    localCluster: message.clusterManager?.localClusterName ?? '',
    admin: readAdmin(message.admin, report),
    runtimeLayers,
    overload: message.overloadManager === undefined ? null
      : readOverload(message.overloadManager, 'overload_manager', report),
    stats: readStatsConfig(message.statsConfig, 'stats_config', report),
    dnsResolver: message.typedDnsResolverConfig === undefined ? null
      : readTypedResolver(message.typedDnsResolverConfig, 'typed_dns_resolver_config', report),
    rpcCodecs: readBootstrapExtensions(message.bootstrapExtensions ?? [], 'bootstrap_extensions', report),
    outlierLog: message.clusterManager?.outlierDetection?.eventLogPath ?? '',
    lds: dynamic?.ldsConfig === undefined ? null
      : readConfigSource(dynamic.ldsConfig, 'dynamic_resources.lds_config', report),
    cds: dynamic?.cdsConfig === undefined ? null
      : readConfigSource(dynamic.cdsConfig, 'dynamic_resources.cds_config', report),
    wireJson: writeMessage(bootstrapType, message),
    warnings,
  };
}

function readAdmin(admin: Admin | undefined, report: Report): AdminConfig {
  const accessLogs = readAccessLogs(admin?.accessLog, 'admin.access_log', report);
  if (admin?.accessLogPath !== undefined) accessLogs.push(fileLog(admin.accessLogPath));
  const address = admin?.address === undefined ? null : readAddress(admin.address, 'bind', 'admin.address', report);
  return { address, accessLogs };
}
