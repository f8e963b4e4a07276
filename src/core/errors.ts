// Errors that end start-up or reject a change, with what a person can do about them.
// Errors on the request path are codes and never come here.

/** The text of anything thrown, for one log line. */
export function errorText(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** Start-up cannot go on; `lines` are printed as they are and the process exits 1. */
export class StartError extends Error {
  constructor(readonly lines: string[]) { super(lines.join('\n')); }
}
