// A route configuration as a worker uses it: the binary table where it lies, and what follows a match, parsed and
// compiled the first time a route is hit. Everything compiled lives in the arena until the table is dropped.
import { BLOB_HEADER_BYTES } from '../../config/snapshot/layout.js';
import type { RouteConfigJson, VirtualHostJson } from '../../config/snapshot/route-json.js';
import { routeConfigJsonForm, routeJsonForm, virtualHostJsonForm } from '../../config/usual.js';
import { RouteEntry, RouteEntryRecordBytes, RouteTable,
  VirtualHostEntryRecordBytes } from '../../core/generated/layouts.js';
import type { Engine } from '../engine.js';
import { VirtualCluster } from './route-counts.js';
import { RouteRuntime } from './route.js';

export class RouteTableRuntime {
  /** Memory offset of the table. */
  readonly table: number;
  readonly config: RouteConfigJson;
  private users = 0;
  private dropped = false;
  private readonly routes: (RouteRuntime | null)[];
  private readonly virtualHosts: ({ json: VirtualHostJson; clusters: readonly VirtualCluster[] } | null)[];

  constructor(private readonly engine: Engine, readonly blob: number, readonly slot: number) {
    this.table = blob + BLOB_HEADER_BYTES;
    this.config = routeConfigJsonForm.ofText(this.text(this.word(RouteTable.configJsonAt),
      this.word(RouteTable.configJsonBytes)));
    this.routes = new Array<RouteRuntime | null>(this.word(RouteTable.routeCount)).fill(null);
    this.virtualHosts = new Array<null>(this.word(RouteTable.virtualHostCount)).fill(null);
  }

  /** The compiled route; null when the arena has no room for it (the request is answered 503). */
  route(index: number): RouteRuntime | null { return this.routes[index] ?? this.build(index); }

  /** A stream found its route here: what is compiled stays until it leaves. */
  enter(): void { this.users++; }
  leave(): void { if (--this.users === 0 && this.dropped) this.release(); }

  /** The newest root does not name this table any more. */
  drop(): void {
    this.dropped = true;
    if (this.users === 0) this.release();
  }

  private release(): void { for (const route of this.routes) route?.release(this.engine); }

  private build(index: number): RouteRuntime | null {
    const entry = (this.table + this.word(RouteTable.routesAt) + index * RouteEntryRecordBytes) >> 2;
    const { i32 } = this.engine;
    const json = routeJsonForm.ofText(this.text(i32[entry + RouteEntry.jsonAt], i32[entry + RouteEntry.jsonBytes]));
    const host = this.virtualHost(i32[entry + RouteEntry.virtualHost]);
    const route = RouteRuntime.compile(this.engine, this, json, host.json, host.clusters);
    this.routes[index] = route;
    return route;
  }

  private virtualHost(index: number): { json: VirtualHostJson; clusters: readonly VirtualCluster[] } {
    const known = this.virtualHosts[index];
    if (known !== null) return known;
    const at = (this.table + this.word(RouteTable.virtualHostsAt) + index * VirtualHostEntryRecordBytes) >> 2;
    const json = virtualHostJsonForm.ofText(this.text(this.engine.i32[at + 2], this.engine.i32[at + 3]));
    const host = { json, clusters: json.virtualClusters.map((cluster) => new VirtualCluster(this.engine, cluster)) };
    this.virtualHosts[index] = host;
    return host;
  }

  private word(field: number): number { return this.engine.i32[(this.table >> 2) + field]; }

  private text(at: number, bytes: number): string {
    return Buffer.from(this.engine.u8.slice(this.table + at, this.table + at + bytes)).toString('utf8');
  }
}
