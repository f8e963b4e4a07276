// Keys and certificates of a run, made by the openssl command: a root, a server and a client, ECDSA P-256.
import { spawnSync } from 'node:child_process';
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

export interface Certificates { root: string; cert: string; key: string }

/**
 * Files in `folder`, made once; `name`: of the certificate and its key. One certificate serves as server and as client:
 * all of them are of the same root.
 */
export function certificatesIn(folder: string, name = ''): Certificates {
  const files = { root: join(folder, 'root.pem'), cert: join(folder, `${name}cert.pem`),
    key: join(folder, `${name}key.pem`) };
  if (existsSync(files.cert)) return files;
  const rootKey = join(folder, 'root.key'), asked = join(folder, 'asked.csr'), names = join(folder, 'names.ext');
  writeFileSync(names, 'subjectAltName=DNS:localhost,URI:spiffe://cluster.local/ns/x/sa/y\n');
  if (!existsSync(files.root)) {
    openssl('req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '2',
      '-keyout', rootKey, '-out', files.root, '-subj', '/CN=perf root');
  }
  openssl('req', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-keyout', files.key,
    '-out', asked, '-subj', '/CN=localhost');
  openssl('x509', '-req', '-in', asked, '-CA', files.root, '-CAkey', rootKey, '-CAcreateserial', '-days', '2',
    '-extfile', names, '-out', files.cert);
  return files;
}

function openssl(...args: string[]): void {
  const { status, stderr } = spawnSync('openssl', args, { encoding: 'utf8' });
  if (status !== 0) throw new Error(`openssl ${args[0]} failed: ${stderr.slice(-400)}`);
}
