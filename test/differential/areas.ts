// The scenario files, by area: one line each. An area is recorded in recorded/<area>.json.
import type { Scenario } from './scenario.js';
import { scenarios as basics } from './scenarios/basics.js';

export const areas: Readonly<Record<string, readonly Scenario[]>> = {
  basics,
};
