// Endpoints that requests name themselves (override_host): the first address of their list that is the cluster's, a
// further one at each further pick, whatever its health; then the balancer that stands behind.
import type { Endpoint } from '../upstream/endpoint.js';
import type { Picker, PickRequest } from './picker.js';

export class OverrideHostPicker implements Picker {
  readonly byHash: boolean;
  panic = false;
  private readonly byText = new Map<string, Endpoint>();

  constructor(priorities: readonly (readonly Endpoint[])[], private readonly behind: Picker) {
    this.byHash = behind.byHash === true;
    for (const endpoints of priorities) for (const endpoint of endpoints) this.byText.set(endpoint.text, endpoint);
  }

  pick(request: PickRequest): Endpoint | null {
    const named = request.overrideHost === null ? null : this.named(request, request.overrideHost);
    const endpoint = named ?? this.behind.pick(request);
    this.panic = named === null && this.behind.panic;
    return endpoint;
  }

  /** The next one of the list that there is. */
  private named(request: PickRequest, list: string): Endpoint | null {
    while (request.overrideAt < list.length) {
      const comma = list.indexOf(',', request.overrideAt);
      const end = comma < 0 ? list.length : comma;
      const endpoint = this.byText.get(list.slice(request.overrideAt, end).trim());
      request.overrideAt = end + 1;
      if (endpoint !== undefined) return endpoint;
    }
    return null;
  }
}
