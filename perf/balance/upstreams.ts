// The upstreams of `npm run balance`, one process: a port each, the same small answer, some of them late. Each counts
// what it answered; the parent asks for the counts.
//   node dist/perf/balance/upstreams.js <count> <index of the slow one> <its delay in ms>
import { answerOf, serveForParent, writeLater } from '../backend/forked.js';

const [count, slow, delayMs] = process.argv.slice(2).map(Number);
/** Each reports a load that makes its weight 100 times its number. */
const answers = Array.from({ length: count }, (_, index) =>
  answerOf(200, `endpoint-load-metrics: rps_fractional=100,cpu_utilization=${1 / (index + 1)}`));
const counts = new Array<number>(count).fill(0);

process.on('message', () => process.send!({ counts }));
await serveForParent(count, (socket, index) => {
  counts[index]++;
  writeLater(socket, answers[index], index === slow ? delayMs : 0);
});
