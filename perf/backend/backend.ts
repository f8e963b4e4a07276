// The backend behind every proxy: the same for all, and cheap. nginx where it is installed, else a small server of our
// own.
//   GET  /          128 bytes        GET /64k  65,536 bytes        GET /1m  1,048,576 bytes
//   POST /sink      reads the whole body, then answers 2 bytes
//   POST /perf.Service/Small, /perf.Service/Large   likewise, gRPC messages of 128 bytes and 64 KiB (HTTP/2 alone)
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { HTTP2_BACKEND, MTLS_BACKEND } from '../bootstrap.js';
import { certificatesIn } from '../process/certificates.js';
import { findProgram, launch, untilReady, type Running } from '../process/launch.js';

const SMALL_BYTES = 128;

/** Starts the backend on `port`, pinned to `core`. */
export async function startBackend(root: string, folder: string, port: number, core: number | null): Promise<Running> {
  const nginx = findProgram('nginx');
  const log = join(folder, 'backend.log');
  const running = nginx === null
    ? launch('backend', [process.execPath, join(root, 'dist/perf/backend/plain.js'), String(port)], log, core)
    : launch('backend', [nginx, '-p', folder, '-c', writeNginx(folder, port), '-e', log], log, core);
  await untilReady(running, port, '/', 'backend', 5000);
  return running;
}

/**
 * nginx answers `return` before it has read a request's body, which would measure early responses. `mirror` makes it
 * read the body first; the static handler then refuses POST with 405, which becomes the 200.
 */
function writeNginx(folder: string, port: number): string {
  const files = join(folder, 'backend-files');
  mkdirSync(files, { recursive: true });
  for (const [name, bytes] of [['64k', 65536], ['1m', 1048576], ['sink', 2]] as const) {
    if (!existsSync(join(files, name))) writeFileSync(join(files, name), 'x'.repeat(bytes));
  }
  mkdirSync(join(files, 'perf.Service'), { recursive: true });
  for (const [name, bytes, method] of [['grpc-small', 128, 'Small'], ['grpc-large', 65536, 'Large']] as const) {
    writeFileSync(join(files, 'perf.Service', method), '');     // what is there can refuse POST
    const message = Buffer.alloc(5 + bytes, 'x');
    message.writeUInt8(0, 0);
    message.writeUInt32BE(bytes, 1);
    writeFileSync(join(files, name), message);
  }
  const certificates = certificatesIn(folder);
  const file = join(folder, 'backend.conf');
  writeFileSync(file, `
daemon off; master_process off; worker_processes 1; pid ${join(folder,
  'backend.pid')}; error_log ${folder}/backend.log warn;
worker_rlimit_nofile 65536;
events { worker_connections 32768; multi_accept on; }
http {
  access_log off; sendfile on; tcp_nopush off; keepalive_timeout 3600s; keepalive_requests 1000000000;
  open_file_cache max=16 inactive=1h; client_body_buffer_size 2m; client_max_body_size 16m;
  client_body_temp_path ${folder}/backend-body; proxy_temp_path ${folder}/backend-proxy;
  fastcgi_temp_path ${folder}/backend-f; uwsgi_temp_path ${folder}/backend-u; scgi_temp_path ${folder}/backend-s;
  server {
    listen 127.0.0.1:${port} backlog=8192 reuseport;
    listen 127.0.0.1:${port + MTLS_BACKEND} ssl backlog=8192 reuseport;
    listen 127.0.0.1:${port + HTTP2_BACKEND} http2 backlog=8192 reuseport;
    ssl_certificate ${certificates.cert}; ssl_certificate_key ${certificates.key}; ssl_protocols TLSv1.3;
    ssl_client_certificate ${certificates.root}; ssl_verify_client on;
    root ${files}; default_type application/octet-stream;
    location = /64k { } location = /1m { }
    location = /sink { mirror /dropped; mirror_request_body on; error_page 405 =200 @done; }
    location = /perf.Service/Small { mirror /dropped; mirror_request_body on; error_page 405 =200 /grpc-small; }
    location = /perf.Service/Large { mirror /dropped; mirror_request_body on; error_page 405 =200 /grpc-large; }
    location ~ ^/grpc- { internal; default_type application/grpc; add_trailer grpc-status 0; }
    location @done { return 200 "ok"; }
    location = /dropped { internal; return 204; }
    location / { default_type text/plain; return 200 "${'x'.repeat(SMALL_BYTES)}"; }
  }
}
`);
  return file;
}
