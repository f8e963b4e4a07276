// What a handler of the admin server returns. A body is a text, or texts that are produced piece by piece while they
// are sent, so that no answer, however long, holds the event loop or is ever in memory as a whole.
import type { Query } from './query.js';

export interface Answer {
  status: number;
  type: string;
  body: string | Iterable<string>;
  /** Beside those that every answer has. */
  headers?: { readonly [name: string]: string };
  /** Called when the answer has been handed to the kernel. */
  afterwards?: () => void;
}
export type Handler = (query: Query) => Answer | Promise<Answer>;
export type Handlers = { [path: string]: Handler };

export const textType = 'text/plain; charset=UTF-8';
export const jsonType = 'application/json';
export const htmlType = 'text/html; charset=UTF-8';

export const textAnswer = (body: string, status = 200): Answer => ({ status, type: textType, body });
export const jsonAnswer = (value: unknown): Answer => ({
  status: 200,
  type: jsonType,
  body: `${JSON.stringify(value, null, 1)}\n`,
});
