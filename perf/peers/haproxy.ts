// HAProxy in HTTP mode: one thread, keep-alive both ways, upstream connections shared as its `http-reuse always`
// allows. RPC protocols are bytes to it: TCP mode.
import { spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { HTTP2_BACKEND, MTLS_BACKEND, RPC_BACKEND, hostName } from '../bootstrap.js';
import { certificatesIn } from '../process/certificates.js';
import { findProgram, launch, type Running } from '../process/launch.js';
import type { Instance, Peer } from './peer.js';

const GLOBAL = 'global\n  nbthread 1\n  maxconn 8000\n  no insecure-fork-wanted\n';
const TIMEOUTS = '  timeout connect 2s\n  timeout client 3600s\n  timeout server 3600s\n';

export function haproxyPeer(name: string): Peer {
  const program = findProgram('haproxy');
  const version = program === null ? null : spawnSync(program, ['-v'], { encoding: 'utf8' }).stdout.split('\n')[0];
  return {
    name, version, missing: 'HAProxy is not installed', readyPath: null,
    // Its log goes to standard output: HAProxy writes to no file itself.
    start: (instance: Instance): Running => launch(instance.name, [program!, '-q', '-f', write(instance)],
      join(instance.folder, `${instance.name}.log`), instance.core),
  };
}

function write(instance: Instance): string {
  const { folder, name, shape, ports } = instance;
  if (shape.rpc !== undefined) return writeTcp(instance, ports.backend + RPC_BACKEND[shape.rpc]);
  const { client, server } = shape.protocols ?? { client: 'h1', server: 'h1', grpc: false };
  const certificates = shape.protocols === undefined ? null : certificatesIn(folder);
  const pem = join(folder, `${name}.pem`);
  if (certificates !== null)
    writeFileSync(pem, readFileSync(certificates.cert, 'utf8') + readFileSync(certificates.key, 'utf8'));
  const bind = client === 'h1-tls' ? ` ssl crt ${pem} alpn http/1.1` : client === 'h2' ? ' proto h2' : '';
  const port = ports.backend + (server === 'h1-mtls' ? MTLS_BACKEND : server === 'h2' ? HTTP2_BACKEND : 0);
  const line = server === 'h1-mtls' ? ` ssl crt ${pem} ca-file ${certificates!.root} verify required sni str(localhost)`
    : server === 'h2' ? ' proto h2' : '';
  const hosts = Array.from({ length: shape.hosts }, (_, index) => hostName(index));
  const map = join(folder, `${name}.map`);
  writeFileSync(map, hosts.map((host) => `${host} ${host}`).join('\n') + '\n');
  const names = hosts.length === 0 ? ['backend'] : hosts;
  const backends = names.map((host) =>
    `backend ${host}\n  http-reuse always\n  server s 127.0.0.1:${port} pool-max-conn 256 maxconn 8000${line}`);
  const file = join(folder, `${name}.haproxy.cfg`);
  writeFileSync(file, `
${GLOBAL}  ${shape.accessLog ? 'log stdout format raw local0' : ''}
defaults
  mode http
${TIMEOUTS}  timeout http-keep-alive 3600s
  option http-keep-alive
  ${shape.accessLog ? 'log global\n  option httplog' : ''}
frontend main
  bind 127.0.0.1:${ports.listener} backlog 8192${bind}
  option forwardfor
  ${hosts.length === 0 ? 'default_backend backend' : `use_backend %[req.hdr(host),lower,map(${map})]`}
${backends.join('\n')}
`);
  return file;
}

function writeTcp({ folder, name, ports }: Instance, backend: number): string {
  const file = join(folder, `${name}.haproxy.cfg`);
  writeFileSync(file, `
${GLOBAL}defaults
  mode tcp
${TIMEOUTS}frontend main
  bind 127.0.0.1:${ports.listener} backlog 8192
  default_backend backend
backend backend
  server s 127.0.0.1:${backend} maxconn 8000
`);
  return file;
}
