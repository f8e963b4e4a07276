// MOSN, where MOSN_BIN names a binary: Bolt and Dubbo by its own codecs, one processor. Nothing else is measured of it.
import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { RPC_BACKEND } from '../bootstrap.js';
import { findProgram, launch, type Running } from '../process/launch.js';
import type { Instance, Peer } from './peer.js';

export function mosnPeer(name: string): Peer {
  const program = process.env.MOSN_BIN ? findProgram(process.env.MOSN_BIN) : null;
  const version = program === null ? null : spawnSync(program, ['--version'], { encoding: 'utf8' }).stdout.trim();
  return {
    name, version, missing: 'MOSN_BIN names no program', readyPath: null,
    start: (instance: Instance): Running => launch(instance.name, [program!, 'start', '-c', write(instance)],
      join(instance.folder, `${instance.name}.log`), instance.core),
  };
}

function write({ folder, name, shape, ports }: Instance): string {
  if (shape.rpc === undefined) throw new Error('MOSN is measured for RPC protocols alone');
  const any = { match: { headers: [{ name: 'service', value: '.*' }] }, route: { cluster_name: 'backend' } };
  const proxy = { type: 'proxy', config: { downstream_protocol: shape.rpc, upstream_protocol: shape.rpc,
    router_config_name: 'rpc' } };
  const file = join(folder, `${name}.mosn.json`);
  writeFileSync(file, JSON.stringify({
    servers: [{ default_log_path: 'stdout', default_log_level: 'ERROR', processor: 1,
      routers: [{ router_config_name: 'rpc', virtual_hosts: [{ name: 'all', domains: ['*'], routers: [any] }] }],
      listeners: [{ name: 'rpc', address: `127.0.0.1:${ports.listener}`, bind_port: true,
        filter_chains: [{ filters: [proxy] }] }] }],
    cluster_manager: { clusters: [{ name: 'backend', type: 'SIMPLE', lb_type: 'LB_ROUNDROBIN',
      hosts: [{ address: `127.0.0.1:${ports.backend + RPC_BACKEND[shape.rpc]}` }] }] },
    admin: { address: { socket_address: { address: '127.0.0.1', port_value: ports.admin } } },
  }, null, 1));
  return file;
}
