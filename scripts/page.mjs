// Copies the admin page's files beside the compiled admin server: they are served as they are written.
import { cpSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
cpSync(join(root, 'src/admin/page'), join(root, 'dist/src/admin/page'), { recursive: true });
