// How long tests wait for what must come. It ends a test that hangs and decides nothing else: a busy machine may need
// most of it.
export const HANG_MS = 20_000;
