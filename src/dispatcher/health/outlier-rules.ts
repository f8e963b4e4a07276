// What each kind of ejection is called: its shared word, its runtime key, its share of enforcement, its counters.
import type { EjectionType, OutlierDetection } from '../../config/health.js';
import { EndpointState } from '../../core/memory-map.js';

interface Rule { key: string; share: keyof OutlierDetection['enforcing']; counter: string }

export const rules: { readonly [T in EjectionType]: Rule } = {
  CONSECUTIVE_5XX: { key: 'enforcing_consecutive_5xx', share: 'consecutive5xx', counter: 'consecutive_5xx' },
  CONSECUTIVE_GATEWAY_FAILURE: { key: 'enforcing_consecutive_gateway_failure', share: 'consecutiveGateway',
    counter: 'consecutive_gateway_failure' },
  SUCCESS_RATE: { key: 'enforcing_success_rate', share: 'successRate', counter: 'success_rate' },
  CONSECUTIVE_LOCAL_ORIGIN_FAILURE: { key: 'enforcing_consecutive_local_origin_failure', share: 'consecutiveLocal',
    counter: 'consecutive_local_origin_failure' },
  SUCCESS_RATE_LOCAL_ORIGIN: { key: 'enforcing_local_origin_success_rate', share: 'localSuccessRate',
    counter: 'local_origin_success_rate' },
  FAILURE_PERCENTAGE: { key: 'enforcing_failure_percentage', share: 'failurePercent', counter: 'failure_percentage' },
  FAILURE_PERCENTAGE_LOCAL_ORIGIN: { key: 'enforcing_failure_percentage_local_origin', share: 'localFailurePercent',
    counter: 'local_origin_failure_percentage' },
};

/** The word in which a run of such failures is counted. */
export function wordOf(type: EjectionType): number {
  if (type === 'CONSECUTIVE_GATEWAY_FAILURE') return EndpointState.consecutiveGatewayFailures;
  return type === 'CONSECUTIVE_5XX' ? EndpointState.consecutive5xx : EndpointState.consecutiveLocalFailures;
}

/** cluster.<name>.outlier_detection.* */
export class OutlierCounts {
  overflow = 0;
  /** Counters that Envoy calls deprecated and still shows. */
  readonly old = { consecutive5xx: 0, successRate: 0, total: 0 };
  private total = 0;
  private readonly byType = new Map<EjectionType, { detected: number; enforced: number }>();

  constructor() {
    for (const type of Object.keys(rules) as EjectionType[]) this.byType.set(type, { detected: 0, enforced: 0 });
  }
  detected(type: EjectionType): void { this.byType.get(type)!.detected++; }
  enforced(type: EjectionType): void {
    this.total++;
    this.byType.get(type)!.enforced++;
  }

  *entries(): Iterable<readonly [name: string, value: number]> {
    yield ['ejections_overflow', this.overflow];
    yield ['ejections_consecutive_5xx', this.old.consecutive5xx];
    yield ['ejections_success_rate', this.old.successRate];
    yield ['ejections_total', this.old.total];
    yield ['ejections_enforced_total', this.total];
    for (const [type, { detected, enforced }] of this.byType) {
      yield [`ejections_detected_${rules[type].counter}`, detected];
      yield [`ejections_enforced_${rules[type].counter}`, enforced];
    }
  }
}
