// What reading a route configuration needs beside its messages.
import type { MirrorPolicy } from '../../config/types.js';
import type { HedgePolicy } from '../wire/generated/messages.js';
import type { Report } from '../wire/message.js';

/** A cluster that a route names, with the place where it does. */
export interface ClusterReference { cluster: string; path: string }

/** What reading a route configuration needs beside the message. */
export interface RouteContext {
  report: Report;
  directResponseBodyBytesMax: number;
  references: ClusterReference[] | null;    // collected when they are to be checked
  mirrors: MirrorPolicy[];                  // of routes that have none
  hedgePolicy: HedgePolicy | undefined;     // of routes that have none
}
