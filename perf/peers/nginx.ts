// nginx as a reverse proxy: HTTP/1.1 and keep-alive to the upstream, one worker, streaming both ways, no logging unless
// asked.
import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { HTTP2_BACKEND, MTLS_BACKEND, accessLogFile, hostName } from '../bootstrap.js';
import { certificatesIn } from '../process/certificates.js';
import { findProgram, launch, type Running } from '../process/launch.js';
import type { Instance, Peer } from './peer.js';

export function nginxPeer(name: string): Peer {
  const program = findProgram('nginx');
  const version = program === null ? null : spawnSync(program, ['-v'], { encoding: 'utf8' }).stderr.trim();
  return {
    name, version, missing: 'nginx is not installed', readyPath: null,
    start: (instance: Instance): Running => {
      if (instance.shape.rpc !== undefined) throw new Error('nginx speaks no RPC protocol');
      if (instance.shape.protocols?.server === 'h2' && !instance.shape.protocols.grpc)
        throw new Error('nginx speaks no HTTP/2 to upstreams');
      const log = join(instance.folder, `${instance.name}.log`);
      return launch(instance.name, [program!, '-p', instance.folder, '-c', write(instance), '-e', log], log,
        instance.core);
    },
  };
}

// The access log is buffered as Envoy's is; `$host` and the rest give a line about as long as Envoy's default format.
const LOG_FORMAT = `log_format mesh '[$time_iso8601] "$request" $status - $request_length $bytes_sent $request_time '
    '$upstream_response_time "$http_x_forwarded_for" "$http_user_agent" "$http_x_request_id" '
    '"$host" "$upstream_addr"';`;

function write(instance: Instance): string {
  const { folder, name, shape, ports } = instance;
  const { client, server, grpc, old } = shape.protocols ?? { client: 'h1', server: 'h1', grpc: false, old: false };
  const certificates = shape.protocols === undefined ? null : certificatesIn(folder);
  const names = shape.hosts === 0 ? ['_'] : Array.from({ length: shape.hosts }, (_, index) => hostName(index));
  const upstreams = names.map((_, index) =>
    `upstream u${index} { server 127.0.0.1:${ports.backend + (server === 'h1-mtls' ? MTLS_BACKEND
      : server === 'h2' ? HTTP2_BACKEND : 0)}; ` +
    'keepalive 256; keepalive_requests 1000000000; ' +
    'keepalive_timeout 3600s; }');
  const pass = grpc ? 'grpc_pass grpc' : `proxy_pass ${server === 'h1-mtls' ? 'https' : 'http'}`;
  const servers = names.map((host, index) => `server { listen 127.0.0.1:${ports.listener}${index === 0 ?
    ' backlog=8192' : ''}${client === 'h1-tls' ? ' ssl' : client === 'h2' ? ' http2' : ''}; server_name ${host}; ` +
    `location / { ${pass}://u${index}; } }`);
  const tls = certificates === null ? '' : `
  ssl_certificate ${certificates.cert}; ssl_certificate_key ${certificates.key};
  ssl_protocols ${old === true ? 'TLSv1.2' : 'TLSv1.3'}; proxy_ssl_certificate ${certificates.cert};
  proxy_ssl_certificate_key ${certificates.key};
  proxy_ssl_protocols TLSv1.3; proxy_ssl_trusted_certificate ${certificates.root}; proxy_ssl_verify on;
  proxy_ssl_name localhost;`;
  const file = join(folder, `${name}.nginx.conf`);
  writeFileSync(file, `
daemon off; worker_processes 1; pid ${folder}/${name}.pid; worker_rlimit_nofile 65536;
error_log ${folder}/${name}.log warn;
events { worker_connections 32768; }
http {
  ${LOG_FORMAT}
  access_log ${shape.accessLog ? `${accessLogFile(folder, name)} mesh buffer=64k flush=10s` : 'off'};
  keepalive_timeout 3600s; keepalive_requests 1000000000; client_max_body_size 0;
  server_names_hash_max_size 65536; server_names_hash_bucket_size 128;
  proxy_http_version 1.1; proxy_set_header Connection ""; proxy_set_header Host $host;
  proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
  proxy_request_buffering off; proxy_max_temp_file_size 0;
  proxy_buffer_size 16k; proxy_buffers 8 64k; proxy_busy_buffers_size 128k;
  client_body_temp_path ${folder}/${name}-body; proxy_temp_path ${folder}/${name}-proxy;
  fastcgi_temp_path ${folder}/${name}-f;
  uwsgi_temp_path ${folder}/${name}-u; scgi_temp_path ${folder}/${name}-s;
  ${tls}
  ${upstreams.join('\n  ')}
  ${servers.join('\n  ')}
}
`);
  return file;
}
