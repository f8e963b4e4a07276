// The upstreams of `npm run attempts`, one process: a port for each argument "<status>/<delay in ms>", a small answer
// with that status after that time. Each counts what it answered; the parent asks for the counts.
import { answerOf, serveForParent, writeLater } from '../backend/forked.js';

const kinds = process.argv.slice(2).map((text) => text.split('/').map(Number));
const answers = kinds.map(([status]) => answerOf(status!));
const counts = new Array<number>(kinds.length).fill(0);

process.on('message', () => process.send!({ counts }));
await serveForParent(kinds.length, (socket, index) => {
  counts[index]++;
  writeLater(socket, answers[index]!, kinds[index]![1]!);
});
