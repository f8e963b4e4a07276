// Where a request goes whose cluster has no endpoints of its own: to the address that its host was resolved to, to the
// one in its header if the cluster looks there, else where the client wanted to go before it was redirected to us.
import type { Picker } from '../balancing/picker.js';
import type { Engine } from '../engine.js';
import { recordHeader } from '../routing/regex.js';
import type { ClusterRuntime } from '../upstream/cluster.js';
import { sentHead } from './request-id.js';
import type { Stream } from './stream.js';

/** What picks for this request; null: there is no endpoint. */
export function pickerFor(engine: Engine, stream: Stream, cluster: ClusterRuntime): Picker | null {
  const { destinations } = cluster;
  if (destinations === null) return cluster.picker;
  if (destinations.config.resolved)
    return stream.resolvedAddress === '' ? null : destinations.at(stream.resolvedAddress);
  const { headerName } = destinations.config;
  if (headerName !== null) {
    const record = sentHead(engine, stream);
    const text = record === 0 ? null : recordHeader(engine, record, headerName);
    const picker = text === null ? null : destinations.named(text);
    if (picker !== null) return picker;
  }
  const { restoredText } = stream.origin!.addresses;
  return restoredText === '' ? null : destinations.at(restoredText);
}
