// What Envoy did, in the areas of routing, balancing, listeners, retries and the rest.
import { areas } from './areas.js';
import { holdAgainstEnvoy } from './hold.js';
import { messageAreas } from './message-areas.js';

holdAgainstEnvoy(Object.fromEntries(Object.entries(areas).filter(([area]) => !(area in messageAreas))));
