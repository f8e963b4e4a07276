// What a CPU scenario is: a shape of proxy, a traffic, and whether the backend shares the proxy's core.
import type { Shape } from '../bootstrap.js';
import type { Traffic } from '../load/traffic.js';

/** One configuration and one traffic; a scenario with several variants measures each peer once per variant. */
export interface Variant { suffix: string; shape: Shape; traffic: Traffic }

export interface CpuScenario {
  name: string;
  title: string;
  crowded: boolean;
  variants: Variant[];
  /**
   * Suffix of the variant of the same peer that the others are compared with; null: compare with nginx, HAProxy, Envoy.
   */
  baselineSuffix: string | null;
}
