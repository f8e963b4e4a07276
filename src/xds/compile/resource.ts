// One resource message into everything that the store and the subscriptions need of it, as text and plain values: what
// a thread of the compile pool can hand to main. All errors of the resource are in the report.
import { createHash } from 'node:crypto';
import type { FileSource } from '../../config/bootstrap/bootstrap.js';
import type { Form } from '../../config/form.js';
import { readCluster } from '../resources/cluster.js';
import { readAssignment } from '../resources/endpoint.js';
import { readListener } from '../resources/listener.js';
import { readRouteConfiguration } from '../resources/route.js';
import { checkContents, readSecret } from '../resources/secret.js';
import type { CodecReference } from '../resources/rpc.js';
import type { GatheredSecrets } from '../resources/tls-context.js';
import { ownName } from '../secrets/definition.js';
import type { SecretUses } from '../secrets/definition.js';
import type { ClusterReference } from '../resources/route-context.js';
import { configForms, resourceTypeUrls } from '../store.js';
import type { ResourceKind } from '../store.js';
import type { Cluster, ClusterLoadAssignment, Listener, RouteConfiguration, Secret }
  from '../wire/generated/messages.js';
import { checkMessage } from '../wire/check.js';
import { writeMessage } from '../wire/json-writer.js';
import { fieldPath } from '../wire/message.js';
import type { Report } from '../wire/message.js';

export interface CompiledText {
  kind: ResourceKind;
  name: string;
  owner: string | null;
  configJson: string;
  wireJson: string;
  hash: string;
}

/** A resource and what comes with it. */
export interface CompiledResource extends CompiledText {
  /** Route configurations that stand inside a listener. */
  inlineRoutes: CompiledText[];
  /** What a listener or cluster subscribes to: route configurations, or one assignment. */
  subscriptions: { kind: 'route' | 'assignment'; name: string; source: FileSource; statPrefix: string }[];
  /** Clusters that must exist. */
  references: ClusterReference[];
  /** Codecs of RPC protocols that must be in the bootstrap. */
  codecs: CodecReference[];
  /** Addresses that a listener binds, as text; only one listener may have each. */
  addresses: string[];
  /** Of a listener or cluster with TLS; null: it has none. A secret's own definition is its configJson. */
  secrets: SecretUses | null;
}

export const messageTypeOf = (kind: ResourceKind): string =>
  resourceTypeUrls[kind].slice(resourceTypeUrls[kind].indexOf('/') + 1);

function textOf(kind: ResourceKind, name: string, owner: string | null, config: object, message: object): CompiledText {
  const wireJson = writeMessage(messageTypeOf(kind), message, resourceTypeUrls[kind]);
  const hash = createHash('sha1').update(wireJson).digest('hex').slice(0, 16);
  return { kind, name, owner, configJson: (configForms[kind] as Form<object>).text(config), wireJson, hash };
}

/** Name of a resource message before it is known to be good; '' where it has none. */
export function resourceName(kind: ResourceKind, message: object): string {
  if (kind === 'assignment') return (message as ClusterLoadAssignment).clusterName ?? '';
  return (message as { name?: string }).name ?? '';
}

/**
 * Null with the reasons in the report. `fallbackName` names a listener without a name; `path` is where the resource
 * stands.
 * The clusters that must exist are added to `references` in any case, so that their absence is reported with the rest.
 */
export function compileResource(kind: ResourceKind, message: object, fallbackName: string | null, path: string,
  report: Report,
  references: ClusterReference[] = []): CompiledResource | null {
  const errors = report.errors.length + report.dropped;
  checkMessage(messageTypeOf(kind), message, path, report);
  const result = convert(kind, message, fallbackName, path, report, references);
  return report.errors.length + report.dropped > errors ? null : result();
}

const fieldOf = { certificate: 'tls_certificate', validation: 'validation_context',
  ticketKeys: 'session_ticket_keys' } as const;

const usesOf = ({ uses, contexts }: GatheredSecrets, scope: string): SecretUses | null =>
  contexts.length === 0 ? null : { scope, uses, contexts };

/** Reads now, so that all errors are found; the texts are made only when there was none. */
function convert(kind: ResourceKind, message: object, fallbackName: string | null, path: string, report: Report,
  references: ClusterReference[]): () => CompiledResource {
  const none = { inlineRoutes: [], subscriptions: [], references, codecs: [], addresses: [], secrets: null };
  if (kind === 'listener') {
    const { config, inlineRoutes, subscriptions, secrets, codecs } = readListener(message as Listener, fallbackName,
      path, report, references);
    return () => ({
      ...textOf(kind, config.name, null, config, message),
      inlineRoutes: inlineRoutes.map((routes) => textOf('route', routes.name, config.name, routes.config,
        routes.message)),
      subscriptions: subscriptions.map((subscription) => ({ kind: 'route' as const, ...subscription })),
      references, codecs,
      addresses: config.addresses.map((address) => address.kind === 'pipe' ? address.path
        : `${address.host} ${address.port}`)
        .filter((text) => !text.endsWith(' 0')),
      secrets: usesOf(secrets, `listener.${config.statName}.`),
    });
  }
  if (kind === 'cluster') {
    const { config, eds, secrets, codecs } = readCluster(message as Cluster, path, report);
    const name = config.edsServiceName === '' ? config.name : config.edsServiceName;
    return () => ({ ...textOf(kind, config.name, null, config, message), ...none, codecs,
      secrets: usesOf(secrets, `cluster.${config.altStatName}.`),
      subscriptions: eds === null ? []
        : [{ kind: 'assignment' as const, name, source: eds, statPrefix: config.altStatName }] });
  }
  if (kind === 'assignment') {
    const config = readAssignment(message as ClusterLoadAssignment, 'connect', path, report);
    return () => ({ ...textOf(kind, config.clusterName, null, config, message), ...none });
  }
  if (kind === 'secret') {
    const name = (message as Secret).name ?? '';
    if (name === '') report.fail(fieldPath(path, 'name'), 'required');
    const definition = readSecret(message as Secret, path, report);
    if (definition !== null)
      checkContents(definition, ownName(definition), fieldPath(path, fieldOf[definition.kind]), report);
    return () => ({ ...textOf(kind, name, null, definition!, message), ...none });
  }
  const routes = message as RouteConfiguration;
  const name = routes.name ?? '';
  if (name === '') report.fail(fieldPath(path, 'name'), 'required');
  const config = readRouteConfiguration(routes, name, path, report, routes.validateClusters?.value === true
    ? references : null);
  return () => ({ ...textOf(kind, name, null, config, message), ...none });
}
