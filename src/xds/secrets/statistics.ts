// What of secrets is told as statistics, by Envoy's names: how often SDS changed a context, whose files could not be
// taken, until when certificates are valid. Computed when somebody reads them.
import { daysLeft } from '../../config/certificates.js';
import type { ComputedStatistic } from '../../telemetry/statistics.js';
import type { HeldSecret } from './held.js';
import type { Secrets, SharedSecrets } from './secrets.js';

/** As Envoy calls certificates without a name. */
const unnamed = { leaf: 'unnamed_cert_e3b0c442', ca: 'unnamed_ca_cert_e3b0c442' } as const;

export function* secretStatistics(secrets: Secrets): Iterable<ComputedStatistic> {
  for (const { use, secret, rotationsFailed: value } of secrets.held())
    if (use.kind === 'sds') yield { name: `sds.${secret}.key_rotation_failed`, value, type: 'counter' };
  const expirations = new Map<SharedSecrets, [name: string, validToMs: number][]>();
  for (const { scope, updates, shared } of secrets.owners()) {
    const factory = scope.startsWith('listener.') ? 'server_ssl_socket_factory' : 'client_ssl_socket_factory';
    yield { name: `${scope}${factory}.ssl_context_update_by_sds`, value: updates, type: 'counter' };
    let ends = expirations.get(shared);
    if (ends === undefined) expirations.set(shared, ends = [...endsOf(secrets.heldOf(shared))]);
    for (const [name, validToMs] of ends) {
      yield { name: `${scope}ssl.certificate.${name}.expiration_unix_time_seconds`,
        value: Math.floor(validToMs / 1000), type: 'gauge' };
    }
  }
}

function endsOf(secrets: readonly HeldSecret[]): Map<string, number> {
  const result = new Map<string, number>();
  for (const { loaded, secret } of secrets) {
    for (const part of ['leaf', 'ca'] as const) {
      const facts = loaded?.[part] ?? null;
      if (facts !== null) result.set(secret ?? unnamed[part], facts.validToMs);
    }
  }
  return result;
}

/** Of the certificate that goes first; null while none is in use. */
export function daysUntilFirstExpires(secrets: Secrets, nowMs: number): number | null {
  let least: number | null = null;
  for (const { ca, chain } of secrets.certificates()) {
    for (const facts of ca === null ? chain : [ca, ...chain])
      least = Math.min(least ?? Infinity, daysLeft(facts, nowMs));
  }
  return least;
}
