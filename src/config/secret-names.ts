// What contexts and the snapshot call a secret: one of static_resources by its name, one of SDS by its name and where
// it
// comes from, because two sources may have the same name.
import type { FileSource } from './bootstrap/bootstrap.js';

export const staticName = (secret: string): string => `static ${secret}`;
export const sdsName = (secret: string, { path, watchedDirectory }: FileSource): string =>
  `sds ${JSON.stringify(secret)} ${path}${watchedDirectory === null ? '' : ` ${watchedDirectory}`}`;

/** The secret's own name out of `sdsName`. */
export const ownNameOf = (name: string): string =>
  JSON.parse(/^sds ("(?:[^"\\]|\\.)*")/.exec(name)?.[1] ?? JSON.stringify(name)) as string;
