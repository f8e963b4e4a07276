// Values with a runtime key: core.v3.Runtime* and type.v3.FractionalPercent into config/runtime.ts.
import type { RuntimeFlag, RuntimeFraction, RuntimeNumber } from '../../config/runtime.js';
import type { FractionalPercent, RuntimeDouble, RuntimeFeatureFlag, RuntimeFractionalPercent, RuntimePercent,
  RuntimeUInt32 } from '../wire/generated/messages.js';
import { boolOf } from './fields.js';

const denominators = [100, 10_000, 1_000_000] as const;

/** A share without a key; what is absent is 0 percent, as the message's own default. */
export function readFraction(percent: FractionalPercent | undefined): RuntimeFraction {
  return { runtimeKey: '', numerator: percent?.numerator ?? 0, denominator: denominators[percent?.denominator ?? 0]
    ?? 100 };
}

/** `absent`: the share where the whole message is absent. */
export function readRuntimeFraction(message: RuntimeFractionalPercent | undefined,
  absent: RuntimeFraction): RuntimeFraction {
  if (message === undefined) return absent;
  return { ...readFraction(message.defaultValue), runtimeKey: message.runtimeKey ?? '' };
}

export function readRuntimeNumber(message: RuntimeUInt32 | RuntimeDouble | undefined, absent: number): RuntimeNumber {
  return { runtimeKey: message?.runtimeKey ?? '',
    defaultValue: message === undefined ? absent : message.defaultValue ?? 0 };
}

export function readRuntimePercent(message: RuntimePercent | undefined, absent: number): RuntimeNumber {
  return { runtimeKey: message?.runtimeKey ?? '',
    defaultValue: message === undefined ? absent : message.defaultValue?.value ?? 0 };
}

export function readRuntimeFlag(message: RuntimeFeatureFlag | undefined, absent: boolean): RuntimeFlag {
  return { runtimeKey: message?.runtimeKey ?? '',
    defaultValue: message === undefined ? absent : boolOf(message.defaultValue, false) };
}
