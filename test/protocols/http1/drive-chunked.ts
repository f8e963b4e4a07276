// Feeds a chunked body to the codec piece by piece, as a connection does: what a step does not consume comes again
// with more behind it.
import { mode, type Codec } from './codec.js';

export interface Driven {
  result: number;
  code: string;
  output: Buffer;
  consumed: number;
  dataBytes: number;
}

/** One mode throughout; `pieces` are the lengths in which the input arrives. */
export function driveChunked(
  codec: Codec,
  input: Buffer,
  how: number,
  pieces: readonly number[],
  lineMax = 512,
  trailersMax = 8192,
): Driven {
  return drive(codec, input, pieces, (view) => codec.chunkedStep(view, how, lineMax, trailersMax));
}

/** As a proxy forwards: SCAN first, the received bytes untouched where it agrees, RECHUNK where it does not. */
export function rechunkWithScan(
  codec: Codec,
  input: Buffer,
  pieces: readonly number[],
  lineMax = 512,
  trailersMax = 8192,
): Driven {
  return drive(codec, input, pieces, (view) => {
    const scanned = codec.chunkedStep(view, mode.scan | mode.trailers, lineMax, trailersMax);
    if (scanned.result === 2) return codec.chunkedStep(view, mode.rechunk | mode.trailers, lineMax, trailersMax);
    if (scanned.result === -1 && scanned.consumed !== view.length) throw new Error('SCAN left bytes behind');
    return { ...scanned, output: Buffer.from(view.subarray(0, scanned.consumed)) };
  });
}

function drive(
  codec: Codec,
  input: Buffer,
  pieces: readonly number[],
  step: (view: Buffer) => ReturnType<Codec['chunkedStep']>,
): Driven {
  codec.chunkedReset();
  const output: Buffer[] = [];
  let consumed = 0,
    received = 0,
    dataBytes = 0;
  for (const piece of pieces) {
    received += piece;
    const said = step(input.subarray(consumed, received));
    output.push(said.output);
    consumed += said.consumed;
    dataBytes += said.dataBytes;
    if (said.result !== -1)
      return { result: said.result, code: said.code, output: Buffer.concat(output), consumed, dataBytes };
  }
  return { result: -1, code: '', output: Buffer.concat(output), consumed, dataBytes };
}
