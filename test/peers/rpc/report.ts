// What npm run peers prints, and what of it counts. A peer that fails without us in between is no failure of ours.
let failures = 0, leftOut = 0;

export const title = (text: string): void => { process.stdout.write(`${text}\n`); };

/** Without a line, it is well. */
export function show(name: string, wrong: readonly string[]): void {
  failures += wrong.length;
  process.stdout.write(`  ${name}: ${wrong.length === 0 ? 'ok' : 'NOT OK'}\n`);
  for (const line of wrong) process.stdout.write(`    ${line}\n`);
}

export const note = (text: string): void => { process.stdout.write(`  ${text}\n`); };

/** Neither passed nor failed. */
export function leaveOut(text: string): void {
  leftOut++;
  title(`left out: ${text}`);
}

/** The last line, and whether all is well. */
export function finish(): boolean {
  const missing = leftOut === 0 ? '' : `, ${leftOut} peers left out`;
  title(failures === 0 ? `ok${missing}` : `NOT OK: ${failures} failed${missing}`);
  return failures === 0;
}
