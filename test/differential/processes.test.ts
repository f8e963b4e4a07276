// What Envoy did where a scenario has a process of its own.
import { holdAgainstEnvoy } from './hold.js';
import { messageAreas } from './message-areas.js';

holdAgainstEnvoy({ processes: messageAreas.processes });
