// Well-known types that JSON writes as one scalar: Timestamp, Duration, FieldMask, Value, and the wrappers.
import type { WellKnown } from './descriptors.js';
import { scalarText } from './scalars.js';
import type { Scalar } from './scalars.js';
import { TextError, readDuration, readFieldMask, readTimestamp } from './time-text.js';

/** Takes fields of the message in hand. */
export interface FieldSink { primitive(name: string, value: Scalar): void }

export const rendersScalar = (known: WellKnown): boolean => known !== 'any' && known !== 'struct' && known !== 'list';

/** Throws TextError. */
export function renderWellKnown(sink: FieldSink, known: WellKnown, value: Scalar): void {
  switch (known) {
    case 'value': renderValue(sink, value); return;
    case 'wrapper': if (value !== null) sink.primitive('value', value); return;
    case 'timestamp': case 'duration': {
      if (value === null) return;
      if (typeof value !== 'string')
        throw new TextError(`Invalid data type for ${known}, value is ${scalarText(value)}`);
      const { seconds, nanos } = known === 'timestamp' ? readTimestamp(value) : readDuration(value);
      sink.primitive('seconds', seconds);
      sink.primitive('nanos', BigInt(nanos));
      return;
    }
    case 'fieldMask':
      if (value === null) return;
      if (typeof value !== 'string')
        throw new TextError(`Invalid data type for field mask, value is ${scalarText(value)}`);
      for (const path of readFieldMask(value)) sink.primitive('paths', path);
      return;
    default: return;
  }
}

function renderValue(sink: FieldSink, value: Scalar): void {
  if (typeof value === 'string') sink.primitive('string_value', value);
  else if (typeof value === 'boolean') sink.primitive('bool_value', value);
  else if (value === null) sink.primitive('null_value', value);
  else sink.primitive('number_value', value);
}
