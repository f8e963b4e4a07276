// WEFT_TRACE_START=1 prints when each phase of start-up ended, in milliseconds since the process began.

const on = process.env.WEFT_TRACE_START === '1';

/** Marks the end of a phase. */
export function traceStart(phase: string): void {
  if (on) process.stderr.write(`start ${performance.now().toFixed(1).padStart(8)} ms  ${phase}\n`);
}
