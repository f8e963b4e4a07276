// Token buckets in shared memory: one 64-bit word each, changed by compare-and-swap, so that all workers together admit
// exactly what the bucket allows. The word is a point in time: the bucket has as many tokens as would have been filled
// since then, at most its burst. Zero, "the beginning of time", is a full bucket. (The generic cell rate algorithm; the
// same that Envoy's AtomicTokenBucketImpl does with a floating-point time.)

/** A word counts sixteenths of a nanosecond. */
const UNITS_PER_MS: f64 = 16.0 * 1000000.0;
/** Half of what a word holds, nine years: the process began so long after the beginning of time. */
const START: i64 = 1 << 62;

/** What a bucket takes to fill, at most: nine years, which is never. */
const FULL_MS_MAX: f64 = 2.8e11;

/**
 * Takes one token at `nowMs` (monotonic, one clock for all workers). `intervalMs`: time in which one token is filled;
 * `burst`: tokens of a full bucket. Returns 1, or 0 when there is none.
 */
export function tokenTake(bucket: usize, nowMs: f64, intervalMs: f64, burst: f64): i32 {
  const interval = min<f64>(intervalMs, FULL_MS_MAX / burst);
  const now = START + <i64>(nowMs * UNITS_PER_MS);
  const full = now - <i64>(interval * burst * UNITS_PER_MS);
  const token = <i64>(interval * UNITS_PER_MS);
  while (true) {
    const seen = atomic.load<i64>(bucket);
    const next = (seen > full ? seen : full) + token;
    if (next > now) return 0;
    if (atomic.cmpxchg<i64>(bucket, seen, next) == seen) return 1;
  }
}

/** Tokens in the bucket, a fraction among them. */
export function tokensLeft(bucket: usize, nowMs: f64, intervalMs: f64, burst: f64): f64 {
  const since = <f64>(START + <i64>(nowMs * UNITS_PER_MS) - atomic.load<i64>(bucket)) / UNITS_PER_MS;
  return max<f64>(0, min<f64>(burst, since / min<f64>(intervalMs, FULL_MS_MAX / burst)));
}
