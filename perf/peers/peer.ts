// What the harness knows about a proxy under test: whether it is there, and how to start one of the given shape.
import type { Ports, Shape } from '../bootstrap.js';
import type { Running } from '../process/launch.js';

export interface Instance {
  root: string;                // the repository
  folder: string;              // where this run keeps its files
  name: string;                // unique in the run: part of file names
  index: number;               // unique in the run: Envoy's base id
  shape: Shape;
  ports: Ports;
  core: number | null;
}

export interface Peer {
  readonly name: string;
  /** Version text, or null when this proxy cannot be run here (then `missing` says why). */
  readonly version: string | null;
  readonly missing: string;
  start(instance: Instance): Running;
  /** Admin path that answers 200 when the configuration is in force; null where there is no admin server. */
  readonly readyPath: string | null;
}
