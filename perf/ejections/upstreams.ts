// The upstreams of `npm run ejections`, one process: as many ports as the argument says, a small answer at once. The
// parent says which one fails and how: its requests (503), or its checks. What that one answers from then on is
// counted, with the time of the first and the last.
import { answerOf, serveForParent } from '../backend/forked.js';

export interface Failing { index: number; how: 'requests' | 'checks' | 'nothing' }
export interface Seen { answers: number; firstMs: number; lastMs: number }

const CHECK = Buffer.from('GET /health ');
const [good, bad] = [answerOf(200), answerOf(503)];
let failing: Failing = { index: -1, how: 'nothing' };
let sinceMs = 0;
let seen: Seen = { answers: 0, firstMs: -1, lastMs: -1 };

process.on('message', (message: Failing | 'seen') => {
  if (message === 'seen') { process.send!(seen); return; }
  failing = message;
  sinceMs = performance.now();
  seen = { answers: 0, firstMs: -1, lastMs: -1 };
});
await serveForParent(Number(process.argv[2]), (socket, index, bytes) => {
  const isCheck = bytes.subarray(0, CHECK.length).equals(CHECK);
  if (index === failing.index && !isCheck) {
    const ms = performance.now() - sinceMs;
    seen = { answers: seen.answers + 1, firstMs: seen.firstMs < 0 ? ms : seen.firstMs, lastMs: ms };
  }
  socket.write(index === failing.index && failing.how === (isCheck ? 'checks' : 'requests') ? bad : good);
});
