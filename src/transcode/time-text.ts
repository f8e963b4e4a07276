// Timestamp, Duration and FieldMask between their fields and the text that JSON has for them. Readers take what
// protobuf's converter takes and give its words for what they refuse.

export interface Instant { seconds: bigint; nanos: number }
/** What is wrong with the text. */
export class TextError extends Error {}

const TIMESTAMP_LEAST = -62135596800n, TIMESTAMP_MOST = 253402300799n, DURATION_MOST = 315576000000n;
const NANOS = 1_000_000_000;

/** `digits`: what stands behind the point. */
function nanosOf(digits: string, unparsable: string, exceeds: string): number {
  const rest = digits.replace(/^0+/, '');
  if (rest === '') return 0;
  if (!/^[+-]?\d+$/.test(rest) || Number(rest) > 2147483647) throw new TextError(unparsable);
  if (Number(rest) > NANOS || rest.startsWith('-')) throw new TextError(exceeds);
  if (rest.startsWith('+')) throw new TextError(unparsable);
  if (digits.length > 9) throw new TextError(exceeds);
  return Number(rest) * 10 ** (9 - digits.length);
}

/** Text before and behind its last point. */
function splitAtPoint(text: string): [string, string] {
  const point = text.lastIndexOf('.');
  return point < 0 ? [text, ''] : [text.slice(0, point), text.slice(point + 1)];
}

function offsetOf(text: string): number | null {
  const found = /^([+-])([ +]?\d{1,2}):([ +]?\d{1,2})$/.exec(text);
  if (found === null || text.length !== 6) return null;
  const hours = Number(found[2]), minutes = Number(found[3]);
  if (hours >= 24 || minutes >= 60) return null;
  return (found[1] === '-' ? -1 : 1) * (hours * 60 + minutes) * 60;
}

export function readTimestamp(text: string): Instant {
  let value = text, offset = 0;
  if (value.endsWith('Z')) value = value.slice(0, -1);
  else {
    const sign = Math.max(value.lastIndexOf('+'), value.lastIndexOf('-'));
    const found = sign < 0 ? null : offsetOf(value.slice(sign));
    if (found === null)
      throw new TextError("Illegal timestamp format; timestamps must end with 'Z' or have a valid timezone offset.");
    offset = found;
    value = value.slice(0, sign);
  }
  const [date, fraction] = splitAtPoint(value);
  const seconds = secondsOf(date);
  const nanos = nanosOf(fraction, 'Invalid time format, failed to parse nano seconds',
    'Timestamp value exceeds limits');
  const at = seconds - BigInt(offset);
  if (at > TIMESTAMP_MOST || at < TIMESTAMP_LEAST) throw new TextError('Timestamp value exceeds limits');
  return { seconds: at, nanos };
}

/** Seconds since 1970 of `Y-m-dTH:M:S`. */
function secondsOf(text: string): bigint {
  const found = /^\s*([+-]?\d{1,12})-(\d{1,2})-(\d{1,2})T(\d{1,2}):(\d{1,2}):(\d{1,2})/.exec(text);
  if (found === null) throw new TextError('Invalid time format: Failed to parse input');
  const [year, month, day, hour, minute, second] = found.slice(1).map(Number) as
    [number, number, number, number, number, number];
  if (month < 1 || month > 12 || day < 1 || day > 31 || hour > 23 || minute > 59 || second > 60)
    throw new TextError('Invalid time format: Failed to parse input');
  if (text.slice(found[0].length).trim() !== '')
    throw new TextError('Invalid time format: Illegal trailing data in input string');
  if (day > daysOfMonth(year, month)) throw new TextError('Invalid time format: Out-of-range field');
  return BigInt(daysBefore(year, month) + day - 1) * 86400n + BigInt(hour * 3600 + minute * 60 + second);
}

const isLeap = (year: number): boolean => (year % 4 === 0 && year % 100 !== 0) || year % 400 === 0;
const DAYS = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31] as const;
const daysOfMonth = (year: number, month: number): number => month === 2 && isLeap(year) ? 29 : DAYS[month - 1]!;

/** Days from 1970-01-01 to the first of the month. */
function daysBefore(year: number, month: number): number {
  const y = year - 1;
  let days = y * 365 + Math.floor(y / 4) - Math.floor(y / 100) + Math.floor(y / 400) - 719162;
  for (let m = 1; m < month; m++) days += daysOfMonth(year, m);
  return days;
}

export function readDuration(text: string): Instant {
  if (!text.endsWith('s')) throw new TextError("Illegal duration format; duration must end with 's'");
  let value = text.slice(0, -1);
  const negative = value.startsWith('-');
  if (negative) value = value.slice(1);
  const [whole, fraction] = splitAtPoint(value);
  const found = /^\s*\+?(\d+)\s*$/.exec(whole);
  if (found === null || BigInt(found[1]!) >= 2n ** 64n)
    throw new TextError('Invalid duration format, failed to parse seconds');
  const nanos = nanosOf(fraction, 'Invalid duration format, failed to parse nano seconds',
    'Duration value exceeds limits');
  const seconds = BigInt(found[1]!);
  if (seconds > DURATION_MOST || nanos >= NANOS) throw new TextError('Duration value exceeds limits');
  return { seconds: negative ? -seconds : seconds, nanos: negative ? -nanos : nanos };
}

const two = (value: number | bigint): string => String(value).padStart(2, '0');

/** '' or '.123', '.123456', '.123456789'. */
function fractionText(nanos: number): string {
  if (nanos === 0) return '';
  let digits = String(nanos).padStart(9, '0');
  while (digits.endsWith('000')) digits = digits.slice(0, -3);
  return `.${digits}`;
}

export function timestampText({ seconds, nanos }: Instant): string {
  if (seconds < TIMESTAMP_LEAST) throw new TextError('minimum acceptable time value is 0001-01-01T00:00:00Z');
  if (seconds > TIMESTAMP_MOST) throw new TextError('maximum acceptable time value is 9999-12-31T23:59:59Z');
  if (nanos < 0 || nanos >= NANOS) throw new TextError('nanos must be in range [0, +999,999,999]');
  const date = new Date(Number(seconds) * 1000);
  const year = String(date.getUTCFullYear()).padStart(4, '0');
  const day = `${year}-${two(date.getUTCMonth() + 1)}-${two(date.getUTCDate())}`;
  const time = `${two(date.getUTCHours())}:${two(date.getUTCMinutes())}:${two(date.getUTCSeconds())}`;
  return `${day}T${time}${fractionText(nanos)}Z`;
}

export function durationText({ seconds, nanos }: Instant): string {
  const range = seconds > DURATION_MOST || seconds < -DURATION_MOST || nanos >= NANOS || nanos <= -NANOS;
  if (range) throw new TextError('duration out of range');
  if (seconds !== 0n && nanos !== 0 && (seconds < 0n) !== (nanos < 0))
    throw new TextError('nanos and seconds signs do not match');
  const sign = seconds < 0n || nanos < 0 ? '-' : '';
  return `${sign}${seconds < 0n ? -seconds : seconds}${fractionText(Math.abs(nanos))}s`;
}

/** A path of a field mask, lowerCamelCase as JSON has it. */
export function maskPathText(path: string): string {
  let text = '', under = false;
  for (const letter of path) {
    if (letter === '_') { under = true; continue; }
    text += !under || /[0-9.]/.test(letter) ? letter : /[a-z]/.test(letter) ? letter.toUpperCase() : `_${letter}`;
    under = false;
  }
  return text;
}

/** snake_case of a part of a path that JSON has. */
const snakeCase = (text: string): string => text.replace(/[A-Z]/g, (letter, at: number) => {
  const before = text[at - 1], behind = text[at + 1];
  const parts = before !== undefined && before !== '_'
    && (!/[A-Z]/.test(before) || (behind !== undefined && /[a-z]/.test(behind)));
  return (parts ? '_' : '') + letter.toLowerCase();
});

/** Paths of the text of a field mask: separated by commas, a common beginning taken out with parentheses. */
export function readFieldMask(text: string): string[] {
  const paths: string[] = [], prefixes: string[] = [];
  const wrong = (why: string): TextError => new TextError(`Invalid FieldMask '${text}'. ${why}`);
  let from = 0;
  for (let at = 0; at <= text.length; at++) {
    const letter = text[at];
    if (letter === '[') {
      if (text[at + 1] !== '"' || at >= text.length - 1)
        throw wrong('Map keys should be represented as ["some_key"].');
      const key = /^\["(?:\\[^]|[^"\\])*"/.exec(text.slice(at));
      if (key === null) throw wrong("Cannot find matching ']' for all '['.");
      at += key[0].length;
      if (text[at] !== ']') throw wrong('Map keys should be represented as ["some_key"].');
      if (at < text.length - 1 && !'.,()'.includes(text[at + 1]!))
        throw wrong('Map keys should be at the end of a path segment.');
      continue;
    }
    if (letter !== undefined && letter !== ',' && letter !== '(' && letter !== ')') continue;
    const segment = text.slice(from, at), prefix = prefixes.at(-1) ?? '';
    const whole = prefix === '' ? segment : segment === '' ? prefix
      : segment.startsWith('["') ? prefix + segment : `${prefix}.${segment}`;
    if (letter === '(') prefixes.push(whole);
    else if (segment !== '') paths.push(pathOf(whole));
    if (letter === ')' && prefixes.pop() === undefined) throw wrong("Cannot find matching '(' for all ')'.");
    from = at + 1;
  }
  if (prefixes.length > 0) throw wrong("Cannot find matching ')' for all '('.");
  return paths;
}

/** What is quoted stays as it is. */
const pathOf = (text: string): string => text.split(/("(?:\\[^]|[^"\\])*")/).map((part, index) =>
  index % 2 === 1 ? part : part.split(/([.()"])/).map(snakeCase).join('')).join('');
