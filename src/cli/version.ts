// What this program is, as Envoy's tools expect to read it.
import { readFileSync } from 'node:fs';

interface PackageJson { version: string }

/** The version of package.json. */
function packageVersion(): string {
  const text = readFileSync(new URL('../../../package.json', import.meta.url), 'utf8');
  return (JSON.parse(text) as PackageJson).version;
}

/** `revision/version/state/build/ssl`: the shape of Envoy's version string. */
export function versionString(): string { return `weft/${packageVersion()}/Clean/RELEASE/none`; }
