// What Weft runs on: Linux, x64 or arm64. Anything else gets one clear line and exit code 1, before libc is touched.
// Imports nothing, so that it can run first.

/** Why this machine cannot run Weft, or null. */
export function platformProblem(platform: string, architecture: string): string | null {
  if (platform !== 'linux') return `weft: runs on Linux only (this is ${platform})`;
  if (architecture !== 'x64' && architecture !== 'arm64') return `weft: needs x64 or arm64 (this is ${architecture})`;
  return null;
}

/** Ends the process with one line unless this is a platform that Weft supports. */
export function requireLinux(): void {
  const problem = platformProblem(process.platform, process.arch);
  if (problem === null) return;
  process.stderr.write(problem + '\n');
  process.exit(1);
}
