// Single values of proto3 JSON: text or number in, the value of the message out, or a reason why not.
import type { Duration, Json } from './message.js';
import { enumType } from './descriptor.js';
import type { ScalarKind } from './descriptor.js';

/** Thrown by nobody: a wrong value is returned as one of these. */
export class Wrong { constructor(readonly reason: string) {} }

const DURATION_SECONDS_MAX = 315_576_000_000;   // 10,000 years, as google.protobuf.Duration says
const integerRanges: { [kind: string]: [bigint, bigint] } = {};
for (const kind of ['int32', 'sint32', 'sfixed32']) integerRanges[kind] = [-(2n ** 31n), 2n ** 31n - 1n];
for (const kind of ['uint32', 'fixed32']) integerRanges[kind] = [0n, 2n ** 32n - 1n];
for (const kind of ['int64', 'sint64', 'sfixed64']) integerRanges[kind] = [-(2n ** 63n), 2n ** 63n - 1n];
for (const kind of ['uint64', 'fixed64']) integerRanges[kind] = [0n, 2n ** 64n - 1n];

/** What a JSON value is, for messages to people. */
export function describe(value: Json): string {
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'a list';
  if (typeof value === 'object') return 'an object';
  const text = JSON.stringify(value);
  return text.length > 64 ? `${text.slice(0, 60)}...` : text;
}

function readInteger(kind: string, value: Json): number | string | Wrong {
  let exact: bigint;
  if (typeof value === 'number') {
    if (!Number.isInteger(value)) return new Wrong(`expected an integer, got ${describe(value)}`);
    if (Math.abs(value) > Number.MAX_SAFE_INTEGER) {
      return new Wrong(`the number ${value} is beyond exact range, write it as a string`);
    }
    exact = BigInt(value);
  } else if (typeof value === 'string' && /^-?\d{1,20}$/.test(value)) {
    exact = BigInt(value);
  } else if (typeof value === 'string' && value !== '' && Number.isSafeInteger(Number(value))
    && /^[-\d.eE+]+$/.test(value)) {
    exact = BigInt(Number(value));
  } else {
    return new Wrong(`expected an integer, got ${describe(value)}`);
  }
  const [low, high] = integerRanges[kind];
  if (exact < low || exact > high) return new Wrong(`${exact} is out of range for ${kind}`);
  const number = Number(exact);
  return Number.isSafeInteger(number) ? number : exact.toString();
}

function readFloat(kind: string, value: Json): number | Wrong {
  if (value === 'NaN') return NaN;
  if (value === 'Infinity') return Infinity;
  if (value === '-Infinity') return -Infinity;
  const numeric = typeof value === 'string' && /^-?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?$/.test(value);
  if (typeof value !== 'number' && !numeric) return new Wrong(`expected a number, got ${describe(value)}`);
  const number = Number(value);
  const limit = kind === 'float' ? 3.4028235677973366e38 : Number.MAX_VALUE;
  if (Math.abs(number) > limit) return new Wrong(`${value} is out of range for ${kind}`);
  return kind === 'float' ? Math.fround(number) : number;
}

function readBytes(value: Json): Uint8Array | Wrong {
  if (typeof value !== 'string') return new Wrong(`expected base64 text, got ${describe(value)}`);
  const plain = value.replace(/-/g, '+').replace(/_/g, '/').replace(/={1,2}$/, '');
  if (!/^[A-Za-z0-9+/]*$/.test(plain) || plain.length % 4 === 1) return new Wrong('not valid base64');
  return Uint8Array.from(Buffer.from(plain, 'base64'));
}

/** YAML 1.1 wrote booleans in more ways, and Envoy's YAML reader takes them. */
const yamlTrue = new Set(['y', 'yes', 'on', 'true']);
const yamlFalse = new Set(['n', 'no', 'off', 'false']);
function readBool(value: Json, yaml: boolean): boolean | Wrong {
  if (typeof value === 'boolean') return value;
  if (yaml && typeof value === 'string') {
    if (yamlTrue.has(value.toLowerCase())) return true;
    if (yamlFalse.has(value.toLowerCase())) return false;
  }
  return new Wrong(`expected true or false, got ${describe(value)}`);
}

/** One scalar. `yaml` admits what only a YAML file can say. */
export function readScalar(kind: ScalarKind, value: Json,
  yaml: boolean): string | number | boolean | Uint8Array | Wrong {
  switch (kind) {
    case 'string':
      if (typeof value !== 'string') return new Wrong(`expected a string, got ${describe(value)}`);
      return /\p{Cs}/u.test(value) ? new Wrong('text holds half a surrogate pair') : value;
    case 'bool': return readBool(value, yaml);
    case 'bytes': return readBytes(value);
    case 'float': case 'double': return readFloat(kind, value);
    default: return readInteger(kind, value);
  }
}

/** An enum value by name or number. */
export function readEnum(name: string, value: Json): number | Wrong {
  const type = enumType(name);
  if (typeof value === 'string') {
    const number = type.numbers.get(value);
    if (number !== undefined) return number;
    if (!/^-?\d+$/.test(value)) {
      return new Wrong(`unknown value ${describe(value)}, expected one of ${[...type.numbers.keys()].join(', ')}`);
    }
  }
  const number = readInteger('int32', value);
  if (number instanceof Wrong) {
    return new Wrong(`expected one of ${[...type.numbers.keys()].join(', ')}, got ${describe(value)}`);
  }
  return number as number;
}

/** "1.5s" */
export function readDuration(value: Json): Duration | Wrong {
  const parts = typeof value === 'string' ? /^(-?)(\d{1,12})(?:\.(\d{1,9}))?s$/.exec(value) : null;
  if (parts === null) return new Wrong(`expected a duration such as "1.5s", got ${describe(value)}`);
  const sign = parts[1] === '-' ? -1 : 1;
  const seconds = Number(parts[2]) * sign;
  const nanos = Number((parts[3] ?? '').padEnd(9, '0')) * sign;
  if (Math.abs(seconds) > DURATION_SECONDS_MAX || (Math.abs(seconds) === DURATION_SECONDS_MAX && nanos !== 0)) {
    return new Wrong('the duration is longer than ten thousand years');
  }
  return durationOf(seconds, nanos);
}

/** A Duration whose zero parts are absent, as protobuf leaves them. */
export function durationOf(seconds: number, nanos: number): Duration {
  const result: Duration = {};
  if (seconds !== 0) result.seconds = seconds;
  if (nanos !== 0) result.nanos = nanos;
  return result;
}

/** RFC 3339 */
export function readTimestamp(value: Json): Duration | Wrong {
  const parts = typeof value === 'string'
    ? /^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?(Z|[-+]\d\d:\d\d)$/.exec(value) : null;
  const milliseconds = parts === null ? NaN : Date.parse(`${parts[1]}${parts[3]}`);
  if (parts === null || Number.isNaN(milliseconds)) {
    return new Wrong(`expected a time such as "2024-01-31T10:00:00Z", got ${describe(value)}`);
  }
  return durationOf(milliseconds / 1000, Number((parts[2] ?? '').padEnd(9, '0')));
}
