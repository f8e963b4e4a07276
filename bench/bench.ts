// The shape of a micro-benchmark. A bench file exports `benches`; one file for each part of the program.
//
//   export const benches: Bench[] = [{
//     name: 'parse a small request head',
//     setup: () => prepare(),                                     // not measured
//     run: (state, iterations) => {
//       let sum = 0;
//       for (let turn = 0; turn < iterations; turn++) sum += state.parse();
//       return sum;
//     },
//   }];
//
// The loop belongs to the bench, so that the runner adds no call to each operation. What `run` returns is kept, so that
// the compiler cannot drop the work. Use a result of the operation in it.

export interface Bench<State = never> {
  name: string;
  /** Prepares the state, once for each bench. */
  setup: () => State;
  /** Does the operation `iterations` times. */
  run: (state: State, iterations: number) => unknown;
  /** Undoes setup, where that is needed. */
  teardown?: (state: State) => void;
  /** Bytes that one operation works through: the table then shows MB/s as well. */
  bytes?: number;
}

/** Benches of one file differ in their state; the runner hands each its own. */
export type AnyBench = Bench<never>;

/** Gives a bench its state type and takes it away again for the list. */
export const bench = <State>(definition: Bench<State>): AnyBench => definition as unknown as AnyBench;
