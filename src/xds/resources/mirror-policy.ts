// route.v3.RouteAction.RequestMirrorPolicy: where requests are sent as well. Stands at three levels; the innermost
// that has
// any is used.
import { limits } from '../../core/limits.js';
import type { MirrorPolicy } from '../../config/types.js';
import { always } from '../../config/runtime.js';
import type { RouteActionRequestMirrorPolicy } from '../wire/generated/messages.js';
import { fieldPath } from '../wire/message.js';
import type { Report } from '../wire/message.js';
import { readMutations } from './filters/headers.js';
import type { ClusterReference } from './route-context.js';
import { readRuntimeFraction } from './runtime.js';

const emptyToNull = (text: string | undefined): string | null => text === undefined || text === '' ? null : text;

export function readMirrorPolicies(policies: RouteActionRequestMirrorPolicy[] | undefined, path: string,
  report: Report, references: ClusterReference[] | null): MirrorPolicy[] {
  const at = fieldPath(path, 'request_mirror_policies');
  if (policies === undefined) return [];
  if (policies.length > limits.mirrorsMax) report.fail(at, `more than ${limits.mirrorsMax}`);
  return policies.map((policy, index): MirrorPolicy => {
    const cluster = policy.cluster ?? '';
    const clusterHeader = emptyToNull(policy.clusterHeader)?.toLowerCase() ?? null;
    if ((cluster === '') === (clusterHeader === null))
      report.fail(`${at}[${index}]`, 'exactly one of cluster and cluster_header must be set');
    if (cluster !== '') references?.push({ cluster, path: `${at}[${index}].cluster` });
    return { cluster, clusterHeader,
      fraction: policy.runtimeFraction === undefined ? null : readRuntimeFraction(policy.runtimeFraction, always),
      hostSuffix: !(policy.disableShadowHostSuffixAppend ?? false),
      hostRewrite: emptyToNull(policy.hostRewriteLiteral),
      headers: readMutations(policy.requestHeadersMutations, `${at}[${index}].request_headers_mutations`, report)
        .map((mutation) => 'add' in mutation ? { add: [mutation.add], remove: [] }
          : { add: [], remove: [mutation.remove] }) };
  });
}
