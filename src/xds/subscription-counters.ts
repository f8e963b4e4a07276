// How the outcome of one update is counted, alike for all four kinds of resources.
import { createHash } from 'node:crypto';
import type { SubscriptionCounters } from './store.js';

/** The source could not be read or parsed. */
export function countFailure(counters: SubscriptionCounters): void { counters.update_failure++; }

/** The source was read and something in it was refused. */
export function countRejected(counters: SubscriptionCounters): void { counters.update_rejected++; }

/** Everything in the source is in force. */
export function countSuccess(counters: SubscriptionCounters, versionInfo: string, changed: boolean): void {
  counters.update_success++;
  counters.update_time = Date.now();
  counters.version_text = versionInfo;
  counters.version = versionInfo === '' ? 0 : createHash('sha1').update(versionInfo).digest().readUIntBE(0, 6);
  if (changed) counters.config_reload++;
}
