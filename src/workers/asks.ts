// What this worker has asked main and is not answered yet. A filter asks, suspends its request, and goes on when the
// answer comes; the worker serves others meanwhile.
import type { Answer, Question } from '../config/questions.js';
import { limits } from '../core/limits.js';

export interface Asker { answered(answer: Answer): void }

export class Asks {
  /** Posts to main; set once the port is there. */
  send: (id: number, question: Question) => void = () => undefined;
  private readonly open = new Map<number, Asker>();
  private nextId = 1;

  /** False when too many questions are open. */
  ask(question: Question, asker: Asker): boolean {
    if (this.open.size >= limits.workerAsksMax) return false;
    const id = this.nextId++;
    this.open.set(id, asker);
    this.send(id, question);
    return true;
  }

  answered(id: number, answer: Answer): void {
    const asker = this.open.get(id);
    this.open.delete(id);
    asker?.answered(answer);
  }
}
