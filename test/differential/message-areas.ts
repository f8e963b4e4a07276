// The areas about messages: HTTP/1 itself, headers, paths, answers of the proxy's own, times.
import type { Scenario } from './scenario.js';
import { scenarios as http1 } from './scenarios/http1.js';

export const messageAreas: Readonly<Record<string, readonly Scenario[]>> = {
  http1,
};
