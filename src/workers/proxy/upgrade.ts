// May this request leave HTTP (Upgrade, CONNECT)? By the route's upgrade list, else the connection manager's, as in
// Envoy. A WebSocket that is not enabled is refused with 403; any other upgrade that is not enabled is ignored and the
// request goes on as plain HTTP/1.1 (RFC 9110 7.8), so that clients offering h2c or TLS upgrades are served.
import { detail } from '../../core/response-flags.js';
import { HttpStat } from '../../telemetry/schema.js';
import type { Engine } from '../engine.js';
import type { RouteRuntime } from '../routing/route.js';
import { upgradeType } from './edits.js';
import type { Proxy } from './request.js';
import type { Stream } from './stream.js';

/** False when the request was answered. */
export function admitUpgrade(engine: Engine, proxy: Proxy, stream: Stream, route: RouteRuntime): boolean {
  const type = stream.isConnect ? 'connect' : upgradeType(engine);
  const ofRoute = route.forward!.upgrades.find((upgrade) => upgrade.type.toLowerCase() === type);
  const enabled = ofRoute?.enabled ?? stream.hcm!.upgrades.get(type) ?? false;
  if (enabled) {
    engine.count(stream.hcm!.scope, HttpStat.downstream_cx_upgrades_total);
    stream.asksUpgrade = true;
    stream.rawTunnel = stream.isConnect && ofRoute?.connect === true;
    return true;
  }
  if (type === 'websocket' || stream.isConnect || stream.downstream!.framed) {
    engine.count(stream.hcm!.scope, HttpStat.downstream_rq_ws_on_non_ws_route);
    proxy.replies.send(stream, 403, 0, detail('upgrade_failed'), '');
    return false;
  }
  stream.isUpgrade = false;
  return true;
}
