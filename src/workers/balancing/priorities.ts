// Load spread over priorities, and inside each over its healthy and its degraded endpoints: a number from 1 to 100 by
// chance, and whose share of the percentages it falls into.
import type { Engine } from '../engine.js';
import type { Endpoint } from '../upstream/endpoint.js';
import type { Picker, PickRequest } from './picker.js';
import { below } from './unweighted.js';

export class ByPriority implements Picker {
  panic = false;

  constructor(private readonly engine: Engine, private readonly pickers: readonly Picker[],
    private readonly shares: readonly number[]) {}

  pick(request: PickRequest): Endpoint | null {
    let left = below(this.engine, 100);
    let index = 0;
    while (index < this.shares.length - 1 && left >= this.shares[index]) left -= this.shares[index++];
    const picker = this.pickers[index];
    const endpoint = picker.pick(request);
    this.panic = picker.panic;
    return endpoint;
  }
}
