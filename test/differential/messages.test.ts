// What Envoy did, in the areas about messages.
import { holdAgainstEnvoy } from './hold.js';
import { messageAreas } from './message-areas.js';

const { processes: _processes, ...areas } = messageAreas;
holdAgainstEnvoy(areas);
