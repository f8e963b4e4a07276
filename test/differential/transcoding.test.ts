// What Envoy did, in the areas that files.ts names for this file.
import { areasOf } from './files.js';
import { holdAgainstEnvoy } from './hold.js';

holdAgainstEnvoy(areasOf('transcoding'));
