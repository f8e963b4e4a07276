// The areas about messages: HTTP/1 itself, headers, paths, answers of the proxy's own, times.
import type { Scenario } from './scenario.js';
import { scenarios as answers } from './scenarios/answers.js';
import { scenarios as forwarded } from './scenarios/forwarded.js';
import { scenarios as headers } from './scenarios/headers.js';
import { scenarios as http1 } from './scenarios/http1.js';
import { scenarios as localReplies } from './scenarios/local-replies.js';
import { scenarios as paths } from './scenarios/paths.js';
import { scenarios as endpoints } from './scenarios/endpoints.js';
import { scenarios as times } from './scenarios/times.js';
import { scenarios as upgrades } from './scenarios/upgrades.js';
import { scenarios as processes } from './scenarios/processes.js';

export const messageAreas: Readonly<Record<string, readonly Scenario[]>> = {
  answers,
  forwarded,
  headers,
  http1,
  'local-replies': localReplies,
  paths,
  endpoints,
  times,
  upgrades,
  processes,
};
