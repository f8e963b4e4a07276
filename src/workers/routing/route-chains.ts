// The filter chains of a route, or of one of its weighted clusters, where levels of the route configuration say
// something about filters: one for each connection manager that has sent a request here, made at the first one.
import type { BoundFilter } from '../../config/snapshot/layout.js';
import type { FilterChain, ManagerFilters } from '../filters/chain.js';

/** What the levels of a route configuration say about filters, from the least to the most specific. */
export type FilterLevels = readonly (readonly BoundFilter[])[];

export class RouteChains {
  private readonly byManager = new Map<ManagerFilters, FilterChain>();
  private lastManager: ManagerFilters | null = null;
  private lastChain: FilterChain | null = null;

  constructor(private readonly levels: FilterLevels) {}

  of(manager: ManagerFilters): FilterChain {
    if (this.lastManager === manager) return this.lastChain!;
    let chain = this.byManager.get(manager);
    if (chain === undefined) {
      chain = manager.chainFor(this.levels);
      this.byManager.set(manager, chain);
      manager.routes.add(this);
    }
    this.lastManager = manager;
    return this.lastChain = chain;
  }

  /** The connection manager is gone. */
  forget(manager: ManagerFilters): void {
    this.byManager.get(manager)?.release();
    this.byManager.delete(manager);
    if (this.lastManager === manager) this.lastManager = this.lastChain = null;
  }

  release(): void {
    for (const [manager, chain] of this.byManager) {
      chain.release();
      manager.routes.delete(this);
    }
    this.byManager.clear();
  }
}

