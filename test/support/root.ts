// Where the checkout lies, seen from the compiled tests: data files (conversations, corpora, configurations) are read
// from the sources.
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const repositoryRoot = find(dirname(fileURLToPath(import.meta.url)));

function find(folder: string): string {
  if (existsSync(join(folder, 'package.json')) && existsSync(join(folder, 'assembly'))) return folder;
  const parent = dirname(folder);
  if (parent === folder) throw new Error('the repository root was not found above the compiled tests');
  return find(parent);
}
