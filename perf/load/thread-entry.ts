// The load generator in a thread of its own (load/thread.ts): it blocks, and its many hosts do not fit a command line.
import { parentPort, workerData } from 'node:worker_threads';
import { LoadEngine, type LoadOptions } from './engine.js';

parentPort!.postMessage(new LoadEngine(workerData as LoadOptions).run());
